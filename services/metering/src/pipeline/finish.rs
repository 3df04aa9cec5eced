//! The last stage: what the wallet said becomes facts and roll-ups, in one commit that begins by taking the
//! steps out of intake. Who takes nothing out writes nothing.

use std::collections::HashMap;

use chit_types::{Credits, Timestamp};

use super::item::{Answer, Authorized, Outcome, Receipt};
use super::worker::Tools;
use crate::domain::authorization::{Authorization, AuthorizationState};
use crate::domain::fact::{EventState, Fact, FactKind};
use crate::domain::names::{Key, Place};
use crate::domain::pending::{Finished, Pending, WalletOutcome};
use crate::domain::refusal::Refusal;
use crate::store::{Locking, Result, Tx};

/// A step the wallet has answered.
pub(super) struct Sent {
    pub pending: Box<Pending>,
    pub is_replayed: bool,
    pub total_before: Credits,
    pub finished: Box<Finished>,
}

/// A reservation the wallet has answered.
pub(super) struct Reserved {
    pub authorization: Box<Authorization>,
    pub is_replayed: bool,
    pub outcome: WalletOutcome,
}

/// One or the other.
pub(super) enum Ending {
    Sent(Sent),
    Reserved(Reserved),
}

/// Records endings of different events; answers each, or none where another recorded it meanwhile.
pub(super) async fn finish(
    tools: &Tools,
    endings: Vec<Ending>,
    now: Timestamp,
) -> Result<Vec<Option<Outcome>>> {
    let mut tx = tools.store.begin().await?;
    let mut authorizations = lock(&mut tx, &endings).await?;
    let mut steps: Vec<(Place, &str, Timestamp)> = endings.iter().filter_map(step).collect();
    steps.sort_unstable();
    let deleted = tx.delete_intake(&steps).await?;
    let mut facts: Vec<Fact> = Vec::with_capacity(endings.len());
    let mut changed: Vec<Authorization> = Vec::new();
    let mut answers = Vec::with_capacity(endings.len());
    for ending in &endings {
        let answer = match ending {
            Ending::Sent(sent) => {
                let key = (sent.pending.fact.place.event, sent.pending.step.clone());
                deleted.contains(&key).then(|| {
                    facts.extend(sent.finished.fact.clone());
                    changed.extend(settled(sent, &mut authorizations));
                    answer_of(sent)
                })
            }
            Ending::Reserved(reserved) => {
                let (after, answer) = held(reserved, &authorizations);
                changed.extend(after);
                Some(answer)
            }
        };
        answers.push(answer);
    }
    changed.sort_unstable_by_key(|authorization| authorization.place);
    tx.put_authorizations(&changed).await?;
    tx.record(&mut facts, tools.ids.next(now), now).await?;
    tx.commit().await?;
    Ok(answers)
}

fn step(ending: &Ending) -> Option<(Place, &str, Timestamp)> {
    match ending {
        Ending::Sent(sent) => {
            let pending = &sent.pending;
            Some((pending.fact.place, &pending.step, pending.stored_at))
        }
        Ending::Reserved(_) => None,
    }
}

async fn lock(tx: &mut Tx, endings: &[Ending]) -> Result<HashMap<Key, Authorization>> {
    let mut places: Vec<Place> = endings
        .iter()
        .filter_map(|ending| match ending {
            Ending::Sent(sent) => sent.finished.settled.as_ref().map(|_| sent.pending.fact.place),
            Ending::Reserved(reserved) => Some(reserved.authorization.place),
        })
        .collect();
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    places.sort_unstable();
    tx.find_authorizations(&places, Locking::Rows).await
}

fn settled(sent: &Sent, authorizations: &mut HashMap<Key, Authorization>) -> Option<Authorization> {
    let settling = sent.finished.settled.as_ref()?;
    let mut authorization = authorizations.remove(&sent.pending.fact.place.event)?;
    authorization.state = settling.state;
    if settling.state != AuthorizationState::Closed {
        authorization.totals = settling.totals.clone();
    }
    Some(authorization)
}

fn held(reserved: &Reserved, stored: &HashMap<Key, Authorization>) -> (Option<Authorization>, Outcome) {
    let place = reserved.authorization.place;
    let mut authorization = stored.get(&place.event).unwrap_or(&reserved.authorization).clone();
    let is_open_ended =
        matches!(authorization.state, AuthorizationState::Pending | AuthorizationState::Declined);
    match &reserved.outcome {
        WalletOutcome::Done(answer) => {
            if is_open_ended {
                authorization.state = AuthorizationState::Open;
                if let Some((hold, expires_at)) = &answer.hold {
                    authorization.hold.clone_from(hold);
                    authorization.expires_at = *expires_at;
                }
            }
            let authorized = Authorized {
                authorization: authorization.clone(),
                balance: Some(answer.balance.clone()),
                is_replayed: reserved.is_replayed,
            };
            (is_open_ended.then_some(authorization), Ok(Answer::Authorized(Box::new(authorized))))
        }
        WalletOutcome::Refused(why) => {
            authorization.state = AuthorizationState::Declined;
            (is_open_ended.then_some(authorization), Err(Refusal::Wallet(why.clone())))
        }
        WalletOutcome::Away => (None, Err(Refusal::Unavailable { what: "the wallet" })),
    }
}

fn answer_of(sent: &Sent) -> Outcome {
    let finished = &sent.finished;
    if let Some(refusal) = &finished.refusal {
        return Err(refusal.clone());
    }
    let fact = finished.fact.clone().unwrap_or_else(|| sent.pending.fact.clone());
    let state = match (&finished.fact, fact.kind) {
        (None, _) => {
            finished.settled.as_ref().map_or(EventState::Accepted, |settling| settling.state.event_state())
        }
        (Some(_), FactKind::Settled | FactKind::Forgiven | FactKind::Recosted) => EventState::Settled,
        (Some(_), FactKind::Part) => EventState::PartlySettled,
        (Some(_), FactKind::Refused) => EventState::Refused,
        (Some(_), FactKind::Reversed) => EventState::Reversed,
    };
    Ok(Answer::Receipt(Box::new(Receipt {
        state,
        credits_total: sent.total_before + fact.sums.credits(),
        fact,
        balance: finished.balance.clone(),
        is_replayed: sent.is_replayed,
    })))
}
