//! The feed as followers read it.

pub use crate::store::entries::FeedEntry;

use crate::domain::{Signal, Transaction};

/// What one batch did to one wallet of the tenant that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The customer.
    pub customer: String,
    /// The unit.
    pub unit: String,
    /// Its first transaction of the batch; 0 where there is none (a refusal's signal alone).
    pub first: i64,
    /// Its last.
    pub last: i64,
    /// What is worth a reaction.
    pub signals: Vec<Signal>,
    /// The transactions themselves, where asked for.
    pub transactions: Vec<Transaction>,
}
