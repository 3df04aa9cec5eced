//! Refusals and failures as statuses.

use std::time::Duration;

use chit_api::types::v1::ErrorReason;
use chit_pricebook::PriceError;
use chit_rpc::{RpcError, Violation, error, internal, refuse};
use tonic::{Code, Status};

use crate::app::Fault;
use crate::domain::Refusal;

/// After which a database that was away is worth another try.
const RETRY_AFTER: Duration = Duration::from_millis(500);

pub fn refused(fault: Fault) -> Status {
    match fault {
        Fault::Refused(refusal) => of_refusal(&refusal).into(),
        Fault::Invalid { field, faults } => {
            let violations = faults.into_iter().map(|fault| Violation::new(field, fault)).collect();
            refuse(ErrorReason::InvalidField, format!("{field} is not valid")).violations(violations).into()
        }
        Fault::Away(error) => {
            tracing::warn!("pricing's database is away: {error}");
            away().into()
        }
        Fault::Broken(error) => internal(error),
    }
}

fn away() -> RpcError {
    let text = "the database is away; repeat with the same key";
    refuse(ErrorReason::DependencyUnavailable, text).retry_after(RETRY_AFTER)
}

fn of_refusal(refusal: &Refusal) -> RpcError {
    let text = refusal.to_string();
    match refusal {
        // Here the resource itself is missing, which is another code than an event type to price.
        Refusal::EventTypeNotFound { name } => {
            error(Code::NotFound, ErrorReason::EventTypeUnknown, text).fact("event_type", name)
        }
        Refusal::BookNotFound { book, number } => {
            refuse(ErrorReason::PriceBookNotFound, text).fact("price_book", book).fact("version", number)
        }
        Refusal::AlreadyExists { name } => refuse(ErrorReason::AlreadyExists, text).fact("name", name),
        Refusal::KeyReused { key, resource } => refuse(ErrorReason::IdempotencyKeyReused, text)
            .fact("idempotency_key", key)
            .fact("resource", resource),
        Refusal::VersionConflict { revision } => {
            refuse(ErrorReason::VersionConflict, text).fact("version", revision)
        }
        Refusal::VersionPublished { number } => {
            refuse(ErrorReason::VersionPublished, text).fact("version", number)
        }
        Refusal::BookInvalid { findings } => {
            let violations = findings.iter();
            let violations = violations.map(|finding| Violation::new(&finding.field, &finding.description));
            refuse(ErrorReason::PriceBookInvalid, text).violations(violations.collect())
        }
        Refusal::EffectiveTooSoon { effective_at, earliest } => refuse(ErrorReason::EffectiveTooSoon, text)
            .fact("effective_at", effective_at)
            .fact("earliest", earliest),
        Refusal::CostTableNotFound => refuse(ErrorReason::InvalidField, text)
            .violations(vec![Violation::new("version", "is not a version of the cost table")]),
        Refusal::Price(error) => of_price(error, text),
    }
}

fn of_price(price: &PriceError, text: String) -> RpcError {
    match price {
        PriceError::EventTypeUnknown { event_type } => {
            refuse(ErrorReason::EventTypeUnknown, text).fact("event_type", event_type)
        }
        PriceError::NoPrice { event_type, missing } => {
            refuse(ErrorReason::NoPrice, text).fact("event_type", event_type).fact("missing", missing)
        }
        PriceError::Overflow { event_type, rule } => {
            refuse(ErrorReason::PriceOverflow, text).fact("event_type", event_type).fact("rule", rule)
        }
    }
}
