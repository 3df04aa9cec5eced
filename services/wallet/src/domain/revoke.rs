//! RevokeGrant, rules 10 and 11: an amount from the rest, or the whole grant, which closes it and claims what open
//! holds have of it.

use chit_types::{Account, Credits};

use super::apply::Case;
use super::draft::Touch;
use super::grant::{GrantId, GrantState};
use super::operation::RevokeShortfall;
use super::outcome::Applied;
use super::refusal::Refusal;

/// Takes credits back from a grant.
pub fn revoke(
    case: &mut Case<'_>,
    id: GrantId,
    amount: Option<Credits>,
    shortfall: RevokeShortfall,
) -> Result<Applied, Refusal> {
    let open = case.state.wallet.grants.iter().find(|g| g.id == id);
    let grant =
        open.or_else(|| case.state.closed_grants.get(&id)).ok_or(Refusal::GrantNotFound { grant: id })?;
    // An expired grant has no rest to take, but what was spent of it may still be claimed.
    let closed =
        grant.state == GrantState::Revoked || (grant.state == GrantState::Expired && amount.is_some());
    if closed {
        return Err(Refusal::GrantClosed { grant: id });
    }
    let (rest, held) = (grant.rest, grant.held);
    let spent = grant.amount - grant.removed - rest - held;
    if let Some(required) = amount {
        if required > rest {
            return Err(Refusal::GrantRestTooSmall { grant: id, rest, required });
        }
        let mut draft = case.draft(required, String::new());
        draft.transaction.grant = Some(id);
        draft.take(id, Account::Revoked, required, Touch::default());
        return Ok(Applied::with(draft.seal(), None));
    }
    let mut draft = case.draft(rest, String::new());
    draft.transaction.grant = Some(id);
    draft.transaction.claimed = held;
    draft.transaction.shortfall = Some(shortfall);
    draft.take(id, Account::Revoked, rest, Touch::default());
    let grant = draft.grant(id);
    grant.state = GrantState::Revoked;
    grant.revoke_shortfall = Some(shortfall);
    draft.changes.grants.insert(id);
    draft.settle_shortfall(id, spent, shortfall);
    Ok(Applied::with(draft.seal(), None))
}
