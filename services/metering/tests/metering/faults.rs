//! What stops in between is done again, once: a pod killed between its stages, a wallet or pricing away.

use std::time::Duration;

use chit_api::metering::v1 as proto;
use chit_metering::clients::Call;
use chit_metering::jobs::settle_once;
use proto::EventState;

use crate::world::{Reaches, World, explicit, on_both_engines, reason, reply, text};

async fn meter(
    client: &mut crate::world::Metering,
    event: proto::UsageEvent,
) -> Result<proto::Receipt, tonic::Status> {
    let request = proto::MeterEventRequest { event: Some(event), ..Default::default() };
    Ok(client.meter_event(request).await?.into_inner().receipt.unwrap())
}

async fn settles_to(world: &mut World, finished: usize) {
    world.clock.advance(Duration::from_secs(5));
    let settled = settle_once(&world.desk, Duration::from_secs(2)).await.unwrap();
    assert_eq!((settled.finished, settled.is_wallet_away), (finished, false), "{:?}", world.engine);
}

#[tokio::test]
async fn an_event_stored_while_the_wallet_was_away_is_deducted_later_exactly_once() {
    on_both_engines(async |mut world| {
        world.fund("c", 10).await;
        let (mut lonely, desk) = world.pod(Reaches::NoWallet).await;
        assert_eq!(reason(meter(&mut lonely, explicit("c", "e", "4")).await), "DEPENDENCY_UNAVAILABLE");
        assert_eq!(world.event("c", "e").await.state(), EventState::Accepted);
        world.clock.advance(Duration::from_secs(5));
        let settled = settle_once(&desk, Duration::from_secs(2)).await.unwrap();
        assert!(settled.is_wallet_away);
        settles_to(&mut world, 1).await;
        settles_to(&mut world, 0).await;
        assert_eq!(world.balance("c").await.0, "6");
        let again = world.meter(explicit("c", "e", "4")).await.unwrap();
        assert_eq!((again.replayed, again.state()), (true, EventState::Settled));
        assert_eq!(world.sums().await.events, 1);
    })
    .await;
}

#[tokio::test]
async fn the_caller_may_repeat_before_the_settler_comes() {
    on_both_engines(async |mut world| {
        world.fund("c", 10).await;
        let (mut lonely, _desk) = world.pod(Reaches::NoWallet).await;
        assert_eq!(reason(meter(&mut lonely, explicit("c", "e", "4")).await), "DEPENDENCY_UNAVAILABLE");
        assert_eq!(reason(world.meter(explicit("c", "e", "5")).await), "IDEMPOTENCY_KEY_REUSED");
        let receipt = world.meter(explicit("c", "e", "4")).await.unwrap();
        assert_eq!(receipt.state(), EventState::Settled);
        settles_to(&mut world, 0).await;
        assert_eq!(world.balance("c").await.0, "6", "{:?}", world.engine);
    })
    .await;
}

#[tokio::test]
async fn a_pod_killed_after_the_wallet_answered_leaves_nothing_doubled() {
    on_both_engines(async |mut world| {
        world.fund("c", 10).await;
        let (mut lonely, desk) = world.pod(Reaches::NoWallet).await;
        for event in ["e1", "e2"] {
            assert_eq!(reason(meter(&mut lonely, explicit("c", event, "4")).await), "DEPENDENCY_UNAVAILABLE");
        }
        // What the killed pod would have done: the wallet deducted, nothing was recorded.
        let mut tx = desk.tools().store.read().await.unwrap();
        let left = tx.left_behind(chit_types::Timestamp::MAX, 9).await.unwrap();
        tx.commit().await.unwrap();
        let call = Call { fact: &left[0].fact, operation: &left[0].operations[0] };
        world.desk.tools().wallet.apply(&[call]).await;
        assert_eq!(world.balance("c").await.0, "6");
        settles_to(&mut world, 2).await;
        assert_eq!(world.balance("c").await.0, "2");
        let sums = world.sums().await;
        assert_eq!((sums.events, text(sums.credits.as_ref()).as_str()), (2, "8"), "{:?}", world.engine);
    })
    .await;
}

#[tokio::test]
async fn two_settlers_finish_each_step_once() {
    on_both_engines(async |mut world| {
        world.fund("c", 1_000).await;
        let (mut lonely, _desk) = world.pod(Reaches::NoWallet).await;
        for event in 0..20 {
            assert!(meter(&mut lonely, explicit("c", &format!("e{event}"), "1")).await.is_err());
        }
        let (_other, other) = world.pod(Reaches::Both).await;
        world.clock.advance(Duration::from_secs(5));
        let after = Duration::from_secs(2);
        let (one, two) = tokio::join!(settle_once(&world.desk, after), settle_once(&other, after));
        one.unwrap();
        two.unwrap();
        let sums = world.sums().await;
        assert_eq!((sums.events, text(sums.credits.as_ref()).as_str()), (20, "20"), "{:?}", world.engine);
        assert_eq!(world.balance("c").await.0, "980");
    })
    .await;
}

#[tokio::test]
async fn metering_prices_on_while_pricing_is_down_even_after_a_restart() {
    on_both_engines(async |mut world| {
        world.fund("c", 100).await;
        let before = world.meter(reply("c", "e1", 1_000, 100)).await.unwrap();
        let (mut restarted, _desk) = world.pod(Reaches::NoPricing).await;
        let after = meter(&mut restarted, reply("c", "e2", 1_000, 100)).await.unwrap();
        assert_eq!(
            (after.credits, after.price, after.provider_cost),
            (before.credits, before.price, before.provider_cost)
        );
        let stranger = proto::MeterEventRequest { event: Some(reply("c", "e", 1, 1)), ..Default::default() };
        let no = restarted.meter_event(crate::world::as_tenant("nobody", stranger)).await;
        assert_eq!(reason(no), "DEPENDENCY_UNAVAILABLE", "a tenant whose books were never seen has no price");
    })
    .await;
}

#[tokio::test]
async fn a_settlement_left_behind_is_finished_with_its_authorization() {
    on_both_engines(async |mut world| {
        world.fund("c", 10).await;
        let authorize = proto::AuthorizeRequest {
            customer_id: "c".into(),
            event_id: "e".into(),
            credits: crate::world::credits("5"),
            ..Default::default()
        };
        world.metering.authorize(authorize).await.unwrap();
        let (mut lonely, _desk) = world.pod(Reaches::NoWallet).await;
        let settle = proto::SettleRequest {
            customer_id: "c".into(),
            event_id: "e".into(),
            credits: crate::world::credits("3"),
            ..Default::default()
        };
        assert_eq!(reason(lonely.settle(settle.clone()).await), "DEPENDENCY_UNAVAILABLE");
        settles_to(&mut world, 1).await;
        let event = world.event("c", "e").await;
        assert_eq!((event.state(), text(event.credits.as_ref()).as_str()), (EventState::Settled, "3"));
        assert!(world.settle(settle).await.unwrap().replayed);
        assert_eq!(world.balance("c").await.0, "7", "{:?}", world.engine);
    })
    .await;
}
