//! What must hold after every step, told from postings alone where the rules keep sums of their own.

use std::collections::BTreeMap;

use chit_types::{Account, Credits, Timestamp, TransactionKind};

use super::desk::Desk;
use crate::domain::{Grant, GrantId, GrantState, Hold, HoldId, HoldState, OwedPolicy, Posting, Transaction};

/// Everything at once.
pub fn check(desk: &Desk) {
    check_sums(desk);
    check_next_due(desk);
    for t in &desk.transactions {
        check_amount(t);
        check_time(desk, t);
        t.postings.iter().for_each(|p| check_grant_use(desk, t, p));
    }
    check_grants(desk);
    check_charges(desk);
}

fn sum(postings: &[Posting], of: impl Fn(&Posting) -> bool) -> Credits {
    postings.iter().filter(|p| of(p)).map(|p| p.amount).sum()
}

/// The row's balances are the sums of its grants, holds and lots.
fn check_sums(desk: &Desk) {
    let w = &desk.wallet;
    let rest =
        |state: GrantState| -> Credits { w.grants.iter().filter(|g| g.state == state).map(|g| g.rest).sum() };
    assert_eq!(rest(GrantState::Live), w.available);
    assert_eq!(rest(GrantState::Scheduled), w.scheduled);
    let holds: Vec<&Hold> = desk.holds.values().filter(|h| h.state == HoldState::Open).collect();
    let borrowed: Credits = holds.iter().map(|h| h.borrowed).sum();
    assert_eq!(holds.iter().map(|h| h.held()).sum::<Credits>(), w.held);
    assert_eq!(w.unpaid() + borrowed, w.owed);
    for grant in &w.grants {
        let draws = holds.iter().flat_map(|h| &h.draws).filter(|d| d.grant == grant.id);
        assert_eq!(draws.map(|d| d.held).sum::<Credits>(), grant.held);
    }
}

/// Nothing is due before the row says so.
fn check_next_due(desk: &Desk) {
    let grants = desk.wallet.grants.iter().filter(|g| g.rest.is_positive());
    let instants = grants.filter_map(|g| match g.state {
        GrantState::Scheduled => Some(g.effective_at),
        GrantState::Live => g.expires_at,
        GrantState::Frozen | GrantState::Spent | GrantState::Expired | GrantState::Revoked => None,
    });
    let holds = desk.holds.values().filter(|h| h.state == HoldState::Open);
    let first = instants.chain(holds.map(Hold::due_at)).min();
    if let Some(first) = first {
        let noted = desk.wallet.next_due;
        assert!(noted.is_some_and(|due| due <= first), "{first} is due, {noted:?} is noted");
    }
}

/// A transaction's amount is what its postings move.
fn check_amount(t: &Transaction) {
    let moved = |of: &dyn Fn(&Posting) -> bool| sum(&t.postings, of);
    let told = match t.kind {
        TransactionKind::Grant | TransactionKind::Renew | TransactionKind::WriteOff => {
            moved(&|p| p.from == Account::Issued)
        }
        TransactionKind::Activate => moved(&|p| p.from == Account::Scheduled),
        TransactionKind::ExpireGrant => moved(&|p| p.to == Account::Expired),
        TransactionKind::Revoke => moved(&|p| p.to == Account::Revoked && p.grant == t.grant)
            .minus_or_zero(moved(&|p| p.from == Account::Owed)),
        TransactionKind::Reserve | TransactionKind::Extend => moved(&|p| p.to == Account::Held),
        TransactionKind::Release | TransactionKind::ExpireHold => moved(&|p| p.from == Account::Held),
        TransactionKind::Deduct => moved(&|p| p.to == Account::Spent) + t.forgiven,
        TransactionKind::Adjust => {
            moved(&|p| p.from == Account::Issued) - moved(&|p| p.to == Account::Revoked)
        }
        TransactionKind::Reverse => moved(&|p| p.from == Account::Spent),
        TransactionKind::Commit => return,
        _ => panic!("no operation makes a {:?}", t.kind),
    };
    assert_eq!(told, t.amount, "{t:#?}");
}

