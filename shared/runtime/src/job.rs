//! Background work: named, restartable, never twice at once in a process.

use std::fmt::{self, Display};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;

use crate::Shutdown;

/// The first pause after a failure; doubled after each further one.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest pause after failures: a database that is away for an hour is tried once a minute.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Pauses vary by up to one part in this many, so that the pods of one deployment spread out.
const JITTER_PART: u32 = 8;

type Round = Box<dyn FnMut(Shutdown) -> BoxFuture<'static, Result<Next, String>> + Send>;

/// A named piece of background work.
pub struct Job {
    pub(crate) name: &'static str,
    pause: Duration,
    round: Round,
}

/// When a job's next round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: this round found as much as it takes, and there is more.
    AtOnce,
    /// After the job's interval.
    AfterInterval,
    /// Never: the job is done.
    Never,
}

impl Job {
    /// Runs `round` at once and then every `interval` (with jitter) until the stop. A round is bounded,
    /// is never cancelled in the middle and never overlaps the next; it may watch the token it gets to
    /// end early. A failed or panicking round is logged and tried again after a rising pause.
    pub fn every<F, Fut, E>(name: &'static str, interval: Duration, mut round: F) -> Self
    where
        F: FnMut(Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Next, E>> + Send + 'static,
        E: Display,
    {
        Self {
            name,
            pause: interval,
            round: Box::new(move |shutdown| {
                let running = round(shutdown);
                Box::pin(async move { running.await.map_err(|error| error.to_string()) })
            }),
        }
    }

    /// Runs `task` until it ends by itself, which it must do soon after the token it gets is cancelled:
    /// for followers and other loops. One that fails or panics is started again after a rising pause.
    pub fn task<F, Fut, E>(name: &'static str, mut task: F) -> Self
    where
        F: FnMut(Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        Self {
            name,
            pause: Duration::ZERO,
            round: Box::new(move |shutdown| {
                let running = task(shutdown);
                Box::pin(async move {
                    let ended = running.await;
                    ended.map(|()| Next::Never).map_err(|error| error.to_string())
                })
            }),
        }
    }

    async fn run(mut self, shutdown: Shutdown) {
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let pause = match self.round(&shutdown).await {
                Ok(Next::Never) => return,
                Ok(next) => {
                    failures = 0;
                    if next == Next::AtOnce {
                        // A job that always finds more must still let others run.
                        tokio::task::yield_now().await;
                        continue;
                    }
                    jittered(self.pause)
                }
                Err(error) => {
                    failures += 1;
                    let pause = jittered(backoff(failures));
                    tracing::warn!(
                        job = self.name,
                        failures,
                        pause_ms = pause.as_millis(),
                        "job failed: {error}"
                    );
                    pause
                }
            };
            let _stopped_early = tokio::time::timeout(pause, shutdown.cancelled()).await;
        }
    }

    async fn round(&mut self, shutdown: &Shutdown) -> Result<Next, String> {
        // Made inside the guarded future, so that a panic before the first await is caught too.
        let guarded = AssertUnwindSafe(async { (self.round)(shutdown.clone()).await });
        guarded.catch_unwind().await.unwrap_or_else(|_| Err("it panicked".to_string()))
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Jobs that run; stopped together.
#[derive(Debug)]
pub(crate) struct Jobs {
    running: JoinSet<()>,
    shutdown: Shutdown,
}

impl Jobs {
    pub(crate) fn start(jobs: Vec<Job>) -> Self {
        let shutdown = Shutdown::new();
        let mut running = JoinSet::new();
        for job in jobs {
            running.spawn(job.run(shutdown.clone()));
        }
        Self { running, shutdown }
    }

    /// Asks all to end and waits for them. Those that have not ended when this future is dropped are
    /// aborted.
    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

fn backoff(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    BACKOFF_FIRST.saturating_mul(doubled).min(BACKOFF_MAX)
}

/// Between 7/8 and 9/8 of `pause`.
fn jittered(pause: Duration) -> Duration {
    const STEPS: u32 = 1_024;
    let random = RandomState::new().build_hasher().finish();
    let step = u32::try_from(random % u64::from(2 * STEPS)).expect("below 2,048");
    let spread = pause / JITTER_PART;
    pause - spread + spread / STEPS * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn pauses_rise_to_a_minute_and_vary_by_an_eighth() {
        assert_eq!(backoff(1), Duration::from_millis(100));
        assert_eq!(backoff(4), Duration::from_millis(800));
        assert_eq!(backoff(11), BACKOFF_MAX);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(8));
            assert!(pause >= Duration::from_secs(7) && pause <= Duration::from_secs(9), "{pause:?}");
        }
        assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
    }

    /// Waits until `count` reaches `least`; fails after ten seconds.
    async fn reaches(count: &AtomicUsize, least: usize) {
        let reached = async {
            while count.load(Ordering::SeqCst) < least {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), reached).await;
        in_time.expect("the count is reached");
    }

    #[tokio::test]
    async fn a_job_runs_at_once_then_by_interval_and_survives_failures_and_panics() {
        let rounds = Arc::new(AtomicUsize::new(0));
        let seen = rounds.clone();
        let job = Job::every("test", Duration::from_millis(5), move |_| {
            let round = seen.fetch_add(1, Ordering::SeqCst);
            assert!(round != 1, "planted panic");
            async move {
                match round {
                    0 => Ok(Next::AtOnce),
                    2 => Err("planted failure"),
                    _ => Ok(Next::AfterInterval),
                }
            }
        });
        let mut jobs = Jobs::start(vec![job]);
        reaches(&rounds, 6).await;
        jobs.stop().await;
        let stopped_at = rounds.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(rounds.load(Ordering::SeqCst), stopped_at);
    }

    #[tokio::test]
    async fn a_task_that_fails_is_started_again_and_one_that_ends_is_not() {
        let starts = Arc::new(AtomicUsize::new(0));
        let seen = starts.clone();
        let job = Job::task("follower", move |_| {
            let start = seen.fetch_add(1, Ordering::SeqCst);
            async move { if start < 1 { Err("planted") } else { Ok(()) } }
        });
        let mut jobs = Jobs::start(vec![job]);
        reaches(&starts, 2).await;
        assert!(jobs.running.join_next().await.is_some(), "the job ends by itself");
        assert_eq!(starts.load(Ordering::SeqCst), 2);
        jobs.stop().await;
    }

    #[tokio::test]
    async fn a_stop_waits_for_the_round_that_runs() {
        let finished = Arc::new(AtomicUsize::new(0));
        let (started, mut has_started) = tokio::sync::mpsc::channel(1);
        let seen = finished.clone();
        let job = Job::every("slow", Duration::from_secs(1), move |shutdown| {
            let (seen, started) = (seen.clone(), started.clone());
            async move {
                started.send(()).await.map_err(|error| error.to_string())?;
                shutdown.cancelled().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
                seen.fetch_add(1, Ordering::SeqCst);
                Ok::<_, String>(Next::AtOnce)
            }
        });
        let mut jobs = Jobs::start(vec![job]);
        has_started.recv().await.expect("a round begins");
        jobs.stop().await;
        assert_eq!(finished.load(Ordering::SeqCst), 1);
    }
}
