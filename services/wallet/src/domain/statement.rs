//! A wallet's history for its owner: what, how much, and the balance after it.

use chit_types::{Account, Credits, TransactionKind};

use super::transaction::Transaction;

/// What a transaction changed of available + held − owed: what the owner has, holds included.
#[must_use]
pub fn change(t: &Transaction) -> Credits {
    let side = |account: Account, amount: Credits| match account {
        Account::Available | Account::Held => amount,
        Account::Owed => amount,
        Account::Issued
        | Account::Scheduled
        | Account::Frozen
        | Account::Spent
        | Account::Expired
        | Account::Revoked => Credits::ZERO,
    };
    t.postings.iter().map(|p| side(p.to, p.amount) - side(p.from, p.amount)).sum()
}

/// available − owed after it.
#[must_use]
pub fn balance(t: &Transaction) -> Credits {
    t.available - t.owed
}

/// Belongs in the owner's history: it changed what the owner has, or it is a charge of nothing.
#[must_use]
pub fn is_line(t: &Transaction) -> bool {
    !change(t).is_zero()
        || t.kind == TransactionKind::Deduct
        || (t.kind == TransactionKind::Commit && t.closed_hold)
}

/// In words: the description given, the event type, or what kind of change it was.
#[must_use]
pub fn what(t: &Transaction) -> String {
    let description = t.text.as_ref().map_or("", |text| text.description.as_str());
    if !description.is_empty() {
        return description.to_owned();
    }
    if !t.event_type.is_empty() {
        return t.event_type.clone();
    }
    if let Some(terms) = t.grants.first() {
        return format!("{:?}", terms.source).to_lowercase();
    }
    t.kind.word().replace('_', " ")
}
