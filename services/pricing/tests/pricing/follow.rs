//! Following: everything first, then each change, resumable, and enough to price alike.

use std::time::Duration;

use chit_api::pricing::v1 as proto;
use chit_pricebook::{PriceRequest, Replica};
use chit_pricewire::{apply, resource_key};
use proto::FollowPriceBooksResponse as Answer;
use tonic::Streaming;

use crate::world::{Client, World, as_tenant, flat, on_both_engines};

/// Longer than any poll; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(5);

async fn follow(client: &mut Client, cursor: &str) -> Streaming<Answer> {
    let request = proto::FollowPriceBooksRequest {
        cursor: cursor.to_string(),
    };
    client.follow_price_books(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<Answer>) -> Answer {
    let answer = tokio::time::timeout(PATIENCE, stream.message()).await;
    answer
        .expect("an answer in time")
        .unwrap()
        .expect("an open stream")
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
async fn a_follower_gets_everything_then_each_change_of_any_pod_and_prices_alike() {
    on_both_engines("follow", async |mut world: World| {
        world.priced(flat("r", "image", 4)).await;
        let import = proto::ImportProviderCostsRequest {
            csv: "model,input,output\nm,1,2\n".to_string(),
            idempotency_key: "k".to_string(),
            ..Default::default()
        };
        world.client.import_provider_costs(import).await.unwrap();
        let mut replica = Replica::default();
        let mut stream = follow(&mut world.client.clone(), "").await;
        let (keys, cursor) = until_caught_up(&mut stream, &mut replica).await;
        assert_eq!(
            keys,
            [
                "event_type",
                "price_book",
                "version",
                "assignment",
                "provider_cost_table"
            ]
        );
        assert_eq!(
            replica.cost_table_at(crate::world::START).unwrap().models.len(),
            1
        );

        world.client = world.other_pod();
        world.publish("book", vec![flat("r", "image", 5)]).await;
        let (keys, _) = until_caught_up(&mut stream, &mut replica).await;
        assert_eq!(keys, ["version"]);
        let nothing = std::collections::BTreeMap::new();
        for micros in [0, 999_999, 1_000_000] {
            let at = chit_types::Timestamp::from_micros(crate::world::START.micros() + micros);
            let mut quote = crate::world::question("image");
            quote.occurred_at = Some(chit_rpc::timestamp_to_proto(at));
            let quoted = world
                .client
                .quote(quote)
                .await
                .unwrap()
                .into_inner()
                .explanation
                .unwrap();
            let decision = replica
                .price(&PriceRequest::of("image", &nothing, "credits", at))
                .unwrap();
            let here = (decision.version.header().id.to_string(), decision.priced.credits);
            let there = (
                quoted.version_id,
                chit_rpc::credits_from_proto(&quoted.credits.unwrap()).unwrap(),
            );
            assert_eq!(here, there, "{micros} µs after the start");
        }

        let mut resumed = follow(&mut world.client.clone(), &cursor).await;
        let (keys, last) = until_caught_up(&mut resumed, &mut replica).await;
        assert_eq!(keys, ["version"]);
        let mut again = follow(&mut world.client.clone(), &last).await;
        assert_eq!(
            until_caught_up(&mut again, &mut replica).await.0,
            Vec::<String>::new()
        );
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
        let mut theirs = world
            .client
            .follow_price_books(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(next(&mut theirs).await.change, None);
    })
    .await;
}
