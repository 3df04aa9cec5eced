//! What must be loaded beside the wallet's row before an operation can be decided.

use chit_types::Account;

use super::grant::GrantId;
use super::hold::HoldId;
use super::operation::{CommitClose, Envelope, Operation};
use super::wallet::WalletState;

/// Rows to load. What is not found is simply absent from the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Holds, open or expired.
    pub holds: Vec<HoldId>,
    /// Grants that are not in the wallet's row.
    pub grants: Vec<GrantId>,
    /// Transactions with their reversals and repayments.
    pub past: Vec<i64>,
}

impl Needs {
    /// Nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.grants.is_empty() && self.past.is_empty()
    }
}

/// What the operation names. (All open holds too, where the wallet's `next_due` has come.)
#[must_use]
pub fn needs(envelope: &Envelope) -> Needs {
    let mut needs = Needs::default();
    match &envelope.operation {
        Operation::Extend { hold, .. } | Operation::Commit { hold, .. } | Operation::Release { hold } => {
            needs.holds.push(*hold);
        }
        Operation::Revoke { grant, .. } => needs.grants.push(*grant),
        Operation::Renew(renewal) => needs.grants.push(renewal.grant),
        Operation::Reverse { transaction, .. } => needs.past.push(*transaction),
        Operation::Grant(_)
        | Operation::Reserve { .. }
        | Operation::Deduct { .. }
        | Operation::Adjust { .. }
        | Operation::WriteOff { .. } => {}
    }
    needs
}

/// What the loaded rows make necessary in turn. Ask again after loading, until nothing new is asked for: a row that
/// was asked for once and not found is not there.
#[must_use]
pub fn more_needs(state: &WalletState, envelope: &Envelope) -> Needs {
    let mut needs = Needs::default();
    match &envelope.operation {
        Operation::Extend { hold, .. } | Operation::Release { hold } => reserve_of(state, *hold, &mut needs),
        Operation::Commit { hold, total, close, .. } => {
            reserve_of(state, *hold, &mut needs);
            let lowered =
                state.holds.get(hold).filter(|h| *total < h.committed && *close == CommitClose::Final);
            for part in lowered.into_iter().flat_map(|h| &h.parts) {
                story_of(state, *part, &mut needs);
            }
        }
        Operation::Reverse { transaction, .. } => story_of(state, *transaction, &mut needs),
        Operation::Grant(_)
        | Operation::Renew(_)
        | Operation::Revoke { .. }
        | Operation::Reserve { .. }
        | Operation::Deduct { .. }
        | Operation::Adjust { .. }
        | Operation::WriteOff { .. } => {}
    }
    needs
}

/// A hold without a row: its Reserve tells whether it was ever there.
fn reserve_of(state: &WalletState, hold: HoldId, needs: &mut Needs) {
    let seq = hold.reserved_by();
    if !state.holds.contains_key(&hold) && seq > 0 && !state.past.contains_key(&seq) {
        needs.past.push(seq);
    }
}

/// A transaction that may be undone, and the closed grants that credits would return to.
fn story_of(state: &WalletState, seq: i64, needs: &mut Needs) {
    let Some(past) = state.past.get(&seq) else {
        needs.past.push(seq);
        return;
    };
    let drawn = past.transaction.postings.iter().filter(|p| p.to == Account::Spent).filter_map(|p| p.grant);
    let repaid = past.repayments.iter().filter_map(|r| r.grant);
    for grant in drawn.chain(repaid) {
        let open = state.wallet.grants.iter().any(|g| g.id == grant);
        if !open && !state.closed_grants.contains_key(&grant) && !needs.grants.contains(&grant) {
            needs.grants.push(grant);
        }
    }
}
