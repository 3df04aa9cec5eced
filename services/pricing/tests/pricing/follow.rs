//! Following: everything first, then each change, resumable, and enough to price alike.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chit_api::pricing::v1 as proto;
use chit_pricebook::{PriceRequest, Replica};
use chit_pricewire::{apply, resource_key};
use chit_rpc::{credits_to_proto, timestamp_to_proto};
use proto::FollowPriceBooksResponse as Answer;
use tonic::Streaming;

use crate::world::{Client, START, World, as_tenant, event_type, flat, on_both_engines, question};

/// Longer than any poll; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(5);

async fn follow(client: &mut Client, cursor: &str) -> Streaming<Answer> {
    let request = proto::FollowPriceBooksRequest { cursor: cursor.to_string() };
    client.follow_price_books(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<Answer>) -> Answer {
    let answer = tokio::time::timeout(PATIENCE, stream.message()).await;
    answer.expect("an answer in time").unwrap().expect("an open stream")
}

/// What comes until the stream has caught up, by resource, and the last cursor.
async fn until_caught_up(stream: &mut Streaming<Answer>, replica: &mut Replica) -> (Vec<String>, String) {
    let mut keys = Vec::new();
    loop {
        let answer = next(stream).await;
        if let Some(change) = answer.change {
            keys.push(resource_key(&change).split('/').next().unwrap().to_string());
            apply(replica, change).unwrap();
        }
        if answer.caught_up {
            return (keys, answer.cursor);
        }
    }
}

#[tokio::test]
async fn a_follower_gets_everything_then_each_change_of_any_pod() {
    on_both_engines("follow", async |mut world: World| {
        world.priced(flat("r", "image", 4)).await;
        world.import("model,input,output\nm,1,2\n").await;
        let mut replica = Replica::default();
        let mut stream = follow(&mut world.client.clone(), "").await;
        let (keys, cursor) = until_caught_up(&mut stream, &mut replica).await;
        assert_eq!(keys, ["event_type", "price_book", "version", "assignment", "provider_cost_table"]);
        assert_eq!(replica.cost_table_at(START).unwrap().models.len(), 1);

        world.client = world.other_pod();
        world.publish("book", vec![flat("r", "image", 5)]).await;
        let (keys, _) = until_caught_up(&mut stream, &mut replica).await;
        assert_eq!(keys, ["version"]);
        let mut resumed = follow(&mut world.client.clone(), &cursor).await;
        let (keys, last) = until_caught_up(&mut resumed, &mut replica).await;
        assert_eq!(keys, ["version"]);
        let mut again = follow(&mut world.client.clone(), &last).await;
        let (keys, _) = until_caught_up(&mut again, &mut replica).await;
        assert_eq!(keys, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_replica_made_from_the_stream_prices_as_quote_does() {
    on_both_engines("alike", async |mut world: World| {
        world.priced(flat("r", "image", 4)).await;
        world.publish("book", vec![flat("r", "image", 5)]).await;
        let mut replica = Replica::default();
        let mut stream = follow(&mut world.client.clone(), "").await;
        until_caught_up(&mut stream, &mut replica).await;
        let nothing = BTreeMap::new();
        for (micros, credits) in [(0, 4), (999_999, 4), (1_000_000, 5)] {
            let at = START + Duration::from_micros(micros);
            let mut quote = question("image");
            quote.occurred_at = Some(timestamp_to_proto(at));
            let there = world.client.quote(quote).await.unwrap().into_inner().explanation.unwrap();
            let here = replica.price(&PriceRequest::of("image", &nothing, "credits", at)).unwrap();
            assert_eq!(here.version.header().id.to_string(), there.version_id);
            assert_eq!(credits_to_proto(here.priced.credits), there.credits.unwrap());
            assert_eq!(there.credits.unwrap().units, credits, "{micros} µs after the start");
        }
    })
    .await;
}

#[tokio::test]
async fn a_long_history_comes_whole_and_in_order_and_only_the_tenants_own() {
    on_both_engines("history", async |mut world: World| {
        for number in 0..40 {
            world.declare(&format!("type{number:02}")).await;
            if number % 10 == 0 {
                world.create(&format!("book{number}")).await;
            }
        }
        let mut replica = Replica::default();
        let mut stream = follow(&mut world.client.clone(), "").await;
        let (keys, _) = until_caught_up(&mut stream, &mut replica).await;
        assert_eq!(keys.len(), 44);
        assert_eq!(keys[..3], ["event_type", "price_book", "event_type"]);
        assert!(replica.event_type("type39").is_some() && replica.book("book30").is_some());
        let request = as_tenant("other", proto::FollowPriceBooksRequest::default());
        let mut theirs = world.client.follow_price_books(request).await.unwrap().into_inner();
        assert_eq!(next(&mut theirs).await.change, None);
    })
    .await;
}

#[tokio::test]
async fn a_follower_beside_two_writing_pods_misses_nothing() {
    on_both_engines("two_pods", async |world: World| {
        let mut stream = follow(&mut world.client.clone(), "").await;
        let pods = [world.client.clone(), world.other_pod()];
        let writers = pods.into_iter().enumerate().map(|(pod, mut client)| {
            tokio::spawn(async move {
                for number in 0..20 {
                    let name = format!("type{pod}/{number}");
                    let request = proto::PutEventTypeRequest {
                        event_type: Some(event_type(&name)),
                        idempotency_key: name,
                    };
                    client.put_event_type(request).await.unwrap();
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        let mut names = BTreeSet::new();
        while names.len() < 40 {
            if let Some(change) = next(&mut stream).await.change {
                names.insert(resource_key(&change));
            }
        }
        for writer in writers {
            writer.await.unwrap();
        }
    })
    .await;
}
