//! What is asked of the desk, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use chit_batch::LaneError;
use chit_types::{Credits, Hash, Shard, ShardCount, WalletId, shard_of};

use crate::domain::{Applied, Envelope, Refusal, Wallet};

/// Names a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WalletRef {
    /// Whose customer.
    pub tenant: Arc<str>,
    /// The tenant's own id of the customer.
    pub customer: String,
    /// The unit.
    pub unit: String,
}

impl WalletRef {
    /// Names the wallet of this tenant's customer in this unit.
    pub fn new(tenant: impl Into<Arc<str>>, customer: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), customer: customer.into(), unit: unit.into() }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> WalletId {
        WalletId::of(&self.tenant, &self.customer, &self.unit)
    }

    /// Its shard, in an installation of so many.
    #[must_use]
    pub fn shard(&self, count: ShardCount) -> Shard {
        shard_of(&self.tenant, &self.customer, count)
    }
}

/// What is asked of a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Apply an operation.
    Apply(Box<Envelope>),
    /// Make the wallet, or change nothing where it exists.
    Create {
        /// What it may owe and still spend.
        overdraft_limit: Credits,
        /// What it is for.
        purpose: Purpose,
    },
    /// Change its settings; what is `None` stays.
    Update {
        /// The version this change was made for; 0 means any.
        version: i64,
        /// What it may owe and still spend.
        overdraft_limit: Option<Credits>,
        /// An operator's freeze.
        freeze: Option<Freeze>,
        /// Levels of available − owed whose crossing is a signal.
        thresholds: Option<Vec<Credits>>,
    },
    /// Book what is due, and nothing else.
    BookDue,
}

/// What a wallet is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A customer's credits.
    #[default]
    Real,
    /// Tests: kept out of every sum.
    Test,
}

/// An operator's freeze of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freeze {
    /// Freeze it, or leave it frozen since when it was.
    Freeze,
    /// Free it.
    Unfreeze,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The operation's transaction and hold; both `None` for commands that apply no operation.
    pub applied: Applied,
    /// The key was used before: this repeats what was done then, with the hold as it is now.
    pub replayed: bool,
    /// The wallet now, with what is due folded in.
    pub wallet: Wallet,
    /// The wallet's hash after the transaction (now, where there is none).
    pub hash: Hash,
    /// The command made the wallet.
    pub created: bool,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A rule says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The wallet's settings are at another version.
    #[error("the wallet is at version {version}")]
    VersionConflict {
        /// The present one.
        version: i64,
    },
    /// The lane's queue is full; nothing was begun.
    #[error("overloaded")]
    Overloaded {
        /// When to come again.
        retry_after: Duration,
    },
    /// The deadline passed before work began.
    #[error("the deadline passed before work began")]
    DeadlinePassed,
    /// The service is closing; nothing was begun.
    #[error("draining")]
    Draining,
    /// The database cannot be reached; it may have been done: repeat it with its key.
    #[error("unavailable: {0}")]
    Unavailable(Arc<str>),
    /// A fault of ours.
    #[error("internal: {0}")]
    Internal(Arc<str>),
}

impl From<LaneError> for Fault {
    fn from(error: LaneError) -> Self {
        match error {
            LaneError::Busy { retry_after } => Fault::Overloaded { retry_after },
            LaneError::DeadlinePassed => Fault::DeadlinePassed,
            LaneError::Draining => Fault::Draining,
            LaneError::Unavailable(why) => Fault::Unavailable(why),
            LaneError::Internal(why) => Fault::Internal(why),
        }
    }
}
