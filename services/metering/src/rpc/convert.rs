//! Messages to domain values, every fault collected.

use std::collections::BTreeMap;

use chit_api::metering::v1 as proto;
use chit_api::types::v1 as types;
use chit_rpc::{AmountRange, Violations};
use chit_types::limits::BATCH_ITEMS;
use chit_types::{Cost, Fingerprint};
use proto::meter_item::Item;
use tonic::Status;

use crate::domain::authorization::Settle;
use crate::domain::event::{
    COST_UNITS_MAX, Content, ContentKind, Details, PICOS_PER_UNIT, ProviderCost, UsageClass,
};
use crate::domain::pending::{OnInsufficient, OnOverrun};
use crate::domain::reversal::Reverse;

/// Dimensions an event may have.
const DIMENSIONS: usize = 16;
/// A dimension's name.
const DIMENSION_NAME_BYTES: usize = 64;
/// A dimension's value.
const DIMENSION_VALUE_BYTES: usize = 256;
/// Tokens of one pool: sums of them stay within 64 bits.
const TOKENS_MAX: i64 = 1_000_000_000_000;
/// Decimals of a quantity.
const QUANTITY_SCALE: u8 = 6;
/// The largest quantity in millionths: 1e9.
const QUANTITY_MICROS_MAX: i128 = 1_000_000_000_000_000;

/// An event as it was said, and how to handle it.
#[derive(Debug)]
pub(super) struct SaidEvent {
    pub content: Content,
    pub fingerprint: Fingerprint,
    pub on_insufficient: OnInsufficient,
    pub is_early: bool,
}

/// One item of a batch or stream.
#[derive(Debug)]
pub(super) enum Said {
    Event(Box<SaidEvent>),
    Settle(Box<proto::SettleRequest>, Box<Settle>),
}

pub(super) fn meter(message: proto::MeterEventRequest, tenant: &str) -> Result<SaidEvent, Status> {
    let mut v = Violations::new();
    let said = meter_fields(&mut v, message, tenant);
    v.finish()?;
    Ok(said)
}

pub(super) fn item(item: proto::MeterItem, tenant: &str) -> Result<Said, Status> {
    let mut v = Violations::new();
    match item.item {
        Some(Item::Event(message)) => {
            let said = v.within("event", |v| meter_fields(v, message, tenant));
            v.finish()?;
            Ok(Said::Event(Box::new(said)))
        }
        Some(Item::Settle(message)) => {
            let settle = v.within("settle", |v| settle_fields(v, &message));
            v.finish()?;
            Ok(Said::Settle(Box::new(message), Box::new(settle)))
        }
        None => {
            v.field("item", "is missing");
            Err(v.finish().expect_err("a fault was noted"))
        }
    }
}

pub(super) fn batch(message: proto::BatchMeterEventsRequest) -> Result<Vec<proto::MeterItem>, Status> {
    let mut v = Violations::new();
    if message.items.is_empty() {
        v.field("items", "is missing");
    }
    v.at_most_items("items", message.items.len(), BATCH_ITEMS);
    v.finish()?;
    Ok(message.items)
}

fn meter_fields(v: &mut Violations, message: proto::MeterEventRequest, tenant: &str) -> SaidEvent {
    let ack: proto::Ack = v.enumeration("ack", message.ack);
    let mode: types::OnInsufficient = v.enumeration("on_insufficient", message.on_insufficient);
    let is_early = ack == proto::Ack::Accepted;
    let on_insufficient = match mode {
        types::OnInsufficient::Unspecified if is_early => OnInsufficient::Record,
        types::OnInsufficient::Unspecified | types::OnInsufficient::Refuse => OnInsufficient::Refuse,
        types::OnInsufficient::Record => OnInsufficient::Record,
        types::OnInsufficient::Cap => OnInsufficient::Cap,
    };
    if is_early && on_insufficient != OnInsufficient::Record {
        v.field("on_insufficient", "must be unset or RECORD with ack ACCEPTED");
    }
    let content = match message.event {
        Some(event) => v.within("event", |v| content(v, event, tenant)),
        None => {
            v.field("event", "is missing");
            Content::default()
        }
    };
    SaidEvent { fingerprint: content.fingerprint(ContentKind::Event), content, on_insufficient, is_early }
}

