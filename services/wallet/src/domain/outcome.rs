//! What deciding an operation produced, for the answer and for the store.

use std::collections::{BTreeMap, BTreeSet};

use chit_types::Credits;

use super::grant::GrantId;
use super::hold::{Hold, HoldId};
use super::transaction::Transaction;
use super::wallet::Repayment;

/// Something worth a reaction; goes into the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// available − owed crossed a threshold.
    ThresholdCrossed {
        /// The threshold.
        level: Credits,
        /// It fell to or below the level.
        direction: Direction,
        /// available − owed after it.
        balance: Credits,
        /// The transaction that did it.
        seq: i64,
    },
    /// An operation was refused for want of credits.
    CreditsRefused {
        /// What it asked for.
        required: Credits,
        /// What was spendable.
        spendable: Credits,
        /// The operation's event type.
        event_type: String,
    },
}

/// Which way a threshold was crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Fell to or below it.
    Down,
    /// Rose above it.
    Up,
}

/// What was decided for one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The operation's own transaction; `None` where it changed nothing (a Release of an expired hold).
    /// Bookings of what was due before it are in `Changes` alone.
    pub transaction: Option<Transaction>,
    /// The hold it made, changed or ended, as it was right after.
    pub hold: Option<Hold>,
}

/// Everything a batch changed in one wallet, for the store to write. The row itself is
/// `WalletState::wallet`; grants and holds named here are read from the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New transactions, bookings included, by rising number.
    pub transactions: Vec<Transaction>,
    /// Holds to write (`WalletState::holds` has them) or, where they are not there any more, to delete.
    pub holds: BTreeSet<HoldId>,
    /// Grants that opened, closed, reopened or changed while closed: their rows are written from the
    /// wallet's open grants or `WalletState::closed_grants`.
    pub grants: BTreeSet<GrantId>,
    /// New repayments of lots.
    pub repayments: Vec<Repayment>,
    /// New reversals: the transaction reversed → the numbers of the reversals.
    pub reversals: BTreeMap<i64, Vec<i64>>,
    /// Signals, in order.
    pub signals: Vec<Signal>,
}

impl Changes {
    /// Nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.transactions.is_empty()
            && self.holds.is_empty()
            && self.grants.is_empty()
            && self.signals.is_empty()
    }
}
