//! The exact numbers of a price: quantities in millionths, prices in 1e-12 credits, results in 1e-18.
//! A product of the first two is a whole number of the third, so no formula ever divides.

use std::fmt;
use std::str::FromStr;

use chit_types::credits::MICROS_PER_CREDIT;
use chit_types::{Credits, Decimal};

/// Decimals of a quantity.
const QUANTITY_SCALE: u8 = 6;
/// Decimals of a credit price.
const PRICE_SCALE: u8 = 12;
/// Decimals of an exact result.
const EXACT_SCALE: u8 = 18;
/// Decimals of a provider's price per million: a price per token keeps 24.
const PROVIDER_SCALE: u8 = 18;
/// The largest whole quantity, credit price and provider price: 1e9.
const WHOLE_MAX: i128 = 1_000_000_000;
/// 1e-18 credits in a micro-credit.
pub(crate) const EXACT_PER_MICRO: i128 = 1_000_000_000_000;

/// How much of something happened, in millionths: 0 to 1e9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u64);

/// Credits for one of something, in 1e-12 credits: 0 to 1e9 credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitPrice(i128);

/// Money for a million of something, in 1e-18 of the currency: 0 to 1e9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderPrice(i128);

/// The result of a formula before minimum, maximum and rounding, in 1e-18 credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exact(pub i128);

/// Why a number was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Not a number.
    #[error("is not a decimal number such as 0.25")]
    NotANumber,
    /// More decimals than are kept.
    #[error("has more than {0} decimals")]
    TooFine(u8),
    /// Below zero or above 1e9.
    #[error("is not between 0 and 1000000000")]
    OutOfRange,
}

/// A decimal as a whole number of `10^-scale` between 0 and 1e9.
fn bounded(decimal: Decimal, scale: u8) -> Result<i128, RangeError> {
    if decimal.is_negative() {
        return Err(RangeError::OutOfRange);
    }
    if decimal.scale() > scale {
        return Err(RangeError::TooFine(scale));
    }
    let limit = WHOLE_MAX * 10_i128.pow(u32::from(scale));
    decimal.at_scale(scale).filter(|number| *number <= limit).ok_or(RangeError::OutOfRange)
}

fn parsed(text: &str) -> Result<Decimal, RangeError> {
    text.parse().map_err(|error| match error {
        chit_types::DecimalError::NotANumber => RangeError::NotANumber,
        chit_types::DecimalError::OutOfRange => RangeError::OutOfRange,
    })
}

fn shown(number: i128, scale: u8) -> Decimal {
    Decimal::new(number, scale).expect("a scale of at most 18")
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity(0);
    /// One: what an event that names no quantity has.
    pub const ONE: Quantity = Quantity(1_000_000);

    /// A whole quantity of up to four thousand million, cut at the limit of 1e9.
    #[must_use]
    pub const fn whole(number: u32) -> Self {
        Self(if number > 1_000_000_000 { 1_000_000_000 } else { number } as u64 * 1_000_000)
    }

    /// From millionths; `None` above 1e9.
    #[must_use]
    pub fn from_micros(micros: u64) -> Option<Self> {
        (i128::from(micros) <= WHOLE_MAX * 1_000_000).then_some(Self(micros))
    }

    /// As millionths.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// From a decimal.
    pub fn from_decimal(decimal: Decimal) -> Result<Self, RangeError> {
        let micros = bounded(decimal, QUANTITY_SCALE)?;
        Ok(Self(u64::try_from(micros).expect("at most 1e15")))
    }

    /// As a decimal.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        shown(i128::from(self.0), QUANTITY_SCALE)
    }
}

impl UnitPrice {
    /// Free, and said so.
    pub const ZERO: UnitPrice = UnitPrice(0);

    /// From a decimal.
    pub fn from_decimal(decimal: Decimal) -> Result<Self, RangeError> {
        bounded(decimal, PRICE_SCALE).map(Self)
    }

    /// As a decimal.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        shown(self.0, PRICE_SCALE)
    }

    /// This price for a quantity; `None` beyond 128 bits.
    #[must_use]
    pub fn for_quantity(self, quantity: Quantity) -> Option<Exact> {
        self.0.checked_mul(i128::from(quantity.0)).map(Exact)
    }

    /// This price per thousand for so many tokens; `None` beyond 128 bits.
    #[must_use]
    pub fn for_tokens_per_1k(self, tokens: u64) -> Option<Exact> {
        // 1e-12 credits per 1,000 tokens are 1e-15 per token: a thousand of 1e-18.
        self.0.checked_mul(i128::from(tokens)).and_then(|femto| femto.checked_mul(1_000)).map(Exact)
    }
}

impl ProviderPrice {
    /// From a decimal.
    pub fn from_decimal(decimal: Decimal) -> Result<Self, RangeError> {
        bounded(decimal, PROVIDER_SCALE).map(Self)
    }

    /// As a decimal.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        shown(self.0, PROVIDER_SCALE)
    }

    /// This price per million for so many tokens, in 1e-24; `None` beyond 128 bits.
    #[must_use]
    pub fn for_tokens(self, tokens: u64) -> Option<i128> {
        self.0.checked_mul(i128::from(tokens))
    }
}

impl Exact {
    /// Nothing.
    pub const ZERO: Exact = Exact(0);

    /// An amount of credits, exactly.
    #[must_use]
    pub fn from_credits(credits: Credits) -> Self {
        Self(i128::from(credits.micros()) * EXACT_PER_MICRO)
    }

    /// `None` beyond 128 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// As a decimal of credits.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        shown(self.0, EXACT_SCALE)
    }
}

/// A whole number of credits in micro-credits; the scale of [`Credits`] and of a quantity are one.
const _: () = assert!(MICROS_PER_CREDIT == 1_000_000);

macro_rules! textual {
    ($($name:ident)+) => {$(
        impl FromStr for $name {
            type Err = RangeError;

            fn from_str(text: &str) -> Result<Self, RangeError> {
                Self::from_decimal(parsed(text)?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.decimal().fmt(f)
            }
        }
    )+};
}

textual!(Quantity UnitPrice ProviderPrice);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

impl FromStr for Exact {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        parsed(text)?.at_scale(EXACT_SCALE).map(Self).ok_or(RangeError::TooFine(EXACT_SCALE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_exactly_or_refused() {
        assert_eq!("0.000001".parse(), Ok(Quantity(1)));
        assert_eq!("0.0000001".parse::<Quantity>(), Err(RangeError::TooFine(6)));
        assert_eq!("1e9".parse::<Quantity>().unwrap().to_string(), "1000000000");
        assert_eq!("1000000000.000001".parse::<Quantity>(), Err(RangeError::OutOfRange));
        assert_eq!("-1".parse::<UnitPrice>(), Err(RangeError::OutOfRange));
        assert_eq!("1e-13".parse::<UnitPrice>(), Err(RangeError::TooFine(12)));
        assert_eq!("1.3e-4".parse::<ProviderPrice>().unwrap().to_string(), "0.00013");
        assert_eq!("four".parse::<UnitPrice>(), Err(RangeError::NotANumber));
    }

    #[test]
    fn a_product_of_the_smallest_is_the_smallest() {
        let price: UnitPrice = "1e-12".parse().unwrap();
        let quantity: Quantity = "1e-6".parse().unwrap();
        assert_eq!(price.for_quantity(quantity), Some(Exact(1)));
        assert_eq!(price.for_tokens_per_1k(1), Some(Exact(1_000)));
    }
}
