use std::sync::Arc;
use std::time::Duration;

/// Why an item has no answer of its worker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// The lane's queue is full; nothing was begun.
    #[error("the queue is full")]
    Busy {
        /// When a place is likely to be free.
        retry_after: Duration,
    },
    /// The deadline passed while the item was queued; nothing was begun.
    #[error("the deadline passed before work began")]
    DeadlinePassed,
    /// The lanes are closing; nothing was begun.
    #[error("draining")]
    Draining,
    /// Attempts were used up, or the lane stopped meanwhile; the item may have been done: repeat it with its key.
    #[error("unavailable: {0}")]
    Unavailable(Arc<str>),
    /// This item fails by itself, whoever else is in its batch.
    #[error("internal: {0}")]
    Internal(Arc<str>),
}
