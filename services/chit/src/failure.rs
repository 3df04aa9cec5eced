//! How a command ends badly, and the exit code scripts read from it.

use std::process::ExitCode;

use chit_api::types::v1::ErrorReason;
use chit_rpc::Refused;
use tonic::{Code, Status};

/// A rule said no, or a verification failed.
pub const REFUSED: u8 = 1;
/// The command line, a file or a field of the request is wrong.
pub const BAD_INPUT: u8 = 2;
/// The server, or something it needs, cannot be reached or is full: try again.
pub const UNAVAILABLE: u8 = 3;
/// The caller may not do this.
pub const NOT_ALLOWED: u8 = 4;
/// A fault of ours.
pub const FAULT: u8 = 5;

/// What `chit help` says about exit codes.
pub const EXIT_CODES: &str = "Exit codes: 0 done; 1 a rule refused it, or a verification failed; 2 wrong usage or \
input; 3 the server cannot be reached or is full, try again; 4 not allowed; 5 a fault of ours or of this machine.";

/// An error with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What scripts see.
    pub code: u8,
    /// What people see.
    pub message: String,
}

impl Failure {
    /// The input is wrong.
    pub fn input(message: impl Into<String>) -> anyhow::Error {
        Failure { code: BAD_INPUT, message: message.into() }.into()
    }

    /// Something that is needed is away.
    pub fn unavailable(message: impl Into<String>) -> anyhow::Error {
        Failure { code: UNAVAILABLE, message: message.into() }.into()
    }

    /// A rule said no, or a verification failed.
    pub fn refused(message: impl Into<String>) -> anyhow::Error {
        Failure { code: REFUSED, message: message.into() }.into()
    }
}

/// The exit code of whatever went wrong.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return ExitCode::from(failure.code);
        }
        if let Some(status) = cause.downcast_ref::<Status>() {
            return ExitCode::from(of_code(status.code()));
        }
        if cause.downcast_ref::<tonic::transport::Error>().is_some() {
            return ExitCode::from(UNAVAILABLE);
        }
    }
    ExitCode::from(FAULT)
}

/// What went wrong, for people: one line, then what a refusal knows.
pub fn describe(error: &anyhow::Error) -> String {
    let Some(status) = error.chain().find_map(|cause| cause.downcast_ref::<Status>()) else {
        return format!("{error:#}");
    };
    let refused = Refused::of(status);
    let mut text = match refused.reason {
        ErrorReason::Unspecified => format!("{}: {}", status.code(), status.message()),
        _ => format!("{}: {}", refused.reason_word(), status.message()),
    };
    for (fact, value) in &refused.facts {
        text.push_str(&format!("\n  {fact}: {value}"));
    }
    for violation in &refused.violations {
        text.push_str(&format!("\n  {}: {}", violation.field, violation.description));
    }
    if matches!(status.code(), Code::Unavailable) && refused.reason == ErrorReason::Unspecified {
        text.push_str("\n  is the server running? `chit dev` starts one; `--server` names another");
    }
    text
}

fn of_code(code: Code) -> u8 {
    match code {
        Code::InvalidArgument | Code::OutOfRange => BAD_INPUT,
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Cancelled => UNAVAILABLE,
        Code::PermissionDenied | Code::Unauthenticated => NOT_ALLOWED,
        Code::FailedPrecondition | Code::NotFound | Code::AlreadyExists | Code::Aborted => REFUSED,
        Code::Ok | Code::Unknown | Code::Internal | Code::Unimplemented | Code::DataLoss => FAULT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_can_tell_failures_apart() {
        let check = |error: anyhow::Error, code: u8| {
            assert_eq!(format!("{:?}", exit_code(&error)), format!("{:?}", ExitCode::from(code)), "{error}");
        };
        check(Failure::input("x"), BAD_INPUT);
        check(anyhow::Error::from(Status::failed_precondition("x")).context("while y"), REFUSED);
        check(Status::invalid_argument("x").into(), BAD_INPUT);
        check(Status::unavailable("x").into(), UNAVAILABLE);
        check(Status::permission_denied("x").into(), NOT_ALLOWED);
        check(anyhow::anyhow!("x"), FAULT);
    }
}
