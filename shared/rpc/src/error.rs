//! How we refuse: one `google.rpc.Status` with exactly one `ErrorInfo`, whatever the error.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chit_api::google::rpc;
use chit_api::types::v1::ErrorReason;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::violations::Violation;

/// The `domain` of every `ErrorInfo` of ours.
pub const ERROR_DOMAIN: &str = "chit.dev";

/// What every reason of the contract begins with, and its `ErrorInfo` leaves out.
pub(crate) const REASON_PREFIX: &str = "ERROR_REASON_";

/// An error under construction; becomes a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an error does nothing until it is returned as a status"]
pub struct RpcError {
    code: Code,
    reason: ErrorReason,
    message: String,
    facts: HashMap<String, String>,
    retry_after: Option<Duration>,
    violations: Vec<Violation>,
}

/// An error with a code of the caller's choosing.
pub fn error(code: Code, reason: ErrorReason, message: impl Into<String>) -> RpcError {
    RpcError {
        code,
        reason,
        message: message.into(),
        facts: HashMap::new(),
        retry_after: None,
        violations: Vec::new(),
    }
}

/// An error with the code that the contract names for its reason.
pub fn refuse(reason: ErrorReason, message: impl Into<String>) -> RpcError {
    error(code_of(reason), reason, message)
}

impl RpcError {
    /// Adds a fact to `ErrorInfo.metadata`, under the key that the reason's comment names.
    pub fn fact(mut self, key: &str, value: impl Display) -> Self {
        self.facts.insert(key.to_string(), value.to_string());
        self
    }

    /// Says when to try again.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Adds the fields that break the contract.
    pub fn violations(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations;
        self
    }

    /// As the status that is sent.
    #[must_use]
    pub fn status(self) -> Status {
        self.into()
    }
}

impl From<RpcError> for Status {
    fn from(error: RpcError) -> Status {
        let reason = error.reason.as_str_name().trim_start_matches(REASON_PREFIX);
        let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, error.facts);
        for violation in error.violations {
            details.add_bad_request_violation(violation.field, violation.description);
        }
        if error.retry_after.is_some() {
            details.set_retry_info(error.retry_after);
        }
        Status::with_error_details(error.code, error.message, details)
    }
}

/// A fault of ours: logged here with a trace, told to the caller as the trace alone.
#[must_use]
pub fn internal(fault: impl Display) -> Status {
    let trace = next_trace();
    tracing::error!(%trace, "{fault}");
    refuse(ErrorReason::Internal, "a fault of ours; quote the trace when you report it")
        .fact("trace", trace)
        .status()
}

/// Unique enough to find one log line: random per process, then counted.
fn next_trace() -> String {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:016x}{:08x}", *PROCESS, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// `status` as the message that answers one item of a batch or stream.
#[must_use]
pub fn status_to_proto(status: &Status) -> rpc::Status {
    let details = rpc::Status::decode(status.details()).map_or_else(|_| Vec::new(), |sent| sent.details);
    rpc::Status { code: status.code() as i32, message: status.message().to_string(), details }
}

/// The gRPC code of a reason, as its comment in `type.proto` says (a test compares the two). Most
/// reasons are rules that say no.
#[must_use]
pub fn code_of(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::Unspecified | ErrorReason::Internal => Code::Internal,
        ErrorReason::InvalidField | ErrorReason::PageTokenInvalid => Code::InvalidArgument,
        ErrorReason::WalletNotFound
        | ErrorReason::HoldNotFound
        | ErrorReason::GrantNotFound
        | ErrorReason::TransactionNotFound
        | ErrorReason::EventNotFound
        | ErrorReason::AuthorizationNotFound
        | ErrorReason::PriceBookNotFound => Code::NotFound,
        ErrorReason::IdempotencyKeyReused | ErrorReason::AlreadyExists | ErrorReason::AlreadyRenewed => {
            Code::AlreadyExists
        }
        ErrorReason::WrongOrigin | ErrorReason::ScopeMissing => Code::PermissionDenied,
        ErrorReason::VersionConflict => Code::Aborted,
        ErrorReason::Overloaded => Code::ResourceExhausted,
        ErrorReason::DeadlineBeforeStart => Code::DeadlineExceeded,
        ErrorReason::DependencyUnavailable | ErrorReason::Draining => Code::Unavailable,
        ErrorReason::Unauthenticated => Code::Unauthenticated,
        _ => Code::FailedPrecondition,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word before the colon in each reason's comment, by the reason's name.
    fn codes_in_the_contract() -> Vec<(String, String)> {
        let proto = include_str!("../../../proto/chit/type/v1/type.proto");
        let body = proto.split("enum ErrorReason {").nth(1).expect("the enum is there");
        let body = body.split("\n}").next().expect("it ends");
        let mut found = Vec::new();
        let mut code = None;
        for line in body.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("// ") {
                code = code.or_else(|| comment.split_once(':').map(|(word, _)| word.to_string()));
            } else if let Some((name, _)) = line.split_once(" = ")
                && let Some(code) = code.take()
            {
                found.push((name.to_string(), code));
            }
        }
        found
    }

    #[test]
    fn every_reason_has_the_code_its_comment_names() {
        let contract = codes_in_the_contract();
        assert!(contract.len() >= 50, "only {} reasons were read", contract.len());
        for (name, code) in contract {
            let reason = ErrorReason::from_str_name(&name).expect("the reason is generated");
            let ours = code_of(reason);
            let spelled = format!("{ours:?}").to_uppercase();
            assert_eq!(spelled, code.replace('_', ""), "{name}");
        }
    }

    #[test]
    fn traces_differ() {
        assert_ne!(next_trace(), next_trace());
    }
}
