//! Rule 7: time decides, not sweepers. What is due is booked before an operation is decided, dated at the due
//! instant, in one order, so the ledger is the same whoever books it.

use chit_types::{Account, Credits, Origin, Timestamp, TransactionKind};

use super::apply::Context;
use super::draft::{Draft, Header, Touch};
use super::encoding::{Booked, booking_fingerprint, booking_key};
use super::grant::{GrantId, GrantState, OwedPolicy};
use super::hold::{HoldId, HoldState};
use super::holds;
use super::outcome::Changes;
use super::wallet::WalletState;

/// A booking that is due. The order of the variants and of their ids decides between equal instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    GrantExpiry(GrantId),
    HoldExpiry(HoldId),
    Activation(GrantId),
}

/// Books everything due at `now`, each as its own transaction. All open holds of the wallet must be loaded where its
/// `next_due` has come.
pub fn book_due(state: &mut WalletState, context: &Context<'_>, changes: &mut Changes) {
    let now = context.now.max(state.wallet.last_at);
    if state.wallet.next_due.is_none_or(|due| due > now) {
        return;
    }
    loop {
        let (next, ahead) = look(state, now);
        let Some((at, due)) = next else {
            state.wallet.next_due = ahead;
            return;
        };
        match due {
            Due::GrantExpiry(id) => expire_grant(state, changes, at, id),
            Due::HoldExpiry(id) => expire_hold(state, changes, at, id),
            Due::Activation(id) => activate(state, changes, at, id),
        }
    }
}

/// The first booking due at `now`, and when the first one after that will be.
fn look(state: &WalletState, now: Timestamp) -> (Option<(Timestamp, Due)>, Option<Timestamp>) {
    let grants = state.wallet.grants.iter().filter(|g| g.rest.is_positive()).filter_map(|g| match g.state {
        GrantState::Scheduled => Some((g.effective_at, Due::Activation(g.id))),
        GrantState::Live => g.expires_at.map(|at| (at, Due::GrantExpiry(g.id))),
        GrantState::Frozen | GrantState::Spent | GrantState::Expired | GrantState::Revoked => None,
    });
    let holds = state.holds.values().filter(|h| h.state == HoldState::Open);
    let all = grants.chain(holds.map(|h| (h.due_at(), Due::HoldExpiry(h.id))));
    let (mut next, mut ahead) = (None, None);
    for (at, due) in all {
        if at > now {
            ahead = Some(ahead.map_or(at, |a: Timestamp| a.min(at)));
        } else if next.is_none_or(|first| (at, due) < first) {
            next = Some((at, due));
        }
    }
    (next, ahead)
}

fn header(state: &WalletState, kind: TransactionKind, at: Timestamp, booked: Booked) -> Header {
    Header {
        kind,
        origin: Origin::System,
        at: at.max(state.wallet.last_at),
        key: booking_key(kind, booked),
        fingerprint: booking_fingerprint(kind, booked),
        event_type: String::new(),
        text: None,
    }
}

fn rest_of(state: &WalletState, id: GrantId) -> Credits {
    state.wallet.grants.iter().find(|g| g.id == id).map_or(Credits::ZERO, |g| g.rest)
}

fn activate(state: &mut WalletState, changes: &mut Changes, at: Timestamp, id: GrantId) {
    let amount = rest_of(state, id);
    let header = header(state, TransactionKind::Activate, at, Booked::Grant(id));
    let mut draft = Draft::begin(state, changes, header, amount);
    draft.transaction.grant = Some(id);
    draft.take(id, Account::Available, amount, Touch::default());
    let grant = draft.grant(id);
    grant.state = GrantState::Live;
    grant.rest += amount;
    let only = grant.owed_policy == OwedPolicy::Only && grant.is_general();
    draft.changes.grants.insert(id);
    if only {
        draft.repay_from(id);
    }
    draft.seal();
}

fn expire_grant(state: &mut WalletState, changes: &mut Changes, at: Timestamp, id: GrantId) {
    let amount = rest_of(state, id);
    let header = header(state, TransactionKind::ExpireGrant, at, Booked::Grant(id));
    let mut draft = Draft::begin(state, changes, header, amount);
    draft.transaction.grant = Some(id);
    draft.take(id, Account::Expired, amount, Touch::default());
    draft.grant(id).state = GrantState::Expired;
    draft.changes.grants.insert(id);
    draft.seal();
}

fn expire_hold(state: &mut WalletState, changes: &mut Changes, at: Timestamp, id: HoldId) {
    let header = header(state, TransactionKind::ExpireHold, at, Booked::Hold(id));
    let amount = state.holds[&id].held();
    let mut draft = Draft::begin(state, changes, header, amount);
    holds::return_all(&mut draft, id);
    draft.transaction.hold = Some(id);
    draft.transaction.closed_hold = true;
    let hold = draft.state.holds.get_mut(&id).expect("a due hold is loaded");
    hold.state = HoldState::Expired;
    draft.changes.holds.insert(id);
    draft.seal();
}
