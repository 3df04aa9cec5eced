//! Values of the domain to messages and back: `…_to_proto`, `…_from_proto`.

use std::time::Duration;

use chit_api::google::r#type as google;
use chit_api::types::v1 as types;
use chit_types::{AmountError, Cost, Credits, Origin, Timestamp};

const NANOS_PER_UNIT: i64 = 1_000_000_000;

/// An amount of money in billionths of its currency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Three capital letters of ISO 4217.
    pub currency: String,
    /// Billionths of a unit.
    pub nanos: i64,
}

/// To the public amount.
#[must_use]
pub fn credits_to_proto(credits: Credits) -> types::Credits {
    let (units, nanos) = credits.to_parts();
    types::Credits { units, nanos }
}

/// From the public amount.
pub fn credits_from_proto(credits: &types::Credits) -> Result<Credits, AmountError> {
    Credits::from_parts(credits.units, credits.nanos)
}

/// To the public instant.
#[must_use]
pub fn timestamp_to_proto(timestamp: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = timestamp.to_parts();
    prost_types::Timestamp { seconds, nanos }
}

/// From the public instant; `None` outside the years 1970 to 9999.
#[must_use]
pub fn timestamp_from_proto(timestamp: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::from_parts(timestamp.seconds, timestamp.nanos)
}

/// To the public duration.
#[must_use]
pub fn duration_to_proto(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).expect("nanos of a second fit"),
    }
}

/// From the public duration; `None` where it is negative or malformed.
#[must_use]
pub fn duration_from_proto(duration: &prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(duration.seconds).ok()?;
    let nanos = u32::try_from(duration.nanos).ok()?;
    (i64::from(nanos) < NANOS_PER_UNIT).then(|| Duration::new(seconds, nanos))
}

/// To the public money.
#[must_use]
pub fn money_to_proto(money: &Money) -> google::Money {
    google::Money {
        currency_code: money.currency.clone(),
        units: money.nanos / NANOS_PER_UNIT,
        nanos: i32::try_from(money.nanos % NANOS_PER_UNIT).expect("a remainder of 1e9 fits"),
    }
}

/// From the public money; `None` where the currency is not three capital letters, the signs differ, or
/// the amount is beyond about nine billion units.
#[must_use]
pub fn money_from_proto(money: &google::Money) -> Option<Money> {
    let nanos = i64::from(money.nanos);
    let opposed = (money.units > 0 && nanos < 0) || (money.units < 0 && nanos > 0);
    if opposed || nanos.abs() >= NANOS_PER_UNIT || !is_currency(&money.currency_code) {
        return None;
    }
    let nanos = money.units.checked_mul(NANOS_PER_UNIT)?.checked_add(nanos)?;
    Some(Money { currency: money.currency_code.clone(), nanos })
}

/// To the public cost.
#[must_use]
pub fn cost_to_proto(currency: &str, cost: Cost) -> types::Cost {
    types::Cost { currency_code: currency.to_string(), amount: cost.to_string() }
}

/// From the public cost: its currency and amount; `None` where the currency is not three capital
/// letters, or the amount no decimal of at most twelve decimals or below zero.
#[must_use]
pub fn cost_from_proto(cost: &types::Cost) -> Option<(String, Cost)> {
    let amount: Cost = cost.amount.parse().ok()?;
    (amount.0 >= 0 && is_currency(&cost.currency_code)).then(|| (cost.currency_code.clone(), amount))
}

/// To the public origin.
#[must_use]
pub fn origin_to_proto(origin: Origin) -> types::Origin {
    match origin {
        Origin::Client => types::Origin::Client,
        Origin::Metering => types::Origin::Metering,
        Origin::Payments => types::Origin::Payments,
        Origin::System => types::Origin::System,
    }
}

pub(crate) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_round_trip() {
        for micros in [0, 1, -1, 4_000_001, -4_000_001, i64::MAX, i64::MIN + 1] {
            let credits = Credits::from_micros(micros);
            assert_eq!(credits_from_proto(&credits_to_proto(credits)), Ok(credits));
        }
        for micros in [0, 1, 1_700_000_000_000_001] {
            let timestamp = Timestamp::from_micros(micros);
            assert_eq!(timestamp_from_proto(&timestamp_to_proto(timestamp)), Some(timestamp));
        }
        for nanos in [0, 1, -1, 1_999_999_999, -1_999_999_999, i64::MAX] {
            let money = Money { currency: "EUR".to_string(), nanos };
            assert_eq!(money_from_proto(&money_to_proto(&money)), Some(money));
        }
        let cost = Cost(1_234_000_000);
        assert_eq!(cost_to_proto("USD", cost).amount, "0.001234");
        assert_eq!(cost_from_proto(&cost_to_proto("USD", cost)), Some(("USD".to_string(), cost)));
        let duration = Duration::new(90, 5);
        assert_eq!(duration_from_proto(&duration_to_proto(duration)), Some(duration));
        for origin in Origin::ALL {
            assert_eq!(origin_to_proto(*origin) as i32, i32::from(origin.number()));
        }
    }

    #[test]
    fn what_is_malformed_is_nothing() {
        let money = |currency: &str, units, nanos| google::Money {
            currency_code: currency.to_string(),
            units,
            nanos,
        };
        for bad in [
            money("eur", 1, 0),
            money("EURO", 1, 0),
            money("", 1, 0),
            money("EUR", 1, -1),
            money("EUR", -1, 1),
            money("EUR", 0, 1_000_000_000),
            money("EUR", 9_300_000_000, 0),
        ] {
            assert_eq!(money_from_proto(&bad), None, "{bad:?}");
        }
        for amount in ["-0.1", "x", "", "0.0000000000001"] {
            let cost = types::Cost { currency_code: "USD".to_string(), amount: amount.to_string() };
            assert_eq!(cost_from_proto(&cost), None, "{amount}");
        }
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            assert_eq!(duration_from_proto(&prost_types::Duration { seconds, nanos }), None);
        }
    }
}
