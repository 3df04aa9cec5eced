//! What is asked of the pipeline, and what it answers.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chit_types::{Credits, Fingerprint};

use crate::domain::authorization::{Authorization, Settle};
use crate::domain::event::Content;
use crate::domain::fact::{EventState, Fact};
use crate::domain::names::Place;
use crate::domain::pending::{Balance, OnInsufficient, Pending};
use crate::domain::refusal::Refusal;
use crate::domain::reversal::Reverse;

/// How an item ended.
pub type Outcome = Result<Answer, Refusal>;

/// An event that happened.
#[derive(Clone, Debug)]
pub struct Meter {
    /// What was said.
    pub content: Content,
    /// Of the content.
    pub fingerprint: Fingerprint,
    /// What to do when the wallet cannot cover it.
    pub on_insufficient: OnInsufficient,
    /// An operator charges it whatever its age.
    pub is_unparked: bool,
}

/// An action that asks whether it may start.
#[derive(Clone, Debug)]
pub struct Authorize {
    /// What was said.
    pub content: Content,
    /// Of the content.
    pub fingerprint: Fingerprint,
    /// The hold's life; 0 for the tenant's setting.
    pub ttl_seconds: i64,
    /// The new authorization's id.
    pub uuid: [u8; 16],
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Command {
    /// Record and deduct.
    Meter(Box<Meter>),
    /// Reserve.
    Authorize(Box<Authorize>),
    /// Settle an authorization.
    Settle(Box<Settle>),
    /// Give an authorization back.
    Void,
    /// Return an event's credits.
    Reverse(Box<Reverse>),
    /// Finish a step that was left in intake.
    Resume(Box<Pending>),
    /// Close an authorization whose hold has ended.
    Close,
}

/// One item in a lane.
#[derive(Debug)]
pub struct Item {
    /// Where its event lives.
    pub place: Place,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// The event's id.
    pub event_id: String,
    /// What is asked.
    pub command: Command,
    /// Who wants the answer as soon as the event is stored.
    pub early: Option<Early>,
}

/// A way back that is used once, by whoever comes first.
#[derive(Clone)]
pub struct Early(Arc<Mutex<Option<Way>>>);

type Way = Box<dyn FnOnce(Outcome) + Send>;

impl Early {
    /// Answers go to `reply`.
    pub fn new(reply: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(reply)))))
    }

    /// Answers, unless it was answered before.
    pub fn answer(&self, outcome: impl FnOnce() -> Outcome) {
        let way = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(way) = way {
            way(outcome());
        }
    }
}

impl fmt::Debug for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Early")
    }
}

/// What an item came to.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A charge, or what stands for one.
    Receipt(Box<Receipt>),
    /// A reservation.
    Authorized(Box<Authorized>),
    /// Nothing to tell: a job's item.
    Nothing,
}

/// What a charge came to.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The event's state now.
    pub state: EventState,
    /// What was recorded, or will be.
    pub fact: Fact,
    /// What the event charged in all.
    pub credits_total: Credits,
    /// The wallet now.
    pub balance: Option<Balance>,
    /// Its outcome is repeated.
    pub is_replayed: bool,
}

/// What an authorization came to.
#[derive(Clone, Debug)]
pub struct Authorized {
    /// As it is now.
    pub authorization: Authorization,
    /// The wallet now.
    pub balance: Option<Balance>,
    /// Its outcome is repeated.
    pub is_replayed: bool,
}
