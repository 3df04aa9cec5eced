//! Grants, and an operator's corrections.

use chit_api::wallet::v1 as proto;
use chit_rpc::{AmountRange, Violations};
use chit_types::{TransactionKind, limits};

use super::fields::{EventTypeUse, Fields, Mutation, Names};
use super::paid::paid_from_proto;
use crate::domain::operation::{NewGrant, Renewal, RevokeShortfall};
use crate::domain::{GrantSource, Operation, OwedPolicy};

impl Mutation for proto::GrantRequest {
    const KIND: TransactionKind = TransactionKind::Grant;
    const EVENT_TYPE: EventTypeUse = EventTypeUse::Ignored;

    fn names_money(&self) -> bool {
        self.paid.is_some() || self.paid_reporting.is_some()
    }

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
        let amount = faults.credits("amount", self.amount.as_ref(), AmountRange::AboveZero);
        let source = source_from_proto(faults, self.source);
        let priority = priority_from_proto(faults, self.priority);
        let effective_at = faults.optional_timestamp("effective_at", self.effective_at.as_ref());
        let expires_at = faults.optional_timestamp("expires_at", self.expires_at.as_ref());
        if effective_at.is_some() && expires_at.is_some() && expires_at <= effective_at {
            faults.field("expires_at", "is not after effective_at");
        }
        faults.event_types("event_types", &self.event_types);
        let owed_policy = owed_policy_from_proto(faults, self.owed_policy);
        let period_end = faults.optional_timestamp("period_end", self.period_end.as_ref());
        if effective_at.is_some() && period_end.is_some() && period_end <= effective_at {
            faults.field("period_end", "is not after effective_at");
        }
        let (paid, cost_basis) =
            paid_from_proto(fields, self.paid.as_ref(), self.paid_reporting.as_ref(), amount);
        Operation::Grant(NewGrant {
            amount,
            source,
            priority,
            effective_at,
            expires_at,
            event_types: self.event_types,
            paid,
            cost_basis,
            owed_policy,
            period_end,
        })
    }
}

impl Mutation for proto::RenewGrantRequest {
    const KIND: TransactionKind = TransactionKind::Renew;

    fn names_money(&self) -> bool {
        self.paid.is_some() || self.paid_reporting.is_some()
    }

    fn names(&mut self) -> Names {
        Names {
            customer: std::mem::take(&mut self.customer_id),
            unit: std::mem::take(&mut self.unit),
            key: std::mem::take(&mut self.idempotency_key),
            details: self.details.take(),
        }
    }

    fn operation(self, fields: &mut Fields<'_>) -> Operation {
        let grant = fields.grant(&self.grant_id);
        let faults = &mut fields.faults;
        let amount = faults.credits("amount", self.amount.as_ref(), AmountRange::AboveZero);
        let period_end = faults.timestamp("period_end", self.period_end.as_ref());
        let expires_at = faults.optional_timestamp("expires_at", self.expires_at.as_ref());
        let rollover_cap =
            faults.optional_credits("rollover_cap", self.rollover_cap.as_ref(), AmountRange::ZeroOrMore);
        let owed_policy = owed_policy_from_proto(faults, self.owed_policy);
        let (paid, cost_basis) =
            paid_from_proto(fields, self.paid.as_ref(), self.paid_reporting.as_ref(), amount);
        Operation::Renew(Renewal {
            grant,
            amount,
            period_end,
            expires_at,
            rollover_cap: rollover_cap.unwrap_or_default(),
            roll_again: self.roll_again,
            paid,
            cost_basis,
            owed_policy,
        })
    }
}

impl Mutation for proto::RevokeGrantRequest {
    const KIND: TransactionKind = TransactionKind::Revoke;

    fn names(&mut self) -> Names {
        Names {
            customer: std::mem::take(&mut self.customer_id),
            unit: std::mem::take(&mut self.unit),
            key: std::mem::take(&mut self.idempotency_key),
            details: self.details.take(),
        }
    }

