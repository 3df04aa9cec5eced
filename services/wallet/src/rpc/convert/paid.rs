//! What was paid for a grant, and from it the cost of one credit.

use chit_api::google::r#type::Money as MoneyMessage;
use chit_rpc::{Money, Violations};
use chit_types::{Credits, Rounding};

use super::fields::Fields;
use crate::domain::Paid;

/// What was paid and the cost basis: the price of one credit in 1e-9 of the reporting currency, rounded
/// half even once. `amount` is not above zero only where it is at fault itself.
pub fn paid_from_proto(
    fields: &mut Fields<'_>,
    paid: Option<&MoneyMessage>,
    reporting: Option<&MoneyMessage>,
    amount: Credits,
) -> (Option<Paid>, i64) {
    let currency = fields.currency;
    let faults = &mut fields.faults;
    let sent = paid.is_some();
    let paid = money(faults, "paid", paid);
    let converted = money(faults, "paid_reporting", reporting);
    if converted.as_ref().is_some_and(|money| money.currency != currency) {
        faults.field("paid_reporting", format!("is not in {currency}, the tenant's reporting currency"));
    }
    if reporting.is_some() && !sent {
        faults.field("paid_reporting", "is given without paid");
    }
    let Some(paid) = paid else {
        return (None, 0);
    };
    let told = if paid.currency == currency {
        if converted.is_some_and(|converted| converted != paid) {
            faults.field("paid_reporting", "differs from paid, which is in the same currency");
        }
        paid.nanos
    } else {
        if reporting.is_none() {
            faults.field(
                "paid_reporting",
                format!("is missing: paid is in {}, the tenant reports in {currency}", paid.currency),
            );
        }
        converted.map_or(0, |money| money.nanos)
    };
    let basis = cost_basis(told, amount);
    if basis.is_none() {
        faults.field("paid", "is more for one credit than can be told");
    }
    let paid = (paid.nanos > 0).then_some(Paid { nanos: paid.nanos, currency: paid.currency });
    (paid, basis.unwrap_or(0))
}

fn money(faults: &mut Violations, field: &str, sent: Option<&MoneyMessage>) -> Option<Money> {
    let money = faults.optional_money(field, sent)?;
    if money.nanos < 0 {
        faults.field(field, "is below zero");
        return None;
    }
    Some(money)
}

/// `paid` in 1e-9 of a currency, for `amount`: the price of one credit. `None` beyond 64 bits.
fn cost_basis(paid_nanos: i64, amount: Credits) -> Option<i64> {
    if !amount.is_positive() {
        return Some(0);
    }
    let numerator = i128::from(paid_nanos) * i128::from(chit_types::credits::MICROS_PER_CREDIT);
    let basis = Rounding::HalfEven.divide(numerator, i128::from(amount.micros()));
    i64::try_from(basis).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_basis_is_rounded_half_even_once() {
        for (paid, micros, expect) in [
            (10_000_000_000, 1_000_000_000, Some(10_000_000)),
            (1, 2_000_000, Some(0)),
            (3, 2_000_000, Some(2)),
            (5, 2_000_000, Some(2)),
            (0, 1, Some(0)),
            (i64::MAX, 1, None),
            (i64::MAX, 1_000_000, Some(i64::MAX)),
        ] {
            assert_eq!(cost_basis(paid, Credits::from_micros(micros)), expect, "{paid} for {micros}");
        }
    }
}
