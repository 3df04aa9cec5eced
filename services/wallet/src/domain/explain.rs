//! Rule 12: what a transaction did to grants and debts, told from its postings alone, and one plain sentence.

use chit_types::{Account, Credits, TransactionKind};

use super::grant::GrantId;
use super::transaction::{Posting, Transaction};

/// What a transaction did, summed from its postings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Spent from grants, in the order they were drained.
    pub draws: Vec<(GrantId, Credits)>,
    /// Returned to grants, in order; a regrant counts for the new grant.
    pub returns: Vec<(GrantId, Credits)>,
    /// Spent in all: drawn and owed.
    pub spent: Credits,
    /// What of it returned.
    pub unspent: Credits,
    /// What became owed by spending.
    pub owed_added: Credits,
    /// What was repaid of debts.
    pub repaid: Credits,
    /// What moved to revoked.
    pub revoked: Credits,
    /// What expired.
    pub expired: Credits,
    /// What was reserved.
    pub reserved: Credits,
    /// What left holds without being spent.
    pub released: Credits,
}

/// Sums a transaction's postings.
#[must_use]
pub fn effect(t: &Transaction) -> Effect {
    let mut effect = Effect::default();
    for p in &t.postings {
        fold(&mut effect, p);
    }
    effect
}

fn fold(effect: &mut Effect, p: &Posting) {
    match (p.from, p.to) {
        (_, Account::Spent) => {
            effect.spent += p.amount;
            match p.grant {
                Some(grant) => push(&mut effect.draws, grant, p.amount),
                None => effect.owed_added += p.amount,
            }
        }
        (Account::Spent, _) => {
            effect.unspent += p.amount;
            if let (Some(grant), Account::Available | Account::Frozen) = (p.to_grant.or(p.grant), p.to) {
                push(&mut effect.returns, grant, p.amount);
            }
        }
        (Account::Owed, Account::Held) | (_, Account::Held) => effect.reserved += p.amount,
        (Account::Held, Account::Available | Account::Frozen | Account::Owed) => effect.released += p.amount,
        (Account::Owed, Account::Revoked) => {
            effect.revoked += p.amount;
            effect.owed_added += p.amount;
        }
        (_, Account::Owed) => effect.repaid += p.amount,
        (from, Account::Revoked) => {
            effect.revoked += p.amount;
            effect.released += if from == Account::Held { p.amount } else { Credits::ZERO };
        }
        (from, Account::Expired) => {
            effect.expired += p.amount;
            effect.released += if from == Account::Held { p.amount } else { Credits::ZERO };
        }
        _ => {}
    }
}

fn push(list: &mut Vec<(GrantId, Credits)>, grant: GrantId, amount: Credits) {
    match list.iter_mut().find(|(id, _)| *id == grant) {
        Some((_, sum)) => *sum += amount,
        None => list.push((grant, amount)),
    }
}

/// One sentence for the wallet's owner.
#[must_use]
pub fn sentence(t: &Transaction) -> String {
    let effect = effect(t);
    let what = if t.event_type.is_empty() { String::new() } else { format!(" for {}", t.event_type) };
    let owed = if effect.owed_added.is_positive() {
        format!(", {} of them owed", effect.owed_added)
    } else {
        String::new()
    };
    let forgiven =
        if t.forgiven.is_positive() { format!("; {} were not charged", t.forgiven) } else { String::new() };
    match t.kind {
        TransactionKind::Grant | TransactionKind::Renew if effect.repaid.is_positive() => {
            format!("{} credits were added, {} of them repaid what was owed", t.amount, effect.repaid)
        }
        TransactionKind::Grant | TransactionKind::Renew => format!("{} credits were added", t.amount),
        TransactionKind::Activate => format!("{} credits became available", t.amount),
        TransactionKind::ExpireGrant => format!("{} credits expired", effect.expired),
        TransactionKind::Revoke => format!("{} credits were taken back", effect.revoked),
        TransactionKind::Freeze => format!("{} credits were set aside by a dispute", t.amount),
        TransactionKind::Unfreeze => format!("{} credits were freed", t.amount),
        TransactionKind::Reserve | TransactionKind::Extend => {
            format!("{} credits were reserved{what}", t.amount)
        }
        TransactionKind::Commit if effect.unspent > effect.spent => {
            format!("{} credits were returned{what}", effect.unspent - effect.spent)
        }
        TransactionKind::Commit | TransactionKind::Deduct => {
            format!("{} credits were charged{what}{owed}{forgiven}", effect.spent)
        }
        TransactionKind::Release | TransactionKind::ExpireHold => {
            format!("{} reserved credits were given back{what}", effect.released)
        }
        TransactionKind::Adjust => format!("the balance was corrected by {} credits", t.amount),
        TransactionKind::WriteOff => format!("{} owed credits were forgiven", t.amount),
        TransactionKind::Reverse => format!("{} credits were returned{what}", effect.unspent),
        TransactionKind::TransferOut => format!("{} credits were sent to another wallet", t.amount),
        TransactionKind::TransferIn => format!("{} credits came from another wallet", t.amount),
        TransactionKind::ConvertOut | TransactionKind::ConvertIn => {
            "the credits were converted to another unit".to_owned()
        }
        TransactionKind::Close => "the wallet was closed".to_owned(),
    }
}
