//! A wallet's state: its row, and what of holds and history was loaded beside it.

use std::collections::BTreeMap;

use chit_types::{Credits, Hash, Shard, Timestamp, WalletId};

use super::grant::{Grant, GrantId, GrantState};
use super::hold::{Hold, HoldId};
use super::transaction::Transaction;

/// Owed credits of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// The transaction that made them.
    pub seq: i64,
    /// What is not repaid yet; above zero.
    pub rest: Credits,
}

/// A wallet's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// Its id.
    pub id: WalletId,
    /// Its shard.
    pub shard: Shard,
    /// Whose customer.
    pub tenant: String,
    /// The customer.
    pub customer: String,
    /// The unit.
    pub unit: String,
    /// Kept out of every sum.
    pub test: bool,
    /// Since when an operator has it frozen.
    pub frozen_since: Option<Timestamp>,
    /// Closed. Reserved: no method closes one yet.
    pub closed: bool,
    /// What it may owe and still spend.
    pub overdraft_limit: Credits,
    /// Levels of available − owed whose crossing is a signal; ascending.
    pub thresholds: Vec<Credits>,
    /// Rises with each change of its settings.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Number of its last transaction; 0 before the first.
    pub head: i64,
    /// Hash of its last transaction; before the first, of its id.
    pub hash: Hash,
    /// Time of its last transaction.
    pub last_at: Timestamp,
    /// Σ rest of live grants.
    pub available: Credits,
    /// Σ rest of scheduled grants.
    pub scheduled: Credits,
    /// Σ rest of frozen grants.
    pub frozen: Credits,
    /// Σ of open holds.
    pub held: Credits,
    /// Σ rest of lots, and what open holds borrowed.
    pub owed: Credits,
    /// Lifetime issued, net of reversals.
    pub granted: Credits,
    /// Lifetime spent, net of reversals.
    pub spent: Credits,
    /// Lifetime expired.
    pub expired: Credits,
    /// Lifetime revoked.
    pub revoked: Credits,
    /// Open grants (rest or held above zero), in the order of their opening.
    pub grants: Vec<Grant>,
    /// Unpaid lots, oldest first.
    pub lots: Vec<Lot>,
    /// No booking is due before this instant. A lower bound: it may be early, never late.
    pub next_due: Option<Timestamp>,
}

/// A transaction that a Reverse names, with what was undone and repaid of it so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The transaction.
    pub transaction: Transaction,
    /// Its reversals so far, oldest first.
    pub reversals: Vec<Transaction>,
    /// What was repaid of the lot it made, oldest first: by which grant (`None`: a write-off, or an ONLY
    /// grant straight from issued, whose id is then in the posting's grant), and how much.
    pub repayments: Vec<Repayment>,
}

/// One repayment of a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repayment {
    /// The lot.
    pub owed_seq: i64,
    /// The transaction that repaid.
    pub seq: i64,
    /// Place among that transaction's postings, from 1.
    pub ordinal: u32,
    /// The grant that paid; `None` for a write-off.
    pub grant: Option<GrantId>,
    /// How much.
    pub amount: Credits,
}

/// What an operation on one wallet is decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletState {
    /// The row.
    pub wallet: Wallet,
    /// Holds loaded: those that operations of the batch name, and, where something is due, all open ones.
    /// Expired holds that may still be settled late are rows too.
    pub holds: BTreeMap<HoldId, Hold>,
    /// Closed grants loaded because an operation may return credits to them or names them.
    pub closed_grants: BTreeMap<GrantId, Grant>,
    /// Past transactions loaded: those that a Reverse names, and the Reserves of holds that have no row.
    pub past: BTreeMap<i64, Past>,
}

impl Wallet {
    /// A wallet before its first transaction.
    #[must_use]
    pub fn new(tenant: &str, customer: &str, unit: &str, shard: Shard, now: Timestamp) -> Self {
        let id = WalletId::of(tenant, customer, unit);
        Self {
            id,
            shard,
            tenant: tenant.to_owned(),
            customer: customer.to_owned(),
            unit: unit.to_owned(),
            test: false,
            frozen_since: None,
            closed: false,
            overdraft_limit: Credits::ZERO,
            thresholds: Vec::new(),
            version: 0,
            created_at: now,
            head: 0,
            hash: Hash::of(&[&id.0]),
            last_at: Timestamp::EPOCH,
            available: Credits::ZERO,
            scheduled: Credits::ZERO,
            frozen: Credits::ZERO,
            held: Credits::ZERO,
            owed: Credits::ZERO,
            granted: Credits::ZERO,
            spent: Credits::ZERO,
            expired: Credits::ZERO,
            revoked: Credits::ZERO,
            grants: Vec::new(),
            lots: Vec::new(),
            next_due: None,
        }
    }

    /// Rule 1, and nothing below zero. A fault here is ours: better to stop than to write it.
    pub fn assert_conserved(&self) {
        let left = self.granted - self.spent - self.expired - self.revoked;
        let right = self.available + self.scheduled + self.frozen + self.held - self.owed;
        assert_eq!(left, right, "rule 1 does not hold in wallet {}", self.id);
        let balances = [self.available, self.scheduled, self.frozen, self.held, self.owed, self.granted];
        let totals = [self.spent, self.expired, self.revoked];
        let below = balances.into_iter().chain(totals).any(Credits::is_negative);
        assert!(!below, "a balance of wallet {} is below zero", self.id);
    }

    /// What is owed outside open holds.
    #[must_use]
    pub fn unpaid(&self) -> Credits {
        self.lots.iter().map(|lot| lot.rest).sum()
    }

    /// Something falls due at `at`, too.
    pub fn due_by(&mut self, at: Timestamp) {
        self.next_due = Some(self.next_due.map_or(at, |due| due.min(at)));
    }

    /// Notes when a grant that opens will become effective and expire.
    pub fn due_for_grant(
        &mut self,
        state: GrantState,
        effective_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) {
        if state == GrantState::Scheduled {
            self.due_by(effective_at);
        }
        if let Some(at) = expires_at {
            self.due_by(at);
        }
    }

    /// max(0, owed − overdraft limit).
    #[must_use]
    pub fn debt(&self) -> Credits {
        self.owed.minus_or_zero(self.overdraft_limit)
    }
}

impl WalletState {
    /// A wallet with nothing loaded beside its row.
    #[must_use]
    pub fn of(wallet: Wallet) -> Self {
        Self { wallet, holds: BTreeMap::new(), closed_grants: BTreeMap::new(), past: BTreeMap::new() }
    }
}
