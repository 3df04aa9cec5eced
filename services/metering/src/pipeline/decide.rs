//! What becomes of an item, given what is known of its event. Pure: reads come in, writes and a task go out.

use std::collections::HashMap;

use chit_pricebook::Replica;
use chit_types::{Credits, Timestamp};

use super::item::{Answer, Authorize, Command, Item, Meter, Outcome, Receipt};
use super::propose::{Proposal, deduction, event};
use crate::domain::authorization::{Authorization, AuthorizationState, Settle};
use crate::domain::clockwork::WINDOW_DAYS;
use crate::domain::event::Content;
use crate::domain::fact::{EventState, Fact, FactKind, state_after};
use crate::domain::names::{Key, Place};
use crate::domain::pending::Pending;
use crate::domain::refusal::Refusal;
use crate::domain::reversal::Reverse;
use crate::domain::sums::Sums;
use crate::prices::Replicas;
use crate::store::{IntakeRow, KeyKind, KeyRow};

/// What is left to do for an item.
#[derive(Debug)]
pub(super) enum Task {
    /// Nothing.
    Done(Outcome),
    /// The wallet is asked, then it is recorded.
    Send {
        /// The stored step.
        pending: Box<Pending>,
        /// It was stored before.
        is_replayed: bool,
        /// What the event charged before it.
        total_before: Credits,
    },
    /// The wallet is asked for a hold.
    Reserve {
        /// The stored authorization.
        authorization: Box<Authorization>,
        /// It was stored before.
        is_replayed: bool,
    },
    /// What was recorded is told again, with present balances.
    Present(Box<Receipt>),
    /// The same for an authorization.
    PresentAuthorized(Box<Authorization>),
}

/// What the database knows of the events of a batch.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub keys: HashMap<Key, KeyRow>,
    pub authorizations: HashMap<Key, Authorization>,
    pub intake: HashMap<Key, Vec<Pending>>,
    pub facts: HashMap<Key, Vec<Fact>>,
}

/// What the decisions of a batch write.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub intake: Vec<IntakeRow>,
    pub authorizations: Vec<Authorization>,
    pub facts: Vec<Fact>,
    pub parked: Vec<(Place, Content)>,
    pub unparked: Vec<Place>,
}

/// Decides items one by one.
pub(super) struct Decider<'a> {
    pub known: &'a Known,
    pub replicas: &'a Replicas,
    pub writes: Writes,
    pub now: Timestamp,
}

