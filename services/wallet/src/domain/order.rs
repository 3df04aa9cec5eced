//! Rule 6: which grants an operation may spend, and in which order. Total and stable.

use std::cmp::Ordering;

use chit_types::{Credits, Timestamp};

use super::grant::{Grant, GrantState};
use super::wallet::Wallet;

/// Which grants an operation draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// All that apply to the event type.
    Applying(&'a str),
    /// Only those restricted to the event type.
    Restricted(&'a str),
    /// Only purchased ones, whatever they are restricted to: to settle a revocation.
    Purchased,
}

/// Lower priority number; restricted before general; sooner expiry, never last; lower cost basis; earlier effective
/// time; id.
#[must_use]
pub fn spending_order(a: &Grant, b: &Grant) -> Ordering {
    let key = |g: &Grant| {
        (g.priority, g.is_general(), g.expires_at.is_none(), g.expires_at, g.cost_basis, g.effective_at, g.id)
    };
    key(a).cmp(&key(b))
}

impl Reach<'_> {
    fn covers(self, grant: &Grant) -> bool {
        match self {
            Reach::Applying(event_type) => grant.applies_to(event_type),
            Reach::Restricted(event_type) => !grant.is_general() && grant.applies_to(event_type),
            Reach::Purchased => grant.source == super::grant::GrantSource::Purchase,
        }
    }

    fn draws_on(self, grant: &Grant, now: Timestamp) -> bool {
        grant.state == GrantState::Live
            && grant.rest.is_positive()
            && !grant.has_expired(now)
            && self.covers(grant)
    }

    /// What can be spent.
    #[must_use]
    pub fn total(self, wallet: &Wallet, now: Timestamp) -> Credits {
        wallet.grants.iter().filter(|g| self.draws_on(g, now)).map(|g| g.rest).sum()
    }

    /// The grant to spend from next: its place in the wallet's row.
    #[must_use]
    pub fn next(self, wallet: &Wallet, now: Timestamp) -> Option<usize> {
        let live = wallet.grants.iter().enumerate().filter(|(_, g)| self.draws_on(g, now));
        live.min_by(|(_, a), (_, b)| spending_order(a, b)).map(|(index, _)| index)
    }
}

/// What an operation for this event type may spend, with everything due booked. Without an event type only general
/// grants count.
#[must_use]
pub fn spendable(wallet: &Wallet, event_type: &str) -> Credits {
    let live = wallet.grants.iter().filter(|g| g.state == GrantState::Live && g.applies_to(event_type));
    live.map(|g| g.rest).sum()
}

/// When the next live grant with a rest expires.
#[must_use]
pub fn next_expiry(wallet: &Wallet) -> Option<Timestamp> {
    let live = wallet.grants.iter().filter(|g| g.state == GrantState::Live && g.rest.is_positive());
    live.filter_map(|g| g.expires_at).min()
}
