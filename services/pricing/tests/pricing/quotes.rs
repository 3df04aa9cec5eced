//! Quotes: the rule that decides, the arithmetic shown, and why there is none.

use chit_api::pricing::v1 as proto;
use chit_api::types::v1 as types;
use chit_api::types::v1::ErrorReason;
use proto::price_rule::Charge;

use crate::world::{World, assign, flat, on_both_engines, publish, question, refused, with};

fn tokens_rule() -> proto::PriceRule {
    let mut rule = flat("chat", "chat", 0);
    rule.charge = Some(Charge::Tokens(proto::TokenCharge {
        input_per_1k: "1.5".to_string(),
        output_per_1k: "10".to_string(),
        cache_read_per_1k: "0".to_string(),
        ..Default::default()
    }));
    rule.rounding_step = Some(types::Credits { units: 1, nanos: 0 });
    rule
}

#[tokio::test]
async fn a_quote_shows_its_arithmetic_and_the_providers_cost() {
    on_both_engines("quote", async |mut world: World| {
        world.priced(tokens_rule()).await;
        world.import("model,input,output\nm,2.5,10\n").await;
        let mut quote = question("chat");
        quote.tokens = Some(types::Tokens { input: 1_155, output: 211, ..Default::default() });
        quote.dimensions.insert("model".to_string(), "m".to_string());
        let quoted = world.client.quote(quote).await.unwrap().into_inner();
        let why = quoted.explanation.unwrap();
        assert_eq!(quoted.credits.unwrap().units, 4);
        assert_eq!((why.exact_amount.as_str(), why.version_number), ("3.8425", 1));
        let steps: Vec<String> =
            why.steps.iter().map(|step| format!("{} = {}", step.label, step.value)).collect();
        assert_eq!(
            steps,
            [
                "1155 input tokens × 1.5 per 1k = 1.7325",
                "211 output tokens × 10 per 1k = 2.11",
                "sum = 3.8425",
                "rounded up to a multiple of 1 = 4",
            ]
        );
        assert_eq!(
            why.sentence,
            "chat costs 4 credits by rule chat of price book book version 1 (3.8425, exact before rounding)"
        );
        let cost = quoted.provider_cost.unwrap();
        assert_eq!(cost.cost.unwrap().amount, "0.0049975");
        assert_eq!((cost.table_version, cost.lines.len(), cost.missing.len()), (1, 2, 0));
    })
    .await;
}

/// What is missing of a price.
async fn missing(world: &mut World, quote: &proto::QuoteRequest) -> String {
    let refusal = refused(world.client.quote(quote.clone()).await);
    assert_eq!(refusal.reason, ErrorReason::NoPrice);
    assert_eq!(refusal.facts["event_type"], quote.event_type);
    refusal.facts["missing"].clone()
}

#[tokio::test]
async fn without_a_book_or_version_in_force_there_is_no_price() {
    on_both_engines("no_book", async |mut world: World| {
        world.declare("chat").await;
        let mut quote = question("chat");
        assert_eq!(missing(&mut world, &quote).await, "a price book for unit credits");
        world.create("book").await;
        world.draft("book", tokens_rule()).await;
        let later = prost_types::Timestamp { seconds: 2_000_000_000, nanos: 0 };
        let mut first = publish("book", 1);
        first.effective_at = Some(later);
        world.client.publish_version(first).await.unwrap();
        world.client.assign_price_book(assign("book")).await.unwrap();
        let early = missing(&mut world, &quote).await;
        assert_eq!(early, "a version of price book book in force at 2027-01-15T08:00:00Z");
        quote.occurred_at = Some(later);
        world.client.quote(quote.clone()).await.unwrap();
        quote.unit = "gold".to_string();
        assert_eq!(missing(&mut world, &quote).await, "a price book for unit gold");
        quote.event_type = "video".to_string();
        let refusal = refused(world.client.quote(quote).await);
        assert_eq!(refusal.reason, ErrorReason::EventTypeUnknown);
        assert_eq!(refusal.facts["event_type"], "video");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_price_is_never_zero_and_an_explicit_zero_is_a_price() {
    on_both_engines("no_price", async |mut world: World| {
        world.priced(with(tokens_rule(), "plan", "pro")).await;
        let mut quote = question("chat");
        let no_rule = missing(&mut world, &quote).await;
        assert_eq!(no_rule, "a rule in version 1 of price book book that matches");
        quote.dimensions.insert("plan".to_string(), "pro".to_string());
        quote.tokens = Some(types::Tokens { input: 1, audio: 3, reasoning: 2, ..Default::default() });
        assert_eq!(missing(&mut world, &quote).await, "price of reasoning, audio in rule chat");
        quote.tokens = Some(types::Tokens { cache_read: 9, ..Default::default() });
        let free = world.client.quote(quote).await.unwrap().into_inner();
        assert_eq!(free.credits.unwrap(), types::Credits::default());
    })
    .await;
}

#[tokio::test]
async fn arithmetic_beyond_the_range_of_an_amount_is_refused() {
    on_both_engines("overflow", async |mut world: World| {
        let mut rule = flat("big", "big", 0);
        rule.charge = Some(Charge::PerUnit(proto::PerUnitCharge { price: "1000000".to_string() }));
        world.priced(rule).await;
        let mut quote = question("big");
        quote.quantity = "1000".to_string();
        assert_eq!(
            world.client.quote(quote.clone()).await.unwrap().into_inner().credits.unwrap().units,
            1_000_000_000
        );
        for quantity in ["1000.000001", "1000000000"] {
            quote.quantity = quantity.to_string();
            let refusal = refused(world.client.quote(quote.clone()).await);
            assert_eq!((refusal.reason, refusal.facts["rule"].as_str()), (ErrorReason::PriceOverflow, "big"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_most_specific_rule_decides_and_every_pod_sees_a_new_version() {
    on_both_engines("specific", async |mut world: World| {
        world.declare("image").await;
        world.create("book").await;
        let rules = vec![
            flat("any", "image", 40),
            with(flat("model", "image", 60), "model", "x"),
            with(with(flat("both", "image", 50), "model", "x"), "plan", "pro"),
        ];
        world.publish("book", rules).await;
        world.client.assign_price_book(assign("book")).await.unwrap();
        let mut other = world.other_pod();
        for (dimensions, rule) in [
            (vec![], "any"),
            (vec![("plan", "pro")], "any"),
            (vec![("model", "x")], "model"),
            (vec![("model", "x"), ("plan", "pro"), ("seat", "7")], "both"),
            (vec![("model", "y"), ("plan", "pro")], "any"),
        ] {
            let mut quote = question("image");
            quote.dimensions =
                dimensions.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            let here = world.client.quote(quote.clone()).await.unwrap().into_inner();
            let there = other.quote(quote).await.unwrap().into_inner();
            assert_eq!(here, there);
            assert_eq!(here.explanation.unwrap().rule_id, rule, "{dimensions:?}");
        }
        world.publish("book", vec![flat("any", "image", 41)]).await;
        world.pass_the_lead();
        let quoted = other.quote(question("image")).await.unwrap().into_inner();
        assert_eq!(quoted.credits.unwrap().units, 41);
    })
    .await;
}
