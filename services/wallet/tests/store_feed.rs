//! The feed: everything committed, once, in order within a wallet.

use std::collections::BTreeMap;

use chit_types::Clock as _;
use chit_wallet::engine::{FeedContent, ReadFault};
use chit_wallet::jobs;

use crate::store_support::*;

#[tokio::test]
async fn two_sequencers_give_every_transaction_one_place() {
    on_each_store("sequencers", async |world| {
        let customers: Vec<_> = (0..12).map(|n| wallet(&format!("user_{n}"))).collect();
        let other = world.another_desk();
        let store = world.parts.store.clone();
        let writes = async {
            for round in 0..20 {
                let commands = |desk: usize| {
                    let one = |name: &chit_wallet::engine::WalletRef| {
                        (name.clone(), keyed(&format!("{desk}-{round}"), grant(1)))
                    };
                    customers.iter().map(one).collect::<Vec<_>>()
                };
                let (a, b) = tokio::join!(
                    world.desk.submit_many(commands(0), None),
                    other.submit_many(commands(1), None)
                );
                assert!(a.into_iter().chain(b).all(|answer| answer.is_ok()));
            }
        };
        let sequencer = || async {
            for _ in 0..40 {
                jobs::sequence(&store).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(writes, sequencer(), sequencer());
        jobs::sequence(&store).await.unwrap();
        let mut seen: BTreeMap<String, i64> = BTreeMap::new();
        let mut cursor = Vec::new();
        loop {
            let page = world.reader.feed("acme", &cursor, FeedContent::WithTransactions).await.unwrap();
            for event in page.events {
                let last = seen.entry(event.customer).or_default();
                assert_eq!(event.first, *last + 1, "neither a gap nor a repetition");
                assert_eq!(i64::try_from(event.transactions.len()).unwrap(), event.last - event.first + 1);
                *last = event.last;
            }
            cursor = page.cursor;
            if page.up_to_date {
                break;
            }
        }
        assert_eq!(seen.len(), 12);
        assert!(seen.values().all(|last| *last == 40), "{seen:?}");
        let end = world.reader.feed_end().await.unwrap();
        assert_eq!(end, cursor);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_older_than_what_is_kept_has_expired() {
    on_each_store("purge_feed", async |world| {
        let name = wallet("a");
        world.apply(&name, grant(1)).await;
        jobs::sequence(&world.parts.store).await.unwrap();
        let old = world.reader.feed("acme", &[], FeedContent::Numbers).await.unwrap();
        assert_eq!(old.events.len(), 1);
        world.apply(&name, grant(1)).await;
        jobs::sequence(&world.parts.store).await.unwrap();
        world.advance(36 * 86_400);
        world.apply(&name, grant(1)).await;
        jobs::sequence(&world.parts.store).await.unwrap();
        assert_eq!(jobs::purge(&world.parts, world.clock.now()).await.unwrap(), 2);
        let expired = world.reader.feed("acme", &old.cursor, FeedContent::Numbers).await;
        assert_eq!(expired, Err(ReadFault::CursorExpired));
        let kept = world.reader.feed("acme", &[], FeedContent::Numbers).await.unwrap();
        let numbers: Vec<i64> = kept.events.iter().map(|event| event.first).collect();
        assert_eq!(numbers, [3]);
        let unreadable = world.reader.feed("acme", b"\x01abc", FeedContent::Numbers).await;
        assert_eq!(unreadable, Err(ReadFault::CursorUnreadable));
    })
    .await;
}

#[tokio::test]
async fn who_watches_is_woken_by_a_change() {
    on_each_store("watch", async |world| {
        let name = wallet("a");
        let mut watch = world.desk.watch(&name);
        world.apply(&wallet("b"), grant(1)).await;
        world.apply(&name, grant(1)).await;
        watch.changed().await;
    })
    .await;
}
