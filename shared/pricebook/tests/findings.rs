//! What publishing refuses, each with the field that says so.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use chit_pricebook::{Charge, Rule, Tier, TierMode, TokenPrices, UnitPrice, validate};
use chit_types::Credits;

fn flat(id: &str) -> Rule {
    Rule::new(id, "event", Charge::Flat { amount: Credits::whole(1) })
}

fn with(mut rule: Rule, dimensions: &[(&str, &str)]) -> Rule {
    for (key, value) in dimensions {
        rule.dimensions.insert((*key).to_string(), (*value).to_string());
    }
    rule
}

fn tiered(up_to: &[Option<&str>]) -> Rule {
    let tier = |up_to: &Option<&str>| Tier {
        up_to: up_to.map(|text| text.parse().unwrap()),
        price: UnitPrice::ZERO,
        flat_fee: Credits::ZERO,
    };
    let tiers = up_to.iter().map(tier).collect();
    Rule::new("t", "event", Charge::Tiered { mode: TierMode::Volume, tiers })
}

fn check(rules: &[Rule], fields: &[&str]) {
    let findings = validate(rules, |name| name == "event");
    let found: Vec<&str> = findings.iter().map(|finding| finding.field.as_str()).collect();
    assert_eq!(found, fields, "{findings:?}");
}

#[test]
fn what_is_incomplete_or_out_of_range_is_found() {
    check(&[], &["rules"]);
    check(&[flat("a")], &[]);
    check(&[flat("a"), Rule::new("a", "other", flat("a").charge)], &["rules[1].id", "rules[1].event_type"]);
    check(&[Rule { step: Credits::ZERO, ..flat("a") }], &["rules[0].rounding_step"]);
    let step = Credits::whole(2);
    check(&[Rule { step, minimum: Some(Credits::whole(3)), ..flat("a") }], &["rules[0].minimum"]);
    check(&[Rule { step, maximum: Some(Credits::whole(3)), ..flat("a") }], &["rules[0].maximum"]);
    let crossed = Rule { minimum: Some(Credits::whole(4)), maximum: Some(Credits::whole(2)), ..flat("a") };
    check(&[crossed], &["rules[0].maximum"]);
    check(&[Rule { minimum: Some(Credits::whole(-2)), ..flat("a") }], &["rules[0].minimum"]);
    let amount = Credits::MAX_AMOUNT + Credits::from_micros(1);
    check(&[Rule::new("a", "event", Charge::Flat { amount })], &["rules[0].flat.amount"]);
    let none = Charge::Tokens { per_1k: TokenPrices::default() };
    check(&[Rule::new("a", "event", none)], &["rules[0].tokens"]);
}

#[test]
fn tiers_rise_without_gap_or_overlap_to_an_unbounded_last() {
    check(&[tiered(&[None])], &[]);
    check(&[tiered(&[Some("1"), Some("2"), None])], &[]);
    check(&[tiered(&[])], &["rules[0].tiered.tiers"]);
    check(&[tiered(&[Some("1")])], &["rules[0].tiered.tiers[0].up_to"]);
    check(&[tiered(&[None, None])], &["rules[0].tiered.tiers[0].up_to"]);
    check(&[tiered(&[Some("0"), None])], &["rules[0].tiered.tiers[0].up_to"]);
    check(
        &[tiered(&[Some("2"), Some("2"), Some("1"), None])],
        &["rules[0].tiered.tiers[1].up_to", "rules[0].tiered.tiers[2].up_to"],
    );
}

#[test]
fn rules_that_could_tie_are_refused_unless_a_third_decides() {
    let (model, plan) = (("model", "x"), ("plan", "pro"));
    check(&[flat("a"), flat("b")], &["rules[1].dimensions"]);
    check(&[flat("a"), with(flat("b"), &[model])], &[]);
    check(&[with(flat("a"), &[model]), with(flat("b"), &[("model", "y")])], &[]);
    check(&[with(flat("a"), &[model]), with(flat("b"), &[plan])], &["rules[1].dimensions"]);
    check(&[with(flat("a"), &[model]), with(flat("b"), &[plan]), with(flat("c"), &[model, plan])], &[]);
    let elsewhere = with(flat("c"), &[model, ("plan", "free")]);
    check(&[with(flat("a"), &[model]), with(flat("b"), &[plan]), elsewhere], &["rules[1].dimensions"]);
    let (seat, other) = (("seat", "1"), ("plan", "free"));
    check(&[with(flat("a"), &[model, plan]), with(flat("b"), &[other, seat])], &[]);
    check(&[with(flat("a"), &[model, plan]), with(flat("b"), &[plan, seat])], &["rules[1].dimensions"]);
}
