//! A grant: a lot of credits put into a wallet, and what of it is left.

use chit_types::{Credits, Timestamp};

/// A grant's UUIDv7; its public id adds the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(pub [u8; 16]);

/// Where a grant came from. Numbers as in the contract; they enter the hash chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum GrantSource {
    /// Given away.
    Promotion = 1,
    /// Bought.
    Purchase = 2,
    /// Bonus of a purchase.
    Bonus = 3,
    /// A plan's allowance.
    Allowance = 4,
    /// Rolled over from the period before.
    Rollover = 5,
    /// An operator's adjustment.
    Adjustment = 6,
    /// Returned by a reversal to a grant that had expired.
    Regrant = 7,
    /// Compensation for a price change.
    Compensation = 8,
    /// Received from another wallet. Reserved.
    Transfer = 9,
    /// Received by a conversion. Reserved.
    Conversion = 10,
    /// Repays a period's billed overage. Reserved.
    Overage = 11,
}

/// How a grant meets what is owed. Numbers as in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum OwedPolicy {
    /// Repays owed lots first, the rest becomes available.
    RepayFirst = 1,
    /// Never repays.
    Never = 2,
    /// Repays all it can when it opens, straight from issued; the rest becomes available.
    Only = 3,
}

/// Where a grant stands. `Frozen` and `Revoked` concern the whole grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum GrantState {
    /// Not yet effective: its rest is in `scheduled`.
    Scheduled = 1,
    /// Its rest is in `available`.
    Live = 2,
    /// Its rest is in `frozen`.
    Frozen = 3,
    /// Spent to the end: rest and held are zero. Credits may still return to it.
    Spent = 4,
    /// Expired: rest is zero; open holds may still have some of it.
    Expired = 5,
    /// Revoked whole: rest is zero; open holds may still have some of it.
    Revoked = 6,
}

/// What the buyer paid for a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// In 1e-9 of the currency.
    pub nanos: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A lot of credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Where it came from.
    pub source: GrantSource,
    /// What was granted.
    pub amount: Credits,
    /// What is left of it outside holds, in the account its state names.
    pub rest: Credits,
    /// What open holds have of it.
    pub held: Credits,
    /// Lower is spent first.
    pub priority: u16,
    /// When it became or becomes available.
    pub effective_at: Timestamp,
    /// Exclusive; `None` means never.
    pub expires_at: Option<Timestamp>,
    /// Event types it may be spent on; empty means all: a general grant.
    pub event_types: Vec<String>,
    /// In 1e-9 of the reporting currency per credit.
    pub cost_basis: i64,
    /// How it meets what is owed.
    pub owed_policy: OwedPolicy,
    /// End of its period, for an allowance.
    pub period_end: Option<Timestamp>,
    /// It holds credits rolled over.
    pub rollover: bool,
    /// What was paid for it.
    pub paid: Option<Paid>,
    /// Where it stands.
    pub state: GrantState,
    /// It is over for renewals: a renewal took its rest.
    pub renewed: bool,
    /// What becomes of claimed credits that a Commit spends: set by the revocation.
    pub revoke_shortfall: Option<super::operation::RevokeShortfall>,
    /// What left it otherwise than by spending: revoked, rolled over or expired.
    pub removed: Credits,
    /// The transaction that opened it.
    pub opened_by: i64,
}

impl Grant {
    /// May be spent on this event type. Without one, only general grants may.
    #[must_use]
    pub fn applies_to(&self, event_type: &str) -> bool {
        self.event_types.is_empty()
            || (!event_type.is_empty() && self.event_types.iter().any(|t| t == event_type))
    }

    /// May be spent on anything, and so may repay what is owed.
    #[must_use]
    pub fn is_general(&self) -> bool {
        self.event_types.is_empty()
    }

    /// Still belongs in the wallet's row: something is left of it, or in holds.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.rest.is_positive() || self.held.is_positive()
    }

    /// Meets what is owed from its rest.
    #[must_use]
    pub fn repays(&self, now: Timestamp) -> bool {
        self.state == GrantState::Live
            && self.rest.is_positive()
            && self.is_general()
            && self.owed_policy == OwedPolicy::RepayFirst
            && !self.has_expired(now)
    }

    /// Past its expiry at `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

macro_rules! from_number {
    ($name:ident { $($variant:ident),+ }) => {
        impl $name {
            /// The number used in hashes, protos and SQL.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The value with this number.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                $(if number == $name::$variant as u8 { return Some($name::$variant); })+
                None
            }
        }
    };
}
from_number!(GrantSource {
    Promotion,
    Purchase,
    Bonus,
    Allowance,
    Rollover,
    Adjustment,
    Regrant,
    Compensation,
    Transfer,
    Conversion,
    Overage
});
from_number!(OwedPolicy { RepayFirst, Never, Only });
from_number!(GrantState { Scheduled, Live, Frozen, Spent, Expired, Revoked });