fn content(v: &mut Violations, event: proto::UsageEvent, tenant: &str) -> Content {
    v.key("customer_id", &event.customer_id);
    v.key("event_id", &event.event_id);
    let unit = v.unit("unit", &event.unit).to_string();
    let said_at = v.optional_timestamp("occurred_at", event.occurred_at.as_ref());
    let credits = v.optional_credits("credits", event.credits.as_ref(), AmountRange::ZeroOrMore);
    event_type(v, &event.event_type, event.credits.is_some());
    dimensions(v, &event.dimensions);
    Content {
        tenant: tenant.to_string(),
        customer_id: event.customer_id,
        unit,
        event_id: event.event_id,
        event_type: event.event_type,
        said_at,
        quantity_micros: quantity(v, &event.quantity),
        dimensions: event.dimensions,
        tokens: tokens(v, event.tokens.as_ref()).unwrap_or_default(),
        provider_cost: provider_cost(v, event.provider_cost.as_ref()),
        credits,
        usage_class: usage_class(v, event.usage_class),
        details: details(v, event.details),
    }
}

/// The content of an authorization's estimate, and its hold's life in seconds.
pub(super) fn authorize(message: proto::AuthorizeRequest, tenant: &str) -> Result<(Content, i64), Status> {
    let mut v = Violations::new();
    v.key("customer_id", &message.customer_id);
    v.key("event_id", &message.event_id);
    let unit = v.unit("unit", &message.unit).to_string();
    let credits = v.optional_credits("credits", message.credits.as_ref(), AmountRange::ZeroOrMore);
    event_type(&mut v, &message.event_type, message.credits.is_some());
    dimensions(&mut v, &message.dimensions);
    let ttl = v.optional_duration("ttl", message.ttl.as_ref());
    if ttl.is_some_and(|ttl| ttl.as_secs() == 0 || ttl.subsec_nanos() != 0) {
        v.field("ttl", "is not a whole number of seconds above zero");
    }
    let content = Content {
        tenant: tenant.to_string(),
        customer_id: message.customer_id,
        unit,
        event_id: message.event_id,
        event_type: message.event_type,
        said_at: None,
        quantity_micros: quantity(&mut v, &message.quantity),
        dimensions: message.dimensions,
        tokens: tokens(&mut v, message.tokens.as_ref()).unwrap_or_default(),
        provider_cost: None,
        credits,
        usage_class: usage_class(&mut v, message.usage_class),
        details: details(&mut v, message.details),
    };
    v.finish()?;
    let seconds = ttl.map_or(0, |ttl| i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX));
    Ok((content, seconds))
}

pub(super) fn settle(message: &proto::SettleRequest) -> Result<Settle, Status> {
    let mut v = Violations::new();
    let settle = settle_fields(&mut v, message);
    v.finish()?;
    Ok(settle)
}

fn settle_fields(v: &mut Violations, message: &proto::SettleRequest) -> Settle {
    v.key("customer_id", &message.customer_id);
    v.key("event_id", &message.event_id);
    if message.part < 0 {
        v.field("part", "is below zero");
    }
    if message.keep_open && message.part == 0 {
        v.field("part", "must be above zero with keep_open");
    }
    let mode: types::OnOverrun = v.enumeration("on_overrun", message.on_overrun);
    Settle {
        part: message.part,
        keep_open: message.keep_open,
        quantity_micros: quantity(v, &message.quantity),
        tokens: tokens(v, message.tokens.as_ref()),
        credits: v.optional_credits("credits", message.credits.as_ref(), AmountRange::ZeroOrMore),
        provider_cost: provider_cost(v, message.provider_cost.as_ref()),
        on_overrun: match mode {
            types::OnOverrun::Unspecified | types::OnOverrun::Record => OnOverrun::Record,
            types::OnOverrun::Cap => OnOverrun::Cap,
            types::OnOverrun::Reject => OnOverrun::Reject,
        },
    }
}

pub(super) fn reverse(message: &proto::ReverseEventRequest) -> Result<Reverse, Status> {
    let mut v = Violations::new();
    v.key("customer_id", &message.customer_id);
    v.key("event_id", &message.event_id);
    v.key("idempotency_key", &message.idempotency_key);
    v.description("description", &message.description);
    let amount = v.optional_credits("credits", message.credits.as_ref(), AmountRange::AboveZero);
    v.finish()?;
    Ok(Reverse { amount, key: message.idempotency_key.clone(), description: message.description.clone() })
}

