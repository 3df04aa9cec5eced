//! The two sources of surprise, handed to every service and job as values: what time it is, and the
//! next new id.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{NoContext, Uuid};

use crate::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + Debug + 'static {
    /// The present, in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// Makes new ids.
pub trait IdSource: Send + Sync + Debug + 'static {
    /// A UUIDv7 for something made at `now`.
    fn next(&self, now: Timestamp) -> [u8; 16];
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Ids from the machine's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn next(&self, now: Timestamp) -> [u8; 16] {
        let (seconds, nanos) = now.to_parts();
        let timestamp = uuid::Timestamp::from_unix(
            NoContext,
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanos).unwrap_or(0),
        );
        *Uuid::new_v7(timestamp).as_bytes()
    }
}

/// A clock that tests set.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Stands at `start` until moved.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.micros())))
    }

    /// Moves to `now`.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.micros(), Ordering::SeqCst);
    }

    /// Moves ahead.
    pub fn advance(&self, by: std::time::Duration) {
        self.set(self.now() + by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Ids that count up, for tests that compare whole outputs.
#[derive(Debug, Default)]
pub struct SeededIds(AtomicU64);

impl IdSource for SeededIds {
    fn next(&self, now: Timestamp) -> [u8; 16] {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let millis = u64::try_from(now.micros() / 1_000).unwrap_or(0);
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6] = 0x70;
        bytes[8..].copy_from_slice(&(number | 1 << 63).to_be_bytes());
        bytes
    }
}
