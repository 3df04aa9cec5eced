//! Rule 20: when an event counts.

use std::time::Duration;

use chit_types::Timestamp;

/// Days after which an event is too late to be charged by itself.
pub const WINDOW_DAYS: u64 = 34;
/// The same as a span.
pub const WINDOW: Duration = Duration::from_secs(WINDOW_DAYS * 86_400);

/// When an event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// At this time.
    At {
        /// The stored time of occurrence.
        occurred_at: Timestamp,
        /// The event said a time ahead of the server.
        clock_skewed: bool,
    },
    /// It is older than the window and waits for an operator.
    TooOld,
}

/// Decides when an event counts that says it happened at `said_at`, and comes `now`.
#[must_use]
pub fn admit(said_at: Option<Timestamp>, now: Timestamp) -> Admission {
    match said_at {
        None => Admission::At { occurred_at: now, clock_skewed: false },
        Some(said) if said > now => Admission::At { occurred_at: now, clock_skewed: true },
        Some(said) if said < now - WINDOW => Admission::TooOld,
        Some(said) => Admission::At { occurred_at: said, clock_skewed: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_both_edges() {
        let now = Timestamp::from_seconds(10_000_000);
        let at = |seconds: i64| Some(Timestamp::from_seconds(10_000_000 + seconds));
        let window = i64::try_from(WINDOW.as_secs()).unwrap();
        let check = |said_at, expect| assert_eq!(admit(said_at, now), expect, "{said_at:?}");
        let taken = |occurred_at, clock_skewed| Admission::At { occurred_at, clock_skewed };
        check(None, taken(now, false));
        check(at(0), taken(now, false));
        check(at(1), taken(now, true));
        check(at(-window), taken(now - WINDOW, false));
        check(at(-window - 1), Admission::TooOld);
    }
}
