//! RenewGrant, rule 9: in one step the old rest rolls over up to a cap, what is above expires, and the new allowance
//! is made.

use chit_types::{Account, Credits};

use super::apply::Case;
use super::draft::{Draft, Touch};
use super::grant::{Grant, GrantId, GrantSource, GrantState};
use super::grants::{check_expiry, issue};
use super::operation::Renewal;
use super::outcome::Applied;
use super::refusal::Refusal;
use super::settings::RENEWAL_GRACE;
use super::transaction::GrantTerms;

/// Renews an allowance.
pub fn renew(case: &mut Case<'_>, renewal: &Renewal) -> Result<Applied, Refusal> {
    case.check_room(renewal.amount)?;
    let id = renewal.grant;
    let old = find(case, id).ok_or(Refusal::GrantNotFound { grant: id })?.clone();
    if old.renewed {
        return Err(Refusal::AlreadyRenewed { grant: id });
    }
    if old.state == GrantState::Revoked {
        return Err(Refusal::GrantClosed { grant: id });
    }
    let now = case.context.now;
    let expires_at = renewal.expires_at.unwrap_or(renewal.period_end + RENEWAL_GRACE);
    check_expiry(Some(expires_at), now)?;
    let rolling = rolling(case, &old, renewal);
    let terms = GrantTerms {
        id: GrantId(case.fresh_id()),
        source: GrantSource::Allowance,
        amount: renewal.amount,
        priority: old.priority,
        effective_at: now,
        expires_at: Some(expires_at),
        event_types: old.event_types.clone(),
        cost_basis: renewal.cost_basis,
        owed_policy: renewal.owed_policy,
        period_end: Some(renewal.period_end),
        rollover: false,
        paid: renewal.paid.clone(),
    };
    let rollover_id = GrantId(case.fresh_id());
    let mut draft = case.draft(renewal.amount, String::new());
    draft.transaction.grant = Some(id);
    roll(&mut draft, &rolling, renewal.rollover_cap, rollover_id, &terms);
    issue(&mut draft, terms);
    draft.grant(id).renewed = true;
    draft.changes.grants.insert(id);
    Ok(Applied::with(draft.seal(), None))
}

fn find<'c>(case: &'c Case<'_>, id: GrantId) -> Option<&'c Grant> {
    let open = case.state.wallet.grants.iter().find(|g| g.id == id);
    open.or_else(|| case.state.closed_grants.get(&id))
}

/// What ends with the old period: the allowance, and what was rolled into it. Lots rolled over before roll again
/// only where the plan says so; else they expire here with their allowance.
fn rolling(case: &Case<'_>, old: &Grant, renewal: &Renewal) -> Vec<(Grant, Credits)> {
    let live = |g: &&Grant| g.state == GrantState::Live && g.rest.is_positive();
    let grants = || case.state.wallet.grants.iter().filter(live);
    let sibling = |g: &&Grant| g.rollover && g.opened_by == old.opened_by && g.id != old.id;
    let mut rolling: Vec<(Grant, Credits)> = Vec::new();
    for grant in grants().filter(sibling) {
        rolling.push((grant.clone(), if renewal.roll_again { grant.rest } else { Credits::ZERO }));
    }
    rolling.extend(grants().filter(|g| g.id == old.id).map(|g| (g.clone(), g.rest)));
    rolling
}

/// available(old) → available(rollover) up to the cap, then available(old) → expired. The rollover lot keeps the old
/// cost basis and owed policy and is spent before the new allowance.
fn roll(draft: &mut Draft<'_>, rolling: &[(Grant, Credits)], cap: Credits, id: GrantId, new: &GrantTerms) {
    let may: Credits = rolling.iter().map(|(_, rest)| *rest).sum();
    let rolled = may.min(cap);
    if rolled.is_positive() {
        let (oldest, _) =
            rolling.iter().find(|(_, rest)| rest.is_positive()).expect("a sum above zero has a part");
        let allowance = rolling.last().map_or(oldest, |(grant, _)| grant);
        let terms = GrantTerms {
            id,
            source: GrantSource::Rollover,
            amount: rolled,
            priority: new.priority.saturating_sub(1),
            effective_at: new.effective_at,
            expires_at: new.expires_at,
            event_types: new.event_types.clone(),
            cost_basis: allowance.cost_basis,
            owed_policy: allowance.owed_policy,
            period_end: new.period_end,
            rollover: true,
            paid: None,
        };
        draft.state.wallet.due_for_grant(GrantState::Live, new.effective_at, new.expires_at);
        draft.open_grant(terms, GrantState::Live);
    }
    let mut room = rolled;
    for (grant, rest) in rolling {
        let part = (*rest).min(room);
        room -= part;
        draft.take(grant.id, Account::Available, part, Touch { to_grant: Some(id), ..Touch::default() });
        if part.is_positive() {
            draft.grant(id).rest += part;
        }
    }
    for (grant, _) in rolling {
        let above = draft.grant(grant.id).rest;
        draft.take(grant.id, Account::Expired, above, Touch::default());
    }
}
