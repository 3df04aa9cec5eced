//! Events: charged once, refused and sent again, recorded, capped, accepted, late, early, reversed.

use std::time::Duration;

use chit_api::metering::v1 as proto;
use chit_api::types::v1::{ErrorReason, OnInsufficient};
use proto::EventState;

use crate::harness::START;
use crate::world::{
    as_tenant, credits, eventually, explicit, on_both_engines, reason, refused, reply, stamp, text,
};

#[tokio::test]
async fn an_event_is_charged_once_however_often_it_is_sent() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        let first = world.meter(explicit("c", "e", "4.5")).await.unwrap();
        assert_eq!(first.state(), EventState::Settled);
        assert_eq!((text(first.credits.as_ref()).as_str(), first.replayed), ("4.5", false));
        assert_eq!(text(first.balance.as_ref().unwrap().available.as_ref()), "95.5");
        assert!(first.transaction > 0);
        let again = world.meter(explicit("c", "e", "4.5")).await.unwrap();
        assert!(again.replayed);
        assert_eq!(
            (again.credits, again.transaction, again.balance),
            (first.credits, first.transaction, first.balance)
        );
        assert_eq!(reason(world.meter(explicit("c", "e", "4.6")).await), "IDEMPOTENCY_KEY_REUSED");
        let other_customer = world.meter(explicit("d", "e", "0")).await.unwrap();
        assert!(!other_customer.replayed, "ids are unique per customer");
        let sums = world.sums().await;
        assert_eq!((sums.events, text(sums.credits.as_ref()).as_str()), (2, "4.5"), "{:?}", world.engine);
    })
    .await;
}

#[tokio::test]
async fn a_priced_event_explains_itself() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        let receipt = world.meter(reply("c", "e", 1_000, 200)).await.unwrap();
        let price = receipt.price.clone().unwrap();
        assert_eq!(price.price_book, "default");
        assert!(receipt.provider_cost.is_some() && receipt.margin.is_some());
        let request = proto::ExplainEventRequest { customer_id: "c".into(), event_id: "e".into() };
        let why = world.metering.explain_event(request).await.unwrap().into_inner();
        let explained = why.price.unwrap();
        assert_eq!(explained.credits, receipt.credits);
        assert_eq!((explained.version_id, explained.rule_id), (price.version_id, price.rule_id));
        assert_eq!(why.provider_cost.unwrap().cost, receipt.provider_cost);
        assert_eq!(why.facts.len(), 1);
        assert_eq!(
            (why.facts[0].transactions.clone(), why.facts[0].hash.len()),
            (vec![receipt.transaction], 32)
        );
        assert!(
            why.sentence.contains("chat.reply") && why.sentence.contains("drawn from 1 grant"),
            "{}",
            why.sentence
        );
        let event = world.event("c", "e").await;
        assert_eq!(
            (event.state(), event.credits, event.margin),
            (EventState::Settled, receipt.credits, receipt.margin)
        );
    })
    .await;
}

#[tokio::test]
async fn a_refused_event_is_leakage_until_it_is_sent_again_at_its_price() {
    on_both_engines(async |mut world| {
        world.fund("c", 1).await;
        let no = refused(world.meter(explicit("c", "e", "3")).await);
        assert_eq!((no.reason_word(), no.facts["required"].as_str()), ("INSUFFICIENT_CREDITS", "3"));
        let no = refused(world.meter(explicit("c", "e", "3")).await);
        assert_eq!(no.reason_word(), "INSUFFICIENT_CREDITS");
        let event = world.event("c", "e").await;
        assert_eq!(
            (event.state(), event.refused_because()),
            (EventState::Refused, ErrorReason::InsufficientCredits)
        );
        let sums = world.sums().await;
        assert_eq!((sums.events, sums.refused, text(sums.leaked.as_ref()).as_str()), (1, 1, "3"));
        world.fund("c", 5).await;
        let receipt = world.meter(explicit("c", "e", "3")).await.unwrap();
        assert_eq!((receipt.state(), text(receipt.credits.as_ref()).as_str()), (EventState::Settled, "3"));
        let again = world.meter(explicit("c", "e", "3")).await.unwrap();
        assert_eq!((again.replayed, again.transaction), (true, receipt.transaction));
        let sums = world.sums().await;
        assert_eq!((sums.events, sums.refused, text(sums.leaked.as_ref()).as_str()), (1, 0, "0"));
        assert_eq!(text(sums.credits.as_ref()), "3", "{:?}", world.engine);
    })
    .await;
}

