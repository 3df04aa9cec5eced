//! Events as they stand.

use chit_api::metering::v1 as proto;
use chit_api::types::v1::ErrorReason;
use chit_rpc::{Caller, PageTokens, Violations, credits_to_proto, timestamp_to_proto};
use chit_types::{Credits, Timestamp};
use tonic::Status;

use super::answers::{View, class_to_proto, content_to_proto, credits, price_to_proto, state_to_proto};
use super::status::{of_refusal, of_store};
use super::{MeteringRpc, page};
use crate::domain::authorization::Authorization;
use crate::domain::event::Content;
use crate::domain::fact::{EventState, Fact, FactKind, state_after};
use crate::domain::refusal::Refusal;
use crate::domain::sums::Sums;
use crate::reading::Known;

/// An event with what it was made from.
pub(super) type Found = (proto::Event, Vec<Fact>, View);

/// One event as it stands.
pub(super) async fn event(
    rpc: &MeteringRpc,
    caller: &Caller,
    customer_id: &str,
    event_id: &str,
) -> Result<Found, Status> {
    let place = rpc.place(caller, customer_id, event_id);
    let view = rpc.view(caller).await;
    let known = rpc.reading.event(place).await.map_err(|fault| of_store(&fault))?;
    let (event, facts) = match known.ok_or_else(|| not_found(event_id))? {
        Known::Parked(row) => (parked_event(&row.content, row.parked_at), Vec::new()),
        Known::Authorized(stored) => (authorized_event(&stored), Vec::new()),
        Known::Recorded(recorded) => {
            (event_of(&view, &recorded.facts, recorded.authorization.as_ref()), recorded.facts)
        }
        Known::Waiting(fact) => {
            let mut event = event_of(&view, std::slice::from_ref(&*fact), None);
            event.state = state_to_proto(EventState::Accepted) as i32;
            (event, Vec::new())
        }
    };
    Ok((event, facts, view))
}

fn not_found(event_id: &str) -> Status {
    of_refusal(Refusal::EventNotFound { event: event_id.to_string() })
}

/// An event as the sum of its facts.
fn event_of(view: &View, facts: &[Fact], authorization: Option<&Authorization>) -> proto::Event {
    let sums: Sums = facts.iter().map(|fact| fact.sums).sum();
    // Reversals repeat the charge's inputs with another description.
    let said = facts.iter().rev().find(|fact| fact.kind != FactKind::Reversed);
    let (last, said) = (facts.last().expect("at least one fact"), said.unwrap_or(&facts[0]));
    let currency = facts.iter().map(|fact| fact.currency.as_str()).find(|currency| !currency.is_empty());
    let state = match (state_after(facts), authorization) {
        (Some(EventState::PartlySettled), Some(stored)) => stored.state.event_state(),
        (state, _) => state.unwrap_or(EventState::Accepted),
    };
    let refused = last.body.refused.as_ref().filter(|_| state == EventState::Refused);
    let mut content = content_to_proto(&said.content());
    content.occurred_at = Some(timestamp_to_proto(last.occurred_at));
    if view.sees_costs {
        let cost = said.body.provider_cost.as_ref();
        content.provider_cost = cost
            .map(|cost| chit_rpc::cost_to_proto(&cost.currency, chit_types::Cost(i128::from(cost.picos))));
    }
    proto::Event {
        content: Some(content),
        state: state_to_proto(state) as i32,
        credits: credits(sums.credits_micros),
        forgiven: credits(sums.forgiven_micros),
        would_cost: credits(sums.would_cost_micros),
        price_credits: said.body.price_credits.map(credits_to_proto),
        price: said.body.price.as_ref().map(price_to_proto),
        provider_cost: view.cost(currency.unwrap_or(""), &sums),
        margin: view.margin(currency.unwrap_or(""), &sums),
        transactions: facts.iter().flat_map(|fact| &fact.body.named).map(|named| named.seq).collect(),
        refused_because: refused.map_or(0, |why| why.reason),
        clock_skewed: facts.iter().any(|fact| fact.body.clock_skewed),
        late: facts.iter().any(|fact| fact.body.late),
        recorded_at: Some(timestamp_to_proto(last.recorded_at)),
        authorization_id: authorization.map_or_else(String::new, |stored| stored.id().to_string()),
        parts: authorization.map_or(0, |stored| stored.totals.part),
    }
}

fn authorized_event(stored: &Authorization) -> proto::Event {
    let mut content = content_to_proto(&stored.content);
    content.occurred_at = Some(timestamp_to_proto(stored.created_at));
    proto::Event {
        content: Some(content),
        state: state_to_proto(stored.state.event_state()) as i32,
        credits: credits(0),
        price_credits: Some(credits_to_proto(stored.reserved)),
        price: stored.stamp.as_ref().map(price_to_proto),
        recorded_at: Some(timestamp_to_proto(stored.created_at)),
        authorization_id: stored.id().to_string(),
        ..proto::Event::default()
    }
}

