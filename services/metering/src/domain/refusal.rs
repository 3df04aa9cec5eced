//! Why a call was refused.

use std::collections::BTreeMap;

use chit_pricebook::PriceError;
use chit_types::Credits;

use super::fact::Why;

/// What the wallet said no to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletRefusal {
    /// The gRPC code.
    pub code: i32,
    /// The reason's number in the contract.
    pub reason: i32,
    /// For people.
    pub message: String,
    /// The facts.
    pub facts: BTreeMap<String, String>,
}

/// Why a call was refused. Nothing here is a fault of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id was used before with other content.
    #[error("{key} was used before with other content")]
    KeyReused {
        /// The event's id or the key.
        key: String,
    },
    /// There is no price.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// The event is older than the window and parked.
    #[error("the event is older than {days} days and waits for an operator")]
    TooOld {
        /// The event.
        event: String,
        /// The window.
        days: u64,
    },
    /// No such event.
    #[error("no such event")]
    EventNotFound {
        /// As asked.
        event: String,
    },
    /// No such authorization.
    #[error("no such authorization")]
    AuthorizationNotFound {
        /// The event asked for.
        event: String,
    },
    /// The authorization ended or never opened.
    #[error("the authorization is {state}")]
    AuthorizationClosed {
        /// Its id.
        authorization: String,
        /// Its state.
        state: String,
    },
    /// Parts rise one by one.
    #[error("part {part} does not follow; {expected} does")]
    PartOutOfOrder {
        /// As sent.
        part: i32,
        /// What would follow.
        expected: i32,
    },
    /// The event's state does not allow it.
    #[error("the event is {state}")]
    EventState {
        /// The event.
        event: String,
        /// Its state.
        state: String,
    },
    /// More than is left.
    #[error("{left} credits of the event are left to reverse, not {required}")]
    ReversalTooLarge {
        /// What the event charged.
        amount: Credits,
        /// What is reversed already.
        reversed: Credits,
        /// What is left.
        left: Credits,
        /// As asked.
        required: Credits,
    },
    /// The wallet said no.
    #[error("{}", .0.message)]
    Wallet(WalletRefusal),
    /// What was refused before, as it was kept.
    #[error("{}", .0.message)]
    Kept(Why),
    /// A service that is needed is away; what was stored is done later.
    #[error("{what} is away; repeat the call with the same id")]
    Unavailable {
        /// Which.
        what: &'static str,
    },
}
