//! Bad input: every violated field of every rpc, and page tokens and cursors from elsewhere.

use chit_api::pricing::v1 as proto;
use chit_api::types::v1 as types;
use chit_api::types::v1::ErrorReason;
use chit_rpc::Refused;
use proto::price_rule::Charge;

use crate::world::{World, as_tenant, flat, on_both_engines, refused};

fn check(refusal: &Refused, fields: &[&str]) {
    assert_eq!(refusal.reason, ErrorReason::InvalidField, "{}", refusal.message);
    let violated: Vec<&str> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(violated, fields);
}

fn long() -> String {
    "x".repeat(129)
}

#[tokio::test]
async fn every_violated_field_of_a_write_is_told() {
    on_both_engines("write_fields", async |mut world: World| {
        let client = &mut world.client;
        check(
            &refused(client.put_event_type(proto::PutEventTypeRequest::default()).await),
            &["event_type", "idempotency_key"],
        );
        let put = proto::PutEventTypeRequest {
            event_type: Some(proto::EventType {
                name: "a b".to_string(),
                display_name: long(),
                ..Default::default()
            }),
            idempotency_key: long(),
        };
        check(
            &refused(client.put_event_type(put).await),
            &["event_type.name", "event_type.display_name", "idempotency_key"],
        );
        let create = proto::CreatePriceBookRequest {
            unit: long(),
            description: "x".repeat(257),
            ..Default::default()
        };
        check(
            &refused(client.create_price_book(create).await),
            &["name", "unit", "description", "idempotency_key"],
        );
        let publish = proto::PublishVersionRequest {
            effective_at: Some(prost_types::Timestamp { seconds: -1, nanos: 0 }),
            ..Default::default()
        };
        let fields = ["price_book", "number", "effective_at", "idempotency_key"];
        check(&refused(client.publish_version(publish).await), &fields);
        let assign = proto::AssignPriceBookRequest {
            customer_id: "c".to_string(),
            plan: "p".to_string(),
            ..Default::default()
        };
        check(
            &refused(client.assign_price_book(assign).await),
            &["price_book", "customer_id", "plan", "idempotency_key"],
        );
        let import =
            proto::ImportProviderCostsRequest { currency_code: "usd".to_string(), ..Default::default() };
        check(
            &refused(client.import_provider_costs(import).await),
            &["csv", "currency_code", "idempotency_key"],
        );
    })
    .await;
}

/// Rules of every kind with everything wrong with them.
fn bad_rules() -> Vec<proto::PriceRule> {
    let credits = |units, nanos| Some(types::Credits { units, nanos });
    let mut amounts = flat("a", "", -1);
    amounts.minimum = credits(0, 1);
    amounts.maximum = credits(1_000_000_001, 0);
    amounts.rounding_step = credits(0, 0);
    amounts.rounding = 9;
    let mut tiers = flat("t", "e", 0);
    tiers.charge = Some(Charge::Tiered(proto::TieredCharge {
        mode: 7,
        tiers: vec![
            proto::PriceTier { up_to: "0.0000001".to_string(), price: "-1".to_string(), flat_fee: None },
            proto::PriceTier::default(),
        ],
        scope: 7,
    }));
    let mut tokens = flat("k", "e", 0);
    tokens.charge =
        Some(Charge::Tokens(proto::TokenCharge { input_per_1k: "1e-13".to_string(), ..Default::default() }));
    let mut none = flat("n", "e", 0);
    none.charge = None;
    none.dimensions.insert("k".to_string(), String::new());
    vec![amounts, tiers, tokens, none]
}