    fn operation(self, fields: &mut Fields<'_>) -> Operation {
        let grant = fields.grant(&self.grant_id);
        let faults = &mut fields.faults;
        let amount = faults.optional_credits("amount", self.amount.as_ref(), AmountRange::AboveZero);
        let shortfall: proto::RevokeShortfall = faults.enumeration("shortfall", self.shortfall);
        if self.amount.is_some() && shortfall != proto::RevokeShortfall::Unspecified {
            faults.field("shortfall", "is only for a whole grant; leave amount unset");
        }
        Operation::Revoke {
            grant,
            amount,
            shortfall: match shortfall {
                proto::RevokeShortfall::Unspecified | proto::RevokeShortfall::Waive => RevokeShortfall::Waive,
                proto::RevokeShortfall::Owe => RevokeShortfall::Owe,
                proto::RevokeShortfall::OtherGrants => RevokeShortfall::OtherGrants,
            },
        }
    }
}

impl Mutation for proto::AdjustRequest {
    const KIND: TransactionKind = TransactionKind::Adjust;

    fn names(&mut self) -> Names {
        Names {
            customer: std::mem::take(&mut self.customer_id),
            unit: std::mem::take(&mut self.unit),
            key: std::mem::take(&mut self.idempotency_key),
            details: self.details.take(),
        }
    }

    fn operation(self, fields: &mut Fields<'_>) -> Operation {
        let sent = self.amount.as_ref();
        let amount = fields.faults.credits("amount", sent, AmountRange::Signed);
        if sent.is_some_and(|amount| amount.units == 0 && amount.nanos == 0) {
            fields.faults.field("amount", "is zero");
        }
        Operation::Adjust { amount }
    }
}

impl Mutation for proto::WriteOffRequest {
    const KIND: TransactionKind = TransactionKind::WriteOff;

    fn names(&mut self) -> Names {
        Names {
            customer: std::mem::take(&mut self.customer_id),
            unit: std::mem::take(&mut self.unit),
            key: std::mem::take(&mut self.idempotency_key),
            details: self.details.take(),
        }
    }

    fn operation(self, fields: &mut Fields<'_>) -> Operation {
        let amount = self.amount.as_ref();
        Operation::WriteOff { amount: fields.faults.credits("amount", amount, AmountRange::AboveZero) }
    }
}

impl Mutation for proto::ReverseRequest {
    const KIND: TransactionKind = TransactionKind::Reverse;

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
        if self.transaction < 1 {
            faults.field("transaction", "is not the number of a transaction: 1 or more");
        }
        Operation::Reverse {
            transaction: self.transaction,
            amount: faults.optional_credits("amount", self.amount.as_ref(), AmountRange::AboveZero),
        }
    }
}

/// Sources that only the wallet itself, or a method yet to come, may use are refused.
fn source_from_proto(faults: &mut Violations, number: i32) -> GrantSource {
    match faults.enumeration("source", number) {
        proto::GrantSource::Unspecified | proto::GrantSource::Promotion => GrantSource::Promotion,
        proto::GrantSource::Purchase => GrantSource::Purchase,
        proto::GrantSource::Bonus => GrantSource::Bonus,
        proto::GrantSource::Allowance => GrantSource::Allowance,
        proto::GrantSource::Compensation => GrantSource::Compensation,
        proto::GrantSource::Rollover
        | proto::GrantSource::Adjustment
        | proto::GrantSource::Regrant
        | proto::GrantSource::Transfer
        | proto::GrantSource::Conversion
        | proto::GrantSource::Overage => {
            faults.field("source", "is not one that Grant may name");
            GrantSource::Promotion
        }
    }
}

/// From 1, so that a rollover of the allowance can still come before it.
fn priority_from_proto(faults: &mut Violations, priority: Option<i32>) -> u16 {
    let Some(priority) = priority else {
        return limits::PRIORITY_DEFAULT;
    };
    match u16::try_from(priority) {
        Ok(priority) if (1..=limits::PRIORITY_MAX).contains(&priority) => priority,
        Ok(_) | Err(_) => {
            faults.field("priority", format!("is not within 1 and {}", limits::PRIORITY_MAX));
            limits::PRIORITY_DEFAULT
        }
    }
}

fn owed_policy_from_proto(faults: &mut Violations, number: i32) -> OwedPolicy {
    match faults.enumeration("owed_policy", number) {
        proto::OwedPolicy::Unspecified | proto::OwedPolicy::RepayFirst => OwedPolicy::RepayFirst,
        proto::OwedPolicy::Never => OwedPolicy::Never,
        proto::OwedPolicy::Only => OwedPolicy::Only,
    }
}
