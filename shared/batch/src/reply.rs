use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::LaneError;

/// What the caller gets for one item.
pub(crate) type Outcome<A> = Result<A, LaneError>;

/// The way back to a caller. One that is dropped unanswered (its lane was stopped) says so to the caller.
pub(crate) struct Reply<A>(Option<Way<A>>);

enum Way<A> {
    One(oneshot::Sender<Outcome<A>>),
    Call(Box<dyn FnOnce(Outcome<A>) + Send>),
    Slot(Arc<Gather<A>>, usize),
}

impl<A> Reply<A> {
    pub fn one() -> (Self, oneshot::Receiver<Outcome<A>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(Way::One(sender))), receiver)
    }

    pub fn call(reply: impl FnOnce(Outcome<A>) + Send + 'static) -> Self {
        Self(Some(Way::Call(Box::new(reply))))
    }

    pub fn slot(gather: &Arc<Gather<A>>, index: usize) -> Self {
        Self(Some(Way::Slot(Arc::clone(gather), index)))
    }

    /// True when nobody waits any more.
    pub fn is_abandoned(&self) -> bool {
        match &self.0 {
            Some(Way::One(sender)) => sender.is_closed(),
            Some(Way::Slot(gather, _)) => gather.is_abandoned(),
            Some(Way::Call(_)) | None => false,
        }
    }

    pub fn answer(mut self, outcome: Outcome<A>) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Outcome<A>) {
        match self.0.take() {
            // A caller that has gone does not undo what was done.
            Some(Way::One(sender)) => drop(sender.send(outcome)),
            Some(Way::Call(call)) => call(outcome),
            Some(Way::Slot(gather, index)) => gather.put(index, outcome),
            None => {}
        }
    }
}

impl<A> Drop for Reply<A> {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.send(Err(LaneError::Unavailable("the lane stopped".into())));
        }
    }
}

/// The answers of one call with many items; wakes its caller once, with the last of them.
pub(crate) struct Gather<A>(Mutex<Gathering<A>>);

struct Gathering<A> {
    slots: Vec<Option<Outcome<A>>>,
    missing: usize,
    done: Option<oneshot::Sender<Vec<Outcome<A>>>>,
}

impl<A> Gather<A> {
    pub fn new(count: usize) -> (Arc<Self>, oneshot::Receiver<Vec<Outcome<A>>>) {
        let (sender, receiver) = oneshot::channel();
        let slots = std::iter::repeat_with(|| None).take(count).collect();
        let gathering = Gathering { slots, missing: count, done: Some(sender) };
        (Arc::new(Self(Mutex::new(gathering))), receiver)
    }

    fn is_abandoned(&self) -> bool {
        let gathering = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gathering.done.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn put(&self, index: usize, outcome: Outcome<A>) {
        let mut gathering = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gathering.slots[index] = Some(outcome);
        gathering.missing -= 1;
        if gathering.missing == 0
            && let Some(done) = gathering.done.take()
        {
            let answers = std::mem::take(&mut gathering.slots).into_iter().flatten().collect();
            drop(done.send(answers));
        }
    }
}

/// The answer to come of one item. Dropping it before work on the item began withdraws the item.
#[must_use = "dropping it withdraws the item"]
pub struct Pending<A>(pub(crate) oneshot::Receiver<Outcome<A>>);

impl<A> Future for Pending<A> {
    type Output = Result<A, LaneError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or_else(|_| Err(LaneError::Unavailable("the lane stopped".into()))))
    }
}

/// The answers to come of one call with many items, in their order. Dropping it withdraws what has not begun.
#[must_use = "dropping it withdraws the items"]
pub struct PendingMany<A>(pub(crate) Option<oneshot::Receiver<Vec<Outcome<A>>>>);

impl<A> Future for PendingMany<A> {
    type Output = Vec<Result<A, LaneError>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            None => Poll::Ready(Vec::new()),
            Some(receiver) => Pin::new(receiver)
                .poll(context)
                .map(|answers| answers.expect("every reply answers, at the latest when it is dropped")),
        }
    }
}
