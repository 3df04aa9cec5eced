//! Refusals and faults to statuses: one table.

use chit_api::types::v1::ErrorReason;
use chit_batch::LaneError;
use chit_pricebook::PriceError;
use chit_rpc::{RpcError, code_of, error, internal, refuse};
use tonic::{Code, Status};

use crate::domain::fact::Why;
use crate::domain::refusal::Refusal;

pub(super) fn of_refusal(refusal: Refusal) -> Status {
    let text = refusal.to_string();
    match refusal {
        Refusal::KeyReused { key } => {
            refuse(ErrorReason::IdempotencyKeyReused, text).fact("idempotency_key", key)
        }
        Refusal::Price(PriceError::EventTypeUnknown { event_type }) => {
            error(Code::FailedPrecondition, ErrorReason::EventTypeUnknown, text)
                .fact("event_type", event_type)
        }
        Refusal::Price(PriceError::NoPrice { event_type, missing }) => {
            refuse(ErrorReason::NoPrice, text).fact("event_type", event_type).fact("missing", missing)
        }
        Refusal::Price(PriceError::Overflow { event_type, rule }) => {
            refuse(ErrorReason::PriceOverflow, text).fact("event_type", event_type).fact("rule", rule)
        }
        Refusal::TooOld { event, days } => {
            refuse(ErrorReason::EventTooOld, text).fact("event", event).fact("window_days", days)
        }
        Refusal::EventNotFound { event } => refuse(ErrorReason::EventNotFound, text).fact("event", event),
        Refusal::AuthorizationNotFound { event } => {
            refuse(ErrorReason::AuthorizationNotFound, text).fact("authorization", event)
        }
        Refusal::AuthorizationClosed { authorization, state } => {
            let refused = refuse(ErrorReason::AuthorizationClosed, text);
            refused.fact("authorization", authorization).fact("state", state)
        }
        Refusal::PartOutOfOrder { part, expected } => {
            refuse(ErrorReason::PartOutOfOrder, text).fact("part", part).fact("expected", expected)
        }
        Refusal::EventState { event, state } => {
            refuse(ErrorReason::EventState, text).fact("event", event).fact("state", state)
        }
        Refusal::ReversalTooLarge { amount, reversed, required, left: _ } => {
            refuse(ErrorReason::ReversalTooLarge, text)
                .fact("amount", amount)
                .fact("reversed", reversed)
                .fact("required", required)
        }
        Refusal::Wallet(why) => {
            let reason = ErrorReason::try_from(why.reason).unwrap_or(ErrorReason::Unspecified);
            if reason == ErrorReason::Unspecified {
                return internal(format!("the wallet refused without a reason of ours: {}", why.message));
            }
            with_facts(error(Code::from_i32(why.code), reason, why.message), why.facts)
        }
        Refusal::Kept(why) => return of_why(why),
        Refusal::Unavailable { what: _ } => refuse(ErrorReason::DependencyUnavailable, text),
    }
    .status()
}

/// A refusal that was kept with its event.
fn of_why(why: Why) -> Status {
    let reason = ErrorReason::try_from(why.reason).unwrap_or(ErrorReason::Internal);
    let code =
        if reason == ErrorReason::EventTypeUnknown { Code::FailedPrecondition } else { code_of(reason) };
    with_facts(error(code, reason, why.message), why.facts).status()
}

fn with_facts(refused: RpcError, facts: std::collections::BTreeMap<String, String>) -> RpcError {
    facts.into_iter().fold(refused, |refused, (name, value)| refused.fact(&name, value))
}

pub(super) fn of_lane(fault: LaneError) -> Status {
    match fault {
        LaneError::Busy { retry_after } => {
            refuse(ErrorReason::Overloaded, "the queue is full").retry_after(retry_after).status()
        }
        LaneError::DeadlinePassed => {
            refuse(ErrorReason::DeadlineBeforeStart, "the deadline passed before work began").status()
        }
        LaneError::Draining => {
            refuse(ErrorReason::Draining, "the service is stopping; repeat elsewhere").status()
        }
        LaneError::Unavailable(why) => {
            tracing::warn!("a batch was given up: {why}");
            refuse(ErrorReason::DependencyUnavailable, "the database is away; repeat with the same id")
                .status()
        }
        LaneError::Internal(why) => internal(why),
    }
}

/// The database said something that is not the caller's fault.
pub(super) fn of_store(fault: &chit_store::StoreError) -> Status {
    match chit_store::classify(fault) {
        chit_store::Failure::Transient | chit_store::Failure::ConnectionLost => {
            tracing::warn!("database: {fault}");
            refuse(ErrorReason::DependencyUnavailable, "the database is away; repeat").status()
        }
        chit_store::Failure::Constraint(_) | chit_store::Failure::Permanent => internal(fault),
    }
}
