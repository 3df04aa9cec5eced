//! Why something costs what it costs, built on demand: the same arithmetic again, line by line.

use std::collections::BTreeMap;

use chit_types::{Credits, PublicId, Rounding};

use crate::amount::{Exact, Quantity};
use crate::evaluate::{PriceError, portions, reached};
use crate::rule::{Charge, ChargeKind, Rule, Tier, TierMode, TokenPrices, rounding_word};
use crate::tokens::Tokens;
use crate::version::{PriceBookVersion, Priced, Usage};

/// Enough to repeat a price by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The event type that was priced.
    pub event_type: String,
    /// The unit of the price.
    pub unit: String,
    /// The book's name.
    pub book: String,
    /// The version's id.
    pub version_id: PublicId,
    /// The version's number in the book.
    pub version_number: u32,
    /// The rule that decided.
    pub rule_id: String,
    /// What the rule asked for and the event said.
    pub matched_dimensions: BTreeMap<String, String>,
    /// The kind of charge.
    pub charge: ChargeKind,
    /// The quantity priced.
    pub quantity: Quantity,
    /// The tokens priced.
    pub tokens: Tokens,
    /// The formula's result.
    pub exact: Exact,
    /// The arithmetic in order.
    pub steps: Vec<Step>,
    /// The minimum raised the amount.
    pub minimum_applied: bool,
    /// The maximum lowered the amount.
    pub maximum_applied: bool,
    /// How the amount was brought to the step.
    pub rounding: Rounding,
    /// The step.
    pub step: Credits,
    /// The price.
    pub credits: Credits,
    /// The whole in one plain sentence.
    pub sentence: String,
}

/// One line of arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is computed.
    pub label: String,
    /// What it comes to, a decimal in credits.
    pub value: String,
}

impl PriceBookVersion {
    /// Prices a usage again and says why.
    pub fn explain(&self, usage: &Usage<'_>) -> Result<Explanation, PriceError> {
        let priced = self.price(usage)?;
        let (header, rule) = (self.header(), &self.rules()[priced.rule]);
        let mut steps = formula(&rule.charge, usage, priced.exact);
        steps.extend(bounds_and_rounding(rule, &priced));
        Ok(Explanation {
            event_type: usage.event_type.to_string(),
            unit: header.unit.clone(),
            book: header.book.clone(),
            version_id: header.id,
            version_number: header.number,
            rule_id: rule.id.clone(),
            matched_dimensions: rule.dimensions.clone(),
            charge: rule.charge.kind(),
            quantity: usage.quantity,
            tokens: usage.tokens,
            exact: priced.exact,
            steps,
            minimum_applied: priced.minimum_applied,
            maximum_applied: priced.maximum_applied,
            rounding: rule.rounding,
            step: rule.step,
            credits: priced.credits,
            sentence: sentence(self, rule, &priced),
        })
    }
}

fn step(label: String, value: impl ToString) -> Step {
    Step { label, value: value.to_string() }
}

fn formula(charge: &Charge, usage: &Usage<'_>, exact: Exact) -> Vec<Step> {
    let mut steps = match charge {
        Charge::Flat { amount } => return vec![step("flat price".to_string(), amount)],
        Charge::PerUnit { price } => {
            return vec![step(format!("{} × {price} each", usage.quantity), exact)];
        }
        Charge::Tiered { mode, tiers } => by_tier(*mode, tiers, usage.quantity),
        Charge::Tokens { per_1k } => by_pool(per_1k, usage.tokens),
    };
    if steps.len() != 1 {
        steps.push(step("sum".to_string(), exact));
    }
    steps
}

fn by_tier(mode: TierMode, tiers: &[Tier], quantity: Quantity) -> Vec<Step> {
    let parts: Vec<(usize, Quantity)> = match mode {
        TierMode::Graduated => portions(tiers, quantity).collect(),
        TierMode::Volume => reached(tiers, quantity).map(|place| (place, quantity)).into_iter().collect(),
    };
    let mut steps = Vec::new();
    for (place, part) in parts {
        let (tier, name) = (&tiers[place], place + 1);
        if let Some(amount) = tier.price.for_quantity(part) {
            steps.push(step(format!("tier {name}: {part} × {} each", tier.price), amount));
        }
        if !tier.flat_fee.is_zero() {
            steps.push(step(format!("tier {name}: flat fee"), tier.flat_fee));
        }
    }
    steps
}

fn by_pool(per_1k: &TokenPrices, tokens: Tokens) -> Vec<Step> {
    tokens
        .used()
        .filter_map(|(pool, count)| {
            let price = per_1k.of(pool)?;
            let amount = price.for_tokens_per_1k(count)?;
            Some(step(format!("{count} {} × {price} per 1k", pool.label()), amount))
        })
        .collect()
}

fn bounds_and_rounding(rule: &Rule, priced: &Priced) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(minimum) = rule.minimum.filter(|_| priced.minimum_applied) {
        steps.push(step("raised to the minimum".to_string(), minimum));
    }
    if let Some(maximum) = rule.maximum.filter(|_| priced.maximum_applied) {
        steps.push(step("lowered to the maximum".to_string(), maximum));
    }
    steps.push(step(
        format!("rounded {} to a multiple of {}", spoken(rule.rounding), rule.step),
        priced.credits,
    ));
    steps
}

fn sentence(version: &PriceBookVersion, rule: &Rule, priced: &Priced) -> String {
    let header = version.header();
    let how = match (priced.minimum_applied, priced.maximum_applied) {
        (true, _) => "raised to the rule's minimum",
        (_, true) => "lowered to the rule's maximum",
        (false, false) => "exact before rounding",
    };
    format!(
        "{} costs {} {} by rule {} of price book {} version {} ({}, {how})",
        rule.event_type, priced.credits, header.unit, rule.id, header.book, header.number, priced.exact
    )
}

fn spoken(rounding: Rounding) -> String {
    rounding_word(rounding).replace('_', " ")
}
