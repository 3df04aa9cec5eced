//! What is recorded of an event: facts, each the difference it makes, never changed. An event is the sum of
//! its facts, and its state the last one's.

use std::collections::BTreeMap;

use chit_types::{Credits, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{Content, Details, FEATURE, MODEL, ProviderCost, UsageClass, no_tokens};
use super::micros;
use super::names::Place;
use super::price::{Costing, PriceStamp};
use super::sums::Sums;

/// What a fact records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactKind {
    /// Charged and closed.
    #[default]
    Settled,
    /// A part was charged.
    Part,
    /// Refused.
    Refused,
    /// Charged as far as credits went.
    Forgiven,
    /// Credits were returned.
    Reversed,
    /// The provider's cost was corrected.
    Recosted,
}

impl FactKind {
    /// Every kind.
    pub const ALL: [FactKind; 6] = [
        FactKind::Settled,
        FactKind::Part,
        FactKind::Refused,
        FactKind::Forgiven,
        FactKind::Reversed,
        FactKind::Recosted,
    ];

    /// The word in SQL.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            FactKind::Settled => "settled",
            FactKind::Part => "part",
            FactKind::Refused => "refused",
            FactKind::Forgiven => "forgiven",
            FactKind::Reversed => "reversed",
            FactKind::Recosted => "recosted",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventState {
    /// Stored, its deduction under way.
    Accepted,
    /// Charged.
    Settled,
    /// Not charged.
    Refused,
    /// Reversed, whole or in part.
    Reversed,
    /// Authorized, nothing settled.
    Authorized,
    /// Authorized and settled in part.
    PartlySettled,
    /// Voided before anything was settled.
    Voided,
    /// Its hold ran out before anything was settled.
    Expired,
}

impl EventState {
    /// As the contract spells it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            EventState::Accepted => "ACCEPTED",
            EventState::Settled => "SETTLED",
            EventState::Refused => "REFUSED",
            EventState::Reversed => "REVERSED",
            EventState::Authorized => "AUTHORIZED",
            EventState::PartlySettled => "PARTLY_SETTLED",
            EventState::Voided => "VOIDED",
            EventState::Expired => "EXPIRED",
        }
    }
}

/// Credits from, or returned to, one grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// The grant.
    pub grant: String,
    /// How much.
    #[serde(with = "micros")]
    pub amount: Credits,
    /// 1e-9 of the reporting currency per credit.
    #[serde(default)]
    pub cost_basis: i64,
}

/// A wallet transaction that a fact names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its number in the wallet.
    pub seq: i64,
    /// What it charged, or returned.
    #[serde(with = "micros")]
    pub amount: Credits,
    /// For a reversal: the transaction it reverses; else 0.
    #[serde(default)]
    pub reverses: i64,
}

/// Why an event was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The reason's number in the contract.
    pub reason: i32,
    /// For people.
    pub message: String,
    /// The facts of the refusal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// What a fact carries beside its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Body {
    /// When the event was said to have happened, where said.
    #[serde(with = "micros::option", skip_serializing_if = "Option::is_none")]
    pub said_at: Option<Timestamp>,
    /// It said a time ahead of the server.
    #[serde(skip_serializing_if = "is_false")]
    pub clock_skewed: bool,
    /// The quantity so far, where said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity_micros: Option<u64>,
    /// The tokens so far.
    #[serde(skip_serializing_if = "no_tokens")]
    pub tokens: [u64; 7],
    /// The dimensions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, String>,
    /// Explicit credits so far.
    #[serde(with = "micros::option", skip_serializing_if = "Option::is_none")]
    pub credits: Option<Credits>,
    /// The provider's cost so far, where said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_cost: Option<ProviderCost>,
    /// The cost table used.
    #[serde(skip_serializing_if = "is_zero")]
    pub cost_table: u32,
    /// The details.
    #[serde(flatten)]
    pub details: Details,
    /// The price of the totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceStamp>,
    /// What the price of the totals came to, whatever decided it; none where there is no price.
    #[serde(with = "micros::option", skip_serializing_if = "Option::is_none")]
    pub price_credits: Option<Credits>,
    /// The wallet's transactions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<Named>,
    /// The hash of the last of them, in hex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// Grants drained or returned to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<Draw>,
    /// What became owed.
    #[serde(with = "micros::option", skip_serializing_if = "Option::is_none")]
    pub owed_added: Option<Credits>,
    /// The hold had run out.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Why>,
    /// The fingerprint of the settlement or reversal, in hex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step_fingerprint: String,
    /// The reversal's key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step_key: String,
    /// The authorization it settles.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authorization: String,
}

