//! What is asked of a wallet.

use std::collections::BTreeMap;
use std::time::Duration;

use chit_types::{Credits, Fingerprint, KeyHash, Origin, Timestamp};

use super::grant::{GrantId, GrantSource, OwedPolicy, Paid};
use super::hold::HoldId;

/// What any operation may say about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The billable action's stable name; empty for none.
    pub event_type: String,
    /// Whom the spend is attributed to.
    pub subjects: Vec<String>,
    /// The caller's reference.
    pub reference: String,
    /// The description.
    pub description: String,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
}

/// An operation with everything around it that is a fact of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who asks.
    pub origin: Origin,
    /// Holds the scope `wallet.override`: may end what belongs to another origin.
    pub may_override: bool,
    /// The idempotency key, hashed with origin, kind and part.
    pub key: KeyHash,
    /// The content, as the caller sent it.
    pub fingerprint: Fingerprint,
    /// What it says about itself.
    pub details: Details,
    /// What is asked.
    pub operation: Operation,
}

/// What a Deduct does when the wallet cannot cover it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnInsufficient {
    /// Nothing is taken.
    #[default]
    Refuse,
    /// The rest becomes owed.
    Record,
    /// The rest is forgiven.
    Cap,
}

/// What a Commit does with an amount above the hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOverrun {
    /// Spendable credits, then owed.
    #[default]
    Record,
    /// Spendable credits; the rest is forgiven when the hold closes.
    Cap,
    /// Nothing changes.
    Reject,
}

/// What becomes of credits of a revoked grant that were spent already. Numbers as in the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum RevokeShortfall {
    /// Let go, and said so.
    #[default]
    Waive = 1,
    /// They become owed.
    Owe = 2,
    /// Taken from other purchased grants, then owed.
    OtherGrants = 3,
}

/// Everything a wallet can be asked to do, and, last, what it books by itself when it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Put a lot in.
    Grant(NewGrant),
    /// Renew an allowance.
    Renew(Renewal),
    /// Take credits back from a grant; `amount` `None` means all of it.
    Revoke {
        /// The grant.
        grant: GrantId,
        /// From its rest; `None` closes the grant.
        amount: Option<Credits>,
        /// What becomes of credits already spent.
        shortfall: RevokeShortfall,
    },
    /// Hold credits.
    Reserve {
        /// Zero or more.
        amount: Credits,
        /// `None` means the tenant's setting.
        ttl: Option<Duration>,
    },
    /// Add to a hold.
    Extend {
        /// The hold.
        hold: HoldId,
        /// Added to its amount.
        amount: Credits,
        /// Its new life from now; `None` leaves the expiry.
        ttl: Option<Duration>,
    },
    /// Settle a hold.
    Commit {
        /// The hold.
        hold: HoldId,
        /// Cumulative.
        total: Credits,
        /// Closes the hold.
        close: CommitClose,
        /// What to do above the hold.
        on_overrun: OnOverrun,
    },
    /// Give a hold back.
    Release {
        /// The hold.
        hold: HoldId,
    },
    /// Take credits at once.
    Deduct {
        /// Zero or more.
        amount: Credits,
        /// What to do when they are not there.
        on_insufficient: OnInsufficient,
    },
    /// Correct, up or down; never zero.
    Adjust {
        /// Signed.
        amount: Credits,
    },
    /// Forgive owed credits.
    WriteOff {
        /// Above zero.
        amount: Credits,
    },
    /// Undo a Deduct or a Commit.
    Reverse {
        /// Its number.
        transaction: i64,
        /// `None` means all that is not reversed yet.
        amount: Option<Credits>,
    },
}

/// Whether a Commit ends its hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommitClose {
    /// It is final.
    #[default]
    Final,
    /// Further parts may come.
    KeepOpen,
}

/// A lot to put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// Above zero.
    pub amount: Credits,
    /// Where it comes from.
    pub source: GrantSource,
    /// Lower is spent first.
    pub priority: u16,
    /// `None` means at once.
    pub effective_at: Option<Timestamp>,
    /// `None` means never (or, with a period, its end and the renewal grace).
    pub expires_at: Option<Timestamp>,
    /// Empty means all.
    pub event_types: Vec<String>,
    /// What was paid.
    pub paid: Option<Paid>,
    /// In 1e-9 of the reporting currency per credit.
    pub cost_basis: i64,
    /// How it meets what is owed.
    pub owed_policy: OwedPolicy,
    /// End of its period.
    pub period_end: Option<Timestamp>,
}

/// The next period of an allowance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The old allowance.
    pub grant: GrantId,
    /// The new allowance's amount.
    pub amount: Credits,
    /// End of the new period.
    pub period_end: Timestamp,
    /// `None` means the period's end and the renewal grace.
    pub expires_at: Option<Timestamp>,
    /// At most this much rolls over.
    pub rollover_cap: Credits,
    /// Lets rolled credits roll again.
    pub roll_again: bool,
    /// What was paid for the new period.
    pub paid: Option<Paid>,
    /// In 1e-9 of the reporting currency per credit.
    pub cost_basis: i64,
    /// How the new allowance meets what is owed.
    pub owed_policy: OwedPolicy,
}
