//! Domain values to messages.

use std::sync::Arc;

use chit_api::metering::v1 as proto;
use chit_api::types::v1 as types;
use chit_batch::LaneError;
use chit_rpc::{cost_to_proto, credits_to_proto, internal, timestamp_to_proto};
use chit_types::{Cost, Credits, Decimal};
use tonic::Status;

use super::status::{of_lane, of_refusal};
use crate::domain::event::{Content, UsageClass};
use crate::domain::fact::{EventState, Fact, FactKind};
use crate::domain::pending::Balance;
use crate::domain::price::PriceStamp;
use crate::domain::sums::Sums;
use crate::pipeline::{Answer, Authorized, Outcome, Receipt};

/// Decimals of revenue.
const REVENUE_SCALE: u8 = 9;
/// Decimals of cost and margin.
const COST_SCALE: u8 = 12;
/// 1e-12 in 1e-9.
const PICOS_PER_NANO: i128 = 1_000;

/// What a caller may see of costs.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub sees_costs: bool,
    /// The tenant's reporting currency, where it is known and wanted.
    pub currency: Option<Arc<str>>,
}

impl View {
    /// What an item came to.
    pub fn receipt(&self, outcome: Result<Outcome, LaneError>) -> Result<proto::Receipt, Status> {
        match outcome.map_err(of_lane)?.map_err(of_refusal)? {
            Answer::Receipt(receipt) => Ok(self.receipt_to_proto(&receipt)),
            Answer::Authorized(_) | Answer::Nothing => Err(internal("an event has a receipt")),
        }
    }

    fn receipt_to_proto(&self, receipt: &Receipt) -> proto::Receipt {
        let (fact, sums) = (&receipt.fact, &receipt.fact.sums);
        proto::Receipt {
            event_id: fact.event_id.clone(),
            customer_id: fact.customer_id.clone(),
            unit: fact.unit.clone(),
            state: state_to_proto(receipt.state) as i32,
            credits: credits(sums.credits_micros),
            credits_total: Some(credits_to_proto(receipt.credits_total)),
            owed_added: fact.body.owed_added.map(credits_to_proto),
            forgiven: credits(sums.forgiven_micros),
            would_cost: credits(sums.would_cost_micros),
            balance: receipt.balance.as_ref().map(balance_to_proto),
            replayed: receipt.is_replayed,
            price: fact.body.price.as_ref().map(price_to_proto),
            transaction: fact.transaction(),
            clock_skewed: fact.body.clock_skewed,
            late: fact.body.late,
            part: fact.part,
            occurred_at: Some(timestamp_to_proto(fact.occurred_at)),
            provider_cost: self.cost(&fact.currency, sums),
            margin: self.margin(&fact.currency, sums),
        }
    }

    /// The provider's cost, where it is known and may be seen.
    pub fn cost(&self, currency: &str, sums: &Sums) -> Option<types::Cost> {
        let shown = self.sees_costs && !currency.is_empty();
        shown.then(|| cost_to_proto(currency, Cost(sums.cost())))
    }

    /// Revenue less cost, where both are known in the reporting currency.
    pub fn margin(&self, currency: &str, sums: &Sums) -> Option<proto::Margin> {
        let reporting = self.currency.as_ref().filter(|known| &***known == currency)?;
        let revenue = i128::from(sums.revenue_nanos);
        let amount = revenue * PICOS_PER_NANO - sums.cost();
        Some(proto::Margin {
            currency_code: reporting.to_string(),
            revenue: decimal(revenue, REVENUE_SCALE),
            amount: decimal(amount, COST_SCALE),
        })
    }

    /// One fact.
    pub fn fact(&self, fact: &Fact) -> proto::EventFact {
        let body = &fact.body;
        proto::EventFact {
            ordinal: fact.ordinal,
            kind: kind_to_proto(fact.kind) as i32,
            recorded_at: Some(timestamp_to_proto(fact.recorded_at)),
            credits: credits(fact.sums.credits_micros),
            forgiven: credits(fact.sums.forgiven_micros),
            tokens: Some(tokens_to_proto(fact.sums.tokens)),
            transactions: body.named.iter().map(|named| named.seq).collect(),
            hash: hex_bytes(&body.hash).into(),
            part: fact.part,
            draws: body.draws.iter().map(|draw| self.draw(draw)).collect(),
            owed_added: body.owed_added.map(credits_to_proto),
            refused_because: body.refused.as_ref().map_or(0, |why| why.reason),
        }
    }

    fn draw(&self, draw: &crate::domain::fact::Draw) -> proto::EventDraw {
        proto::EventDraw {
            grant_id: draw.grant.clone(),
            amount: Some(credits_to_proto(draw.amount)),
            cost_basis: if self.sees_costs { draw.cost_basis } else { 0 },
        }
    }
}