/// A booking is dated at the instant that was due.
fn check_time(desk: &Desk, t: &Transaction) {
    let grant = t.grant.map(|id| grant(desk, id));
    let due = match t.kind {
        TransactionKind::Activate => grant.map(|g| g.effective_at),
        TransactionKind::ExpireGrant => grant.and_then(|g| g.expires_at),
        TransactionKind::ExpireHold => t.hold.map(|id| due_at(desk, id)),
        _ => return,
    };
    assert_eq!(Some(t.at), due, "{t:#?}");
}

fn due_at(desk: &Desk, id: HoldId) -> Timestamp {
    let made = desk.transactions.iter().filter(|t| t.hold == Some(id));
    let terms = made.filter_map(|t| t.hold_terms).next_back().expect("a hold has terms");
    terms.expires_at + terms.grace
}

fn grant(desk: &Desk, id: GrantId) -> &Grant {
    let open = desk.wallet.grants.iter().find(|g| g.id == id);
    open.unwrap_or_else(|| &desk.grants[&id])
}

/// Who may take from a grant, and when.
fn check_grant_use(desk: &Desk, t: &Transaction, p: &Posting) {
    let Some(grant) = p.grant.map(|id| grant(desk, id)) else {
        return;
    };
    if p.from != Account::Available {
        return;
    }
    let gone = grant.has_expired(t.at) && p.to != Account::Expired;
    assert!(!gone && t.at >= grant.effective_at, "{p:?} of {grant:?} at {}", t.at);
    if matches!(p.to, Account::Spent | Account::Held) {
        assert!(grant.applies_to(&t.event_type), "{p:?} of {grant:?} for {}", t.event_type);
    }
    if p.to == Account::Owed {
        let repays = grant.is_general() && grant.owed_policy != OwedPolicy::Never;
        assert!(repays, "{p:?} of {grant:?}");
    }
}

/// What a grant gave is what its postings say, and no revocation takes more than was granted.
fn check_grants(desk: &Desk) {
    let mut used: BTreeMap<GrantId, Credits> = BTreeMap::new();
    let mut revoked: BTreeMap<GrantId, Credits> = BTreeMap::new();
    let all = desk.transactions.iter().flat_map(|t| &t.postings);
    for (id, p) in all.filter_map(|p| Some((p.grant?, p))) {
        if p.to == Account::Revoked {
            *revoked.entry(id).or_default() += p.amount;
        }
        let sum = used.entry(id).or_default();
        if matches!(p.to, Account::Spent) || (p.to == Account::Owed && p.from != Account::Spent) {
            *sum += p.amount;
        }
        if p.from == Account::Spent && p.to_grant.is_none() {
            *sum -= p.amount;
        }
    }
    for (id, used) in used {
        let grant = grant(desk, id);
        assert_eq!(grant.amount - grant.removed - grant.rest - grant.held, used, "{grant:?}");
        let taken = revoked.get(&id).copied().unwrap_or_default();
        assert!(taken <= grant.amount, "{taken} of {grant:?} are revoked");
    }
}

/// A Commit charges its total less what the hold was charged before. Reversals of its parts may leave less to lower.
fn check_charges(desk: &Desk) {
    let mut charged: BTreeMap<HoldId, Credits> = BTreeMap::new();
    for t in desk.transactions.iter().filter(|t| t.kind == TransactionKind::Commit) {
        let id = t.hold.expect("a Commit names its hold");
        let sum = charged.entry(id).or_default();
        *sum += sum_of(t);
        let total = t.committed.expect("a Commit states its total");
        if t.closed_hold {
            let reversed = desk
                .transactions
                .iter()
                .any(|r| r.kind == TransactionKind::Reverse && r.hold == Some(id) && r.amount.is_positive());
            let due = total - t.forgiven;
            assert!(*sum == due || (reversed && *sum > due), "{sum} charged: {t:#?}");
        }
    }
    for hold in desk.holds.values() {
        let sum = charged.get(&hold.id).copied().unwrap_or_default();
        assert_eq!(sum, hold.committed - hold.uncharged, "{hold:?}");
    }
}

fn sum_of(t: &Transaction) -> Credits {
    sum(&t.postings, |p| p.to == Account::Spent) - sum(&t.postings, |p| p.from == Account::Spent)
}
