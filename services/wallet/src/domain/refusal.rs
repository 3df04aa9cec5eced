//! Why an operation was not accepted. Each variant is one reason of the contract, with its facts.

use chit_types::{Credits, Origin, Timestamp, TransactionKind};

use super::grant::GrantId;
use super::hold::HoldId;

/// A refusal. It stores nothing; bookings of what was due before it stay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The wallet cannot cover the amount.
    #[error("{required} credits are needed and {spendable} are spendable")]
    InsufficientCredits {
        /// What it asked for.
        required: Credits,
        /// All that is available.
        available: Credits,
        /// What is spendable on its event type.
        spendable: Credits,
        /// What is owed.
        owed: Credits,
        /// What may be owed.
        overdraft_limit: Credits,
        /// False where there is no such wallet.
        wallet_exists: bool,
    },
    /// The wallet is in debt.
    #[error("the wallet owes {debt} credits beyond its overdraft limit; they are repaid by the next grant")]
    WalletInDebt {
        /// Beyond the limit.
        debt: Credits,
        /// In all.
        owed: Credits,
        /// What may be owed.
        overdraft_limit: Credits,
        /// What it asked for.
        required: Credits,
        /// What is spendable on its event type.
        spendable: Credits,
    },
    /// An operator froze the wallet.
    #[error("the wallet is frozen since {since}")]
    WalletFrozen {
        /// Since when.
        since: Timestamp,
    },
    /// The wallet is closed.
    #[error("the wallet is closed")]
    WalletClosed,
    /// No such wallet.
    #[error("there is no such wallet")]
    WalletNotFound,
    /// The tenant has no such unit.
    #[error("there is no unit {unit:?}; declare it in the settings first")]
    UnitUnknown {
        /// The unit.
        unit: String,
    },
    /// The key was used before with other content.
    #[error("the idempotency key was used before for other content")]
    IdempotencyKeyReused {
        /// The transaction it made.
        seq: i64,
    },
    /// No such hold.
    #[error("there is no such hold in this wallet")]
    HoldNotFound {
        /// The hold.
        hold: HoldId,
    },
    /// The hold ended.
    #[error("the hold was committed or released before")]
    HoldClosed {
        /// The hold.
        hold: HoldId,
    },
    /// The hold ran out.
    #[error("the hold ran out at {expired_at}; only a final commit may still settle it")]
    HoldExpired {
        /// The hold.
        hold: HoldId,
        /// When.
        expired_at: Timestamp,
    },
    /// Above the hold, and overruns are rejected.
    #[error("the total is {shortfall} credits above the hold")]
    OverrunRejected {
        /// The hold.
        hold: HoldId,
        /// What it holds.
        held: Credits,
        /// What is needed of it now.
        required: Credits,
        /// The difference.
        shortfall: Credits,
    },
    /// A part below what is committed.
    #[error("a total of {total} is below the {committed} credits committed; only a final total may be lower")]
    TotalDecreased {
        /// The hold.
        hold: HoldId,
        /// Committed so far.
        committed: Credits,
        /// What it said.
        total: Credits,
    },
    /// The hold or transaction belongs to another origin.
    #[error("it belongs to the {} service or client", origin.word())]
    WrongOrigin {
        /// Whose it is.
        origin: Origin,
    },
    /// No such grant.
    #[error("there is no such grant in this wallet")]
    GrantNotFound {
        /// The grant.
        grant: GrantId,
    },
    /// The grant is closed.
    #[error("the grant is closed")]
    GrantClosed {
        /// The grant.
        grant: GrantId,
    },
    /// The grant's rest is below the amount.
    #[error("{required} credits cannot be taken from a rest of {rest}")]
    GrantRestTooSmall {
        /// The grant.
        grant: GrantId,
        /// Its rest.
        rest: Credits,
        /// What it asked for.
        required: Credits,
    },
    /// The grant was renewed before.
    #[error("the grant was renewed before, under another key")]
    AlreadyRenewed {
        /// The grant.
        grant: GrantId,
    },
    /// An expiry that is not after the start and the present.
    #[error("expires_at {expires_at} is not after the grant's start and the present, {now}")]
    ExpiryNotAhead {
        /// What it said.
        expires_at: Timestamp,
        /// The present, or the start where that is later.
        now: Timestamp,
    },
    /// No such transaction.
    #[error("there is no transaction {seq} in this wallet")]
    TransactionNotFound {
        /// Its number.
        seq: i64,
    },
    /// Only Deduct and Commit can be reversed.
    #[error("a {} cannot be reversed; only a deduct or commit can", kind.word())]
    NotReversible {
        /// Its number.
        seq: i64,
        /// What it is.
        kind: TransactionKind,
    },
    /// Reversals would exceed the amount.
    #[error("{required} credits cannot be reversed: {reversed} of {amount} are reversed already")]
    ReversalTooLarge {
        /// Its number.
        seq: i64,
        /// What it spent.
        amount: Credits,
        /// Reversed so far.
        reversed: Credits,
        /// What it asked for.
        required: Credits,
    },
    /// More than what is owed outside open holds.
    #[error("{required} credits cannot be written off: {owed} are owed outside open holds")]
    WriteOffTooLarge {
        /// Unpaid lots.
        owed: Credits,
        /// What it asked for.
        required: Credits,
    },
    /// Down beyond what is spendable.
    #[error("{required} credits cannot be taken out: {spendable} are spendable")]
    AdjustmentTooLarge {
        /// What it asked for.
        required: Credits,
        /// What is spendable.
        spendable: Credits,
    },
    /// The hold's total life would pass the limit.
    #[error("the hold's life would pass {limit_seconds} seconds")]
    HoldLifeExceeded {
        /// The tenant's limit.
        limit_seconds: u64,
    },
    /// A balance would leave the range of an amount.
    #[error("a balance would leave the range of an amount")]
    BalanceOverflow,
}

impl Refusal {
    /// For want of credits: worth a signal in the feed.
    #[must_use]
    pub fn is_for_want_of_credits(&self) -> bool {
        matches!(self, Refusal::InsufficientCredits { .. } | Refusal::WalletInDebt { .. })
    }
}
