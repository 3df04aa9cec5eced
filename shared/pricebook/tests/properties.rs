//! What holds for every price, on random rules and usages.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::collections::BTreeMap;

use chit_pricebook::{
    Charge, Pool, PriceBookVersion, PriceError, Priced, Quantity, Rule, Tier, TierMode, TokenPrices, Tokens,
    UnitPrice, Usage, VersionHeader, validate,
};
use chit_types::{Credits, Decimal, IdKind, PublicId, Rounding, Shard, Timestamp};
use proptest::prelude::*;

/// 1e-18 credits in a micro-credit.
const EXACT_PER_MICRO: i128 = 1_000_000_000_000;

fn version(rules: Vec<Rule>) -> PriceBookVersion {
    let header = VersionHeader {
        id: PublicId { kind: IdKind::PriceVersion, shard: Shard(0), uuid: [1; 16] },
        book: "book".to_string(),
        number: 1,
        unit: "credits".to_string(),
        effective_at: Timestamp::EPOCH,
    };
    PriceBookVersion::new(header, rules)
}

fn price(version: &PriceBookVersion, quantity: Quantity, tokens: Tokens) -> Result<Priced, PriceError> {
    let nothing = BTreeMap::new();
    version.price(&Usage { event_type: "event", dimensions: &nothing, quantity, tokens })
}

fn unit_price() -> impl Strategy<Value = UnitPrice> {
    (0..1_000_000_000_000_000_i128)
        .prop_map(|pico| UnitPrice::from_decimal(Decimal::new(pico, 12).unwrap()).unwrap())
}

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![0..20_000_000_u64, 0..1_000_000_000_000_u64]
        .prop_map(|micros| Quantity::from_micros(micros).unwrap())
}

fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    let edges = proptest::collection::btree_set(1..100_000_000_u64, 0..6);
    (edges, proptest::collection::vec((unit_price(), 0..10_000_000_i64), 7)).prop_map(|(edges, prices)| {
        let up_to = edges.into_iter().map(Quantity::from_micros).chain([None]);
        let priced = up_to.zip(prices);
        let tier = |(up_to, (price, fee))| Tier { up_to, price, flat_fee: Credits::from_micros(fee) };
        priced.map(tier).collect()
    })
}

fn tokens() -> impl Strategy<Value = Tokens> {
    proptest::array::uniform7(0..10_000_000_u64).prop_map(Tokens::from_array)
}

fn charge() -> impl Strategy<Value = Charge> {
    prop_oneof![
        (0..1_000_000_000_i64).prop_map(|micros| Charge::Flat { amount: Credits::from_micros(micros) }),
        unit_price().prop_map(|price| Charge::PerUnit { price }),
        tiers().prop_map(|tiers| Charge::Tiered { mode: TierMode::Graduated, tiers }),
        tiers().prop_map(|tiers| Charge::Tiered { mode: TierMode::Volume, tiers }),
        proptest::array::uniform7(unit_price())
            .prop_map(|prices| Charge::Tokens { per_1k: TokenPrices::from_array(prices.map(Some)) }),
    ]
}

fn rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::Up), Just(Rounding::Down), Just(Rounding::HalfUp), Just(Rounding::HalfEven)]
}

fn rule() -> impl Strategy<Value = Rule> {
    let step = prop_oneof![Just(1_i64), Just(10_000), Just(500_000), Just(1_000_000), Just(7)];
    (charge(), rounding(), step, proptest::option::of(0..50_i64), proptest::option::of(50..10_000_i64))
        .prop_map(|(charge, rounding, step, minimum, maximum)| Rule {
            rounding,
            step: Credits::from_micros(step),
            minimum: minimum.map(|steps| Credits::from_micros(steps * step)),
            maximum: maximum.map(|steps| Credits::from_micros(steps * step)),
            ..Rule::new("rule", "event", charge)
        })
}

fn tiers_of(rule: &Rule) -> Option<(TierMode, &[Tier])> {
    match &rule.charge {
        Charge::Tiered { mode, tiers } => Some((*mode, tiers)),
        Charge::Flat { .. } | Charge::PerUnit { .. } | Charge::Tokens { .. } => None,
    }
}

