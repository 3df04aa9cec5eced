//! Exact decimals for prices and quantities, and the one rounding.

use std::fmt;
use std::str::FromStr;

/// Decimals a provider price may have.
pub const SCALE_MAX: u8 = 24;

/// `mantissa × 10^-scale`, scale at most 24. Normalised: no trailing zeros in the mantissa.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i128,
    scale: u8,
}

/// Money a model provider charges, in 1e-12 of its currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(pub i128);

/// How a result is brought to its step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// Away from zero.
    #[default]
    Up,
    /// Towards zero.
    Down,
    /// To the nearest, ties away from zero.
    HalfUp,
    /// To the nearest, ties to the even step.
    HalfEven,
}

/// Why a text is not a decimal of ours, or a result does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a number.
    #[error("is not a decimal number such as 0.25 or 1.3e-10")]
    NotANumber,
    /// More than 24 decimals, or beyond 128 bits.
    #[error("is beyond 24 decimals or 128 bits")]
    OutOfRange,
}

impl Rounding {
    /// `value / divisor` to a whole number. `divisor` is above zero.
    #[must_use]
    pub fn divide(self, value: i128, divisor: i128) -> i128 {
        assert!(divisor > 0, "a divisor is above zero");
        let (quotient, rest) = (value / divisor, value % divisor);
        if rest == 0 {
            return quotient;
        }
        let away = quotient + value.signum();
        // Compare the rest with half the divisor without doubling either: both may be near 128 bits.
        let half = (rest.abs()).cmp(&(divisor - rest.abs()));
        match self {
            Rounding::Up => away,
            Rounding::Down => quotient,
            Rounding::HalfUp if half.is_ge() => away,
            Rounding::HalfEven if half.is_gt() || (half.is_eq() && quotient % 2 != 0) => away,
            Rounding::HalfUp | Rounding::HalfEven => quotient,
        }
    }

    /// `numerator / divisor` to a multiple of `step`.
    #[must_use]
    pub fn to_step(self, numerator: i128, divisor: i128, step: i128) -> Option<i128> {
        divisor.checked_mul(step).and_then(|d| self.divide(numerator, d).checked_mul(step))
    }
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal { mantissa: 0, scale: 0 };

    /// `mantissa × 10^-scale`.
    pub fn new(mantissa: i128, scale: u8) -> Result<Self, DecimalError> {
        let (mut mantissa, mut scale) = (mantissa, scale);
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        if scale > SCALE_MAX {
            return Err(DecimalError::OutOfRange);
        }
        Ok(Self { mantissa, scale })
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(number: i64) -> Self {
        Self { mantissa: number as i128, scale: 0 }
    }

    /// The digits without the point.
    #[must_use]
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// Decimals behind the point.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// As a whole number of `10^-scale`; `None` where that loses digits or overflows.
    #[must_use]
    pub fn at_scale(self, scale: u8) -> Option<i128> {
        let up = scale.checked_sub(self.scale)?;
        10_i128.checked_pow(u32::from(up)).and_then(|factor| self.mantissa.checked_mul(factor))
    }

    /// Below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Exactly zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => {
                (number, exponent.parse::<i32>().map_err(|_| DecimalError::NotANumber)?)
            }
            None => (text, 0),
        };
        let unsigned = number.strip_prefix('-').unwrap_or(number);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || unsigned.ends_with('.') {
            return Err(DecimalError::NotANumber);
        }
        let digits: i128 = format!("{whole}{fraction}").parse().map_err(|_| DecimalError::OutOfRange)?;
        let digits = if number.starts_with('-') { -digits } else { digits };
        let scale = i32::try_from(fraction.len()).map_err(|_| DecimalError::OutOfRange)?;
        let scale = scale.checked_sub(exponent).ok_or(DecimalError::OutOfRange)?;
        if scale < 0 {
            let factor = 10_i128.checked_pow(scale.unsigned_abs()).ok_or(DecimalError::OutOfRange)?;
            return Self::new(digits.checked_mul(factor).ok_or(DecimalError::OutOfRange)?, 0);
        }
        Self::new(digits, u8::try_from(scale).map_err(|_| DecimalError::OutOfRange)?)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.mantissa, self.scale)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let normal = Decimal::new(self.0, 12).expect("twelve decimals are within twenty-four");
        write_scaled(f, normal.mantissa, normal.scale)
    }
}

impl FromStr for Cost {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        text.parse::<Decimal>()?.at_scale(12).map(Cost).ok_or(DecimalError::OutOfRange)
    }
}

fn write_scaled(f: &mut fmt::Formatter<'_>, mantissa: i128, scale: u8) -> fmt::Result {
    let sign = if mantissa < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    if fraction.is_empty() {
        f.pad(&format!("{sign}{whole}"))
    } else {
        f.pad(&format!("{sign}{whole}.{fraction}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_exact() {
        for (text, shown) in [("1.3e-10", "0.00000000013"), ("-0.50", "-0.5"), ("12E2", "1200"), ("0", "0")] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), shown);
        }
        assert_eq!("1e-25".parse::<Decimal>(), Err(DecimalError::OutOfRange));
        assert_eq!("x".parse::<Decimal>(), Err(DecimalError::NotANumber));
        assert_eq!("9".repeat(50).parse::<Decimal>(), Err(DecimalError::OutOfRange));
    }

    #[test]
    fn rounding_modes_differ_only_at_the_edge() {
        for (mode, expect) in [
            (Rounding::Up, [1, 1, 1, 2, -1]),
            (Rounding::Down, [0, 0, 0, 1, 0]),
            (Rounding::HalfUp, [0, 1, 1, 2, -1]),
            (Rounding::HalfEven, [0, 0, 1, 2, 0]),
        ] {
            assert_eq!([4, 5, 6, 15, -5].map(|v| mode.divide(v, 10)), expect, "{mode:?}");
        }
    }

    proptest! {
        #[test]
        fn rounding_is_within_one_step(value in any::<i64>(), divisor in 1..i64::MAX) {
            for mode in [Rounding::Up, Rounding::Down, Rounding::HalfUp, Rounding::HalfEven] {
                let got = mode.divide(i128::from(value), i128::from(divisor));
                prop_assert!((got * i128::from(divisor) - i128::from(value)).abs() < i128::from(divisor));
            }
        }

        #[test]
        fn decimals_round_trip(mantissa in any::<i64>(), scale in 0u8..=24) {
            let decimal = Decimal::new(i128::from(mantissa), scale).unwrap();
            prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
        }
    }
}
