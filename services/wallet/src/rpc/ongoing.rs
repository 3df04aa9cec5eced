//! Streams of answers that are made one after the other.

use std::pin::Pin;

use futures_util::{Stream, stream};
use tonic::Status;

/// What the server tells a client, one after the other.
pub type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Knows its next answer.
pub trait Ongoing: Send + 'static {
    /// The answer's message.
    type Told: Send + 'static;

    /// The next answer, when there is one; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Told>, Status>> + Send;
}

/// All answers, until the end or the first error. Nothing is done that nobody waits for.
pub fn answers<S: Ongoing>(state: S) -> Answers<S::Told> {
    Box::pin(stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Ok(answer) => Some((Ok(answer?), Some(state))),
            Err(status) => Some((Err(status), None)),
        }
    }))
}
