//! Every way in which pricing says no.

use chit_pricebook::{Finding, PriceError};
use chit_types::Timestamp;

/// A call that the rules refuse, with its facts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such event type.
    #[error("event type {name} is not declared")]
    EventTypeNotFound {
        /// As asked.
        name: String,
    },
    /// No such book, or no such version of it.
    #[error("price book {book} does not exist, or has no version {number}")]
    BookNotFound {
        /// The book as asked.
        book: String,
        /// The version as asked; empty where the book itself is missing, `published` where it has none.
        number: String,
    },
    /// A resource of that name exists.
    #[error("{name} exists already")]
    AlreadyExists {
        /// The name.
        name: String,
    },
    /// The key was used for something else.
    #[error("the idempotency key was used before with other content")]
    KeyReused {
        /// The key.
        key: String,
        /// What it made.
        resource: String,
    },
    /// The draft changed since it was read.
    #[error("the draft has changed: its revision is {revision}")]
    VersionConflict {
        /// The draft's revision; 0 where there is none.
        revision: i64,
    },
    /// The version is no draft any more.
    #[error("version {number} is published")]
    VersionPublished {
        /// Its number.
        number: u32,
    },
    /// The draft's rules may not be published.
    #[error("the rules may not be published")]
    BookInvalid {
        /// Everything that is wrong.
        findings: Vec<Finding>,
    },
    /// A beginning in the past, or sooner than every follower is sure to know of it.
    #[error("nothing may take effect before {earliest}")]
    EffectiveTooSoon {
        /// As asked.
        effective_at: Timestamp,
        /// The earliest that is taken.
        earliest: Timestamp,
    },
    /// A version of the cost table that does not exist.
    #[error("there is no such version of the cost table")]
    CostTableNotFound,
    /// There is no price.
    #[error(transparent)]
    Price(#[from] PriceError),
}
