//! The other side of `error`: what a client reads from a refusal.

use std::collections::BTreeMap;
use std::time::Duration;

use chit_api::google::rpc;
use chit_api::types::v1::ErrorReason;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::error::{ERROR_DOMAIN, REASON_PREFIX};
use crate::violations::Violation;

/// A refusal, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The gRPC code.
    pub code: Code,
    /// Why; `Unspecified` where the error is not one of ours or newer than this build.
    pub reason: ErrorReason,
    /// The text for developers.
    pub message: String,
    /// The facts of `ErrorInfo.metadata`.
    pub facts: BTreeMap<String, String>,
    /// Fields that break the contract.
    pub violations: Vec<Violation>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// From what a call returned.
    #[must_use]
    pub fn of(status: &Status) -> Refused {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == ERROR_DOMAIN);
        let reason =
            info.and_then(|info| ErrorReason::from_str_name(&format!("{REASON_PREFIX}{}", info.reason)));
        let violations = details.bad_request().map_or_else(Vec::new, |bad| {
            let sent = bad.field_violations.iter();
            sent.map(|violation| Violation::new(&violation.field, &violation.description)).collect()
        });
        Refused {
            code: status.code(),
            reason: reason.unwrap_or(ErrorReason::Unspecified),
            message: status.message().to_string(),
            facts: info.map_or_else(BTreeMap::new, |info| info.metadata.clone().into_iter().collect()),
            violations,
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        }
    }

    /// From the answer to one item of a batch or stream.
    #[must_use]
    pub fn of_item(status: &rpc::Status) -> Refused {
        let code = Code::from_i32(status.code);
        let details = status.encode_to_vec().into();
        Refused::of(&Status::with_details(code, status.message.clone(), details))
    }

    /// The reason as `ErrorInfo` spells it, such as `INSUFFICIENT_CREDITS`.
    #[must_use]
    pub fn reason_word(&self) -> &'static str {
        self.reason.as_str_name().trim_start_matches(REASON_PREFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{refuse, status_to_proto};

    #[test]
    fn a_refusal_reads_back_as_it_was_made() {
        let status = refuse(ErrorReason::Overloaded, "the queue is full")
            .fact("lane", 3)
            .retry_after(Duration::from_millis(250))
            .violations(vec![Violation::new("amount", "is missing")])
            .status();
        let expect = Refused {
            code: Code::ResourceExhausted,
            reason: ErrorReason::Overloaded,
            message: "the queue is full".to_string(),
            facts: BTreeMap::from([("lane".to_string(), "3".to_string())]),
            violations: vec![Violation::new("amount", "is missing")],
            retry_after: Some(Duration::from_millis(250)),
        };
        assert_eq!(Refused::of(&status), expect);
        assert_eq!(Refused::of_item(&status_to_proto(&status)), expect);
        assert_eq!(expect.reason_word(), "OVERLOADED");
    }

    #[test]
    fn errors_of_others_have_no_reason_of_ours() {
        let refused = Refused::of(&Status::unavailable("connection refused"));
        assert_eq!((refused.code, refused.reason), (Code::Unavailable, ErrorReason::Unspecified));
        assert!(refused.facts.is_empty());
    }
}