/// One thing recorded of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fact {
    /// Where it lives.
    pub place: Place,
    /// 1, 2, 3 … in its event; 0 until it is stored.
    pub ordinal: i32,
    /// What it records.
    pub kind: FactKind,
    /// The tenant.
    pub tenant: String,
    /// The customer.
    pub customer_id: String,
    /// The unit.
    pub unit: String,
    /// The event.
    pub event_id: String,
    /// The event type.
    pub event_type: String,
    /// Whom it was for.
    pub usage_class: UsageClass,
    /// When the event occurred.
    #[serde(with = "micros")]
    pub occurred_at: Timestamp,
    /// When this was recorded.
    #[serde(with = "micros")]
    pub recorded_at: Timestamp,
    /// The part it settles.
    pub part: i32,
    /// The differences.
    pub sums: Sums,
    /// The currency of its provider cost; empty where that is not known.
    pub currency: String,
    /// The rest.
    pub body: Body,
}

impl Fact {
    /// The first fact of an event, before the wallet's word: its tokens, quantity and provider cost count
    /// here, its charge does not yet.
    #[must_use]
    pub fn first(content: &Content, place: Place, occurred_at: Timestamp, costing: &Costing) -> Self {
        let mut sums = Sums {
            events: 1,
            quantity_micros: super::event::signed(content.quantity().micros()),
            tokens: content.tokens.map(super::event::signed),
            uncosted: i64::from(costing.is_missing),
            ..Sums::default()
        };
        sums.set_cost(costing.cost.as_ref().map_or(0, |cost| cost.picos));
        Self {
            place,
            ordinal: 1,
            tenant: content.tenant.clone(),
            customer_id: content.customer_id.clone(),
            unit: content.unit.clone(),
            event_id: content.event_id.clone(),
            event_type: content.event_type.clone(),
            usage_class: content.usage_class,
            occurred_at,
            currency: costing.cost.as_ref().map_or_else(String::new, |cost| cost.currency.clone()),
            sums,
            body: Body {
                said_at: content.said_at,
                quantity_micros: content.quantity_micros,
                tokens: content.tokens,
                dimensions: content.dimensions.clone(),
                credits: content.credits,
                provider_cost: content.provider_cost.clone(),
                cost_table: costing.table_version,
                details: content.details.clone(),
                ..Body::default()
            },
            ..Self::default()
        }
    }

    /// What the fact knows of the event's content.
    #[must_use]
    pub fn content(&self) -> Content {
        Content {
            tenant: self.tenant.clone(),
            customer_id: self.customer_id.clone(),
            unit: self.unit.clone(),
            event_id: self.event_id.clone(),
            event_type: self.event_type.clone(),
            said_at: self.body.said_at,
            quantity_micros: self.body.quantity_micros,
            dimensions: self.body.dimensions.clone(),
            tokens: self.body.tokens,
            provider_cost: self.body.provider_cost.clone(),
            credits: self.body.credits,
            usage_class: self.usage_class,
            details: self.body.details.clone(),
        }
    }

    /// The model, for the roll-ups.
    #[must_use]
    pub fn model(&self) -> &str {
        self.body.dimensions.get(MODEL).map_or("", String::as_str)
    }

    /// The feature, for the roll-ups.
    #[must_use]
    pub fn feature(&self) -> &str {
        self.body.dimensions.get(FEATURE).map_or("", String::as_str)
    }

    /// The last wallet transaction it names; 0 for none.
    #[must_use]
    pub fn transaction(&self) -> i64 {
        self.body.named.last().map_or(0, |named| named.seq)
    }
}

/// The state after these facts, in order; none before the first.
#[must_use]
pub fn state_after(facts: &[Fact]) -> Option<EventState> {
    facts.iter().rev().find_map(|fact| match fact.kind {
        FactKind::Settled | FactKind::Forgiven => Some(EventState::Settled),
        FactKind::Part => Some(EventState::PartlySettled),
        FactKind::Refused => Some(EventState::Refused),
        FactKind::Reversed => Some(EventState::Reversed),
        FactKind::Recosted => None,
    })
}

/// What drained credits were sold for, in 1e-9 of the reporting currency; each draw rounded down.
#[must_use]
pub fn revenue_nanos(draws: &[Draw]) -> i64 {
    let sum: i128 = draws
        .iter()
        .map(|draw| i128::from(draw.amount.micros()) * i128::from(draw.cost_basis) / 1_000_000)
        .sum();
    i64::try_from(sum).unwrap_or(i64::MAX)
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
