//! Grant: a lot of credits put in, at once or later.

use chit_types::{Account, Credits, Timestamp};

use super::apply::Case;
use super::draft::{Draft, Touch};
use super::grant::{GrantId, GrantState, OwedPolicy};
use super::operation::NewGrant;
use super::outcome::Applied;
use super::refusal::Refusal;
use super::settings::RENEWAL_GRACE;
use super::transaction::GrantTerms;

/// Puts a lot in.
pub fn grant(case: &mut Case<'_>, new: &NewGrant) -> Result<Applied, Refusal> {
    case.check_room(new.amount)?;
    let now = case.context.now;
    let effective_at = new.effective_at.unwrap_or(now);
    let expires_at = new.expires_at.or_else(|| new.period_end.map(|end| end + RENEWAL_GRACE));
    check_expiry(expires_at, effective_at.max(now))?;
    let terms = GrantTerms {
        id: GrantId(case.fresh_id()),
        source: new.source,
        amount: new.amount,
        priority: new.priority,
        effective_at,
        expires_at,
        event_types: new.event_types.clone(),
        cost_basis: new.cost_basis,
        owed_policy: new.owed_policy,
        period_end: new.period_end,
        rollover: false,
        paid: new.paid.clone(),
    };
    let mut draft = case.draft(new.amount, String::new());
    issue(&mut draft, terms);
    Ok(Applied::with(draft.seal(), None))
}

/// Refuses an expiry that has come already.
pub fn check_expiry(expires_at: Option<Timestamp>, start: Timestamp) -> Result<(), Refusal> {
    match expires_at {
        Some(expires_at) if expires_at <= start => Err(Refusal::ExpiryNotAhead { expires_at, now: start }),
        Some(_) | None => Ok(()),
    }
}

/// Opens a grant and issues its credits: scheduled, or live, repaying what it must.
pub fn issue(draft: &mut Draft<'_>, terms: GrantTerms) -> GrantId {
    let (amount, policy, general) = (terms.amount, terms.owed_policy, terms.event_types.is_empty());
    let later = terms.effective_at > draft.at();
    let state = if later { GrantState::Scheduled } else { GrantState::Live };
    draft.state.wallet.due_for_grant(state, terms.effective_at, terms.expires_at);
    let id = draft.open_grant(terms, state);
    let touch = Touch { grant: Some(id), ..Touch::default() };
    let rest = if policy == OwedPolicy::Only && general && !later {
        draft.repay_from_issued(id, amount)
    } else {
        amount
    };
    draft.put(Account::Issued, id, rest, touch);
    id
}

impl Draft<'_> {
    /// issued → owed(lots), oldest first; what is left over.
    fn repay_from_issued(&mut self, id: GrantId, amount: Credits) -> Credits {
        let mut left = amount;
        while let (true, Some(lot)) = (left.is_positive(), self.state.wallet.lots.first().copied()) {
            let part = left.min(lot.rest);
            let touch = Touch { grant: Some(id), owed_seq: Some(lot.seq), ..Touch::default() };
            self.post(Account::Issued, Account::Owed, part, touch);
            self.note_repayment(lot.seq, Some(id), part);
            self.lower_lot(lot.seq, part);
            left -= part;
        }
        left
    }

    /// available(G) → owed(lots), oldest first: for a grant that is meant for it and became live just now.
    pub fn repay_from(&mut self, id: GrantId) {
        while let Some(lot) = self.state.wallet.lots.first().copied() {
            let part = self.grant(id).rest.min(lot.rest);
            if part.is_zero() {
                return;
            }
            self.take(id, Account::Owed, part, Touch { owed_seq: Some(lot.seq), ..Touch::default() });
            self.note_repayment(lot.seq, Some(id), part);
            self.lower_lot(lot.seq, part);
        }
    }
}
