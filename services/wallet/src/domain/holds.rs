//! Reserve, ExtendHold, Release, and what a hold gives back when it ends.

use std::time::Duration;

use chit_types::{Account, Credits, TransactionKind};

use super::apply::Case;
use super::draft::{Draft, Touch};
use super::grant::GrantState;
use super::hold::{Draw, Hold, HoldId, HoldState};
use super::order::Reach;
use super::outcome::Applied;
use super::refusal::Refusal;
use super::transaction::HoldTerms;
use super::wallet::WalletState;

/// Holds credits for an action about to start.
pub fn reserve(case: &mut Case<'_>, amount: Credits, ttl: Option<Duration>) -> Result<Applied, Refusal> {
    case.check_not_frozen()?;
    let settings = case.context.settings.clone();
    let (now, grace) = (case.context.now, settings.hold_grace);
    let ttl = ttl.unwrap_or(settings.hold_ttl);
    check_life(case, ttl)?;
    case.check_room(amount)?;
    let reach = case.check_covered(amount)?;
    let id = HoldId::new(case.fresh_id(), case.state.wallet.head + 1);
    let (event_type, origin) = (case.event_type().to_owned(), case.envelope.origin);
    let mut draft = case.draft(amount, event_type.clone());
    let hold = Hold {
        id,
        origin,
        state: HoldState::Open,
        amount: Credits::ZERO,
        draws: Vec::new(),
        borrowed: Credits::ZERO,
        committed: Credits::ZERO,
        uncharged: Credits::ZERO,
        parts: Vec::new(),
        event_type,
        created_at: now,
        expires_at: now + ttl,
        grace,
    };
    draft.state.holds.insert(id, hold);
    fill(&mut draft, id, amount, reach);
    Ok(seal_open(draft, id))
}

fn check_life(case: &Case<'_>, life: Duration) -> Result<(), Refusal> {
    let limit = case.context.settings.hold_life_limit;
    if life > limit {
        return Err(Refusal::HoldLifeExceeded { limit_seconds: limit.as_secs() });
    }
    Ok(())
}

/// Adds to a hold's amount, its life, or both.
pub fn extend(
    case: &mut Case<'_>,
    id: HoldId,
    amount: Credits,
    ttl: Option<Duration>,
) -> Result<Applied, Refusal> {
    let hold = find(case, id)?.clone();
    case.check_origin(hold.origin)?;
    case.check_not_frozen()?;
    let now = case.context.now;
    if hold.state == HoldState::Expired || now >= hold.expires_at {
        return Err(Refusal::HoldExpired { hold: id, expired_at: hold.expires_at });
    }
    let expires_at = ttl.map_or(hold.expires_at, |ttl| now + ttl);
    check_life(case, expires_at.since(hold.created_at))?;
    case.check_room(amount)?;
    let reach = case.check_covered_for(amount, &hold.event_type)?;
    let mut draft = case.draft(amount, hold.event_type.clone());
    draft.state.holds.get_mut(&id).expect("found above").expires_at = expires_at;
    fill(&mut draft, id, amount, reach);
    Ok(seal_open(draft, id))
}

/// available(G) → held(H, G) in the order of spending, then owed → held(H, borrowed).
fn fill(draft: &mut Draft<'_>, id: HoldId, amount: Credits, reach: Reach<'_>) {
    let touch = Touch { hold: Some(id), ..Touch::default() };
    let (drawn, borrowed) = draft.draw(reach, Account::Held, amount, touch);
    for (grant, part) in &drawn {
        draft.grant(*grant).held += *part;
    }
    draft.post(Account::Owed, Account::Held, borrowed, touch);
    let hold = draft.state.holds.get_mut(&id).expect("the hold of this draft");
    hold.amount += amount;
    hold.borrowed += borrowed;
    hold.draws.extend(drawn.into_iter().map(|(grant, held)| Draw { grant, held, spent: Credits::ZERO }));
}

