//! Credits: signed 64-bit micro-credits with checked arithmetic. No float ever touches one.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

/// Micro-credits in one credit.
pub const MICROS_PER_CREDIT: i64 = 1_000_000;
/// Nanos of the public `Credits` message in one micro-credit.
const NANOS_PER_MICRO: i32 = 1_000;

/// An amount of credits, exact to one millionth.
///
/// Sums inside one wallet stay far below `i64::MAX` (single amounts are at most 1e15 micros), so the
/// operators panic on overflow, as an overflow could only be a fault of ours; input is checked by
/// [`Credits::from_parts`] and the limits of the contract before it gets here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(i64);

/// Why an amount was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Finer than a micro-credit.
    #[error("is finer than 0.000001 credits; round it to six decimals")]
    TooFine,
    /// `units` and `nanos` have different signs, or nanos is not below one unit.
    #[error("has nanos out of range or of another sign than units")]
    Malformed,
    /// Beyond what a 64-bit micro-credit amount can hold.
    #[error("is beyond the range of an amount")]
    OutOfRange,
    /// Not a decimal number.
    #[error("is not a decimal number such as 12.5")]
    NotANumber,
}

impl Credits {
    /// No credits.
    pub const ZERO: Credits = Credits(0);
    /// The largest amount one operation may name: 1e9 credits.
    pub const MAX_AMOUNT: Credits = Credits(1_000_000_000 * MICROS_PER_CREDIT);

    /// From micro-credits.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Whole credits. Panics beyond the range of an amount.
    #[must_use]
    pub const fn whole(credits: i64) -> Self {
        match credits.checked_mul(MICROS_PER_CREDIT) {
            Some(micros) => Self(micros),
            None => panic!("whole credits beyond the range of an amount"),
        }
    }

    /// As micro-credits.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From the public message's `units` and `nanos`.
    pub fn from_parts(units: i64, nanos: i32) -> Result<Self, AmountError> {
        if nanos.unsigned_abs() >= 1_000_000_000 || (units > 0 && nanos < 0) || (units < 0 && nanos > 0) {
            return Err(AmountError::Malformed);
        }
        if nanos % NANOS_PER_MICRO != 0 {
            return Err(AmountError::TooFine);
        }
        units
            .checked_mul(MICROS_PER_CREDIT)
            .and_then(|m| m.checked_add(i64::from(nanos / NANOS_PER_MICRO)))
            .map(Self)
            .ok_or(AmountError::OutOfRange)
    }

    /// To the public message's `units` and `nanos`, both of one sign.
    #[must_use]
    pub fn to_parts(self) -> (i64, i32) {
        let rest = i32::try_from(self.0 % MICROS_PER_CREDIT).expect("below one million");
        (self.0 / MICROS_PER_CREDIT, rest * NANOS_PER_MICRO)
    }

    /// `None` on overflow.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(v) => Some(Self(v)),
            None => None,
        }
    }

    /// `None` on overflow.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(v) => Some(Self(v)),
            None => None,
        }
    }

    /// The difference, or zero where it would be negative.
    #[must_use]
    pub fn minus_or_zero(self, other: Self) -> Self {
        if other >= self { Self::ZERO } else { self - other }
    }

    /// Above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Exactly zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl Add for Credits {
    type Output = Credits;
    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect("credits overflow: amounts are bounded at the edge")
    }
}

impl Sub for Credits {
    type Output = Credits;
    fn sub(self, other: Self) -> Self {
        self.checked_sub(other).expect("credits overflow: amounts are bounded at the edge")
    }
}

impl Neg for Credits {
    type Output = Credits;
    fn neg(self) -> Self {
        Credits::ZERO - self
    }
}

impl AddAssign for Credits {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Credits {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Credits {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Credits {
    /// The shortest exact decimal: `4`, `0.25`, `-1.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs();
        let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
        if rest == 0 {
            return f.pad(&format!("{sign}{whole}"));
        }
        let fraction = format!("{rest:06}");
        f.pad(&format!("{sign}{whole}.{}", fraction.trim_end_matches('0')))
    }
}

impl FromStr for Credits {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
            return Err(AmountError::NotANumber);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 6 {
            return Err(AmountError::TooFine);
        }
        let micros = format!("{whole}{fraction:0<6}");
        let micros: i64 = micros.parse().map_err(|_| AmountError::OutOfRange)?;
        Ok(Self(if negative { -micros } else { micros }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_refuse_what_is_finer_than_a_micro_credit() {
        assert_eq!(Credits::from_parts(1, 500_000_000), Ok(Credits::from_micros(1_500_000)));
        assert_eq!(Credits::from_parts(0, 999), Err(AmountError::TooFine));
        assert_eq!(Credits::from_parts(1, -1_000), Err(AmountError::Malformed));
        assert_eq!(Credits::from_parts(i64::MAX, 0), Err(AmountError::OutOfRange));
        assert_eq!(Credits::from_parts(0, 1_000_000_000), Err(AmountError::Malformed));
    }

    #[test]
    fn text_is_the_shortest_exact_decimal() {
        for (micros, text) in [(4_000_000, "4"), (250_000, "0.25"), (-1_000_001, "-1.000001"), (0, "0")] {
            assert_eq!(Credits::from_micros(micros).to_string(), text);
            assert_eq!(text.parse(), Ok(Credits::from_micros(micros)));
        }
        for bad in ["", "1.", ".5", "1e3", "0.0000001", "one", "--1"] {
            assert!(bad.parse::<Credits>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parts_and_text_round_trip(micros in any::<i64>().prop_filter("min has no negation", |m| *m != i64::MIN)) {
            let credits = Credits::from_micros(micros);
            let (units, nanos) = credits.to_parts();
            prop_assert_eq!(Credits::from_parts(units, nanos), Ok(credits));
            prop_assert_eq!(credits.to_string().parse(), Ok(credits));
        }
    }
}
