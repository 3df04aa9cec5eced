//! Reverse, rule 10: history is never edited. A reversal undoes unpaid owed credits first, then repayments, then
//! draws, newest first; every leg that returns names the transaction whose spend it returns.

use std::collections::BTreeMap;

use chit_types::{Account, Credits, IdSource, TransactionKind};

use super::apply::{Case, is_reversible};
use super::draft::{Draft, Touch};
use super::grant::{Grant, GrantId, GrantState, OwedPolicy};
use super::operation::RevokeShortfall;
use super::outcome::Applied;
use super::refusal::Refusal;
use super::settings::{ExpiredReversal, REGRANT_LIFE};
use super::transaction::{GrantTerms, Transaction};
use super::wallet::Past;

/// Undoes a Deduct or a Commit.
pub fn reverse(case: &mut Case<'_>, seq: i64, amount: Option<Credits>) -> Result<Applied, Refusal> {
    let past = past(case, seq).ok_or(Refusal::TransactionNotFound { seq })?;
    let kind = past.transaction.kind;
    if !is_reversible(kind) {
        return Err(Refusal::NotReversible { seq, kind });
    }
    case.check_origin(past.transaction.origin)?;
    let (spent, reversed) = (spent_by(&past.transaction), undone(&past));
    let left = spent - reversed;
    let required = amount.unwrap_or(left);
    let nothing_left = amount.is_none() && left.is_zero() && spent.is_positive();
    if required > left || nothing_left {
        return Err(Refusal::ReversalTooLarge { seq, amount: spent, reversed, required });
    }
    let (expired_reversal, ids) = (case.context.settings.expired_reversal, case.context.ids);
    let mut draft = case.draft(required, past.transaction.event_type.clone());
    draft.transaction.reverses = Some(seq);
    draft.transaction.hold = past.transaction.hold;
    undo(&mut draft, &past, required, expired_reversal, ids);
    Ok(Applied::with(draft.seal(), None))
}

/// What a transaction spent by itself.
#[must_use]
pub fn spent_by(transaction: &Transaction) -> Credits {
    transaction.postings.iter().filter(|p| p.to == Account::Spent).map(|p| p.amount).sum()
}

/// What was undone of it so far.
#[must_use]
pub fn undone(past: &Past) -> Credits {
    returns(past).map(|(_, amount)| amount).sum()
}

/// The legs of its reversals: where to, and how much.
fn returns(past: &Past) -> impl Iterator<Item = (Account, Credits)> + '_ {
    let seq = past.transaction.seq;
    let legs = past.reversals.iter().flat_map(|t| &t.postings);
    legs.filter(move |p| p.from == Account::Spent && p.owed_seq == Some(seq)).map(|p| (p.to, p.amount))
}

/// A past transaction, with what this batch added to its story.
pub fn past(case: &Case<'_>, seq: i64) -> Option<Past> {
    let fresh = || {
        let transaction = case.changes.transactions.iter().find(|t| t.seq == seq)?.clone();
        Some(Past { transaction, reversals: Vec::new(), repayments: Vec::new() })
    };
    let mut past = case.state.past.get(&seq).cloned().or_else(fresh)?;
    past.repayments.extend(case.changes.repayments.iter().filter(|r| r.owed_seq == seq));
    let numbers = case.changes.reversals.get(&seq).into_iter().flatten();
    let reversals = numbers.filter_map(|n| case.changes.transactions.iter().find(|t| t.seq == *n));
    past.reversals.extend(reversals.cloned());
    Some(past)
}

/// Several of them.
pub fn pasts(case: &Case<'_>, seqs: &[i64]) -> Vec<Past> {
    seqs.iter().filter_map(|seq| past(case, *seq)).collect()
}

/// Undoes up to `amount` of a transaction; tells how much.
pub fn undo(
    draft: &mut Draft<'_>,
    past: &Past,
    amount: Credits,
    expired: ExpiredReversal,
    ids: &dyn IdSource,
) -> Credits {
    let seq = past.transaction.seq;
    let todo = amount.min(spent_by(&past.transaction) - undone(past));
    if !todo.is_positive() {
        return Credits::ZERO;
    }
    let own = draft.seq();
    draft.changes.reversals.entry(seq).or_default().push(own);
    let unpaid =
        draft.state.wallet.lots.iter().find(|l| l.seq == seq).map_or(Credits::ZERO, |l| l.rest.min(todo));
    if unpaid.is_positive() {
        draft.post(Account::Spent, Account::Owed, unpaid, Touch { owed_seq: Some(seq), ..Touch::default() });
        draft.lower_lot(seq, unpaid);
    }
    let plan = plan(past, todo - unpaid);
    let regrants = open_regrants(draft, &plan, expired, ids);
    for (source, part) in plan {
        let touch = Touch { owed_seq: Some(seq), grant: source, ..Touch::default() };
        match source {
            None => draft.post(Account::Spent, Account::Revoked, part, touch),
            Some(id) => match regrants.get(&id) {
                Some(new) => {
                    draft.grant(*new).rest += part;
                    let touch = Touch { to_grant: Some(*new), ..touch };
                    draft.post(Account::Spent, Account::Available, part, touch);
                }
                None => draft.give_back(Account::Spent, id, part, touch),
            },
        }
    }
    todo
}

