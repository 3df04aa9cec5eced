//! Bad input: every violated field, told at once.

use std::collections::BTreeSet;

use chit_api::metering::v1 as proto;
use chit_api::types::v1 as types;
use chit_rpc::Refused;

use crate::harness::{Engine, START};
use crate::world::{World, credits, explicit, reason, refused, stamp};

fn fields(no: Refused) -> Vec<String> {
    no.violations.into_iter().map(|violation| violation.field).collect()
}

/// An event with every field wrong.
fn all_wrong() -> proto::UsageEvent {
    let long = "x".repeat(129);
    proto::UsageEvent {
        customer_id: String::new(),
        unit: long.clone(),
        event_id: long.clone(),
        event_type: long.clone(),
        occurred_at: Some(prost_types::Timestamp { seconds: -1, nanos: 0 }),
        quantity: "0.0000001".into(),
        dimensions: [(String::new(), "x".repeat(257))].into(),
        tokens: Some(types::Tokens { input: -1, output: i64::MAX, ..Default::default() }),
        provider_cost: Some(types::Cost { currency_code: "usd".into(), amount: "1".into() }),
        credits: Some(types::Credits { units: 1_000_000_001, nanos: 0 }),
        usage_class: 99,
        details: Some(proto::EventDetails {
            reference: long,
            subjects: vec![String::new()],
            ..Default::default()
        }),
    }
}

#[tokio::test]
async fn every_bad_field_of_an_event_is_told_at_once() {
    let mut world = World::new(Engine::Sqlite).await;
    let request = proto::MeterEventRequest {
        event: Some(all_wrong()),
        ack: proto::Ack::Accepted as i32,
        on_insufficient: types::OnInsufficient::Cap as i32,
    };
    let told: BTreeSet<String> =
        fields(refused(world.metering.meter_event(request).await)).into_iter().collect();
    let expect = [
        "event.customer_id",
        "event.unit",
        "event.event_id",
        "event.event_type",
        "event.occurred_at",
        "event.quantity",
        "event.dimensions",
        "event.tokens.input",
        "event.tokens.output",
        "event.provider_cost",
        "event.credits",
        "event.usage_class",
        "event.details.reference",
        "event.details.subjects[0]",
        "on_insufficient",
    ];
    assert_eq!(told, expect.map(str::to_string).into());
}

#[tokio::test]
async fn each_edge_of_an_event_is_refused_by_itself() {
    let mut world = World::new(Engine::Sqlite).await;
    let base = || explicit("c", "e", "1");
    let quantity = |text: &str| proto::UsageEvent { quantity: text.into(), ..base() };
    let amount =
        |units, nanos| proto::UsageEvent { credits: Some(types::Credits { units, nanos }), ..base() };
    let priced = proto::UsageEvent { credits: None, ..base() };
    let nobody = proto::UsageEvent { customer_id: String::new(), ..base() };
    for (what, field, event) in [
        ("a negative quantity", "quantity", quantity("-1")),
        ("a quantity above 1e9", "quantity", quantity("1000000000.1")),
        ("a quantity finer than 1e-6", "quantity", quantity("0.0000001")),
        ("credits finer than a micro-credit", "credits", amount(0, 1)),
        ("negative credits", "credits", amount(-1, 0)),
        ("credits above 1e9", "credits", amount(1_000_000_000, 1_000)),
        ("no customer", "customer_id", nobody),
        ("neither type nor credits", "event_type", priced),
    ] {
        let no = refused(world.meter(event).await);
        assert_eq!(no.code, tonic::Code::InvalidArgument, "{what}");
        assert_eq!(fields(no), [format!("event.{field}")], "{what}");
    }
}

#[tokio::test]
async fn bad_fields_of_the_writing_methods_are_told() {
    let mut world = World::new(Engine::Sqlite).await;
    let authorize = proto::AuthorizeRequest {
        ttl: Some(prost_types::Duration { seconds: 0, nanos: 5 }),
        quantity: "x".into(),
        ..Default::default()
    };
    let no = refused(world.metering.authorize(authorize).await);
    assert_eq!(fields(no), ["customer_id", "event_id", "event_type", "ttl", "quantity"]);
    let settle = proto::SettleRequest { keep_open: true, on_overrun: 9, ..Default::default() };
    let no = refused(world.metering.settle(settle).await);
    assert_eq!(fields(no), ["customer_id", "event_id", "part", "on_overrun"]);
    let no = refused(world.metering.void(proto::VoidRequest::default()).await);
    assert_eq!(fields(no), ["customer_id", "event_id"]);
    let reverse = proto::ReverseEventRequest { credits: credits("0"), ..Default::default() };
    let no = refused(world.metering.reverse_event(reverse).await);
    assert_eq!(fields(no), ["customer_id", "event_id", "idempotency_key", "credits"]);
    let charge = proto::ChargeParkedEventRequest { on_insufficient: 9, ..Default::default() };
    let no = refused(world.metering.charge_parked_event(charge).await);
    assert_eq!(fields(no), ["customer_id", "event_id", "on_insufficient"]);
}

#[tokio::test]
async fn bad_fields_of_the_reading_methods_are_told() {
    let mut world = World::new(Engine::Sqlite).await;
    let query = proto::QueryUsageRequest {
        from: stamp(START),
        group_by: vec![6, 7, 0],
        page_size: -1,
        ..Default::default()
    };
    let no = refused(world.metering.query_usage(query).await);
    assert_eq!(fields(no), ["until", "group_by[2]", "group_by", "page_size"]);
    let no = refused(world.metering.get_event(proto::GetEventRequest::default()).await);
    assert_eq!(fields(no), ["customer_id", "event_id"]);
    let list = proto::ListEventsRequest { page_size: 1_001, ..Default::default() };
    let no = refused(world.metering.list_events(list).await);
    assert_eq!(fields(no), ["customer_id", "page_size"]);
    let no = refused(world.metering.get_usage_summary(proto::GetUsageSummaryRequest::default()).await);
    assert_eq!(fields(no), ["customer_id"]);
    let tail = |cursor: Vec<u8>| proto::TailEventsRequest { cursor: cursor.into(), ..Default::default() };
    assert_eq!(reason(world.metering.tail_events(tail(vec![1, 2])).await.map(|_| ())), "INVALID_FIELD");
    assert_eq!(reason(world.metering.tail_events(tail(vec![0; 8])).await.map(|_| ())), "CURSOR_EXPIRED");
}
