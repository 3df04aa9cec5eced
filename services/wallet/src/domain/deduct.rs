//! Deduct, Adjust and WriteOff: credits taken at once, corrected, forgiven.

use chit_types::{Account, Credits, limits};

use super::apply::Case;
use super::draft::Touch;
use super::grant::{GrantId, GrantSource, OwedPolicy};
use super::grants::issue;
use super::operation::OnInsufficient;
use super::order::Reach;
use super::outcome::Applied;
use super::refusal::Refusal;
use super::transaction::GrantTerms;

/// Takes credits at once.
pub fn deduct(case: &mut Case<'_>, amount: Credits, mode: OnInsufficient) -> Result<Applied, Refusal> {
    let event_type = case.event_type();
    let reach = match mode {
        OnInsufficient::Refuse => {
            case.check_not_frozen()?;
            case.check_covered(amount)?
        }
        OnInsufficient::Record | OnInsufficient::Cap => Reach::Applying(event_type),
    };
    case.check_room(amount)?;
    let mut draft = case.draft(amount, event_type.to_owned());
    let (_, missing) = draft.draw(reach, Account::Spent, amount, Touch::default());
    match mode {
        OnInsufficient::Refuse | OnInsufficient::Record => {
            draft.owe(Account::Spent, missing, Touch::default())
        }
        OnInsufficient::Cap => draft.transaction.forgiven = missing,
    }
    Ok(Applied::with(draft.seal(), None))
}

/// Corrects: up is a general grant of its own, down takes in the order of spending.
pub fn adjust(case: &mut Case<'_>, amount: Credits) -> Result<Applied, Refusal> {
    let event_type = case.event_type();
    if amount.is_negative() {
        let required = -amount;
        let reach = Reach::Applying(event_type);
        let spendable = reach.total(&case.state.wallet, case.context.now);
        if !case.context.wallet_exists {
            return Err(Refusal::WalletNotFound);
        }
        if required > spendable {
            return Err(Refusal::AdjustmentTooLarge { required, spendable });
        }
        let mut draft = case.draft(amount, event_type.to_owned());
        draft.draw(reach, Account::Revoked, required, Touch::default());
        return Ok(Applied::with(draft.seal(), None));
    }
    case.check_room(amount)?;
    let terms = GrantTerms {
        id: GrantId(case.fresh_id()),
        source: GrantSource::Adjustment,
        amount,
        priority: limits::PRIORITY_DEFAULT,
        effective_at: case.context.now,
        expires_at: None,
        event_types: Vec::new(),
        cost_basis: 0,
        owed_policy: OwedPolicy::RepayFirst,
        period_end: None,
        rollover: false,
        paid: None,
    };
    let mut draft = case.draft(amount, event_type.to_owned());
    issue(&mut draft, terms);
    Ok(Applied::with(draft.seal(), None))
}

/// Forgives owed credits, oldest lot first. What open holds borrowed is not a lot yet and cannot be forgiven.
pub fn write_off(case: &mut Case<'_>, amount: Credits) -> Result<Applied, Refusal> {
    if !case.context.wallet_exists {
        return Err(Refusal::WalletNotFound);
    }
    let owed = case.state.wallet.unpaid();
    if amount > owed {
        return Err(Refusal::WriteOffTooLarge { owed, required: amount });
    }
    let mut draft = case.draft(amount, String::new());
    let mut left = amount;
    while left.is_positive() {
        let lot = *draft.state.wallet.lots.first().expect("the lots cover the amount");
        let part = lot.rest.min(left);
        draft.post(
            Account::Issued,
            Account::Owed,
            part,
            Touch { owed_seq: Some(lot.seq), ..Touch::default() },
        );
        draft.note_repayment(lot.seq, None, part);
        draft.lower_lot(lot.seq, part);
        left -= part;
    }
    Ok(Applied::with(draft.seal(), None))
}
