//! From when on something new counts.

use std::time::Duration;

use chit_types::Timestamp;

use crate::domain::Refusal;

/// Whether a book or table has begun before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Nothing was ever in force, so no price that was given can change.
    None,
    /// Something was published before.
    Published,
}

/// The time from which a version or table counts. Never in the past and never sooner than the lead in
/// which every follower learns of it, so that no two pods price one instant differently; a first one may
/// begin at any time.
pub fn effective_at(
    asked: Option<Timestamp>,
    history: History,
    now: Timestamp,
    lead: Duration,
) -> Result<Timestamp, Refusal> {
    let earliest = now + lead;
    match (asked, history) {
        (None, History::None) => Ok(now),
        (None, History::Published) => Ok(earliest),
        (Some(asked), History::Published) if asked < earliest => {
            Err(Refusal::EffectiveTooSoon { effective_at: asked, earliest })
        }
        (Some(asked), History::None | History::Published) => Ok(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_first_one_may_begin_before_the_lead_is_over() {
        let (now, lead) = (Timestamp::from_seconds(1_000), Duration::from_secs(1));
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        let check = |asked: Option<Timestamp>, history, wanted: Option<i64>| {
            let got = effective_at(asked, history, now, lead).ok();
            assert_eq!(got, wanted.map(Timestamp::from_seconds), "{asked:?} after {history:?}");
        };
        check(None, History::None, Some(1_000));
        check(None, History::Published, Some(1_001));
        check(at(1), History::None, Some(1));
        check(at(1_000), History::Published, None);
        check(at(1_001), History::Published, Some(1_001));
        check(at(9_999), History::Published, Some(9_999));
    }
}
