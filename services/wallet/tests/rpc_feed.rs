//! Watching one wallet, and following all of them.

use chit_api::types::v1::ErrorReason;
use chit_api::wallet::v1::*;
use std::time::Duration;
use tonic::Streaming;

use crate::rpc_support::*;

/// Far more than a poll of the feed takes; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

async fn next<T>(stream: &mut Streaming<T>) -> T {
    tokio::time::timeout(PATIENCE, stream.message())
        .await
        .expect("the stream tells something in time")
        .unwrap()
        .expect("the stream goes on")
}

#[tokio::test]
async fn a_watch_tells_the_present_and_then_every_change() {
    on_both("rpc_watch", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("10", "g")).await.unwrap();
        let asked = WatchBalanceRequest { customer_id: "user".into(), ..Default::default() };
        let mut watch = ok(client.watch_balance(asked).await);
        let first = next(&mut watch).await;
        assert_eq!((first.head, shown(&first.balance.unwrap().available)), (1, "10".into()));
        client.deduct(deduct("4", "d")).await.unwrap();
        let second = next(&mut watch).await;
        assert_eq!((second.head, shown(&second.balance.unwrap().available)), (2, "6".into()));
        server.begin_stop();
        let ended = tokio::time::timeout(PATIENCE, watch.message()).await.expect("it ends in time");
        assert!(ended.unwrap().is_none());
    })
    .await;
}

/// Reads until `enough`, and answers the events with the last cursor.
async fn follow(client: &mut Client, cursor: &[u8], enough: i64) -> (Vec<WalletEvent>, Vec<u8>) {
    let asked =
        FollowEventsRequest { cursor: cursor.to_vec().into(), with_transactions: true, ..Default::default() };
    let mut stream = ok(client.follow_events(asked).await);
    let (mut events, mut cursor): (Vec<WalletEvent>, Vec<u8>) = (Vec::new(), cursor.to_vec());
    while events.iter().map(|event| event.last_transaction).max().unwrap_or(0) < enough {
        let answer = next(&mut stream).await;
        events.extend(answer.events);
        cursor = answer.cursor.to_vec();
    }
    (events, cursor)
}

#[tokio::test]
async fn a_follower_goes_on_from_its_cursor_and_misses_nothing() {
    on_both("rpc_follow", async |server| {
        let mut client = server.client.clone();
        for n in 0..3 {
            client.grant(grant("10", &format!("g{n}"))).await.unwrap();
        }
        let (events, cursor) = follow(&mut client, &[], 3).await;
        assert_eq!(numbers(&events), [1, 2, 3]);
        client.deduct(deduct("1", "d1")).await.unwrap();
        client.deduct(deduct("1", "d2")).await.unwrap();
        let (events, _) = follow(&mut client, &cursor, 5).await;
        assert_eq!(numbers(&events), [4, 5], "what came before the cursor is not told again");
        assert!(events.iter().all(|event| event.customer_id == "user" && event.unit == "credits"));
    })
    .await;
}

fn numbers(events: &[WalletEvent]) -> Vec<i64> {
    let transactions = events.iter().flat_map(|event| &event.transactions);
    let mut numbers: Vec<_> = transactions.map(|transaction| transaction.seq).collect();
    numbers.dedup();
    numbers
}

#[tokio::test]
async fn crossings_and_refusals_are_signals_in_the_feed() {
    on_both("rpc_signals", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("10", "g")).await.unwrap();
        let thresholds = UpdateWalletRequest {
            customer_id: "user".into(),
            thresholds: Some(Thresholds { levels: vec![credits("5").unwrap()] }),
            ..Default::default()
        };
        client.update_wallet(thresholds).await.unwrap();
        assert!(client.deduct(deduct("40", "too much")).await.is_err());
        client.deduct(deduct("6", "d")).await.unwrap();
        client.grant(grant("6", "g2")).await.unwrap();
        let (events, _) = follow(&mut client, &[], 3).await;
        let signals: Vec<_> =
            events.iter().flat_map(|event| &event.signals).filter_map(|s| s.signal.as_ref()).collect();
        let told: Vec<String> = signals
            .iter()
            .map(|signal| match signal {
                signal::Signal::ThresholdCrossed(crossed) => format!(
                    "{} {} at {}",
                    shown(&crossed.level),
                    if crossed.downwards { "down" } else { "up" },
                    crossed.transaction
                ),
                signal::Signal::CreditsRefused(refused) => {
                    format!("refused {} of {}", shown(&refused.required), shown(&refused.spendable))
                }
            })
            .collect();
        assert_eq!(told, ["refused 40 of 10", "5 down at 2", "5 up at 3"]);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    on_both("rpc_cursor", async |server| {
        let mut client = server.client.clone();
        for (cursor, from_now, field) in
            [(&b"not a cursor"[..], false, "cursor"), (&b"x"[..], true, "from_now")]
        {
            let asked =
                FollowEventsRequest { cursor: cursor.to_vec().into(), from_now, ..Default::default() };
            let answer = match client.follow_events(asked).await {
                Ok(stream) => stream.into_inner().message().await,
                Err(status) => Err(status),
            };
            let refused = chit_rpc::Refused::of(&answer.unwrap_err());
            assert_eq!(refused.reason, ErrorReason::InvalidField);
            assert!(refused.violations.iter().any(|violation| violation.field == field), "{refused:?}");
        }
        client.grant(grant("1", "before")).await.unwrap();
        let asked = FollowEventsRequest { from_now: true, ..Default::default() };
        let mut stream = ok(client.follow_events(asked).await);
        let first = next(&mut stream).await;
        assert!(first.up_to_date || first.events.is_empty());
    })
    .await;
}
