//! One price: the formula exact in 128-bit integers, then minimum, maximum, and one rounding.

use chit_types::Credits;

use crate::amount::{EXACT_PER_MICRO, Exact, Quantity};
use crate::rule::{Charge, Rule, Tier, TierMode, TokenPrices};
use crate::tokens::Tokens;
use crate::version::{Priced, Usage};

/// Why there is no price. None of these is ever taken for zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// The tenant has no such event type.
    #[error("event type {event_type} is not declared")]
    EventTypeUnknown {
        /// As asked.
        event_type: String,
    },
    /// No book, version, rule or token price for it.
    #[error("no price for {event_type}: {missing} is missing")]
    NoPrice {
        /// As asked.
        event_type: String,
        /// What is missing.
        missing: String,
    },
    /// The arithmetic leaves 128 bits, or the price is above 1e9 credits.
    #[error("the price of {event_type} by rule {rule} is above 1000000000 credits")]
    Overflow {
        /// As asked.
        event_type: String,
        /// The rule that decided.
        rule: String,
    },
}

/// Why a formula has no result.
enum Fault {
    Overflow,
    /// Tokens in a pool that has no price.
    PoolsMissing,
}

/// The price of a usage by the rule that decides; `place` is the rule's in its version.
pub(crate) fn price(rule: &Rule, place: usize, usage: &Usage<'_>) -> Result<Priced, PriceError> {
    let exact = exact(&rule.charge, usage).map_err(|fault| match fault {
        Fault::Overflow => overflow(rule, usage),
        Fault::PoolsMissing => PriceError::NoPrice {
            event_type: usage.event_type.to_string(),
            missing: missing_pools(rule, usage.tokens),
        },
    })?;
    let (bounded, minimum_applied, maximum_applied) = bounded(rule, exact);
    let step = i128::from(rule.step.micros());
    let micros = rule
        .rounding
        .to_step(bounded.0, EXACT_PER_MICRO, step)
        .filter(|micros| *micros <= i128::from(Credits::MAX_AMOUNT.micros()))
        .and_then(|micros| i64::try_from(micros).ok())
        .ok_or_else(|| overflow(rule, usage))?;
    Ok(Priced { credits: Credits::from_micros(micros), exact, rule: place, minimum_applied, maximum_applied })
}

/// The part of a quantity in each tier that it reaches, by the tier's place: what a graduated charge
/// adds up and an explanation shows.
pub(crate) fn portions(tiers: &[Tier], quantity: Quantity) -> impl Iterator<Item = (usize, Quantity)> + '_ {
    let mut from = 0;
    tiers.iter().enumerate().map_while(move |(place, tier)| {
        if quantity.micros() <= from {
            return None;
        }
        let until = tier.up_to.map_or(quantity.micros(), |up_to| up_to.micros().min(quantity.micros()));
        let part = until - from;
        from = until;
        Some((place, Quantity::from_micros(part).expect("a part of a quantity is a quantity")))
    })
}

/// The tier that a whole quantity reaches; none for nothing.
pub(crate) fn reached(tiers: &[Tier], quantity: Quantity) -> Option<usize> {
    if quantity == Quantity::ZERO {
        return None;
    }
    tiers.iter().position(|tier| tier.up_to.is_none_or(|up_to| quantity <= up_to))
}

fn exact(charge: &Charge, usage: &Usage<'_>) -> Result<Exact, Fault> {
    match charge {
        Charge::Flat { amount } => Ok(Exact::from_credits(*amount)),
        Charge::PerUnit { price } => price.for_quantity(usage.quantity).ok_or(Fault::Overflow),
        Charge::Tiered { mode, tiers } => tiered(*mode, tiers, usage.quantity).ok_or(Fault::Overflow),
        Charge::Tokens { per_1k } => by_tokens(per_1k, usage.tokens),
    }
}

fn tiered(mode: TierMode, tiers: &[Tier], quantity: Quantity) -> Option<Exact> {
    match mode {
        TierMode::Graduated => portions(tiers, quantity)
            .try_fold(Exact::ZERO, |sum, (place, part)| sum.checked_add(in_tier(&tiers[place], part)?)),
        TierMode::Volume => match reached(tiers, quantity) {
            Some(place) => in_tier(&tiers[place], quantity),
            None => Some(Exact::ZERO),
        },
    }
}

fn in_tier(tier: &Tier, quantity: Quantity) -> Option<Exact> {
    tier.price.for_quantity(quantity)?.checked_add(Exact::from_credits(tier.flat_fee))
}

fn by_tokens(per_1k: &TokenPrices, tokens: Tokens) -> Result<Exact, Fault> {
    let mut sum = Exact::ZERO;
    for (pool, count) in tokens.used() {
        let price = per_1k.of(pool).ok_or(Fault::PoolsMissing)?;
        sum = price
            .for_tokens_per_1k(count)
            .and_then(|amount| sum.checked_add(amount))
            .ok_or(Fault::Overflow)?;
    }
    Ok(sum)
}

/// The amount within the rule's bounds, and which of them moved it. Publishing refused a maximum below
/// the minimum, so at most one does.
fn bounded(rule: &Rule, exact: Exact) -> (Exact, bool, bool) {
    if let Some(minimum) = rule.minimum.map(Exact::from_credits)
        && exact < minimum
    {
        return (minimum, true, false);
    }
    if let Some(maximum) = rule.maximum.map(Exact::from_credits)
        && exact > maximum
    {
        return (maximum, false, true);
    }
    (exact, false, false)
}

fn missing_pools(rule: &Rule, tokens: Tokens) -> String {
    let Charge::Tokens { per_1k } = &rule.charge else {
        return String::new();
    };
    let pools: Vec<&str> =
        tokens.used().filter(|(pool, _)| per_1k.of(*pool).is_none()).map(|(pool, _)| pool.word()).collect();
    format!("price of {} in rule {}", pools.join(", "), rule.id)
}

fn overflow(rule: &Rule, usage: &Usage<'_>) -> PriceError {
    PriceError::Overflow { event_type: usage.event_type.to_string(), rule: rule.id.clone() }
}
