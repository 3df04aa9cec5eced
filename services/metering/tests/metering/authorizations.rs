//! Authorize, settle, void; parts; late settlements; holds that run out.

use std::time::Duration;

use chit_api::metering::v1 as proto;
use chit_api::types::v1::{OnOverrun, Tokens};
use chit_metering::jobs::close_once;
use proto::EventState;

use crate::world::{World, credits, on_both_engines, reason, refused, text};

fn authorize(event: &str, input: i64, output: i64) -> proto::AuthorizeRequest {
    proto::AuthorizeRequest {
        customer_id: "c".into(),
        event_id: event.into(),
        event_type: "chat.reply".into(),
        dimensions: [("model".to_string(), "gpt-4o-mini".to_string())].into(),
        tokens: Some(Tokens { input, output, ..Default::default() }),
        ..Default::default()
    }
}

fn settle(event: &str, part: i32, keep_open: bool, input: i64, output: i64) -> proto::SettleRequest {
    proto::SettleRequest {
        customer_id: "c".into(),
        event_id: event.into(),
        part,
        keep_open,
        tokens: Some(Tokens { input, output, ..Default::default() }),
        ..Default::default()
    }
}

async fn authorized(world: &mut World, request: proto::AuthorizeRequest) -> proto::AuthorizeResponse {
    world.metering.authorize(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn an_action_is_authorized_by_estimate_and_settled_by_what_it_used() {
    on_both_engines(async |mut world| {
        world.fund("c", 1_000).await;
        let answer = authorized(&mut world, authorize("e", 9_000, 2_000)).await;
        assert!(answer.authorization_id.starts_with("au_") && answer.hold_id.starts_with("hd_"));
        assert_eq!((answer.state(), answer.replayed), (EventState::Authorized, false));
        assert_eq!(world.balance("c").await.1, text(answer.reserved.as_ref()));
        let again = authorized(&mut world, authorize("e", 9_000, 2_000)).await;
        assert!(again.replayed);
        assert_eq!((again.authorization_id, again.hold_id), (answer.authorization_id, answer.hold_id));
        let other = world.metering.authorize(authorize("e", 9_000, 2_001)).await;
        assert_eq!(reason(other), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(reason(world.meter(crate::world::reply("c", "e", 1, 1)).await), "IDEMPOTENCY_KEY_REUSED");
        let receipt = world.settle(settle("e", 0, false, 5_000, 1_000)).await.unwrap();
        assert_eq!((receipt.state(), receipt.replayed), (EventState::Settled, false));
        let at_once = world.meter(crate::world::reply("c", "same", 5_000, 1_000)).await.unwrap();
        assert_eq!(receipt.credits, at_once.credits, "the same tokens cost the same");
        assert_eq!(world.balance("c").await.1, "0");
        assert!(world.settle(settle("e", 0, false, 5_000, 1_000)).await.unwrap().replayed);
        assert_eq!(reason(world.settle(settle("e", 0, false, 5_000, 999)).await), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(reason(world.settle(settle("e", 1, false, 5_000, 999)).await), "AUTHORIZATION_CLOSED");
        let sums = world.sums().await;
        assert_eq!((sums.events, sums.tokens.unwrap().input), (2, 10_000), "{:?}", world.engine);
    })
    .await;
}

#[tokio::test]
async fn parts_come_to_one_settlement_of_the_total() {
    on_both_engines(async |mut world| {
        world.fund("c", 1_000).await;
        authorized(&mut world, authorize("e", 9_000, 2_000)).await;
        let first = world.settle(settle("e", 1, true, 3_000, 333)).await.unwrap();
        assert_eq!(first.state(), EventState::PartlySettled);
        assert_eq!(refused(world.settle(settle("e", 3, true, 4_000, 444)).await).facts["expected"], "2");
        let second = world.settle(settle("e", 2, true, 6_000, 777)).await.unwrap();
        assert_eq!(second.part, 2);
        let last = world.settle(settle("e", 3, false, 9_001, 1_001)).await.unwrap();
        let whole = world.meter(crate::world::reply("c", "whole", 9_001, 1_001)).await.unwrap();
        assert_eq!(last.credits_total, whole.credits, "{:?}", world.engine);
        assert!(world.settle(settle("e", 2, true, 6_000, 777)).await.unwrap().replayed);
        let event = world.event("c", "e").await;
        assert_eq!((event.state(), event.parts, event.transactions.len()), (EventState::Settled, 3, 3));
        assert_eq!((event.credits, event.provider_cost), (whole.credits, whole.provider_cost));
        let content = event.content.unwrap();
        assert_eq!(content.tokens.unwrap().output, 1_001);
        assert_eq!(world.sums().await.events, 2);
    })
    .await;
}

#[tokio::test]
async fn a_void_gives_everything_back() {
    on_both_engines(async |mut world| {
        world.fund("c", 1_000).await;
        let void = |event: &str| proto::VoidRequest { customer_id: "c".into(), event_id: event.into() };
        authorized(&mut world, authorize("e1", 9_000, 2_000)).await;
        let receipt = world.metering.void(void("e1")).await.unwrap().into_inner().receipt.unwrap();
        assert_eq!(
            (receipt.state(), text(receipt.credits_total.as_ref()).as_str()),
            (EventState::Voided, "0")
        );
        assert!(world.metering.void(void("e1")).await.unwrap().into_inner().receipt.unwrap().replayed);
        assert_eq!(reason(world.settle(settle("e1", 0, false, 1, 1)).await), "AUTHORIZATION_CLOSED");
        assert_eq!(world.balance("c").await.1, "0", "{:?}", world.engine);
        assert_eq!(reason(world.metering.void(void("e3")).await), "AUTHORIZATION_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn a_void_after_parts_settles_at_their_totals() {
    on_both_engines(async |mut world| {
        world.fund("c", 1_000).await;
        let void = |event: &str| proto::VoidRequest { customer_id: "c".into(), event_id: event.into() };
        authorized(&mut world, authorize("e2", 9_000, 2_000)).await;
        let part = world.settle(settle("e2", 1, true, 3_000, 300)).await.unwrap();
        let receipt = world.metering.void(void("e2")).await.unwrap().into_inner().receipt.unwrap();
        assert_eq!((receipt.state(), receipt.credits_total), (EventState::Settled, part.credits));
        assert!(world.metering.void(void("e2")).await.unwrap().into_inner().receipt.unwrap().replayed);
        assert_eq!(world.balance("c").await.1, "0", "{:?}", world.engine);
    })
    .await;
}

#[tokio::test]
async fn a_refused_authorization_may_be_sent_again() {
    on_both_engines(async |mut world| {
        let mut request = authorize("e", 0, 0);
        request.credits = credits("5");
        let no = world.metering.authorize(request.clone()).await;
        assert_eq!(reason(no), "INSUFFICIENT_CREDITS");
        assert_eq!(world.event("c", "e").await.state(), EventState::Refused);
        world.fund("c", 10).await;
        let answer = authorized(&mut world, request).await;
        assert_eq!(text(answer.reserved.as_ref()), "5");
        let mut settle = settle("e", 0, false, 0, 0);
        (settle.tokens, settle.credits) = (None, credits("6.5"));
        settle.on_overrun = OnOverrun::Reject as i32;
        assert_eq!(reason(world.settle(settle.clone()).await), "OVERRUN_REJECTED");
        settle.on_overrun = OnOverrun::Record as i32;
        let receipt = world.settle(settle).await.unwrap();
        assert_eq!(text(receipt.credits.as_ref()), "6.5", "{:?}", world.engine);
    })
    .await;
}

#[tokio::test]
async fn authorize_without_a_price_stores_nothing() {
    on_both_engines(async |mut world| {
        let mut request = authorize("e", 1, 1);
        request.event_type = "no.such".into();
        assert_eq!(reason(world.metering.authorize(request).await), "EVENT_TYPE_UNKNOWN");
        let get = proto::GetEventRequest { customer_id: "c".into(), event_id: "e".into() };
        assert_eq!(reason(world.metering.get_event(get).await), "EVENT_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn holds_that_ran_out_close_their_authorizations() {
    on_both_engines(async |mut world| {
        world.fund("c", 1_000).await;
        authorized(&mut world, authorize("none", 9_000, 2_000)).await;
        authorized(&mut world, authorize("some", 9_000, 2_000)).await;
        let part = world.settle(settle("some", 1, true, 3_000, 300)).await.unwrap();
        assert_eq!(close_once(&world.desk).await.unwrap(), 0);
        world.clock.advance(Duration::from_secs(900 + 601));
        assert_eq!(close_once(&world.desk).await.unwrap(), 2);
        assert_eq!(close_once(&world.desk).await.unwrap(), 0, "safe to run twice");
        assert_eq!(world.event("c", "none").await.state(), EventState::Expired);
        let some = world.event("c", "some").await;
        assert_eq!((some.state(), some.credits), (EventState::Settled, part.credits));
        let late = world.settle(settle("none", 0, false, 3_000, 300)).await.unwrap();
        assert_eq!((late.state(), late.credits), (EventState::Settled, part.credits), "{:?}", world.engine);
    })
    .await;
}

#[tokio::test]
async fn what_parts_left_uncharged_under_cap_is_never_owed_when_the_hold_runs_out() {
    on_both_engines(async |mut world| {
        world.fund("c", 5).await;
        let request = proto::AuthorizeRequest {
            customer_id: "c".into(),
            event_id: "e".into(),
            credits: credits("5"),
            ..Default::default()
        };
        authorized(&mut world, request).await;
        let part = proto::SettleRequest {
            customer_id: "c".into(),
            event_id: "e".into(),
            part: 1,
            keep_open: true,
            credits: credits("8"),
            on_overrun: OnOverrun::Cap as i32,
            ..Default::default()
        };
        world.settle(part).await.unwrap();
        world.clock.advance(Duration::from_secs(900 + 601));
        assert_eq!(close_once(&world.desk).await.unwrap(), 1);
        let event = world.event("c", "e").await;
        assert_eq!((event.state(), text(event.credits.as_ref()).as_str()), (EventState::Settled, "5"));
        world.fund("c", 4).await;
        assert_eq!(world.balance("c").await.0, "4", "{:?}", world.engine);
    })
    .await;
}
