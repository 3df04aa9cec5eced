//! The contract: batches and streams, lists and their tokens, usage, summaries, tails, and every bad field at once.

use std::collections::BTreeSet;

use chit_api::metering::v1 as proto;
use proto::meter_item::Item;
use proto::meter_item_result::Result as ItemResult;
use tokio_stream::StreamExt;

use crate::harness::START;
use crate::world::{World, credits, explicit, on_both_engines, reason, reply, stamp, text};

fn item(event: proto::UsageEvent) -> proto::MeterItem {
    let request = proto::MeterEventRequest { event: Some(event), ..Default::default() };
    proto::MeterItem { item: Some(Item::Event(request)) }
}

fn settle_item(event: &str, amount: &str) -> proto::MeterItem {
    let request = proto::SettleRequest {
        customer_id: "c".into(),
        event_id: event.into(),
        credits: credits(amount),
        ..Default::default()
    };
    proto::MeterItem { item: Some(Item::Settle(request)) }
}

async fn authorize(world: &mut World, event: &str, amount: &str) {
    let request = proto::AuthorizeRequest {
        customer_id: "c".into(),
        event_id: event.into(),
        credits: credits(amount),
        ..Default::default()
    };
    world.metering.authorize(request).await.unwrap();
}

#[tokio::test]
async fn a_batch_answers_every_item_by_itself() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        authorize(&mut world, "held", "5").await;
        let mut bad = explicit("c", "", "1");
        bad.quantity = "-1".into();
        let items = vec![
            item(explicit("c", "e1", "1")),
            item(bad),
            item(explicit("c", "e1", "1")),
            item(explicit("c", "e1", "2")),
            settle_item("held", "4"),
            item(explicit("c", "e2", "1000")),
            proto::MeterItem { item: None },
        ];
        let answer = world.metering.batch_meter_events(proto::BatchMeterEventsRequest { items }).await;
        let told: Vec<String> = answer
            .unwrap()
            .into_inner()
            .results
            .into_iter()
            .map(|result| match result.result.unwrap() {
                ItemResult::Receipt(receipt) => {
                    format!("{} {}", text(receipt.credits.as_ref()), receipt.replayed)
                }
                ItemResult::Error(status) => chit_rpc::Refused::of_item(&status).reason_word().to_string(),
            })
            .collect();
        let expect = [
            "1 false",
            "INVALID_FIELD",
            "1 true",
            "IDEMPOTENCY_KEY_REUSED",
            "4 false",
            "INSUFFICIENT_CREDITS",
            "INVALID_FIELD",
        ];
        assert_eq!(told, expect, "{:?}", world.engine);
        let none = world.metering.batch_meter_events(proto::BatchMeterEventsRequest::default()).await;
        assert_eq!(reason(none), "INVALID_FIELD");
        let many = vec![proto::MeterItem::default(); 1_001];
        let many = world.metering.batch_meter_events(proto::BatchMeterEventsRequest { items: many }).await;
        assert_eq!(reason(many), "INVALID_FIELD");
    })
    .await;
}

#[tokio::test]
async fn a_stream_answers_every_item_with_its_sequence() {
    on_both_engines(async |mut world| {
        for customer in 0..7 {
            world.fund(&format!("c{customer}"), 10_000).await;
        }
        let count = 3_000_i64;
        let requests = (0..count).map(|sequence| proto::StreamMeterEventsRequest {
            sequence,
            item: Some(item(explicit(&format!("c{}", sequence % 7), &format!("e{}", sequence / 2), "0.5"))),
        });
        let mut answers =
            world.metering.stream_meter_events(tokio_stream::iter(requests)).await.unwrap().into_inner();
        let (mut seen, mut fresh) = (BTreeSet::new(), 0);
        while let Some(answer) = answers.next().await {
            let answer = answer.unwrap();
            assert!(seen.insert(answer.sequence));
            match answer.result.unwrap().result.unwrap() {
                ItemResult::Receipt(receipt) => fresh += i64::from(!receipt.replayed),
                ItemResult::Error(status) => panic!("{}: {status:?}", answer.sequence),
            }
        }
        assert_eq!(seen.len(), 3_000, "{:?}", world.engine);
        let sums = world.sums().await;
        assert_eq!((sums.events, sums.events), (fresh, count));
        assert_eq!(text(sums.credits.as_ref()), "1500");
    })
    .await;
}

#[tokio::test]
async fn a_price_beyond_the_range_is_refused_and_kept() {
    let mut world = World::new(crate::harness::Engine::Sqlite).await;
    world.fund("c", 100).await;
    let huge = reply("c", "e", 1_000_000_000_000, 1_000_000_000_000);
    assert_eq!(reason(world.meter(huge).await), "PRICE_OVERFLOW");
    assert_eq!(world.event("c", "e").await.state(), proto::EventState::Refused);
}

#[tokio::test]
async fn events_are_listed_page_by_page_and_tokens_belong_to_their_list() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        for number in 0..7 {
            let time = START - std::time::Duration::from_secs(number);
            let said =
                proto::UsageEvent { occurred_at: stamp(time), ..explicit("c", &format!("e{number}"), "1") };
            world.meter(said).await.unwrap();
        }
        let mut request =
            proto::ListEventsRequest { customer_id: "c".into(), page_size: 3, ..Default::default() };
        let mut seen = Vec::new();
        loop {
            let page = world.metering.list_events(request.clone()).await.unwrap().into_inner();
            seen.extend(page.events.into_iter().map(|event| event.content.unwrap().event_id));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(seen, ["e0", "e1", "e2", "e3", "e4", "e5", "e6"], "{:?}", world.engine);
        request.customer_id = "d".into();
        assert_eq!(reason(world.metering.list_events(request.clone()).await), "PAGE_TOKEN_INVALID");
        let parked = proto::ListParkedEventsRequest { page_token: request.page_token, ..Default::default() };
        assert_eq!(reason(world.metering.list_parked_events(parked).await), "PAGE_TOKEN_INVALID");
    })
    .await;
}

