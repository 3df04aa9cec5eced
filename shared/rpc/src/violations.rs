//! Translates fields and collects every fault, so that a caller learns of all of them at once.

use std::time::Duration;

use chit_api::google::r#type as google;
use chit_api::types::v1 as types;
use chit_types::{AmountError, Cost, Credits, Decimal, Timestamp};
use tonic::Status;

use crate::convert::{
    Money, cost_from_proto, credits_from_proto, duration_from_proto, money_from_proto, timestamp_from_proto,
};
use crate::error::refuse;

/// A field that breaks the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request, such as `details.metadata` or `items[3].amount`.
    pub field: String,
    /// What is wrong with it, to be read after the field's name: `is missing`.
    pub description: String,
}

impl Violation {
    /// `field` breaks the contract as `description` says.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

/// Which amounts a field takes. All end at 1e9 credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountRange {
    /// Zero is a fact: spending.
    ZeroOrMore,
    /// Zero says nothing: giving.
    AboveZero,
    /// Either sign.
    Signed,
}

impl AmountRange {
    fn check(self, credits: Credits) -> Result<(), String> {
        match self {
            _ if credits > Credits::MAX_AMOUNT || credits < -Credits::MAX_AMOUNT => Err(beyond()),
            AmountRange::ZeroOrMore if credits.is_negative() => Err("is below zero".to_string()),
            AmountRange::AboveZero if !credits.is_positive() => Err("is not above zero".to_string()),
            AmountRange::ZeroOrMore | AmountRange::AboveZero | AmountRange::Signed => Ok(()),
        }
    }
}

fn beyond() -> String {
    format!("is beyond {} credits", Credits::MAX_AMOUNT)
}

/// Faults found so far. Each method translates one field and returns a harmless value where it is at
/// fault: nothing is done with any of them unless [`Violations::finish`] succeeds.
#[derive(Clone, Debug, Default)]
pub struct Violations {
    path: String,
    found: Vec<Violation>,
}

impl Violations {
    /// None found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a fault.
    pub fn field(&mut self, field: &str, description: impl Into<String>) {
        let description = description.into();
        self.found.push(Violation { field: format!("{}{field}", self.path), description });
    }

    /// Looks into a nested message: faults that `read` notes are told under `path` and a dot.
    pub fn within<T>(&mut self, path: &str, read: impl FnOnce(&mut Violations) -> T) -> T {
        let outer = self.path.len();
        self.path.push_str(path);
        self.path.push('.');
        let value = read(self);
        self.path.truncate(outer);
        value
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found.
    #[must_use]
    pub fn into_list(self) -> Vec<Violation> {
        self.found
    }

    /// INVALID_ARGUMENT with every fault, where there is one.
    pub fn finish(self) -> Result<(), Status> {
        let Some(first) = self.found.first() else {
            return Ok(());
        };
        let message = match self.found.len() {
            1 => format!("{} {}", first.field, first.description),
            count => format!("{} {}, and {} more", first.field, first.description, count - 1),
        };
        let error = refuse(types::ErrorReason::InvalidField, message);
        Err(error.violations(self.found).into())
    }

    /// A required amount.
    pub fn credits(&mut self, field: &str, amount: Option<&types::Credits>, range: AmountRange) -> Credits {
        if amount.is_none() {
            self.field(field, "is missing");
        }
        self.optional_credits(field, amount, range).unwrap_or(Credits::ZERO)
    }

    /// An amount that may be left out.
    pub fn optional_credits(
        &mut self,
        field: &str,
        amount: Option<&types::Credits>,
        range: AmountRange,
    ) -> Option<Credits> {
        let read = match credits_from_proto(amount?) {
            Err(error @ (AmountError::TooFine | AmountError::Malformed)) => Err(error.to_string()),
            Err(AmountError::OutOfRange | AmountError::NotANumber) => Err(beyond()),
            Ok(credits) => range.check(credits).map(|()| credits),
        };
        match read {
            Ok(credits) => Some(credits),
            Err(fault) => {
                self.field(field, fault);
                None
            }
        }
    }

    /// A required instant.
    pub fn timestamp(&mut self, field: &str, timestamp: Option<&prost_types::Timestamp>) -> Timestamp {
        if timestamp.is_none() {
            self.field(field, "is missing");
        }
        self.optional_timestamp(field, timestamp).unwrap_or(Timestamp::EPOCH)
    }

    /// An instant that may be left out.
    pub fn optional_timestamp(
        &mut self,
        field: &str,
        timestamp: Option<&prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let read = timestamp_from_proto(timestamp?);
        self.some_or(field, read, "is not an instant of the years 1970 to 9999")
    }

    /// A duration that may be left out; zero or more.
    pub fn optional_duration(
        &mut self,
        field: &str,
        duration: Option<&prost_types::Duration>,
    ) -> Option<Duration> {
        let read = duration_from_proto(duration?);
        self.some_or(field, read, "is negative or malformed")
    }

    /// Money that may be left out.
    pub fn optional_money(&mut self, field: &str, money: Option<&google::Money>) -> Option<Money> {
        let read = money_from_proto(money?);
        self.some_or(
            field,
            read,
            "is not money: three capital letters, units and nanos of one sign, below 9000000000",
        )
    }

    /// A provider cost that may be left out, with its currency.
    pub fn optional_cost(&mut self, field: &str, cost: Option<&types::Cost>) -> Option<(String, Cost)> {
        let read = cost_from_proto(cost?);
        self.some_or(
            field,
            read,
            "is not a cost: three capital letters and a decimal of at most 12 decimals, zero or more",
        )
    }

    /// A required decimal of at most `scale` decimals.
    pub fn decimal(&mut self, field: &str, text: &str, scale: u8) -> Decimal {
        let read = text.parse::<Decimal>().ok().filter(|decimal| decimal.scale() <= scale);
        self.some_or(field, read, format!("is not a decimal of at most {scale} decimals"))
            .unwrap_or(Decimal::ZERO)
    }

    /// A decimal that may be left empty.
    pub fn optional_decimal(&mut self, field: &str, text: &str, scale: u8) -> Option<Decimal> {
        (!text.is_empty()).then(|| self.decimal(field, text, scale))
    }

    /// An enum by its number. Numbers that this build does not know are refused; zero is the default.
    pub fn enumeration<E: TryFrom<i32> + Default>(&mut self, field: &str, number: i32) -> E {
        let read = E::try_from(number).ok();
        self.some_or(field, read, format!("has no value {number}")).unwrap_or_default()
    }

    /// An enum that must be given: zero is refused too.
    pub fn required_enumeration<E: TryFrom<i32> + Default>(&mut self, field: &str, number: i32) -> E {
        if number == 0 {
            self.field(field, "is missing");
        }
        self.enumeration(field, number)
    }

    /// A count that must be zero or more.
    pub fn count(&mut self, field: &str, count: i64) -> i64 {
        if count < 0 {
            self.field(field, "is below zero");
        }
        count.max(0)
    }

    fn some_or<T>(&mut self, field: &str, value: Option<T>, fault: impl Into<String>) -> Option<T> {
        if value.is_none() {
            self.field(field, fault);
        }
        value
    }
}