fn parked_event(content: &Content, parked_at: Timestamp) -> proto::Event {
    proto::Event {
        content: Some(content_to_proto(content)),
        state: state_to_proto(EventState::Refused) as i32,
        credits: Some(credits_to_proto(Credits::ZERO)),
        refused_because: ErrorReason::EventTooOld as i32,
        recorded_at: Some(timestamp_to_proto(parked_at)),
        ..proto::Event::default()
    }
}

/// A customer's events, newest first.
pub(super) async fn list(
    rpc: &MeteringRpc,
    caller: &Caller,
    message: proto::ListEventsRequest,
) -> Result<proto::ListEventsResponse, Status> {
    let mut v = Violations::new();
    v.key("customer_id", &message.customer_id);
    v.optional_key("event_type", &message.event_type);
    let from = v.optional_timestamp("from", message.from.as_ref()).unwrap_or(Timestamp::EPOCH);
    let until = v.optional_timestamp("until", message.until.as_ref()).unwrap_or(Timestamp::MAX);
    let (from_text, until_text) = (from.micros().to_string(), until.micros().to_string());
    let filter = [message.customer_id.as_str(), &from_text, &until_text, &message.event_type];
    let tokens = PageTokens::new("ListEvents", &caller.tenant, &filter);
    let (size, cursor) = page(&mut v, &tokens, message.page_size, &message.page_token)?;
    v.finish()?;
    let before = cursor.map_or(Ok((until, Vec::new())), |cursor| read_cursor(&cursor))?;
    let customer = rpc.place(caller, &message.customer_id, "");
    let view = rpc.view(caller).await;
    let found = rpc.reading.events(customer, from, before, &message.event_type, size + 1).await;
    let found = found.map_err(|fault| of_store(&fault))?;
    let events = found
        .iter()
        .take(size)
        .map(|recorded| event_of(&view, &recorded.facts, recorded.authorization.as_ref()));
    let last = found.get(size.wrapping_sub(1)).filter(|_| found.len() > size);
    Ok(proto::ListEventsResponse {
        events: events.collect(),
        next_page_token: last
            .map_or_else(String::new, |recorded| tokens.seal(&cursor_of(&recorded.facts[0]))),
    })
}

fn cursor_of(fact: &Fact) -> Vec<u8> {
    let mut bytes = fact.occurred_at.micros().to_be_bytes().to_vec();
    bytes.extend_from_slice(&fact.place.event);
    bytes
}

fn read_cursor(cursor: &[u8]) -> Result<(Timestamp, Vec<u8>), Status> {
    let (time, event) = cursor.split_first_chunk::<8>().ok_or_else(bad_token)?;
    Ok((Timestamp::from_micros(i64::from_be_bytes(*time)), event.to_vec()))
}

pub(super) fn bad_token() -> Status {
    let text = "page_token is not of this list; ask for the first page again";
    chit_rpc::refuse(ErrorReason::PageTokenInvalid, text).status()
}

/// Parked events of the tenant.
pub(super) async fn parked(
    rpc: &MeteringRpc,
    caller: &Caller,
    message: proto::ListParkedEventsRequest,
) -> Result<proto::ListParkedEventsResponse, Status> {
    let mut v = Violations::new();
    let tokens = PageTokens::new("ListParkedEvents", &caller.tenant, &[]);
    let (size, cursor) = page(&mut v, &tokens, message.page_size, &message.page_token)?;
    v.finish()?;
    let after = match cursor {
        None => (-1, Vec::new()),
        Some(cursor) => {
            let (shard, event) = cursor.split_first_chunk::<2>().ok_or_else(bad_token)?;
            (i16::from_be_bytes(*shard), event.to_vec())
        }
    };
    let rows = rpc.reading.parked(&caller.tenant, after, size + 1).await;
    let rows = rows.map_err(|fault| of_store(&fault))?;
    let next = rows.get(size.wrapping_sub(1)).filter(|_| rows.len() > size).map(|row| {
        let mut bytes = row.shard.to_be_bytes().to_vec();
        bytes.extend_from_slice(&row.event);
        tokens.seal(&bytes)
    });
    let events = rows.iter().take(size).map(|row| proto::ParkedEvent {
        event: Some(proto::UsageEvent {
            usage_class: class_to_proto(row.content.usage_class) as i32,
            ..content_to_proto(&row.content)
        }),
        parked_at: Some(timestamp_to_proto(row.parked_at)),
    });
    Ok(proto::ListParkedEventsResponse {
        events: events.collect(),
        next_page_token: next.unwrap_or_default(),
    })
}

/// What was said of a parked event; of one that is charged already, so that its outcome is repeated.
pub(super) async fn parked_content(
    rpc: &MeteringRpc,
    caller: &Caller,
    customer_id: &str,
    event_id: &str,
) -> Result<Content, Status> {
    let place = rpc.place(caller, customer_id, event_id);
    let content = rpc.reading.parked_content(place).await;
    content.map_err(|fault| of_store(&fault))?.ok_or_else(|| not_found(event_id))
}
