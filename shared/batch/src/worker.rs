use std::future::Future;

/// What a lane does with a batch. One worker belongs to one lane and is never called twice at once.
pub trait Worker: Send + 'static {
    /// One operation.
    type Item: Send + Sync + 'static;
    /// Its answer, refusals included.
    type Answer: Send + 'static;

    /// One attempt at a whole batch: begin, lock, read, decide, write, commit. Answers stand in item order.
    ///
    /// The same items may come again after any failure, in whole or in halves, so an attempt re-reads its
    /// idempotency keys under its lock and repeats the answer of what it finds done.
    fn attempt(
        &mut self,
        batch: &[Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, Failure>> + Send;

    /// Called after every failed attempt (a panic counts as [`Failure::Permanent`], an attempt that outlived
    /// [`LaneConfig::attempt_timeout`](crate::LaneConfig::attempt_timeout) as [`Failure::Unknown`]), before
    /// anything is tried again: reconnect here if the connection may be broken.
    fn recover(&mut self, after: &Failure) -> impl Future<Output = ()> + Send;

    /// Roughly how many bytes the item occupies; bounds queue and batch.
    fn weight(item: &Self::Item) -> usize;

    /// Whose item it is (a wallet id): the unit of order and of fairness.
    fn group(item: &Self::Item) -> [u8; 16];
}

/// How an attempt failed. A refusal is not a failure: it is an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing was written and the same batch may well succeed: a lost race, a full connection table.
    #[error("transient: {0}")]
    Transient(String),
    /// The connection broke, perhaps during COMMIT: the batch may be written or not.
    #[error("unknown outcome: {0}")]
    Unknown(String),
    /// Trying the same batch again would fail again.
    #[error("permanent: {0}")]
    Permanent(String),
}