fn seal_open(mut draft: Draft<'_>, id: HoldId) -> Applied {
    let hold = draft.state.holds.get(&id).expect("the hold of this draft").clone();
    draft.transaction.hold = Some(id);
    draft.transaction.hold_terms =
        Some(HoldTerms { expires_at: hold.expires_at, grace: hold.grace, created_at: hold.created_at });
    draft.changes.holds.insert(id);
    draft.state.wallet.due_by(hold.due_at());
    Applied::with(draft.seal(), Some(hold))
}

/// Gives back what a hold still holds. Of an expired hold: an accepted no-op.
pub fn release(case: &mut Case<'_>, id: HoldId) -> Result<Applied, Refusal> {
    let hold = find(case, id)?.clone();
    case.check_origin(hold.origin)?;
    if hold.state == HoldState::Expired {
        return Ok(Applied { transaction: None, hold: Some(hold) });
    }
    let mut draft = case.draft(hold.held(), hold.event_type);
    draft.transaction.forgiven = hold.uncharged;
    return_all(&mut draft, id);
    let hold = close(&mut draft, id);
    Ok(Applied::with(draft.seal(), Some(hold)))
}

/// The hold, open or expired; or why there is none.
pub fn find<'c>(case: &'c Case<'_>, id: HoldId) -> Result<&'c Hold, Refusal> {
    if let Some(hold) = case.state.holds.get(&id) {
        return Ok(hold);
    }
    let reserved = case.state.past.get(&id.reserved_by()).map(|past| &past.transaction);
    let ours = reserved.is_some_and(|t| t.kind == TransactionKind::Reserve && t.hold == Some(id));
    if ours || case.changes.holds.contains(&id) {
        return Err(Refusal::HoldClosed { hold: id });
    }
    Err(Refusal::HoldNotFound { hold: id })
}

/// Everything a hold still holds goes back: the borrowed part to owed, what a revocation claims to revoked, the rest
/// whence it came.
pub fn return_all(draft: &mut Draft<'_>, id: HoldId) {
    let hold = draft.state.holds.get_mut(&id).expect("the hold of this draft");
    let borrowed = std::mem::take(&mut hold.borrowed);
    let mut back = Vec::with_capacity(hold.draws.len());
    for draw in &mut hold.draws {
        back.push((draw.grant, std::mem::take(&mut draw.held)));
    }
    let touch = Touch { hold: Some(id), ..Touch::default() };
    draft.post(Account::Held, Account::Owed, borrowed, touch);
    for claimed in [true, false] {
        for (grant, amount) in back.iter().filter(|(_, amount)| amount.is_positive()) {
            if (draft.grant(*grant).state == GrantState::Revoked) == claimed {
                draft.grant(*grant).held -= *amount;
                draft.give_back(Account::Held, *grant, *amount, touch);
            }
        }
    }
}

/// Ends a hold: its row goes, its story is in the transactions.
pub fn close(draft: &mut Draft<'_>, id: HoldId) -> Hold {
    let mut hold = draft.state.holds.remove(&id).expect("the hold of this draft");
    hold.state = HoldState::Closed;
    draft.changes.holds.insert(id);
    draft.transaction.hold = Some(id);
    draft.transaction.closed_hold = true;
    hold
}

/// A hold as it is now: its row, or, where it is closed, what its Reserve tells of it.
#[must_use]
pub fn hold_now(state: &WalletState, id: HoldId) -> Option<Hold> {
    if let Some(hold) = state.holds.get(&id) {
        return Some(hold.clone());
    }
    let reserve = &state.past.get(&id.reserved_by())?.transaction;
    let terms = reserve.hold_terms.filter(|_| reserve.hold == Some(id))?;
    Some(Hold {
        id,
        origin: reserve.origin,
        state: HoldState::Closed,
        amount: reserve.amount,
        draws: Vec::new(),
        borrowed: Credits::ZERO,
        committed: Credits::ZERO,
        uncharged: Credits::ZERO,
        parts: Vec::new(),
        event_type: reserve.event_type.clone(),
        created_at: terms.created_at,
        expires_at: terms.expires_at,
        grace: terms.grace,
    })
}
