//! Commit, rules 5, 7 and 8: what happened is recorded. Totals are cumulative; a part charges the difference; only a
//! final total may be lower; after the hold ran out one final Commit is still taken.

use chit_types::{Account, Credits};

use super::apply::Case;
use super::draft::{Draft, Touch};
use super::grant::{GrantId, GrantState};
use super::hold::{Hold, HoldId, HoldState};
use super::holds;
use super::operation::{CommitClose, OnOverrun, RevokeShortfall};
use super::order::Reach;
use super::outcome::Applied;
use super::refusal::Refusal;
use super::reverse;
use super::settings::LATE_COMMIT_WINDOW;

/// What a Commit says.
#[derive(Clone, Copy, Debug)]
pub struct Settlement {
    /// The hold.
    pub hold: HoldId,
    /// Cumulative.
    pub total: Credits,
    /// Ends the hold.
    pub close: CommitClose,
    /// Above the hold.
    pub on_overrun: OnOverrun,
}

/// What a Commit has to do, settled before anything moves.
struct Plan {
    late: bool,
    /// Taken from the hold; of a late Commit, up to the amount once held.
    base: Credits,
    /// Beyond that: the overrun.
    over: Credits,
    /// Charged too much by earlier parts.
    excess: Credits,
}

/// Settles a hold.
pub fn commit(case: &mut Case<'_>, asked: &Settlement) -> Result<Applied, Refusal> {
    let hold = holds::find(case, asked.hold)?.clone();
    case.check_origin(hold.origin)?;
    let plan = plan(case, asked, &hold)?;
    let parts = if plan.excess.is_positive() { reverse::pasts(case, &hold.parts) } else { Vec::new() };
    let expired_reversal = case.context.settings.expired_reversal;
    let ids = case.context.ids;
    let mut draft = case.draft(asked.total, hold.event_type.clone());
    draft.transaction.hold = Some(hold.id);
    draft.transaction.committed = Some(asked.total);
    draft.transaction.late = plan.late;
    let reach = Reach::Applying(&hold.event_type);
    let mut uncharged = Credits::ZERO;
    if plan.late {
        uncharged += spend(&mut draft, reach, hold.id, plan.base, OnOverrun::Record);
    } else {
        take_held(&mut draft, hold.id, plan.base);
    }
    uncharged += spend(&mut draft, reach, hold.id, plan.over, asked.on_overrun);
    let mut excess = plan.excess;
    for past in parts.iter().rev() {
        excess -= reverse::undo(&mut draft, past, excess, expired_reversal, ids);
    }
    Ok(finish(draft, asked, uncharged))
}

fn plan(case: &Case<'_>, asked: &Settlement, hold: &Hold) -> Result<Plan, Refusal> {
    let late = hold.state == HoldState::Expired;
    let too_late = late && case.context.now >= hold.due_at() + LATE_COMMIT_WINDOW;
    if too_late || (late && asked.close == CommitClose::KeepOpen) {
        return Err(Refusal::HoldExpired { hold: hold.id, expired_at: hold.expires_at });
    }
    if asked.total < hold.committed && asked.close == CommitClose::KeepOpen {
        let (committed, total) = (hold.committed, asked.total);
        return Err(Refusal::TotalDecreased { hold: hold.id, committed, total });
    }
    let charged = hold.committed - hold.uncharged;
    let want = asked.total.minus_or_zero(charged);
    let covered = if late { hold.amount.minus_or_zero(charged) } else { hold.held() };
    let base = want.min(covered);
    let over = want - base;
    if asked.on_overrun == OnOverrun::Reject && over.is_positive() {
        return Err(Refusal::OverrunRejected {
            hold: hold.id,
            held: covered,
            required: want,
            shortfall: over,
        });
    }
    case.check_room(want)?;
    Ok(Plan { late, base, over, excess: charged.minus_or_zero(asked.total) })
}

fn finish(mut draft: Draft<'_>, asked: &Settlement, uncharged: Credits) -> Applied {
    let (id, seq) = (asked.hold, draft.seq());
    let hold = draft.state.holds.get_mut(&id).expect("the hold of this draft");
    hold.committed = asked.total;
    hold.parts.push(seq);
    draft.changes.holds.insert(id);
    let hold = match asked.close {
        CommitClose::KeepOpen => {
            hold.uncharged = uncharged;
            hold.clone()
        }
        CommitClose::Final => {
            hold.uncharged = Credits::ZERO;
            draft.transaction.forgiven = uncharged;
            holds::return_all(&mut draft, id);
            holds::close(&mut draft, id)
        }
    };
    Applied::with(draft.seal(), Some(hold))
}

/// available(G) → spent(G), then by mode owed(lot) → spent; what CAP leaves uncharged.
fn spend(draft: &mut Draft<'_>, reach: Reach<'_>, hold: HoldId, amount: Credits, mode: OnOverrun) -> Credits {
    let touch = Touch { hold: Some(hold), ..Touch::default() };
    let (_, missing) = draft.draw(reach, Account::Spent, amount, touch);
    match mode {
        OnOverrun::Record | OnOverrun::Reject => {
            draft.owe(Account::Spent, missing, touch);
            Credits::ZERO
        }
        OnOverrun::Cap => missing,
    }
}

/// held(H, G) → spent(G) in draw order, then held(H, borrowed) → spent, whose owed becomes this transaction's lot.
fn take_held(draft: &mut Draft<'_>, id: HoldId, amount: Credits) {
    let hold = draft.state.holds.get_mut(&id).expect("the hold of this draft");
    let mut left = amount;
    let mut taken = Vec::with_capacity(hold.draws.len());
    for draw in &mut hold.draws {
        let part = draw.held.min(left);
        draw.held -= part;
        draw.spent += part;
        left -= part;
        if part.is_positive() {
            taken.push((draw.grant, part));
        }
    }
    let borrowed = left.min(hold.borrowed);
    hold.borrowed -= borrowed;
    let touch = Touch { hold: Some(id), ..Touch::default() };
    for (grant, part) in &taken {
        draft.grant(*grant).held -= *part;
        draft.post(Account::Held, Account::Spent, *part, Touch { grant: Some(*grant), ..touch });
    }
    let seq = draft.seq();
    draft.post(Account::Held, Account::Spent, borrowed, Touch { owed_seq: Some(seq), ..touch });
    draft.raise_lot(borrowed);
    for (grant, part) in taken {
        if draft.grant(grant).state == GrantState::Revoked {
            settle_claim(draft, grant, part);
        }
    }
}

/// Credits that a revocation had claimed were spent all the same.
fn settle_claim(draft: &mut Draft<'_>, grant: GrantId, amount: Credits) {
    let shortfall = draft.grant(grant).revoke_shortfall.unwrap_or_default();
    draft.settle_shortfall(grant, amount, shortfall);
}

impl Draft<'_> {
    /// Credits of a revoked grant that are spent already: let go, owed, or taken from other purchased grants first.
    pub fn settle_shortfall(&mut self, grant: GrantId, amount: Credits, shortfall: RevokeShortfall) {
        let touch = Touch { grant: Some(grant), ..Touch::default() };
        match shortfall {
            RevokeShortfall::Waive => self.transaction.waived += amount,
            RevokeShortfall::Owe => self.owe(Account::Revoked, amount, touch),
            RevokeShortfall::OtherGrants => {
                let (_, missing) = self.draw(Reach::Purchased, Account::Revoked, amount, Touch::default());
                self.owe(Account::Revoked, missing, touch);
            }
        }
    }
}
