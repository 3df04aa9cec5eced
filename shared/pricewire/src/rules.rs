//! Rules and their charges.

use chit_api::pricing::v1 as proto;
use chit_pricebook::rule::{DIMENSIONS_PER_RULE, FINEST_STEP};
use chit_pricebook::{Charge, Pool, Rule, Tier, TierMode, TokenPrices, UnitPrice};
use chit_rpc::{AmountRange, Violations, credits_to_proto};
use chit_types::{Credits, Rounding};

use crate::amounts::{check_dimensions, check_name, optional};

/// A rule, each field checked by itself; ties and tiers are checked whole at publish.
pub fn rule_from_proto(rule: &proto::PriceRule, violations: &mut Violations) -> Rule {
    check_name(&rule.id, "id", violations);
    check_name(&rule.event_type, "event_type", violations);
    check_dimensions(&rule.dimensions, DIMENSIONS_PER_RULE, "dimensions", violations);
    let bound = AmountRange::ZeroOrMore;
    let step =
        violations.optional_credits("rounding_step", rule.rounding_step.as_ref(), AmountRange::AboveZero);
    Rule {
        id: rule.id.clone(),
        event_type: rule.event_type.clone(),
        dimensions: rule.dimensions.clone(),
        charge: charge_from_proto(rule.charge.as_ref(), violations),
        minimum: violations.optional_credits("minimum", rule.minimum.as_ref(), bound),
        maximum: violations.optional_credits("maximum", rule.maximum.as_ref(), bound),
        rounding: rounding_from_proto(violations.enumeration("rounding", rule.rounding)),
        step: step.unwrap_or(FINEST_STEP),
    }
}

/// A rule as sent.
#[must_use]
pub fn rule_to_proto(rule: &Rule) -> proto::PriceRule {
    proto::PriceRule {
        id: rule.id.clone(),
        event_type: rule.event_type.clone(),
        dimensions: rule.dimensions.clone(),
        charge: Some(charge_to_proto(&rule.charge)),
        minimum: rule.minimum.map(credits_to_proto),
        maximum: rule.maximum.map(credits_to_proto),
        rounding: rounding_to_proto(rule.rounding).into(),
        rounding_step: Some(credits_to_proto(rule.step)),
    }
}

/// A rounding as sent.
#[must_use]
pub const fn rounding_to_proto(rounding: Rounding) -> proto::RoundingMode {
    match rounding {
        Rounding::Up => proto::RoundingMode::Up,
        Rounding::Down => proto::RoundingMode::Down,
        Rounding::HalfUp => proto::RoundingMode::HalfUp,
        Rounding::HalfEven => proto::RoundingMode::HalfEven,
    }
}

const fn rounding_from_proto(rounding: proto::RoundingMode) -> Rounding {
    match rounding {
        proto::RoundingMode::Unspecified | proto::RoundingMode::Up => Rounding::Up,
        proto::RoundingMode::Down => Rounding::Down,
        proto::RoundingMode::HalfUp => Rounding::HalfUp,
        proto::RoundingMode::HalfEven => Rounding::HalfEven,
    }
}

fn charge_from_proto(charge: Option<&proto::price_rule::Charge>, violations: &mut Violations) -> Charge {
    use proto::price_rule::Charge as Sent;
    match charge {
        None => {
            violations.field("charge", "is missing");
            Charge::Flat { amount: Credits::ZERO }
        }
        Some(Sent::Flat(flat)) => Charge::Flat {
            amount: violations.credits("flat.amount", flat.amount.as_ref(), AmountRange::ZeroOrMore),
        },
        Some(Sent::PerUnit(per_unit)) => {
            if per_unit.price.is_empty() {
                violations.field("per_unit.price", "is missing; an explicit 0 is a price");
            }
            let price = optional("per_unit.price", &per_unit.price, violations);
            Charge::PerUnit { price: price.unwrap_or(UnitPrice::ZERO) }
        }
        Some(Sent::Tiered(tiered)) => violations.within("tiered", |within| tiered_from_proto(tiered, within)),
        Some(Sent::Tokens(tokens)) => Charge::Tokens {
            per_1k: violations.within("tokens", |within| token_prices_from_proto(tokens, within)),
        },
    }
}

