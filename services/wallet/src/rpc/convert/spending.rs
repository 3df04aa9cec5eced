//! Holds and deductions.

use std::time::Duration;

use chit_api::types::v1 as types;
use chit_api::wallet::v1 as proto;
use chit_rpc::{AmountRange, Violations};
use chit_types::TransactionKind;

use super::fields::{EventTypeUse, Fields, Mutation, Names};
use crate::domain::Operation;
use crate::domain::operation::{CommitClose, OnInsufficient, OnOverrun};

/// The shortest life of a hold.
const TTL_MIN: Duration = Duration::from_secs(1);

impl Mutation for proto::ReserveRequest {
    const KIND: TransactionKind = TransactionKind::Reserve;

    fn names(&mut self) -> Names {
        Names {
            customer: std::mem::take(&mut self.customer_id),
            unit: std::mem::take(&mut self.unit),
            key: std::mem::take(&mut self.idempotency_key),
            details: self.details.take(),
        }
    }

    fn operation(self, fields: &mut Fields<'_>) -> Operation {
        let faults = &mut fields.faults;
        Operation::Reserve {
            amount: faults.credits("amount", self.amount.as_ref(), AmountRange::ZeroOrMore),
            ttl: ttl_from_proto(faults, self.ttl.as_ref()),
        }
    }
}

impl Mutation for proto::ExtendHoldRequest {
    const KIND: TransactionKind = TransactionKind::Extend;
    const EVENT_TYPE: EventTypeUse = EventTypeUse::Ignored;

    fn names(&mut self) -> Names {
        Names {
            customer: std::mem::take(&mut self.customer_id),
            unit: std::mem::take(&mut self.unit),
            key: std::mem::take(&mut self.idempotency_key),
            details: self.details.take(),
        }
    }

    fn operation(self, fields: &mut Fields<'_>) -> Operation {
        let hold = fields.hold(&self.hold_id);
        let faults = &mut fields.faults;
        if self.amount.is_none() && self.ttl.is_none() {
            faults.field("amount", "is missing, and so is ttl; one of them is needed");
        }
        let amount = faults.optional_credits("amount", self.amount.as_ref(), AmountRange::ZeroOrMore);
        Operation::Extend {
            hold,
            amount: amount.unwrap_or_default(),
            ttl: ttl_from_proto(faults, self.ttl.as_ref()),
        }
    }
}

impl Mutation for proto::CommitRequest {
    const KIND: TransactionKind = TransactionKind::Commit;
    const EVENT_TYPE: EventTypeUse = EventTypeUse::Ignored;

    fn names(&mut self) -> Names {
        Names {
            customer: std::mem::take(&mut self.customer_id),
            unit: std::mem::take(&mut self.unit),
            key: std::mem::take(&mut self.idempotency_key),
            details: self.details.take(),
        }
    }

    fn operation(self, fields: &mut Fields<'_>) -> Operation {
        let hold = fields.hold(&self.hold_id);
        let faults = &mut fields.faults;
        Operation::Commit {
            hold,
            total: faults.credits("total", self.total.as_ref(), AmountRange::ZeroOrMore),
            close: if self.keep_open { CommitClose::KeepOpen } else { CommitClose::Final },
            on_overrun: match faults.enumeration("on_overrun", self.on_overrun) {
                types::OnOverrun::Unspecified | types::OnOverrun::Record => OnOverrun::Record,
                types::OnOverrun::Cap => OnOverrun::Cap,
                types::OnOverrun::Reject => OnOverrun::Reject,
            },
        }
    }
}

impl Mutation for proto::ReleaseRequest {
    const KIND: TransactionKind = TransactionKind::Release;

    fn names(&mut self) -> Names {
        Names {
            customer: std::mem::take(&mut self.customer_id),
            unit: std::mem::take(&mut self.unit),
            key: std::mem::take(&mut self.idempotency_key),
            details: self.details.take(),
        }
    }

    fn operation(self, fields: &mut Fields<'_>) -> Operation {
        Operation::Release { hold: fields.hold(&self.hold_id) }
    }
}

impl Mutation for proto::DeductRequest {
    const KIND: TransactionKind = TransactionKind::Deduct;

    fn names(&mut self) -> Names {
        Names {
            customer: std::mem::take(&mut self.customer_id),
            unit: std::mem::take(&mut self.unit),
            key: std::mem::take(&mut self.idempotency_key),
            details: self.details.take(),
        }
    }

    fn operation(self, fields: &mut Fields<'_>) -> Operation {
        let faults = &mut fields.faults;
        Operation::Deduct {
            amount: faults.credits("amount", self.amount.as_ref(), AmountRange::ZeroOrMore),
            on_insufficient: match faults.enumeration("on_insufficient", self.on_insufficient) {
                types::OnInsufficient::Unspecified | types::OnInsufficient::Refuse => OnInsufficient::Refuse,
                types::OnInsufficient::Record => OnInsufficient::Record,
                types::OnInsufficient::Cap => OnInsufficient::Cap,
            },
        }
    }
}

/// A life too long is for the tenant's settings to refuse, with its limit.
fn ttl_from_proto(faults: &mut Violations, ttl: Option<&prost_types::Duration>) -> Option<Duration> {
    let ttl = faults.optional_duration("ttl", ttl)?;
    if ttl < TTL_MIN {
        faults.field("ttl", "is below 1 second");
    }
    Some(ttl)
}