#[tokio::test]
async fn what_the_wallet_lacks_is_owed_or_forgiven_as_asked() {
    on_both_engines(async |mut world| {
        world.fund("c", 1).await;
        let recorded = world.meter_with(explicit("c", "e1", "3"), OnInsufficient::Record).await.unwrap();
        assert_eq!(
            (text(recorded.credits.as_ref()).as_str(), text(recorded.owed_added.as_ref()).as_str()),
            ("3", "2")
        );
        world.fund("d", 1).await;
        let capped = world.meter_with(explicit("d", "e1", "3"), OnInsufficient::Cap).await.unwrap();
        assert_eq!(
            (text(capped.credits.as_ref()).as_str(), text(capped.forgiven.as_ref()).as_str()),
            ("1", "2")
        );
        let sums = world.sums().await;
        assert_eq!((text(sums.credits.as_ref()).as_str(), text(sums.forgiven.as_ref()).as_str()), ("4", "2"));
    })
    .await;
}

#[tokio::test]
async fn an_accepted_event_is_durable_at_once_and_deducted_moments_later() {
    on_both_engines(async |mut world| {
        let request = proto::MeterEventRequest {
            event: Some(explicit("c", "e", "3")),
            ack: proto::Ack::Accepted as i32,
            ..Default::default()
        };
        let receipt =
            world.metering.meter_event(request.clone()).await.unwrap().into_inner().receipt.unwrap();
        assert_eq!((receipt.state(), receipt.balance), (EventState::Accepted, None));
        eventually(async || world.event("c", "e").await.state() == EventState::Settled).await;
        assert_eq!(world.balance("c").await.2, "3", "accepted implies recorded: {:?}", world.engine);
        let again = world.metering.meter_event(request).await.unwrap().into_inner().receipt.unwrap();
        assert_eq!((again.state(), again.replayed), (EventState::Settled, true));
    })
    .await;
}

#[tokio::test]
async fn internal_and_test_use_is_priced_and_costed_and_charged_to_nobody() {
    on_both_engines(async |mut world| {
        for (event, class) in [("e1", proto::UsageClass::Internal), ("e2", proto::UsageClass::Test)] {
            let said = proto::UsageEvent { usage_class: class as i32, ..reply("c", event, 1_000, 100) };
            let receipt = world.meter(said).await.unwrap();
            assert_eq!((text(receipt.credits.as_ref()).as_str(), receipt.transaction), ("0", 0));
            assert_ne!(text(receipt.would_cost.as_ref()), "0");
            assert!(receipt.provider_cost.is_some() && receipt.balance.is_none());
        }
        let rows = world.usage(&[proto::UsageGroup::UsageClass]).await;
        let classes: Vec<_> = rows.iter().map(proto::UsageRow::usage_class).collect();
        assert_eq!(classes, [proto::UsageClass::Internal, proto::UsageClass::Test]);
        assert!(rows.iter().all(|row| text(row.sums.as_ref().unwrap().credits.as_ref()) == "0"));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_price_is_never_zero() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        let unknown = proto::UsageEvent { event_type: "no.such".into(), ..reply("c", "e", 10, 1) };
        let no = refused(world.meter(unknown.clone()).await);
        assert_eq!((no.reason_word(), no.code), ("EVENT_TYPE_UNKNOWN", tonic::Code::FailedPrecondition));
        assert_eq!(reason(world.meter(unknown).await), "EVENT_TYPE_UNKNOWN");
        let event = world.event("c", "e").await;
        assert_eq!((event.state(), event.price_credits), (EventState::Refused, None));
        let sums = world.sums().await;
        assert_eq!((sums.events, sums.refused, sums.tokens.unwrap().input), (1, 1, 10));
        let free = world.meter(explicit("c", "free", "0")).await.unwrap();
        assert_eq!(free.state(), EventState::Settled, "an explicit zero is a price");
    })
    .await;
}

#[tokio::test]
async fn an_early_event_is_taken_now_and_a_late_one_when_it_was() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        let at =
            |event: &str, time| proto::UsageEvent { occurred_at: stamp(time), ..explicit("c", event, "1") };
        let early = world.meter(at("early", START + Duration::from_secs(5))).await.unwrap();
        assert_eq!((early.clock_skewed, early.occurred_at), (true, stamp(START)));
        let late = world.meter(at("late", START - Duration::from_secs(30 * 86_400))).await.unwrap();
        assert!(!late.clock_skewed);
        assert_eq!(world.balance("c").await.0, "98", "{:?}", world.engine);
    })
    .await;
}