/// Where credits return to, in order: who repaid, newest first (`None` is a write-off), then the draws, newest first.
/// Earlier reversals took a prefix of the same order: once a repayment is undone the lot has no rest, so no later one
/// can join.
fn plan(past: &Past, amount: Credits) -> Vec<(Option<GrantId>, Credits)> {
    let repaid = past.repayments.iter().rev().map(|r| (r.grant, r.amount));
    let spent = past.transaction.postings.iter().rev().filter(|p| p.to == Account::Spent);
    let drawn = spent.filter(|p| p.grant.is_some()).map(|p| (p.grant, p.amount));
    let mut before: Credits = returns(past).filter(|(to, _)| *to != Account::Owed).map(|(_, a)| a).sum();
    let (mut left, mut plan) = (amount, Vec::new());
    for (source, whole) in repaid.chain(drawn) {
        let skipped = whole.min(before);
        before -= skipped;
        let part = (whole - skipped).min(left);
        left -= part;
        if part.is_positive() {
            plan.push((source, part));
        }
    }
    assert!(left.is_zero(), "what was spent is owed, repaid or drawn");
    plan
}

/// For credits due to expired grants, by setting, and to grants whose revocation was settled elsewhere: a new grant
/// each, of the same source and cost basis.
fn open_regrants(
    draft: &mut Draft<'_>,
    plan: &[(Option<GrantId>, Credits)],
    expired: ExpiredReversal,
    ids: &dyn IdSource,
) -> BTreeMap<GrantId, GrantId> {
    let mut sums: BTreeMap<GrantId, Credits> = BTreeMap::new();
    let at = draft.at();
    for (id, part) in plan.iter().filter_map(|(id, part)| id.map(|id| (id, part))) {
        let grant = draft.grant(id);
        let gone = grant.state == GrantState::Expired
            || (matches!(grant.state, GrantState::Live | GrantState::Spent) && grant.has_expired(at));
        if (gone && expired == ExpiredReversal::Regrant) || is_settled(grant) {
            *sums.entry(id).or_default() += *part;
        }
    }
    let mut opened = BTreeMap::new();
    for (old, amount) in sums {
        let grant = draft.grant(old);
        let terms = GrantTerms {
            id: GrantId(ids.next(at)),
            source: grant.source,
            amount,
            priority: grant.priority,
            effective_at: at,
            expires_at: Some(at + REGRANT_LIFE),
            event_types: grant.event_types.clone(),
            cost_basis: grant.cost_basis,
            owed_policy: grant.owed_policy,
            period_end: None,
            rollover: grant.rollover,
            paid: None,
        };
        let terms = if is_settled(grant) { stand_in(terms) } else { terms };
        draft.state.wallet.due_for_grant(GrantState::Live, at, terms.expires_at);
        opened.insert(old, draft.open_grant(terms, GrantState::Live));
    }
    opened
}

/// Its revocation took from elsewhere for what was spent of it: to revoke that again would take it twice.
fn is_settled(grant: &Grant) -> bool {
    let shortfall = grant.revoke_shortfall.unwrap_or_default();
    grant.state == GrantState::Revoked && shortfall != RevokeShortfall::Waive
}

/// Stands for what a revocation took elsewhere: general, without end, and it repays what the revocation left owed.
fn stand_in(terms: GrantTerms) -> GrantTerms {
    GrantTerms {
        expires_at: None,
        event_types: Vec::new(),
        owed_policy: OwedPolicy::RepayFirst,
        rollover: false,
        ..terms
    }
}

/// A Commit that ends a hold below what its parts charged is linked to them as their reversal is.
#[must_use]
pub fn is_return(transaction: &Transaction) -> bool {
    transaction.kind == TransactionKind::Reverse
        || transaction.postings.iter().any(|p| p.from == Account::Spent)
}
