//! Names, amounts, quantities, tokens and times.

use std::collections::BTreeMap;

use chit_api::types::v1 as types;
use chit_pricebook::{Quantity, Tokens};
use chit_types::limits::{KEY_BYTES, METADATA_KEY_BYTES, METADATA_VALUE_BYTES};
use chit_types::{Credits, Timestamp};

use crate::faults::Faults;

/// A name of an event type, book or rule: 1 to 128 bytes of letters, digits and `. _ - : /`.
pub fn check_name(name: &str, field: &str, faults: &mut Faults) {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-:/".contains(&b);
    if name.is_empty() || name.len() > KEY_BYTES {
        faults.add(
            field,
            format!("has {} bytes; 1 to {KEY_BYTES} are allowed", name.len()),
        );
    } else if !name.bytes().all(allowed) {
        faults.add(field, "has other characters than letters, digits and . _ - : /");
    }
}

/// Dimensions of an event or a rule: at most so many, keys 1 to 64 bytes and values 1 to 256.
pub fn check_dimensions(
    dimensions: &BTreeMap<String, String>,
    most: usize,
    field: &str,
    faults: &mut Faults,
) {
    if dimensions.len() > most {
        faults.add(
            field,
            format!("has {} dimensions; at most {most} are allowed", dimensions.len()),
        );
    }
    for (key, value) in dimensions {
        if key.is_empty() || key.len() > METADATA_KEY_BYTES {
            faults.add(
                field,
                format!(
                    "has a key of {} bytes; 1 to {METADATA_KEY_BYTES} are allowed",
                    key.len()
                ),
            );
        }
        if value.is_empty() || value.len() > METADATA_VALUE_BYTES {
            let most = METADATA_VALUE_BYTES;
            faults.add(
                &format!("{field}[{key}]"),
                format!("has {} bytes; 1 to {most} are allowed", value.len()),
            );
        }
    }
}

/// An amount between zero and 1e9 credits; `None` where it is not set, or wrong and noted.
pub fn credits_from_proto(
    amount: Option<&types::Credits>,
    field: &str,
    faults: &mut Faults,
) -> Option<Credits> {
    let amount = amount?;
    let credits = faults.take(field, Credits::from_parts(amount.units, amount.nanos))?;
    if credits.is_negative() || credits > Credits::MAX_AMOUNT {
        faults.add(field, "is not between 0 and 1000000000 credits");
        return None;
    }
    Some(credits)
}

/// An amount as sent.
#[must_use]
pub fn credits_to_proto(credits: Credits) -> types::Credits {
    let (units, nanos) = credits.to_parts();
    types::Credits { units, nanos }
}

/// A quantity; empty means one.
pub fn quantity_from_proto(quantity: &str, field: &str, faults: &mut Faults) -> Quantity {
    if quantity.is_empty() {
        return Quantity::ONE;
    }
    faults.take(field, quantity.parse()).unwrap_or(Quantity::ONE)
}

/// Tokens by pool; unset means none.
pub fn tokens_from_proto(tokens: Option<&types::Tokens>, field: &str, faults: &mut Faults) -> Tokens {
    let Some(tokens) = tokens else {
        return Tokens::ZERO;
    };
    let mut pool = |name: &str, count: i64| {
        u64::try_from(count).unwrap_or_else(|_| {
            faults.add(&format!("{field}.{name}"), "is below zero");
            0
        })
    };
    Tokens {
        input: pool("input", tokens.input),
        cache_read: pool("cache_read", tokens.cache_read),
        cache_write: pool("cache_write", tokens.cache_write),
        output: pool("output", tokens.output),
        reasoning: pool("reasoning", tokens.reasoning),
        audio: pool("audio", tokens.audio),
        images: pool("images", tokens.images),
    }
}

/// Tokens as sent.
#[must_use]
pub fn tokens_to_proto(tokens: Tokens) -> types::Tokens {
    let [input, cache_read, cache_write, output, reasoning, audio, images] = tokens
        .to_array()
        .map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    types::Tokens {
        input,
        cache_read,
        cache_write,
        output,
        reasoning,
        audio,
        images,
    }
}

/// A time; `None` where it is not set, or wrong and noted.
pub fn timestamp_from_proto(
    time: Option<&prost_types::Timestamp>,
    field: &str,
    faults: &mut Faults,
) -> Option<Timestamp> {
    let time = time?;
    let parsed = Timestamp::from_parts(time.seconds, time.nanos);
    if parsed.is_none() {
        faults.add(field, "is not a time between the years 1970 and 9999");
    }
    parsed
}

/// A time as sent.
#[must_use]
pub fn timestamp_to_proto(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.to_parts();
    prost_types::Timestamp { seconds, nanos }
}
