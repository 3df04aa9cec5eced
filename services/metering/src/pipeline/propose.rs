//! What an item would become if its id is new: priced from memory, before the database is asked.

use chit_pricebook::{PriceError, Replica};
use chit_types::{Credits, Timestamp};

use super::item::{Authorize, Command, Item, Meter};
use crate::domain::authorization::{Authorization, AuthorizationState, Totals};
use crate::domain::clockwork::{Admission, admit};
use crate::domain::event::Content;
use crate::domain::fact::{Fact, FactKind, Why};
use crate::domain::names::Place;
use crate::domain::pending::{OnInsufficient, Pending, WalletOp};
use crate::domain::price::{costing, price};
use crate::domain::refusal::Refusal;
use crate::prices::Replicas;
use crate::store::{KeyKind, KeyRow};

/// A hold's life for use that is not charged, whose authorization holds nothing: as the wallet's default.
const UNCHARGED_TTL_SECONDS: i64 = 900;
/// The reasons of the contract that stand for a missing price.
const REASON_NO_PRICE: i32 = 27;
const REASON_EVENT_TYPE_UNKNOWN: i32 = 28;
const REASON_PRICE_OVERFLOW: i32 = 29;

/// What a new id would become.
#[derive(Debug)]
pub(super) enum Proposal {
    /// A deduction.
    Event(KeyRow, Box<Pending>),
    /// A refused event: it has no price.
    Refused(KeyRow, Box<Fact>, PriceError),
    /// An event too late to be charged.
    Park(KeyRow),
    /// A reservation.
    Authorize(KeyRow, Box<Authorization>),
    /// A refusal that stores nothing.
    Refuse(Refusal),
    /// Only what is known already can answer it.
    Known,
}

impl Proposal {
    /// The id it would take.
    pub(super) fn key(&self) -> Option<&KeyRow> {
        match self {
            Proposal::Event(key, _)
            | Proposal::Refused(key, ..)
            | Proposal::Park(key)
            | Proposal::Authorize(key, _) => Some(key),
            Proposal::Refuse(_) | Proposal::Known => None,
        }
    }
}

/// Proposes for one item.
pub(super) fn propose(item: &Item, replicas: &Replicas, now: Timestamp) -> Proposal {
    match &item.command {
        Command::Meter(meter) => {
            let (occurred_at, is_skewed) = match admit(meter.content.said_at, now) {
                Admission::At { occurred_at, clock_skewed } => (occurred_at, clock_skewed),
                Admission::TooOld => {
                    let said_at = meter.content.said_at.unwrap_or(now);
                    if !meter.is_unparked {
                        return Proposal::Park(key(
                            item.place,
                            KeyKind::Parked,
                            said_at,
                            meter.fingerprint.0,
                        ));
                    }
                    (said_at, false)
                }
            };
            event(item.place, meter, replicas.get(&item.tenant).as_deref(), occurred_at, is_skewed)
        }
        Command::Authorize(asked) => authorization(item, asked, replicas.get(&item.tenant).as_deref(), now),
        Command::Settle(_) | Command::Void | Command::Reverse(_) | Command::Resume(_) | Command::Close => {
            Proposal::Known
        }
    }
}

/// What an event becomes that occurred then.
pub(super) fn event(
    place: Place,
    meter: &Meter,
    replica: Option<&Replica>,
    occurred_at: Timestamp,
    is_skewed: bool,
) -> Proposal {
    let content = &meter.content;
    let unknown = Replica::default();
    if replica.is_none() && content.credits.is_none() {
        return Proposal::Refuse(Refusal::Unavailable { what: "pricing" });
    }
    let key = key(place, KeyKind::Event, occurred_at, meter.fingerprint.0);
    let costing = costing(replica, content, occurred_at);
    let mut fact = Fact::first(content, place, occurred_at, &costing);
    fact.body.clock_skewed = is_skewed;
    match price(replica.unwrap_or(&unknown), content, occurred_at, None) {
        Ok(price) => {
            fact.body.price = price.stamp;
            let pending = deduction(fact, price.credits, meter.on_insufficient);
            Proposal::Event(key, Box::new(pending))
        }
        Err(error) => {
            fact.kind = FactKind::Refused;
            fact.sums.refused = 1;
            fact.body.refused = Some(why(&error));
            Proposal::Refused(key, Box::new(fact), error)
        }
    }
}

/// The step that deducts a price; for use that is not charged, the one that only records it.
pub(super) fn deduction(mut fact: Fact, credits: Credits, mode: OnInsufficient) -> Pending {
    fact.kind = FactKind::Settled;
    fact.body.price_credits = Some(credits);
    let is_charged = fact.usage_class.is_charged();
    let deduct = || WalletOp::Deduct { key: fact.event_id.clone(), amount: credits, mode };
    Pending {
        step: "event".to_string(),
        operations: is_charged.then(deduct).into_iter().collect(),
        settling: None,
        would_cost: if is_charged { Credits::ZERO } else { credits },
        stored_at: Timestamp::EPOCH,
        fact,
    }
}

fn authorization(item: &Item, asked: &Authorize, replica: Option<&Replica>, now: Timestamp) -> Proposal {
    let content: &Content = &asked.content;
    let unknown = Replica::default();
    if replica.is_none() && content.credits.is_none() {
        return Proposal::Refuse(Refusal::Unavailable { what: "pricing" });
    }
    let price = match price(replica.unwrap_or(&unknown), content, now, None) {
        Ok(price) => price,
        Err(error) => return Proposal::Refuse(error.into()),
    };
    let is_charged = content.usage_class.is_charged();
    let reserve = || WalletOp::Reserve {
        key: content.event_id.clone(),
        amount: price.credits,
        ttl_seconds: asked.ttl_seconds,
    };
    let life = if asked.ttl_seconds > 0 { asked.ttl_seconds } else { UNCHARGED_TTL_SECONDS };
    let authorization = Authorization {
        place: item.place,
        uuid: asked.uuid,
        content: content.clone(),
        state: if is_charged { AuthorizationState::Pending } else { AuthorizationState::Open },
        created_at: now,
        reserve: is_charged.then(reserve),
        reserved: if is_charged { price.credits } else { Credits::ZERO },
        stamp: price.stamp,
        hold: String::new(),
        expires_at: Timestamp::from_micros(now.micros().saturating_add(life.saturating_mul(1_000_000))),
        totals: Totals::default(),
    };
    let key = key(item.place, KeyKind::Authorization, now, asked.fingerprint.0);
    Proposal::Authorize(key, Box::new(authorization))
}

fn key(place: Place, kind: KeyKind, occurred_at: Timestamp, fingerprint: [u8; 17]) -> KeyRow {
    KeyRow { place, kind, occurred_at, fingerprint }
}

fn why(error: &PriceError) -> Why {
    let reason = match error {
        PriceError::EventTypeUnknown { .. } => REASON_EVENT_TYPE_UNKNOWN,
        PriceError::NoPrice { .. } => REASON_NO_PRICE,
        PriceError::Overflow { .. } => REASON_PRICE_OVERFLOW,
    };
    Why { reason, message: error.to_string(), ..Why::default() }
}
