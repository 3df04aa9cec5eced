//! What is translated to the contract and back is what it was.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::sync::Arc;

use chit_api::pricing::v1 as proto;
use chit_pricebook::{
    Charge, CostTable, ModelCost, Pool, PriceBookVersion, Replica, Rule, Tier, TierMode, TokenPrices, Tokens,
    VersionHeader,
};
use chit_pricewire::{
    WireError, apply, cost_table_from_proto, cost_table_to_proto, resource_key, rule_from_proto,
    rule_to_proto, tokens_from_proto, tokens_to_proto, version_from_proto,
};
use chit_rpc::{Violations, timestamp_to_proto};
use chit_types::{Credits, IdKind, PublicId, Rounding, Shard, Timestamp};
use proto::follow_price_books_response::Change;

fn rules() -> Vec<Rule> {
    let tiers = vec![
        Tier {
            up_to: Some("0.000001".parse().unwrap()),
            price: "1e-12".parse().unwrap(),
            flat_fee: Credits::ZERO,
        },
        Tier { up_to: None, price: "1e9".parse().unwrap(), flat_fee: Credits::MAX_AMOUNT },
    ];
    let charges = [
        Charge::Flat { amount: Credits::ZERO },
        Charge::PerUnit { price: "0.25".parse().unwrap() },
        Charge::Tiered { mode: TierMode::Graduated, tiers: tiers.clone() },
        Charge::Tiered { mode: TierMode::Volume, tiers },
        Charge::Tokens {
            per_1k: TokenPrices::default()
                .with(Pool::Reasoning, "0".parse().unwrap())
                .with(Pool::Images, "1.5".parse().unwrap()),
        },
    ];
    let roundings = [Rounding::Up, Rounding::Down, Rounding::HalfUp, Rounding::HalfEven, Rounding::Up];
    let rules = charges.into_iter().zip(roundings).enumerate().map(|(number, (charge, rounding))| Rule {
        rounding,
        minimum: (number % 2 == 0).then_some(Credits::from_micros(1)),
        maximum: (number % 2 == 1).then_some(Credits::whole(9)),
        dimensions: [("model".to_string(), number.to_string())].into(),
        ..Rule::new(&format!("r{number}"), "event", charge)
    });
    rules.collect()
}

fn published() -> proto::PriceBookVersion {
    let id = PublicId { kind: IdKind::PriceVersion, shard: Shard(0), uuid: [3; 16] };
    proto::PriceBookVersion {
        id: id.to_string(),
        price_book: "book".to_string(),
        number: 2,
        unit: "credits".to_string(),
        effective_at: Some(timestamp_to_proto(Timestamp::from_micros(7_000_001))),
        rules: rules().iter().map(rule_to_proto).collect(),
        ..Default::default()
    }
}

#[test]
fn every_kind_of_rule_comes_back_as_it_was() {
    for rule in rules() {
        let mut violations = Violations::new();
        assert_eq!(rule_from_proto(&rule_to_proto(&rule), &mut violations), rule);
        assert!(violations.is_empty(), "{:?}", violations.into_list());
    }
}

#[test]
fn a_version_comes_back_as_it_was() {
    let mut violations = Violations::new();
    let version: Arc<PriceBookVersion> = version_from_proto(&published(), &mut violations).unwrap();
    assert!(violations.is_empty());
    assert_eq!(version.rules(), rules());
    assert_eq!(
        version.header(),
        &VersionHeader {
            id: PublicId { kind: IdKind::PriceVersion, shard: Shard(0), uuid: [3; 16] },
            book: "book".to_string(),
            number: 2,
            unit: "credits".to_string(),
            effective_at: Timestamp::from_micros(7_000_001),
        }
    );
}

#[test]
fn a_cost_table_and_tokens_come_back_as_they_were() {
    let mut model = ModelCost { provider: "p".to_string(), max_output_tokens: 9, ..Default::default() };
    model.per_million[Pool::Input.index()] = Some("1.3e-4".parse().unwrap());
    model.per_million[Pool::Output.index()] = Some("0".parse().unwrap());
    let table = CostTable {
        version: 3,
        currency: "EUR".to_string(),
        effective_at: Timestamp::from_seconds(5),
        models: [("m".to_string(), model)].into(),
    };
    let mut violations = Violations::new();
    assert_eq!(*cost_table_from_proto(&cost_table_to_proto(&table), &mut violations).unwrap(), table);
    let tokens = Tokens::from_array([1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(tokens_from_proto(Some(&tokens_to_proto(tokens)), "tokens", &mut violations), tokens);
    assert!(violations.is_empty());
}

#[test]
fn a_change_that_cannot_be_read_is_an_error_and_changes_nothing() {
    let mut replica = Replica::default();
    let mut bad = published();
    bad.id = "pv_".to_string();
    let key = resource_key(&Change::Version(bad.clone()));
    let error: WireError = apply(&mut replica, Change::Version(bad)).unwrap_err();
    assert_eq!((error.resource, key.as_str()), (key.clone(), "version/pv_"));
    assert!(error.faults.starts_with("version.id "));
    assert!(replica.in_force("book", Timestamp::MAX).is_none());
    apply(&mut replica, Change::Version(published())).unwrap();
    apply(&mut replica, Change::Version(published())).unwrap();
    assert_eq!(replica.in_force("book", Timestamp::MAX).unwrap().header().number, 2);
}
