//! Names, dimensions, quantities and tokens.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use chit_api::types::v1 as types;
use chit_pricebook::{Quantity, RangeError, Tokens};
use chit_rpc::Violations;
use chit_types::limits::{METADATA_KEY_BYTES, METADATA_VALUE_BYTES};

/// A name of an event type, book or rule: 1 to 128 bytes of letters, digits and `. _ - : /`.
pub fn check_name(name: &str, field: &str, violations: &mut Violations) {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-:/".contains(&b);
    violations.key(field, name);
    if !name.bytes().all(allowed) {
        violations.field(field, "has other characters than letters, digits and . _ - : /");
    }
}

/// Dimensions of an event or a rule: at most so many, keys 1 to 64 bytes and values 1 to 256.
pub fn check_dimensions(
    dimensions: &BTreeMap<String, String>,
    most: usize,
    field: &str,
    violations: &mut Violations,
) {
    if !violations.at_most_items(field, dimensions.len(), most) {
        return;
    }
    for (place, (key, value)) in dimensions.iter().enumerate() {
        let named = match key.len() {
            1..=METADATA_KEY_BYTES => format!("{field}[{key}]"),
            _ => format!("{field}[{place}]"),
        };
        if key.is_empty() {
            violations.field(&named, "has an empty key");
        }
        if value.is_empty() {
            violations.field(&named, "has an empty value");
        }
        violations.at_most(&named, key, METADATA_KEY_BYTES);
        violations.at_most(&named, value, METADATA_VALUE_BYTES);
    }
}

/// A quantity; empty means one.
pub fn quantity_from_proto(quantity: &str, field: &str, violations: &mut Violations) -> Quantity {
    optional(field, quantity, violations).unwrap_or(Quantity::ONE)
}

/// Tokens by pool; unset means none.
pub fn tokens_from_proto(tokens: Option<&types::Tokens>, field: &str, violations: &mut Violations) -> Tokens {
    let Some(tokens) = tokens else {
        return Tokens::ZERO;
    };
    violations.within(field, |violations| {
        let mut pool = |name, count| u64::try_from(violations.count(name, count)).unwrap_or(0);
        Tokens {
            input: pool("input", tokens.input),
            cache_read: pool("cache_read", tokens.cache_read),
            cache_write: pool("cache_write", tokens.cache_write),
            output: pool("output", tokens.output),
            reasoning: pool("reasoning", tokens.reasoning),
            audio: pool("audio", tokens.audio),
            images: pool("images", tokens.images),
        }
    })
}

/// Tokens as sent.
#[must_use]
pub fn tokens_to_proto(tokens: Tokens) -> types::Tokens {
    let counts = tokens.to_array().map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    let [input, cache_read, cache_write, output, reasoning, audio, images] = counts;
    types::Tokens { input, cache_read, cache_write, output, reasoning, audio, images }
}

/// A number that may be left empty.
pub(crate) fn optional<T>(field: &str, text: &str, violations: &mut Violations) -> Option<T>
where
    T: FromStr<Err = RangeError>,
{
    (!text.is_empty()).then(|| read(violations, field, text.parse())).flatten()
}

/// The value, or a note of why there is none.
pub(crate) fn read<T, E: Display>(
    violations: &mut Violations,
    field: &str,
    result: Result<T, E>,
) -> Option<T> {
    result.map_err(|error| violations.field(field, error.to_string())).ok()
}