fn tiered_from_proto(tiered: &proto::TieredCharge, violations: &mut Violations) -> Charge {
    let mode = match violations.enumeration("mode", tiered.mode) {
        proto::TierMode::Unspecified | proto::TierMode::Graduated => TierMode::Graduated,
        proto::TierMode::Volume => TierMode::Volume,
    };
    match violations.enumeration("scope", tiered.scope) {
        proto::TierScope::Unspecified | proto::TierScope::Event => {}
    }
    let tiers = tiered.tiers.iter().enumerate();
    let tiers = tiers
        .map(|(place, tier)| {
            violations.within(&format!("tiers[{place}]"), |within| tier_from_proto(tier, within))
        })
        .collect();
    Charge::Tiered { mode, tiers }
}

fn tier_from_proto(tier: &proto::PriceTier, violations: &mut Violations) -> Tier {
    if tier.price.is_empty() && tier.flat_fee.is_none() {
        violations.field("price", "is missing and flat_fee too; an explicit 0 is a price");
    }
    let flat_fee = violations.optional_credits("flat_fee", tier.flat_fee.as_ref(), AmountRange::ZeroOrMore);
    Tier {
        up_to: optional("up_to", &tier.up_to, violations),
        price: optional("price", &tier.price, violations).unwrap_or(UnitPrice::ZERO),
        flat_fee: flat_fee.unwrap_or(Credits::ZERO),
    }
}

fn token_prices_from_proto(charge: &proto::TokenCharge, violations: &mut Violations) -> TokenPrices {
    let by_pool = [
        &charge.input_per_1k,
        &charge.cache_read_per_1k,
        &charge.cache_write_per_1k,
        &charge.output_per_1k,
        &charge.reasoning_per_1k,
        &charge.audio_per_1k,
        &charge.images_per_1k,
    ];
    let prices = std::array::from_fn(|index| {
        let field = format!("{}_per_1k", Pool::ALL[index].word());
        optional(&field, by_pool[index], violations)
    });
    TokenPrices::from_array(prices)
}

fn charge_to_proto(charge: &Charge) -> proto::price_rule::Charge {
    use proto::price_rule::Charge as Sent;
    match charge {
        Charge::Flat { amount } => Sent::Flat(proto::FlatCharge { amount: Some(credits_to_proto(*amount)) }),
        Charge::PerUnit { price } => Sent::PerUnit(proto::PerUnitCharge { price: price.to_string() }),
        Charge::Tiered { mode, tiers } => Sent::Tiered(proto::TieredCharge {
            mode: match mode {
                TierMode::Graduated => proto::TierMode::Graduated.into(),
                TierMode::Volume => proto::TierMode::Volume.into(),
            },
            tiers: tiers.iter().map(tier_to_proto).collect(),
            scope: proto::TierScope::Event.into(),
        }),
        Charge::Tokens { per_1k } => {
            let text =
                per_1k.to_array().map(|price| price.map(|price| price.to_string()).unwrap_or_default());
            let [input, cache_read, cache_write, output, reasoning, audio, images] = text;
            Sent::Tokens(proto::TokenCharge {
                input_per_1k: input,
                cache_read_per_1k: cache_read,
                cache_write_per_1k: cache_write,
                output_per_1k: output,
                reasoning_per_1k: reasoning,
                audio_per_1k: audio,
                images_per_1k: images,
            })
        }
    }
}

fn tier_to_proto(tier: &Tier) -> proto::PriceTier {
    proto::PriceTier {
        up_to: tier.up_to.map(|up_to| up_to.to_string()).unwrap_or_default(),
        price: tier.price.to_string(),
        flat_fee: Some(credits_to_proto(tier.flat_fee)),
    }
}
