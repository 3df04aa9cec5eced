//! By when the caller wants an answer.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::Request;

const HEADER: &str = "grpc-timeout";
/// Digits that the gRPC specification allows; more would also overflow.
const DIGITS: usize = 8;

/// The instant after which nobody waits for the answer. Work that did not begin by then is refused with
/// `DEADLINE_BEFORE_START`; work that began is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// The deadline of `request`, where its caller set one.
    #[must_use]
    pub fn of<T>(request: &Request<T>) -> Option<Instant> {
        request.extensions().get::<Deadline>().map(|deadline| deadline.0)
    }

    /// Read from the headers of a call that arrives at `now`. A header that cannot be read is no
    /// deadline, as tonic has it too.
    #[must_use]
    pub fn read(headers: &HeaderMap, now: Instant) -> Option<Deadline> {
        let timeout = parse(headers.get(HEADER)?.to_str().ok()?)?;
        now.checked_add(timeout).map(Deadline)
    }
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3_600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_grpc_timeout_is_read() {
        for (text, expect) in [
            ("2H", Some(Duration::from_secs(7_200))),
            ("1M", Some(Duration::from_secs(60))),
            ("3S", Some(Duration::from_secs(3))),
            ("250m", Some(Duration::from_millis(250))),
            ("7u", Some(Duration::from_micros(7))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("999999999n", None),
            ("S", None),
            ("", None),
            ("1s", None),
            ("-1S", None),
            ("1ä", None),
        ] {
            assert_eq!(parse(text), expect, "{text}");
        }
    }
}
