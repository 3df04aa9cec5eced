//! What `chit dev` begins with.

use chit_api::pricing::v1 as proto;
use chit_api::types::v1 as types;
use chit_pricing::starter;

use crate::world::{World, on_both_engines, question};

#[tokio::test]
async fn the_starter_prices_every_event_type_and_making_it_again_changes_nothing() {
    on_both_engines("starter", async |mut world: World| {
        starter::make(&world.app, "dev").await.unwrap();
        let book = proto::GetPriceBookRequest { name: starter::BOOK.to_string() };
        let first = world.client.get_price_book(book.clone()).await.unwrap();
        world.pass_the_lead();
        starter::make(&world.app, "dev").await.unwrap();
        assert_eq!(world.client.get_price_book(book).await.unwrap().into_inner(), first.into_inner());

        let tokens = types::Tokens { input: 1_000, output: 200, ..Default::default() };
        for (event_type, model, quantity, credits, nanos) in [
            ("chat.reply", "gpt-4o", "", 4, 0),
            ("chat.reply", "gpt-4o-mini", "", 1, 0),
            ("chat.reply", "claude-opus-4-5", "", 10, 0),
            ("doc.summarize", "gpt-4o", "", 2, 0),
            ("agent.run", "gpt-4o", "", 10, 0),
            ("image.generate", "gpt-4o", "3", 40, 0),
            ("search.query", "gpt-4o", "3", 1, 500_000_000),
            ("voice.minute", "gpt-4o", "12.5", 72, 500_000_000),
        ] {
            let mut quote = question(event_type);
            quote.dimensions.insert("model".to_string(), model.to_string());
            quote.quantity = quantity.to_string();
            quote.tokens = Some(tokens);
            // Long before the service began: a replayed trace is old.
            quote.occurred_at = Some(prost_types::Timestamp { seconds: 1_577_836_800, nanos: 0 });
            let quoted = world.client.quote(quote).await.unwrap().into_inner();
            assert_eq!(
                quoted.credits.unwrap(),
                types::Credits { units: credits, nanos },
                "{event_type} {model}"
            );
            assert!(quoted.provider_cost.unwrap().cost.is_some(), "{model} has a cost");
        }
    })
    .await;
}