pub(super) fn authorized(authorized: &Authorized) -> proto::AuthorizeResponse {
    let stored = &authorized.authorization;
    proto::AuthorizeResponse {
        authorization_id: stored.id().to_string(),
        hold_id: stored.hold.clone(),
        reserved: Some(credits_to_proto(stored.reserved)),
        expires_at: Some(timestamp_to_proto(stored.expires_at)),
        balance: authorized.balance.as_ref().map(balance_to_proto),
        replayed: authorized.is_replayed,
        price: stored.stamp.as_ref().map(price_to_proto),
        state: state_to_proto(stored.state.event_state()) as i32,
    }
}

pub(super) fn content_to_proto(content: &Content) -> proto::UsageEvent {
    let quantity = |micros: u64| decimal(i128::from(micros), 6);
    proto::UsageEvent {
        customer_id: content.customer_id.clone(),
        unit: content.unit.clone(),
        event_id: content.event_id.clone(),
        event_type: content.event_type.clone(),
        occurred_at: content.said_at.map(timestamp_to_proto),
        quantity: content.quantity_micros.map_or_else(String::new, quantity),
        dimensions: content.dimensions.clone(),
        tokens: Some(tokens_to_proto(content.tokens.map(crate::domain::event::signed))),
        provider_cost: None,
        credits: content.credits.map(credits_to_proto),
        usage_class: class_to_proto(content.usage_class) as i32,
        details: Some(proto::EventDetails {
            subjects: content.details.subjects.clone(),
            reference: content.details.reference.clone(),
            description: content.details.description.clone(),
            metadata: content.details.metadata.clone(),
        }),
    }
}

pub(super) fn balance_to_proto(balance: &Balance) -> types::Balance {
    let some = |amount| Some(credits_to_proto(amount));
    types::Balance {
        available: some(balance.available),
        spendable: some(balance.spendable),
        held: some(balance.held),
        owed: some(balance.owed),
        debt: some(balance.debt),
        next_expiry: balance.next_expiry.map(timestamp_to_proto),
        scheduled: some(balance.scheduled),
        frozen: some(balance.frozen),
    }
}

pub(super) fn price_to_proto(stamp: &PriceStamp) -> proto::PriceReference {
    proto::PriceReference {
        price_book: stamp.book.clone(),
        version_id: stamp.version_id.clone(),
        version_number: i32::try_from(stamp.version_number).unwrap_or(i32::MAX),
        rule_id: stamp.rule_id.clone(),
    }
}

pub(super) const fn state_to_proto(state: EventState) -> proto::EventState {
    match state {
        EventState::Accepted => proto::EventState::Accepted,
        EventState::Settled => proto::EventState::Settled,
        EventState::Refused => proto::EventState::Refused,
        EventState::Reversed => proto::EventState::Reversed,
        EventState::Authorized => proto::EventState::Authorized,
        EventState::PartlySettled => proto::EventState::PartlySettled,
        EventState::Voided => proto::EventState::Voided,
        EventState::Expired => proto::EventState::Expired,
    }
}

const fn kind_to_proto(kind: FactKind) -> proto::FactKind {
    match kind {
        FactKind::Settled => proto::FactKind::Settled,
        FactKind::Part => proto::FactKind::Part,
        FactKind::Refused => proto::FactKind::Refused,
        FactKind::Forgiven => proto::FactKind::Forgiven,
        FactKind::Reversed => proto::FactKind::Reversed,
        FactKind::Recosted => proto::FactKind::Recosted,
    }
}

pub(super) const fn class_to_proto(class: UsageClass) -> proto::UsageClass {
    match class {
        UsageClass::Customer => proto::UsageClass::Customer,
        UsageClass::Internal => proto::UsageClass::Internal,
        UsageClass::Test => proto::UsageClass::Test,
    }
}

/// Tokens by pool; of a fact they may be below zero.
pub(super) const fn tokens_to_proto(t: [i64; 7]) -> types::Tokens {
    types::Tokens {
        input: t[0],
        cache_read: t[1],
        cache_write: t[2],
        output: t[3],
        reasoning: t[4],
        audio: t[5],
        images: t[6],
    }
}

pub(super) fn credits(micros: i64) -> Option<types::Credits> {
    Some(credits_to_proto(Credits::from_micros(micros)))
}

pub(super) fn decimal(mantissa: i128, scale: u8) -> String {
    Decimal::new(mantissa, scale).map_or_else(|fault| fault.to_string(), |value| value.to_string())
}

fn hex_bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len() / 2).map_while(|index| digit(index * 2)).collect()
}
