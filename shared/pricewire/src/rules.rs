//! Rules and their charges.

use std::str::FromStr;

use chit_api::pricing::v1 as proto;
use chit_pricebook::rule::{DIMENSIONS_PER_RULE, FINEST_STEP};
use chit_pricebook::{Charge, Pool, RangeError, Rule, Tier, TierMode, TokenPrices, UnitPrice};
use chit_types::{Credits, Rounding};

use crate::amounts::{check_dimensions, check_name, credits_from_proto, credits_to_proto};
use crate::faults::Faults;

/// A rule, where each of its fields is well formed; ties and tiers are checked whole at publish.
pub fn rule_from_proto(rule: &proto::PriceRule, field: &str, faults: &mut Faults) -> Option<Rule> {
    let at = |name: &str| format!("{field}.{name}");
    let before = faults.0.len();
    check_name(&rule.id, &at("id"), faults);
    check_name(&rule.event_type, &at("event_type"), faults);
    check_dimensions(&rule.dimensions, DIMENSIONS_PER_RULE, &at("dimensions"), faults);
    let charge = charge_from_proto(rule.charge.as_ref(), field, faults);
    let minimum = credits_from_proto(rule.minimum.as_ref(), &at("minimum"), faults);
    let maximum = credits_from_proto(rule.maximum.as_ref(), &at("maximum"), faults);
    let rounding = rounding_from_proto(rule.rounding, &at("rounding"), faults);
    let step = credits_from_proto(rule.rounding_step.as_ref(), &at("rounding_step"), faults);
    if step.is_some_and(Credits::is_zero) {
        faults.add(&at("rounding_step"), "is zero; leave it out for the finest step");
    }
    if faults.0.len() > before {
        return None;
    }
    Some(Rule {
        id: rule.id.clone(),
        event_type: rule.event_type.clone(),
        dimensions: rule.dimensions.clone(),
        charge: charge?,
        minimum,
        maximum,
        rounding: rounding?,
        step: step.unwrap_or(FINEST_STEP),
    })
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

fn rounding_from_proto(number: i32, field: &str, faults: &mut Faults) -> Option<Rounding> {
    match proto::RoundingMode::try_from(number) {
        Ok(proto::RoundingMode::Unspecified | proto::RoundingMode::Up) => Some(Rounding::Up),
        Ok(proto::RoundingMode::Down) => Some(Rounding::Down),
        Ok(proto::RoundingMode::HalfUp) => Some(Rounding::HalfUp),
        Ok(proto::RoundingMode::HalfEven) => Some(Rounding::HalfEven),
        Err(_) => {
            faults.add(field, format!("{number} is not a rounding mode"));
            None
        }
    }
}

fn charge_from_proto(
    charge: Option<&proto::price_rule::Charge>,
    field: &str,
    faults: &mut Faults,
) -> Option<Charge> {
    use proto::price_rule::Charge as Sent;
    match charge {
        None => {
            faults.add(&format!("{field}.charge"), "is not set");
            None
        }
        Some(Sent::Flat(flat)) => {
            let field = format!("{field}.flat.amount");
            if flat.amount.is_none() {
                faults.add(&field, "is not set; an explicit 0 is a price");
            }
            let amount = credits_from_proto(flat.amount.as_ref(), &field, faults)?;
            Some(Charge::Flat { amount })
        }
        Some(Sent::PerUnit(per_unit)) => {
            let price = required(&per_unit.price, &format!("{field}.per_unit.price"), faults)?;
            Some(Charge::PerUnit { price })
        }
        Some(Sent::Tiered(tiered)) => tiered_from_proto(tiered, &format!("{field}.tiered"), faults),
        Some(Sent::Tokens(tokens)) => {
            let per_1k = token_prices_from_proto(tokens, &format!("{field}.tokens"), faults);
            Some(Charge::Tokens { per_1k })
        }
    }
}

fn tiered_from_proto(tiered: &proto::TieredCharge, field: &str, faults: &mut Faults) -> Option<Charge> {
    let mode = match proto::TierMode::try_from(tiered.mode) {
        Ok(proto::TierMode::Unspecified | proto::TierMode::Graduated) => Some(TierMode::Graduated),
        Ok(proto::TierMode::Volume) => Some(TierMode::Volume),
        Err(_) => {
            faults.add(
                &format!("{field}.mode"),
                format!("{} is not a tier mode", tiered.mode),
            );
            None
        }
    };
    if proto::TierScope::try_from(tiered.scope).is_err() {
        faults.add(
            &format!("{field}.scope"),
            format!("{} is not a tier scope", tiered.scope),
        );
    }
    let tiers = tiered
        .tiers
        .iter()
        .enumerate()
        .map(|(place, tier)| tier_from_proto(tier, &format!("{field}.tiers[{place}]"), faults))
        .collect();
    Some(Charge::Tiered { mode: mode?, tiers })
}

fn tier_from_proto(tier: &proto::PriceTier, field: &str, faults: &mut Faults) -> Tier {
    let price: Option<UnitPrice> = optional(&tier.price, &format!("{field}.price"), faults);
    let flat_fee = credits_from_proto(tier.flat_fee.as_ref(), &format!("{field}.flat_fee"), faults);
    if tier.price.is_empty() && tier.flat_fee.is_none() {
        faults.add(
            field,
            "has neither a price nor a flat_fee; an explicit 0 is a price",
        );
    }
    Tier {
        up_to: optional(&tier.up_to, &format!("{field}.up_to"), faults),
        price: price.unwrap_or(UnitPrice::ZERO),
        flat_fee: flat_fee.unwrap_or(Credits::ZERO),
    }
}

fn token_prices_from_proto(charge: &proto::TokenCharge, field: &str, faults: &mut Faults) -> TokenPrices {
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
        let name = Pool::ALL[index].word();
        optional(by_pool[index], &format!("{field}.{name}_per_1k"), faults)
    });
    TokenPrices::from_array(prices)
}

fn optional<T: FromStr<Err = RangeError>>(text: &str, field: &str, faults: &mut Faults) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    faults.take(field, text.parse())
}

fn required<T: FromStr<Err = RangeError>>(text: &str, field: &str, faults: &mut Faults) -> Option<T> {
    if text.is_empty() {
        faults.add(field, "is not set; an explicit 0 is a price");
    }
    optional(text, field, faults)
}

fn charge_to_proto(charge: &Charge) -> proto::price_rule::Charge {
    use proto::price_rule::Charge as Sent;
    match charge {
        Charge::Flat { amount } => Sent::Flat(proto::FlatCharge {
            amount: Some(credits_to_proto(*amount)),
        }),
        Charge::PerUnit { price } => Sent::PerUnit(proto::PerUnitCharge {
            price: price.to_string(),
        }),
        Charge::Tiered { mode, tiers } => Sent::Tiered(proto::TieredCharge {
            mode: match mode {
                TierMode::Graduated => proto::TierMode::Graduated.into(),
                TierMode::Volume => proto::TierMode::Volume.into(),
            },
            tiers: tiers.iter().map(tier_to_proto).collect(),
            scope: proto::TierScope::Event.into(),
        }),
        Charge::Tokens { per_1k } => {
            let text = per_1k
                .to_array()
                .map(|price| price.map(|price| price.to_string()).unwrap_or_default());
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
