//! `golden.csv`: priced examples that finance can read and check by hand. A change of any is a change of

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]
//! what customers pay.

use std::collections::BTreeMap;

use chit_pricebook::rule::rounding_from_word;
use chit_pricebook::{
    Charge, Pool, PriceBookVersion, Rule, Tier, TierMode, TokenPrices, Tokens, UnitPrice, Usage,
    VersionHeader, validate,
};
use chit_types::{Credits, IdKind, PublicId, Shard, Timestamp};

const GOLDEN: &str = include_str!("golden.csv");

#[test]
fn every_example_costs_what_the_golden_file_says() {
    let mut lines = GOLDEN.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut checked = 0;
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), columns.len(), "{line}");
        check(&columns.iter().copied().zip(fields).collect());
        checked += 1;
    }
    assert!(checked > 30, "the file is read to its end");
}

fn check(row: &BTreeMap<&str, &str>) {
    let example = row["example"];
    let optional =
        |column: &str| Some(row[column]).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap());
    let rule = Rule {
        minimum: optional("minimum"),
        maximum: optional("maximum"),
        rounding: rounding_from_word(row["rounding"]).unwrap(),
        step: row["step"].parse().unwrap(),
        ..Rule::new("rule", "event", charge(row["charge"]))
    };
    assert_eq!(validate(std::slice::from_ref(&rule), |_| true), [], "{example}");
    let version = PriceBookVersion::new(header(), vec![rule]);
    let nothing = BTreeMap::new();
    let usage = Usage {
        event_type: "event",
        dimensions: &nothing,
        quantity: row["quantity"].parse().unwrap(),
        tokens: tokens(row["tokens"]),
    };
    let explanation = version.explain(&usage).unwrap();
    assert_eq!(explanation.exact.to_string(), row["exact"], "{example}");
    assert_eq!(explanation.credits, row["credits"].parse::<Credits>().unwrap(), "{example}");
    let deciding = match (explanation.minimum_applied, explanation.maximum_applied) {
        (true, false) => "minimum",
        (false, true) => "maximum",
        (false, false) => "",
        (true, true) => panic!("{example}: both bounds cannot move one amount"),
    };
    assert_eq!(deciding, row["deciding"], "{example}");
    let last = explanation.steps.last().unwrap();
    assert_eq!(last.value, row["credits"].parse::<Credits>().unwrap().to_string(), "{example}");
}

fn header() -> VersionHeader {
    VersionHeader {
        id: PublicId { kind: IdKind::PriceVersion, shard: Shard(0), uuid: [1; 16] },
        book: "book".to_string(),
        number: 1,
        unit: "credits".to_string(),
        effective_at: Timestamp::EPOCH,
    }
}

/// `flat 40`, `per_unit 0.5`, `graduated 10@6 *@4+2` (up to @ price + fee), `tokens input=1.5 output=10`.
fn charge(text: &str) -> Charge {
    let (kind, rest) = text.split_once(' ').unwrap();
    match kind {
        "flat" => Charge::Flat { amount: rest.parse().unwrap() },
        "per_unit" => Charge::PerUnit { price: rest.parse().unwrap() },
        "graduated" => {
            Charge::Tiered { mode: TierMode::Graduated, tiers: rest.split(' ').map(tier).collect() }
        }
        "volume" => Charge::Tiered { mode: TierMode::Volume, tiers: rest.split(' ').map(tier).collect() },
        "tokens" => Charge::Tokens {
            per_1k: pools(rest).fold(TokenPrices::default(), |prices, (pool, price)| {
                prices.with(pool, price.parse::<UnitPrice>().unwrap())
            }),
        },
        other => panic!("{other} is no charge"),
    }
}

fn tier(text: &str) -> Tier {
    let (up_to, rest) = text.split_once('@').unwrap();
    let (price, fee) = rest.split_once('+').unwrap_or((rest, "0"));
    Tier {
        up_to: (up_to != "*").then(|| up_to.parse().unwrap()),
        price: price.parse().unwrap(),
        flat_fee: fee.parse().unwrap(),
    }
}

fn tokens(text: &str) -> Tokens {
    let mut by_pool = [0; 7];
    for (pool, count) in pools(text) {
        by_pool[pool.index()] = count.parse().unwrap();
    }
    Tokens::from_array(by_pool)
}

fn pools(text: &str) -> impl Iterator<Item = (Pool, &str)> {
    text.split(' ').filter(|text| !text.is_empty()).map(|text| {
        let (word, number) = text.split_once('=').unwrap();
        let pool = Pool::ALL.into_iter().find(|pool| pool.word() == word).unwrap();
        (pool, number)
    })
}
