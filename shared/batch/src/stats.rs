use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One lane's present depth and its counters since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneStats {
    /// Items waiting now.
    pub depth: usize,
    /// Bytes waiting now.
    pub depth_bytes: usize,
    /// Items accepted into the queue.
    pub accepted: u64,
    /// Items that got their worker's answer.
    pub answered: u64,
    /// Items refused because the queue was full.
    pub busy: u64,
    /// Items whose deadline passed, or whose caller went, before work began.
    pub expired: u64,
    /// Items answered `Internal`.
    pub internal: u64,
    /// Items answered `Unavailable` after the last attempt.
    pub unavailable: u64,
    /// Batches taken from the queue.
    pub batches: u64,
    /// Attempts that failed, of any kind.
    pub failed_attempts: u64,
    /// Items in the latest batch.
    pub last_batch: u64,
    /// Items in the largest batch.
    pub largest_batch: u64,
    /// Time the latest batch took, retries included.
    pub last_duration: Duration,
    /// Time all batches took.
    pub total_duration: Duration,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub accepted: AtomicU64,
    pub answered: AtomicU64,
    pub busy: AtomicU64,
    pub expired: AtomicU64,
    pub internal: AtomicU64,
    pub unavailable: AtomicU64,
    pub batches: AtomicU64,
    pub failed_attempts: AtomicU64,
    pub last_batch: AtomicU64,
    pub largest_batch: AtomicU64,
    pub last_micros: AtomicU64,
    pub total_micros: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub fn batch_done(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.last_micros.store(micros, Ordering::Relaxed);
        self.total_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub fn batch_begins(&self, items: usize) {
        Self::add(&self.batches, 1);
        self.last_batch.store(items as u64, Ordering::Relaxed);
        self.largest_batch.fetch_max(items as u64, Ordering::Relaxed);
    }

    pub fn snapshot(&self, depth: usize, depth_bytes: usize) -> LaneStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LaneStats {
            depth,
            depth_bytes,
            accepted: read(&self.accepted),
            answered: read(&self.answered),
            busy: read(&self.busy),
            expired: read(&self.expired),
            internal: read(&self.internal),
            unavailable: read(&self.unavailable),
            batches: read(&self.batches),
            failed_attempts: read(&self.failed_attempts),
            last_batch: read(&self.last_batch),
            largest_batch: read(&self.largest_batch),
            last_duration: Duration::from_micros(read(&self.last_micros)),
            total_duration: Duration::from_micros(read(&self.total_micros)),
        }
    }
}
