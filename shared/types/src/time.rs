//! Instants: UTC, whole microseconds, as both databases keep them.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in a UTC day.
pub const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Microseconds in an hour.
pub const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);
    /// 9999-12-31T23:59:59Z, the last second the contract can name.
    pub const MAX: Timestamp = Timestamp(253_402_300_799 * MICROS_PER_SECOND);

    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * MICROS_PER_SECOND)
    }

    /// As microseconds since the epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From the parts of a protobuf timestamp; nanoseconds are cut to microseconds. `None` outside
    /// the years 1970 to 9999, or where nanos are not within a second.
    #[must_use]
    pub fn from_parts(seconds: i64, nanos: i32) -> Option<Self> {
        if !(0..=Self::MAX.0 / MICROS_PER_SECOND).contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
            return None;
        }
        Some(Self(seconds * MICROS_PER_SECOND + i64::from(nanos / 1_000)))
    }

    /// As seconds and nanos of a protobuf timestamp.
    #[must_use]
    pub fn to_parts(self) -> (i64, i32) {
        let nanos = i32::try_from(self.0.rem_euclid(MICROS_PER_SECOND) * 1_000).expect("below 1e9");
        (self.0.div_euclid(MICROS_PER_SECOND), nanos)
    }

    /// The number of the UTC day since the epoch.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(MICROS_PER_DAY)
    }

    /// The number of the UTC hour since the epoch.
    #[must_use]
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(MICROS_PER_HOUR)
    }

    /// Reads RFC 3339, such as `2026-11-21T10:00:00Z`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1_000)).ok().map(Self)
    }

    /// Time since `earlier`, zero where that is later.
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|t| t.format(&Rfc3339).ok());
        f.write_str(text.as_deref().unwrap_or("out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_parts_round_trip() {
        let t = Timestamp::parse("2026-11-21T10:00:00.123456Z").unwrap();
        assert_eq!(t.to_string(), "2026-11-21T10:00:00.123456Z");
        let (s, n) = t.to_parts();
        assert_eq!(Timestamp::from_parts(s, n), Some(t));
        assert_eq!(Timestamp::from_parts(-1, 0), None);
        assert_eq!(Timestamp::from_parts(0, 1_000_000_000), None);
    }
}
