//! What to do when a call fails on its way: again with the same key, after a pause, as long as there is hope.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chit_api::types::v1::ErrorReason;
use chit_rpc::Refused;
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

/// A server that was killed is back within this time, or we give up.
const LIMIT: Duration = Duration::from_secs(90);
/// The first pause; doubled with each further one.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long we go on without any success, counted from the first failure after the last one.
#[derive(Debug, Default)]
pub struct Patience {
    failing_since: Mutex<Option<Instant>>,
}

impl Patience {
    /// Something was answered.
    pub fn success(&self) {
        *self.failing_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Pauses before the next attempt, or gives the failure back: where repeating cannot help, or nothing at all
    /// was answered for too long.
    pub async fn pause(&self, status: Status, attempt: u32) -> Result<(), Status> {
        let since = *self
            .failing_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(Instant::now);
        let refused = Refused::of(&status);
        if !may_pass(&refused) || since.elapsed() > LIMIT {
            return Err(status);
        }
        sleep(refused.retry_after.unwrap_or_else(|| backoff(attempt))).await;
        Ok(())
    }

    /// Calls until it is answered.
    pub async fn insist<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut attempt = 0;
        loop {
            match call().await {
                Ok(answer) => {
                    self.success();
                    return Ok(answer);
                }
                Err(status) => self.pause(status, attempt).await?,
            }
            attempt += 1;
        }
    }
}

/// A failure that says nothing about the request: overload, a stop, a lost connection, a dependency away.
pub fn may_pass(refused: &Refused) -> bool {
    match refused.reason {
        ErrorReason::Overloaded
        | ErrorReason::DependencyUnavailable
        | ErrorReason::Draining
        | ErrorReason::DeadlineBeforeStart => true,
        // Not of our making, so the transport's.
        ErrorReason::Unspecified => matches!(
            refused.code,
            Code::Unavailable
                | Code::Unknown
                | Code::Internal
                | Code::Cancelled
                | Code::DeadlineExceeded
                | Code::ResourceExhausted
                | Code::Aborted
        ),
        _ => false,
    }
}

fn backoff(attempt: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(attempt)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chit_rpc::refuse;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let check =
            |status: Status, expect: bool| assert_eq!(may_pass(&Refused::of(&status)), expect, "{status}");
        check(Status::unavailable("connection refused"), true);
        check(Status::unknown("h2 protocol error"), true);
        check(refuse(ErrorReason::Overloaded, "full").status(), true);
        check(refuse(ErrorReason::Draining, "stopping").status(), true);
        check(refuse(ErrorReason::InsufficientCredits, "no").status(), false);
        check(refuse(ErrorReason::Internal, "ours").status(), false);
        check(Status::unimplemented("no such rpc"), false);
    }

    #[test]
    fn pauses_rise_to_a_second() {
        assert_eq!(backoff(0), PAUSE_FIRST);
        assert_eq!(backoff(3), Duration::from_millis(160));
        assert_eq!(backoff(u32::MAX), PAUSE_MAX);
    }
}