#[tokio::test]
async fn an_event_older_than_the_window_waits_for_an_operator() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        let long_ago = START - Duration::from_secs(35 * 86_400);
        let old = proto::UsageEvent { occurred_at: stamp(long_ago), ..explicit("c", "old", "1") };
        for _ in 0..2 {
            let no = refused(world.meter(old.clone()).await);
            assert_eq!((no.reason_word(), no.facts["window_days"].as_str()), ("EVENT_TOO_OLD", "34"));
        }
        let listed = world.metering.list_parked_events(proto::ListParkedEventsRequest::default()).await;
        let listed = listed.unwrap().into_inner().events;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].event.as_ref().unwrap().event_id, "old");
        let charge = proto::ChargeParkedEventRequest {
            customer_id: "c".into(),
            event_id: "old".into(),
            ..Default::default()
        };
        let charged =
            world.metering.charge_parked_event(charge.clone()).await.unwrap().into_inner().receipt.unwrap();
        assert_eq!((text(charged.credits.as_ref()).as_str(), charged.occurred_at), ("1", old.occurred_at));
        let again = world.metering.charge_parked_event(charge).await.unwrap().into_inner().receipt.unwrap();
        assert!(again.replayed, "{:?}", world.engine);
        assert!(world.meter(old).await.unwrap().replayed);
        assert_eq!(world.balance("c").await.0, "99");
    })
    .await;
}

#[tokio::test]
async fn a_reversal_returns_what_was_charged_and_no_more() {
    on_both_engines(async |mut world| {
        world.fund("c", 10).await;
        world.meter(explicit("c", "e", "4")).await.unwrap();
        let reverse = |key: &str, amount: Option<&str>| proto::ReverseEventRequest {
            customer_id: "c".into(),
            event_id: "e".into(),
            idempotency_key: key.into(),
            credits: amount.and_then(credits),
            ..Default::default()
        };
        let mut call = async |request| {
            let answer = world.metering.reverse_event(request).await;
            answer.map(|answer| answer.into_inner().receipt.unwrap())
        };
        assert_eq!(reason(call(reverse("k0", Some("5"))).await), "REVERSAL_TOO_LARGE");
        let first = call(reverse("k1", Some("1"))).await.unwrap();
        assert_eq!(
            (text(first.credits.as_ref()).as_str(), text(first.credits_total.as_ref()).as_str()),
            ("-1", "3")
        );
        assert!(call(reverse("k1", Some("1"))).await.unwrap().replayed);
        assert_eq!(reason(call(reverse("k1", Some("2"))).await), "IDEMPOTENCY_KEY_REUSED");
        let rest = call(reverse("k2", None)).await.unwrap();
        assert_eq!((text(rest.credits.as_ref()).as_str(), rest.state()), ("-3", EventState::Reversed));
        assert_eq!(reason(call(reverse("k3", None)).await), "EVENT_STATE");
        assert_eq!(world.balance("c").await.0, "10");
        let sums = world.sums().await;
        assert_eq!((sums.events, text(sums.credits.as_ref()).as_str()), (1, "0"));
    })
    .await;
}

#[tokio::test]
async fn tenants_never_see_each_other() {
    on_both_engines(async |mut world| {
        world.fund("c", 10).await;
        world.fund_as("other", "c", 10).await;
        world.meter(explicit("c", "e", "4")).await.unwrap();
        let get = proto::GetEventRequest { customer_id: "c".into(), event_id: "e".into() };
        assert_eq!(reason(world.metering.get_event(as_tenant("other", get)).await), "EVENT_NOT_FOUND");
        let reverse = proto::ReverseEventRequest {
            customer_id: "c".into(),
            event_id: "e".into(),
            idempotency_key: "k".into(),
            ..Default::default()
        };
        assert_eq!(
            reason(world.metering.reverse_event(as_tenant("other", reverse)).await),
            "EVENT_NOT_FOUND"
        );
        let meter = proto::MeterEventRequest { event: Some(explicit("c", "e", "2")), ..Default::default() };
        let theirs = world.metering.meter_event(as_tenant("other", meter)).await.unwrap().into_inner();
        assert!(!theirs.receipt.unwrap().replayed);
        let list = proto::ListEventsRequest { customer_id: "c".into(), ..Default::default() };
        let theirs = world.metering.list_events(as_tenant("other", list)).await.unwrap().into_inner();
        assert_eq!(theirs.events.len(), 1);
        assert_eq!(text(theirs.events[0].credits.as_ref()), "2");
        assert_eq!(text(world.sums().await.credits.as_ref()), "4", "{:?}", world.engine);
    })
    .await;
}
