use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::queue::{Entry, Queue};
use crate::reply::Reply;
use crate::stats::Counters;
use crate::{Failure, LaneConfig, LaneError, Worker};

/// What a lane's task shares with its callers.
pub(crate) struct Lane<I, A> {
    pub index: usize,
    pub config: Arc<LaneConfig>,
    pub counters: Counters,
    /// Rung when the queue was empty and no longer is, and when it closes.
    pub bell: Notify,
    /// Rung when a batch has left the queue.
    pub room: Notify,
    queue: Mutex<Queue<I, A>>,
}

impl<I, A> Lane<I, A> {
    pub fn new(index: usize, config: Arc<LaneConfig>) -> Self {
        Self {
            index,
            config,
            counters: Counters::default(),
            bell: Notify::new(),
            room: Notify::new(),
            queue: Mutex::new(Queue::new()),
        }
    }

    pub fn queue(&self) -> MutexGuard<'_, Queue<I, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn close(&self) {
        self.queue().close();
        self.bell.notify_one();
        self.room.notify_waiters();
    }

    /// The next batch, or `None` when the lane is closed and empty.
    async fn next(&self) -> Option<Vec<Entry<I, A>>> {
        loop {
            let taken = {
                let mut queue = self.queue();
                if queue.len() == 0 && queue.is_closed() {
                    return None;
                }
                queue.take(&self.config, Instant::now())
            };
            Counters::add(&self.counters.expired, taken.expired.len());
            let moved = !taken.expired.is_empty() || !taken.batch.is_empty();
            for entry in taken.expired {
                entry.refuse(LaneError::DeadlinePassed);
            }
            if moved {
                self.room.notify_waiters();
            }
            if !taken.batch.is_empty() {
                return Some(taken.batch);
            }
            if !moved {
                self.bell.notified().await;
            }
        }
    }
}

/// The task of one lane: works batch after batch until the lane is closed and empty.
pub(crate) async fn run<W: Worker>(lane: Arc<Lane<W::Item, W::Answer>>, worker: W) {
    let mut runner = Runner { lane, worker, noise: RandomState::new(), failures: 0 };
    while let Some(batch) = runner.lane.next().await {
        let began = Instant::now();
        runner.lane.counters.batch_begins(batch.len());
        runner.work(batch).await;
        runner.lane.counters.batch_done(began.elapsed());
    }
}

struct Runner<W: Worker> {
    lane: Arc<Lane<W::Item, W::Answer>>,
    worker: W,
    noise: RandomState,
    failures: u64,
}

/// How the attempts at one slice of a batch ended.
enum End<A> {
    Answered(Vec<A>),
    Poisoned(String),
    GivenUp(String),
}

impl<W: Worker> Runner<W> {
    /// Works the batch, halving what fails for good. The first half goes first: a group keeps its order.
    async fn work(&mut self, batch: Vec<Entry<W::Item, W::Answer>>) {
        let (items, mut replies): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|entry| (entry.item, Some(entry.reply))).unzip();
        let mut parts = Vec::from([Range { start: 0, end: items.len() }]);
        while let Some(part) = parts.pop() {
            match self.settle(&items[part.clone()]).await {
                End::Answered(answers) => {
                    Counters::add(&self.lane.counters.answered, answers.len());
                    for (reply, answer) in replies[part].iter_mut().zip(answers) {
                        answer_one(reply, Ok(answer));
                    }
                }
                End::Poisoned(reason) if part.len() == 1 => {
                    tracing::error!(lane = self.lane.index, reason, "an item fails by itself");
                    Counters::add(&self.lane.counters.internal, 1);
                    answer_one(&mut replies[part.start], Err(LaneError::Internal(reason.into())));
                }
                End::Poisoned(_) => {
                    let middle = part.start + part.len() / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
                // The database is away: what is left of the batch would only wait the same time again.
                End::GivenUp(reason) => {
                    self.give_up(&mut replies, part.start..items.len(), reason);
                    return;
                }
            }
        }
    }

    fn give_up(&self, replies: &mut [Option<Reply<W::Answer>>], rest: Range<usize>, reason: String) {
        tracing::error!(lane = self.lane.index, items = rest.len(), reason, "attempts are used up");
        Counters::add(&self.lane.counters.unavailable, rest.len());
        let reason: Arc<str> = reason.into();
        for reply in &mut replies[rest] {
            answer_one(reply, Err(LaneError::Unavailable(Arc::clone(&reason))));
        }
    }

    /// Tries the same items until they are answered, proven poisonous, or the attempts are used up.
    async fn settle(&mut self, items: &[W::Item]) -> End<W::Answer> {
        let mut attempt = 1;
        loop {
            let failure = match self.attempt(items).await {
                Ok(answers) => return End::Answered(answers),
                Err(failure) => failure,
            };
            self.failures += 1;
            Counters::add(&self.lane.counters.failed_attempts, 1);
            self.recover(&failure).await;
            let reason = failure.to_string();
            match failure {
                Failure::Permanent(_) => return End::Poisoned(reason),
                Failure::Transient(_) | Failure::Unknown(_) if attempt >= self.lane.config.attempts => {
                    return End::GivenUp(reason);
                }
                Failure::Transient(_) | Failure::Unknown(_) => {
                    tracing::warn!(
                        lane = self.lane.index,
                        attempt,
                        items = items.len(),
                        reason,
                        "batch repeated"
                    );
                    tokio::time::sleep(self.backoff(attempt)).await;
                    attempt += 1;
                }
            }
        }
    }

    async fn attempt(&mut self, items: &[W::Item]) -> Result<Vec<W::Answer>, Failure> {
        let limit = self.lane.config.attempt_timeout;
        let attempt = AssertUnwindSafe(self.worker.attempt(items)).catch_unwind();
        let answers = match tokio::time::timeout(limit, attempt).await {
            Ok(Ok(result)) => result?,
            Ok(Err(_)) => return Err(Failure::Permanent("the worker panicked".into())),
            Err(_) => return Err(Failure::Unknown(format!("no end within {limit:?}"))),
        };
        if answers.len() == items.len() {
            return Ok(answers);
        }
        let (got, expected) = (answers.len(), items.len());
        Err(Failure::Permanent(format!("{got} answers for {expected} items")))
    }

    /// Recovery is bounded like an attempt, and a panic in it is left to the next attempt to meet.
    async fn recover(&mut self, after: &Failure) {
        let recovery = AssertUnwindSafe(self.worker.recover(after)).catch_unwind();
        let ended = tokio::time::timeout(self.lane.config.attempt_timeout, recovery).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::error!(lane = self.lane.index, "a worker did not recover");
        }
    }

    /// Doubling, capped, and spread over its upper half so that lanes and pods do not come back in step.
    fn backoff(&self, attempt: u32) -> Duration {
        let config = &self.lane.config;
        let doubled = config.backoff_first.saturating_mul(1 << (attempt - 1).min(20));
        let ceiling = doubled.min(config.backoff_most);
        let noise = (self.noise.hash_one(self.failures) % 1_000) as u32;
        ceiling / 2 + (ceiling / 2) * noise / 1_000
    }
}

fn answer_one<A>(reply: &mut Option<Reply<A>>, outcome: Result<A, LaneError>) {
    if let Some(reply) = reply.take() {
        reply.answer(outcome);
    }
}