proptest! {
    /// One rounding, never off by a step; nearest modes never by more than half of one.
    #[test]
    fn rounding_is_never_off_by_a_step(rule in rule(), quantity in quantity(), tokens in tokens()) {
        prop_assert_eq!(validate(std::slice::from_ref(&rule), |_| true), vec![]);
        let (step, mode) = (i128::from(rule.step.micros()) * EXACT_PER_MICRO, rule.rounding);
        let version = version(vec![rule]);
        let Ok(priced) = price(&version, quantity, tokens) else { return Ok(()) };
        prop_assert_eq!(i128::from(priced.credits.micros()) * EXACT_PER_MICRO % step, 0);
        if !priced.minimum_applied && !priced.maximum_applied {
            let off = i128::from(priced.credits.micros()) * EXACT_PER_MICRO - priced.exact.0;
            match mode {
                Rounding::Up => prop_assert!((0..step).contains(&off)),
                Rounding::Down => prop_assert!((0..step).contains(&-off)),
                Rounding::HalfUp | Rounding::HalfEven => prop_assert!(off.abs() * 2 <= step),
            }
        }
    }

    /// Bounds hold after rounding, as they are multiples of the step.
    #[test]
    fn a_price_is_within_its_bounds(rule in rule(), quantity in quantity(), tokens in tokens()) {
        let (minimum, maximum) = (rule.minimum, rule.maximum);
        let Ok(priced) = price(&version(vec![rule]), quantity, tokens) else { return Ok(()) };
        prop_assert!(minimum.is_none_or(|minimum| priced.credits >= minimum));
        prop_assert!(maximum.is_none_or(|maximum| priced.credits <= maximum));
        prop_assert!(priced.credits <= Credits::MAX_AMOUNT && !priced.credits.is_negative());
    }

    /// The same input gives the same price, with or without its explanation.
    #[test]
    fn the_same_input_has_the_same_price(rule in rule(), quantity in quantity(), tokens in tokens()) {
        let (one, other) = (version(vec![rule.clone()]), version(vec![rule]));
        let nothing = BTreeMap::new();
        let usage = Usage { event_type: "event", dimensions: &nothing, quantity, tokens };
        prop_assert_eq!(one.price(&usage), other.price(&usage));
        let explained = other.explain(&usage).map(|why| (why.credits, why.exact));
        prop_assert_eq!(one.price(&usage).map(|priced| (priced.credits, priced.exact)), explained);
    }

    /// More of anything never costs less, save where volume tiers mean it to.
    #[test]
    fn more_never_costs_less(rule in rule(), a in quantity(), b in quantity(), tokens in tokens(), extra in tokens()) {
        if matches!(tiers_of(&rule), Some((TierMode::Volume, _))) {
            return Ok(());
        }
        let version = version(vec![rule]);
        let (less, more) = (a.min(b), a.max(b));
        let mut by_pool = tokens.to_array();
        by_pool.iter_mut().zip(extra.to_array()).for_each(|(count, extra)| *count += extra);
        let (Ok(less), Ok(more)) = (price(&version, less, tokens), price(&version, more, Tokens::from_array(by_pool)))
        else {
            return Ok(());
        };
        prop_assert!(less.exact <= more.exact && less.credits <= more.credits);
    }

    /// Parts of a stream: each is charged price(totals so far) - charged before, and the parts equal one
    /// settlement of the total to the micro-credit.
    #[test]
    fn parts_sum_to_the_whole(rule in rule(), parts in proptest::collection::vec(tokens(), 1..6)) {
        let version = version(vec![rule]);
        let (mut total, mut charged) = ([0_u64; 7], Credits::ZERO);
        for part in &parts {
            total.iter_mut().zip(part.to_array()).for_each(|(count, more)| *count += more);
            let Ok(priced) = price(&version, Quantity::ONE, Tokens::from_array(total)) else { return Ok(()) };
            prop_assert!(priced.credits >= charged, "no part is negative");
            let due = priced.credits - charged;
            charged += due;
        }
        let whole = price(&version, Quantity::ONE, Tokens::from_array(total)).unwrap();
        prop_assert_eq!(charged, whole.credits);
    }

    /// Every quantity above zero is priced by the tiers without gap or overlap: the graduated price of the
    /// whole is the sum over all tiers of (end - beginning) x price and the fee of each one entered.
    #[test]
    fn graduated_tiers_have_no_gap_and_no_overlap(tiers in tiers(), quantity in quantity()) {
        let mut expected = 0_i128;
        let mut from = 0_u64;
        for tier in &tiers {
            let to = tier.up_to.map_or(u64::MAX, Quantity::micros);
            let inside = quantity.micros().min(to).saturating_sub(from);
            if inside > 0 {
                let price = tier.price.decimal().at_scale(12).unwrap();
                expected += price * i128::from(inside) + i128::from(tier.flat_fee.micros()) * EXACT_PER_MICRO;
            }
            from = to;
        }
        let rule = Rule::new("rule", "event", Charge::Tiered { mode: TierMode::Graduated, tiers });
        match price(&version(vec![rule]), quantity, Tokens::ZERO) {
            Ok(priced) => prop_assert_eq!(priced.exact.0, expected),
            Err(error) => prop_assert!(expected > 1_000_000_000 * 1_000_000 * EXACT_PER_MICRO, "{}", error),
        }
    }

    /// A pool without a price that has tokens is named, and never taken for free.
    #[test]
    fn a_missing_pool_is_named(used in 0..7_usize, priced in 0..7_usize, count in 1..1_000_u64) {
        let per_1k = TokenPrices::default().with(Pool::ALL[priced], UnitPrice::ZERO);
        let mut by_pool = [0; 7];
        by_pool[used] = count;
        let got = price(&version(vec![Rule::new("r", "event", Charge::Tokens { per_1k })]), Quantity::ONE, Tokens::from_array(by_pool));
        if used == priced {
            prop_assert_eq!(got.unwrap().credits, Credits::ZERO);
        } else {
            let missing = format!("price of {} in rule r", Pool::ALL[used].word());
            prop_assert_eq!(got, Err(PriceError::NoPrice { event_type: "event".to_string(), missing }));
        }
    }

    /// The index finds what a search through all rules finds: the matching rule with most dimensions.
    #[test]
    fn the_index_finds_the_most_specific_rule(
        wanted in proptest::collection::btree_set(proptest::collection::btree_map(0..3_u8, 0..3_u8, 0..3), 1..12),
        said in proptest::collection::btree_map(0..3_u8, 0..3_u8, 0..4),
    ) {
        let text = |map: &BTreeMap<u8, u8>| -> BTreeMap<String, String> {
            map.iter().map(|(key, value)| (format!("d{key}"), format!("v{value}"))).collect()
        };
        let rules: Vec<Rule> = wanted.iter().enumerate().map(|(number, dimensions)| Rule {
            dimensions: text(dimensions),
            ..Rule::new(&number.to_string(), "event", Charge::Flat { amount: Credits::ZERO })
        }).collect();
        if !validate(&rules, |_| true).is_empty() {
            return Ok(());
        }
        let said = text(&said);
        let matches = |rule: &&Rule| rule.dimensions.iter().all(|pair| said.get(pair.0) == Some(pair.1));
        let most = rules.iter().filter(matches).max_by_key(|rule| rule.dimensions.len());
        let ties = rules.iter().filter(matches).filter(|rule| most.is_some_and(|most| most.dimensions.len() == rule.dimensions.len()));
        prop_assert!(ties.count() <= 1, "a published book has no ties");
        let version = version(rules.clone());
        let found = version.matching("event", &said).map(|place| &rules[place]);
        prop_assert_eq!(found, most);
    }
}

/// A million prices a second from a book of a thousand rules is the aim on an optimised build; this only
/// sees to it that matching does not walk the book.
#[test]
fn a_book_of_a_thousand_rules_is_not_walked() {
    let rule = |number: usize| {
        let mut rule = Rule::new(&number.to_string(), "event", Charge::Flat { amount: Credits::whole(1) });
        rule.dimensions.insert("model".to_string(), format!("model{number}"));
        rule
    };
    let version = version((0..1_000).map(rule).collect());
    for number in [0, 1, 500, 999] {
        let said = BTreeMap::from([("model".to_string(), format!("model{number}"))]);
        assert_eq!(version.matching("event", &said), Some(number));
    }
    let unknown = BTreeMap::from([("model".to_string(), "other".to_string())]);
    assert_eq!(version.matching("event", &unknown), None);
    assert_eq!(version.matching("other", &unknown), None);
}