#[tokio::test]
async fn every_violated_field_of_a_rule_is_told() {
    on_both_engines("rule_fields", async |mut world: World| {
        let request =
            proto::DraftVersionRequest { rules: bad_rules(), expected_revision: -1, ..Default::default() };
        check(
            &refused(world.client.draft_version(request).await),
            &[
                "price_book",
                "rules[0].event_type",
                "rules[0].rounding_step",
                "rules[0].flat.amount",
                "rules[0].minimum",
                "rules[0].maximum",
                "rules[0].rounding",
                "rules[1].tiered.mode",
                "rules[1].tiered.scope",
                "rules[1].tiered.tiers[0].up_to",
                "rules[1].tiered.tiers[0].price",
                "rules[1].tiered.tiers[1].price",
                "rules[2].tokens.input_per_1k",
                "rules[3].dimensions[k]",
                "rules[3].charge",
                "expected_revision",
                "idempotency_key",
            ],
        );
        check(
            &refused(world.client.draft_version(proto::DraftVersionRequest::default()).await),
            &["price_book", "rules", "idempotency_key"],
        );
    })
    .await;
}

#[tokio::test]
async fn every_violated_field_of_a_read_is_told() {
    on_both_engines("read_fields", async |mut world: World| {
        let client = &mut world.client;
        check(&refused(client.get_event_type(proto::GetEventTypeRequest::default()).await), &["name"]);
        check(&refused(client.get_price_book(proto::GetPriceBookRequest::default()).await), &["name"]);
        let versions = proto::ListVersionsRequest { page_size: 1_001, ..Default::default() };
        check(&refused(client.list_versions(versions).await), &["price_book", "page_size"]);
        let version = proto::GetVersionRequest { number: -1, ..Default::default() };
        check(&refused(client.get_version(version).await), &["price_book", "number"]);
        let list = proto::ListEventTypesRequest { page_size: -1, ..Default::default() };
        check(&refused(client.list_event_types(list).await), &["page_size"]);
        let list = proto::ListPriceBooksRequest { page_size: -1, ..Default::default() };
        check(&refused(client.list_price_books(list).await), &["page_size"]);
        let costs = proto::ListProviderCostsRequest {
            version: -1,
            model_prefix: long(),
            page_size: -1,
            ..Default::default()
        };
        check(&refused(client.list_provider_costs(costs).await), &["version", "model_prefix", "page_size"]);
    })
    .await;
}

#[tokio::test]
async fn every_violated_field_of_a_quote_is_told() {
    on_both_engines("quote_fields", async |mut world: World| {
        let client = &mut world.client;
        let quote = proto::QuoteRequest {
            quantity: "-1".to_string(),
            tokens: Some(types::Tokens { output: -1, ..Default::default() }),
            customer_id: long(),
            unit: long(),
            occurred_at: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
            dimensions: (0..17).map(|number| (number.to_string(), "v".to_string())).collect(),
            ..Default::default()
        };
        let fields =
            ["event_type", "dimensions", "quantity", "tokens.output", "customer_id", "unit", "occurred_at"];
        check(&refused(client.quote(quote).await), &fields);
    })
    .await;
}

#[tokio::test]
async fn page_tokens_and_cursors_from_elsewhere_are_refused() {
    on_both_engines("tokens", async |mut world: World| {
        world.declare("a").await;
        world.declare("b").await;
        let list = proto::ListEventTypesRequest { page_size: 1, ..Default::default() };
        let page_token = world.client.list_event_types(list).await.unwrap().into_inner().next_page_token;
        let theirs = proto::ListEventTypesRequest { page_token: page_token.clone(), ..Default::default() };
        let books = proto::ListPriceBooksRequest { page_token: page_token.clone(), ..Default::default() };
        let costs = proto::ListProviderCostsRequest { page_token: page_token.clone(), ..Default::default() };
        let client = &mut world.client;
        for refusal in [
            refused(client.list_event_types(as_tenant("other", theirs)).await),
            refused(client.list_price_books(books).await),
            refused(client.list_provider_costs(costs).await),
        ] {
            assert_eq!(refusal.reason, ErrorReason::PageTokenInvalid);
        }
        world.create("book").await;
        let versions = proto::ListVersionsRequest {
            price_book: "book".to_string(),
            page_token: page_token.clone(),
            ..Default::default()
        };
        let refusal = refused(world.client.list_versions(versions).await);
        assert_eq!(refusal.reason, ErrorReason::PageTokenInvalid);
        let follow = proto::FollowPriceBooksRequest { cursor: page_token };
        check(&refused(world.client.follow_price_books(follow).await), &["cursor"]);
    })
    .await;
}