impl Decider<'_> {
    /// Decides one item whose proposal took its id, or did not.
    pub(super) fn decide(&mut self, item: &Item, proposal: Proposal, has_taken: bool) -> Task {
        if has_taken {
            return self.begin(item, proposal);
        }
        match &item.command {
            Command::Meter(meter) => self.meter_again(item, meter, proposal),
            Command::Authorize(asked) => self.authorize_again(item, asked, proposal),
            Command::Settle(settle) => self.settle(item, settle),
            Command::Void => self.void(item),
            Command::Reverse(reverse) => self.reverse(item, reverse),
            Command::Resume(pending) => {
                Task::Send { pending: pending.clone(), is_replayed: true, total_before: Credits::ZERO }
            }
            Command::Close => self.close(item),
        }
    }

    fn begin(&mut self, item: &Item, proposal: Proposal) -> Task {
        match proposal {
            Proposal::Event(_, pending) => self.send(*pending, Credits::ZERO),
            Proposal::Refused(_, mut fact, error) => {
                fact.recorded_at = self.now;
                self.writes.facts.push(*fact);
                refused(error.into())
            }
            Proposal::Park(_) => {
                if let Command::Meter(meter) = &item.command {
                    self.writes.parked.push((item.place, meter.content.clone()));
                }
                too_old(item)
            }
            Proposal::Authorize(_, authorization) => {
                self.writes.authorizations.push(authorization.as_ref().clone());
                match authorization.reserve {
                    Some(_) => Task::Reserve { authorization, is_replayed: false },
                    None => Task::PresentAuthorized(authorization),
                }
            }
            Proposal::Refuse(refusal) => refused(refusal),
            Proposal::Known => unreachable!("only proposals with a key take it"),
        }
    }

    fn meter_again(&mut self, item: &Item, meter: &Meter, proposal: Proposal) -> Task {
        let Some(key) = self.known.keys.get(&item.place.event) else {
            return match proposal {
                Proposal::Refuse(refusal) => refused(refusal),
                _ => lost_race(),
            };
        };
        if key.kind == KeyKind::Authorization || key.fingerprint != meter.fingerprint.0 {
            return reused(&item.event_id);
        }
        if key.kind == KeyKind::Parked {
            if !meter.is_unparked {
                return too_old(item);
            }
            self.writes.unparked.push(item.place);
            return self.begin(item, proposal);
        }
        if let Some(task) = self.resumed(item, "event", None) {
            return task;
        }
        let Some(facts) = self.known.facts.get(&item.place.event) else {
            return lost_race();
        };
        match state_after(facts) {
            Some(EventState::Refused) => self.refused_again(item, meter, key.occurred_at, facts),
            _ => repeated(facts, 0),
        }
    }

    /// A refused event sent again: at its stored price, or priced now where it had none.
    fn refused_again(&mut self, item: &Item, meter: &Meter, occurred_at: Timestamp, facts: &[Fact]) -> Task {
        let before: Sums = facts.iter().map(|fact| fact.sums).sum();
        let last = facts.last().expect("a state comes from a fact");
        let (mut pending, cost_more) = match last.body.price_credits {
            Some(credits) => {
                let mut fact = last.clone();
                fact.body.refused = None;
                (deduction(fact, credits, meter.on_insufficient), 0)
            }
            None => {
                let replica = self.replicas.get(&item.tenant);
                let is_skewed = last.body.clock_skewed;
                match event(item.place, meter, replica.as_deref(), occurred_at, is_skewed) {
                    Proposal::Event(_, pending) => {
                        let more = i64::try_from(pending.fact.sums.cost() - before.cost()).unwrap_or(0);
                        (*pending, more)
                    }
                    Proposal::Refused(_, _, error) => return refused(error.into()),
                    Proposal::Refuse(refusal) => return refused(refusal),
                    Proposal::Park(_) | Proposal::Authorize(..) | Proposal::Known => return lost_race(),
                }
            }
        };
        let fact = &mut pending.fact;
        let still_uncosted = if cost_more > 0 { 0 } else { before.uncosted };
        fact.ordinal = 0;
        fact.sums = Sums {
            refused: -before.refused,
            leaked_micros: -before.leaked_micros,
            uncosted: still_uncosted - before.uncosted,
            ..Sums::default()
        };
        fact.sums.set_cost(cost_more);
        self.send(pending, Credits::ZERO)
    }

    fn authorize_again(&mut self, item: &Item, asked: &Authorize, proposal: Proposal) -> Task {
        let Some(key) = self.known.keys.get(&item.place.event) else {
            return match proposal {
                Proposal::Refuse(refusal) => refused(refusal),
                _ => lost_race(),
            };
        };
        if key.kind != KeyKind::Authorization || key.fingerprint != asked.fingerprint.0 {
            return reused(&item.event_id);
        }
        let Some(stored) = self.known.authorizations.get(&item.place.event) else {
            return lost_race();
        };
        let authorization = Box::new(stored.clone());
        match stored.state {
            AuthorizationState::Pending | AuthorizationState::Declined => {
                Task::Reserve { authorization, is_replayed: false }
            }
            AuthorizationState::Open
            | AuthorizationState::Partly
            | AuthorizationState::Settled
            | AuthorizationState::Voided
            | AuthorizationState::Expired
            | AuthorizationState::Closed => Task::PresentAuthorized(authorization),
        }
    }

    fn settle(&mut self, item: &Item, settle: &Settle) -> Task {
        let Some(stored) = self.known.authorizations.get(&item.place.event) else {
            return self.no_authorization(item);
        };
        let fingerprint = settle.fingerprint().to_string();
        let step = format!("settle:{}", settle.part);
        if let Some(task) = self.resumed(item, &step, Some(&fingerprint)) {
            return task;
        }
        if self.known.intake.contains_key(&item.place.event) {
            return refused(Refusal::Unavailable { what: "the wallet" });
        }
        let facts = self.known.facts.get(&item.place.event).map_or(&[][..], Vec::as_slice);
        let same_part = |fact: &&Fact| fact.part == settle.part && is_settlement(fact);
        if let Some(fact) = facts.iter().rev().find(same_part) {
            if fact.body.step_fingerprint != fingerprint {
                return reused(&format!("{} part {}", item.event_id, settle.part));
            }
            return repeated_step(facts, fact);
        }
        let replica = self.replicas.get(&item.tenant);
        if replica.is_none() && settle.credits.or(stored.content.credits).is_none() {
            return refused(Refusal::Unavailable { what: "pricing" });
        }
        match stored.settle(settle, replica.as_deref().unwrap_or(&Replica::default())) {
            Ok(pending) => self.send(pending, stored.totals.charged),
            Err(refusal) => refused(refusal),
        }
    }

    fn void(&mut self, item: &Item) -> Task {
        let Some(stored) = self.known.authorizations.get(&item.place.event) else {
            return self.no_authorization(item);
        };
        if let Some(task) = self.resumed(item, "void", None) {
            return task;
        }
        if self.known.intake.contains_key(&item.place.event) {
            return refused(Refusal::Unavailable { what: "the wallet" });
        }
        let facts = self.known.facts.get(&item.place.event).map_or(&[][..], Vec::as_slice);
        if let Some(fact) = facts.iter().find(|fact| fact.body.step_fingerprint == "void") {
            return repeated_step(facts, fact);
        }
        if stored.state == AuthorizationState::Voided {
            let fact = Fact::first(&stored.content, stored.place, stored.created_at, &Default::default());
            return present(EventState::Voided, Fact { sums: Sums::default(), ..fact }, Credits::ZERO);
        }
        match stored.void() {
            Ok(pending) => self.send(pending, stored.totals.charged),
            Err(refusal) => refused(refusal),
        }
    }

    fn reverse(&mut self, item: &Item, reverse: &Reverse) -> Task {
        let fingerprint = reverse.fingerprint().to_string();
        let step = format!("reverse:{}", reverse.key);
        if let Some(task) = self.resumed(item, &step, Some(&fingerprint)) {
            return task;
        }
        let Some(facts) = self.known.facts.get(&item.place.event) else {
            return self.nothing_to_reverse(item);
        };
        let same_key = |fact: &&Fact| fact.kind == FactKind::Reversed && fact.body.step_key == reverse.key;
        if let Some(fact) = facts.iter().find(same_key) {
            if fact.body.step_fingerprint != fingerprint {
                return reused(&reverse.key);
            }
            return repeated_step(facts, fact);
        }
        match reverse.decide(facts) {
            Ok(pending) => self.send(pending, facts.iter().map(|fact| fact.sums.credits()).sum()),
            Err(refusal) => refused(refusal),
        }
    }

    fn close(&mut self, item: &Item) -> Task {
        let nothing = Task::Done(Ok(Answer::Nothing));
        let Some(stored) = self.known.authorizations.get(&item.place.event) else {
            return nothing;
        };
        if stored.expires_at > self.now || self.known.intake.contains_key(&item.place.event) {
            return nothing;
        }
        match stored.state {
            AuthorizationState::Pending | AuthorizationState::Declined | AuthorizationState::Open => {
                let mut expired = stored.clone();
                expired.state = AuthorizationState::Expired;
                self.writes.authorizations.push(expired);
                nothing
            }
            AuthorizationState::Partly => self.settle(item, &stored.closing()),
            AuthorizationState::Settled
            | AuthorizationState::Voided
            | AuthorizationState::Expired
            | AuthorizationState::Closed => nothing,
        }
    }

    fn send(&mut self, mut pending: Pending, total_before: Credits) -> Task {
        pending.stored_at = self.now;
        self.writes.intake.push(IntakeRow::new(&pending));
        Task::Send { pending: Box::new(pending), is_replayed: false, total_before }
    }

    /// A step that is stored and not finished is sent again as it was stored.
    fn resumed(&self, item: &Item, step: &str, fingerprint: Option<&str>) -> Option<Task> {
        let stored = self.known.intake.get(&item.place.event)?;
        let pending = stored.iter().find(|pending| pending.step == step)?;
        if fingerprint.is_some_and(|print| print != pending.fact.body.step_fingerprint) {
            return Some(reused(&item.event_id));
        }
        let before = self.known.facts.get(&item.place.event).map_or(&[][..], Vec::as_slice);
        Some(Task::Send {
            pending: Box::new(pending.clone()),
            is_replayed: true,
            total_before: before.iter().map(|fact| fact.sums.credits()).sum(),
        })
    }

    fn no_authorization(&self, item: &Item) -> Task {
        refused(Refusal::AuthorizationNotFound { event: item.event_id.clone() })
    }

    fn nothing_to_reverse(&self, item: &Item) -> Task {
        let event = item.event_id.clone();
        let state = match self.known.keys.get(&item.place.event).map(|key| key.kind) {
            None | Some(KeyKind::Parked) => return refused(Refusal::EventNotFound { event }),
            Some(KeyKind::Event) => EventState::Accepted,
            Some(KeyKind::Authorization) => {
                let stored = self.known.authorizations.get(&item.place.event);
                stored.map_or(EventState::Authorized, |stored| stored.state.event_state())
            }
        };
        let state = state.word().to_string();
        refused(Refusal::EventState { event, state })
    }
}