#[tokio::test]
async fn usage_is_told_by_every_group_and_agrees_with_itself() {
    on_both_engines(async |mut world| {
        world.fund("c", 1_000).await;
        world.fund("d", 1_000).await;
        for (customer, event, model, hours) in [
            ("c", "e1", "gpt-4o-mini", 0),
            ("c", "e2", "gpt-4o-mini", 1),
            ("d", "e1", "gpt-4o", 0),
            ("d", "e2", "", 30),
        ] {
            let mut said = reply(customer, event, 1_000, 200);
            said.dimensions.insert("feature".into(), format!("of-{customer}"));
            if model.is_empty() {
                said.dimensions.remove("model");
            } else {
                said.dimensions.insert("model".into(), model.into());
            }
            said.occurred_at = stamp(START - std::time::Duration::from_secs(hours * 3_600));
            world.meter(said).await.unwrap();
        }
        use proto::UsageGroup as G;
        let total = world.sums().await;
        assert_eq!(total.events, 4);
        let check = |rows: Vec<proto::UsageRow>, count: usize, what: &str| {
            assert_eq!(rows.len(), count, "{what}");
            let events: i64 = rows.iter().map(|row| row.sums.as_ref().unwrap().events).sum();
            let tokens: i64 =
                rows.iter().map(|row| row.sums.as_ref().unwrap().tokens.as_ref().unwrap().output).sum();
            assert_eq!((events, tokens), (4, 800), "{what}");
        };
        check(world.usage(&[G::EventType]).await, 1, "event type");
        check(world.usage(&[G::Customer]).await, 2, "customer");
        check(world.usage(&[G::Model]).await, 3, "model");
        check(world.usage(&[G::Feature]).await, 2, "feature");
        check(world.usage(&[G::UsageClass]).await, 1, "class");
        check(world.usage(&[G::Day]).await, 2, "day");
        check(world.usage(&[G::Hour]).await, 3, "hour");
        check(world.usage(&[G::Customer, G::Day]).await, 3, "customer and day");
        check(world.usage(&[G::Customer, G::Hour]).await, 4, "customer and hour");
        let rows = world.usage(&[G::Model]).await;
        let mini = rows.iter().find(|row| row.model == "gpt-4o-mini").unwrap().sums.clone().unwrap();
        assert_eq!(mini.provider_cost.unwrap().amount, "0.00054", "2 × (1000 × 0.15 + 200 × 0.6) / 1e6");
        assert_eq!(text(mini.credits.as_ref()), "2", "2 × (0.3 + 0.4), each up to 1");
        assert_eq!(mini.margin.unwrap().amount, "0.01946");
    })
    .await;
}

#[tokio::test]
async fn a_summary_tells_what_was_used_and_what_remains() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        authorize(&mut world, "held", "5").await;
        for (event, feature) in [("e1", "chat"), ("e2", "search"), ("e3", "chat")] {
            let mut said = explicit("c", event, "10");
            said.dimensions.insert("feature".into(), feature.into());
            world.meter(said).await.unwrap();
        }
        let request = proto::GetUsageSummaryRequest { customer_id: "c".into(), ..Default::default() };
        let told = world.metering.get_usage_summary(request).await.unwrap().into_inner();
        let amounts =
            [&told.used, &told.held, &told.remaining, &told.allowance].map(|amount| text(amount.as_ref()));
        assert_eq!(amounts, ["30", "5", "65", "0"], "{:?}", world.engine);
        assert_eq!(told.at_zero(), proto::AtZero::Refuse);
        let features: Vec<_> =
            told.features.iter().map(|f| (f.feature.as_str(), text(f.used.as_ref()), f.events)).collect();
        assert_eq!(features, [("chat", "20".to_string(), 2), ("search", "10".to_string(), 1)]);
        let request = proto::GetUsageSummaryRequest { customer_id: "nobody".into(), ..Default::default() };
        let told = world.metering.get_usage_summary(request).await.unwrap().into_inner();
        assert_eq!(text(told.remaining.as_ref()), "0");
    })
    .await;
}

#[tokio::test]
async fn a_tail_tells_every_fact_recorded_after_it_began() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        world.meter(explicit("c", "before", "1")).await.unwrap();
        let request = proto::TailEventsRequest::default();
        let mut tail = world.metering.tail_events(request).await.unwrap().into_inner();
        for number in 0..5 {
            world.clock.advance(std::time::Duration::from_millis(1));
            world.meter(explicit("c", &format!("e{number}"), "1")).await.unwrap();
        }
        let mut seen = Vec::new();
        while seen.len() < 5 {
            let told = tail.next().await.unwrap().unwrap();
            seen.extend(told.facts.into_iter().map(|fact| fact.event_id));
        }
        assert_eq!(seen, ["e0", "e1", "e2", "e3", "e4"], "{:?}", world.engine);
    })
    .await;
}