pub(super) fn charge_parked(message: &proto::ChargeParkedEventRequest) -> Result<OnInsufficient, Status> {
    let mut v = Violations::new();
    v.key("customer_id", &message.customer_id);
    v.key("event_id", &message.event_id);
    let mode: types::OnInsufficient = v.enumeration("on_insufficient", message.on_insufficient);
    v.finish()?;
    Ok(match mode {
        types::OnInsufficient::Unspecified | types::OnInsufficient::Refuse => OnInsufficient::Refuse,
        types::OnInsufficient::Record => OnInsufficient::Record,
        types::OnInsufficient::Cap => OnInsufficient::Cap,
    })
}

/// A customer and an event, both required.
pub(super) fn names(customer_id: &str, event_id: &str) -> Result<(), Status> {
    let mut v = Violations::new();
    v.key("customer_id", customer_id);
    v.key("event_id", event_id);
    v.finish()
}

fn event_type(v: &mut Violations, name: &str, has_credits: bool) {
    if name.is_empty() && !has_credits {
        v.field("event_type", "is missing; it may be empty only with credits");
    }
    v.optional_key("event_type", name);
}

fn dimensions(v: &mut Violations, pairs: &BTreeMap<String, String>) {
    if !v.at_most_items("dimensions", pairs.len(), DIMENSIONS) {
        return;
    }
    for (name, value) in pairs {
        let field = "dimensions";
        if name.is_empty() || value.is_empty() {
            v.field(field, "has an empty name or value");
        }
        v.at_most(field, name, DIMENSION_NAME_BYTES);
        v.at_most(field, value, DIMENSION_VALUE_BYTES);
    }
}

fn quantity(v: &mut Violations, text: &str) -> Option<u64> {
    let quantity = v.optional_decimal("quantity", text, QUANTITY_SCALE)?;
    let micros =
        quantity.at_scale(QUANTITY_SCALE).filter(|micros| (0..=QUANTITY_MICROS_MAX).contains(micros));
    let micros = micros.and_then(|micros| u64::try_from(micros).ok());
    if micros.is_none() {
        v.field("quantity", "is not between 0 and 1000000000");
    }
    micros
}

fn tokens(v: &mut Violations, tokens: Option<&types::Tokens>) -> Option<[u64; 7]> {
    let tokens = tokens?;
    let pools = [
        ("tokens.input", tokens.input),
        ("tokens.cache_read", tokens.cache_read),
        ("tokens.cache_write", tokens.cache_write),
        ("tokens.output", tokens.output),
        ("tokens.reasoning", tokens.reasoning),
        ("tokens.audio", tokens.audio),
        ("tokens.images", tokens.images),
    ];
    Some(pools.map(|(field, count)| {
        if !(0..=TOKENS_MAX).contains(&count) {
            v.field(field, format!("is not between 0 and {TOKENS_MAX}"));
        }
        u64::try_from(count).unwrap_or(0)
    }))
}

fn provider_cost(v: &mut Violations, cost: Option<&types::Cost>) -> Option<ProviderCost> {
    let (currency, Cost(picos)) = v.optional_cost("provider_cost", cost)?;
    let picos = i64::try_from(picos).ok().filter(|picos| *picos <= COST_UNITS_MAX * PICOS_PER_UNIT);
    if picos.is_none() {
        v.field("provider_cost", format!("is above {COST_UNITS_MAX}"));
    }
    picos.map(|picos| ProviderCost { currency, picos })
}

fn usage_class(v: &mut Violations, number: i32) -> UsageClass {
    let class: proto::UsageClass = v.enumeration("usage_class", number);
    match class {
        proto::UsageClass::Unspecified | proto::UsageClass::Customer => UsageClass::Customer,
        proto::UsageClass::Internal => UsageClass::Internal,
        proto::UsageClass::Test => UsageClass::Test,
    }
}

fn details(v: &mut Violations, details: Option<proto::EventDetails>) -> Details {
    let Some(details) = details else {
        return Details::default();
    };
    v.within("details", |v| {
        v.subjects("subjects", &details.subjects);
        v.reference("reference", &details.reference);
        v.description("description", &details.description);
        v.metadata("metadata", &details.metadata);
    });
    Details {
        subjects: details.subjects,
        reference: details.reference,
        description: details.description,
        metadata: details.metadata,
    }
}