fn is_settlement(fact: &Fact) -> bool {
    fact.kind != FactKind::Reversed
        && !fact.body.step_fingerprint.is_empty()
        && fact.body.step_fingerprint != "void"
}

fn refused(refusal: Refusal) -> Task {
    Task::Done(Err(refusal))
}

fn reused(key: &str) -> Task {
    refused(Refusal::KeyReused { key: key.to_string() })
}

fn too_old(item: &Item) -> Task {
    refused(Refusal::TooOld { event: item.event_id.clone(), days: WINDOW_DAYS })
}

/// Another pod is between two statements of the same event: the caller repeats.
fn lost_race() -> Task {
    refused(Refusal::Unavailable { what: "the event" })
}

fn repeated(facts: &[Fact], index: usize) -> Task {
    // An event refused first and charged later is told as it was charged.
    let charged = facts.iter().find(|fact| fact.kind != FactKind::Refused).unwrap_or(&facts[index]);
    repeated_step(facts, charged)
}

fn repeated_step(facts: &[Fact], fact: &Fact) -> Task {
    if let Some(why) = fact.body.refused.clone().filter(|_| fact.kind == FactKind::Refused) {
        return refused(Refusal::Kept(why));
    }
    let total = facts.iter().map(|fact| fact.sums.credits()).sum();
    present(state_after(facts).unwrap_or(EventState::Settled), fact.clone(), total)
}

fn present(state: EventState, fact: Fact, credits_total: Credits) -> Task {
    Task::Present(Box::new(Receipt { state, fact, credits_total, balance: None, is_replayed: true }))
}
