//! Refusals as statuses: each variant chooses its reason, the reason its code, the facts are those that
//! the contract names.

use std::fmt::Display;
use std::time::Duration;

use chit_api::types::v1::ErrorReason;
use chit_rpc::{RpcError, Violation, internal, refuse};
use chit_types::{Shard, Timestamp};
use tonic::Status;

use super::convert::{grant_id_to_proto, hold_id_to_proto};
use crate::domain::Refusal;
use crate::engine::{Fault, ReadFault, SaveFault};

/// How far back the feed goes.
const FEED_KEPT: Duration = Duration::from_secs(35 * 86_400);
/// Another pod answers at once.
const RETRY_ELSEWHERE: Duration = Duration::from_millis(200);
/// A database that restarts is back within seconds.
const RETRY_DATABASE: Duration = Duration::from_secs(1);

/// What a refusal is told with.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Where the wallet lives, for the ids in facts.
    pub shard: Shard,
    /// The idempotency key as sent; empty where the call has none.
    pub key: &'a str,
}

/// The status of a command that was not carried out.
pub fn fault_to_status(fault: &Fault, subject: Subject<'_>) -> Status {
    match fault {
        Fault::Refused(refusal) => refusal_to_status(refusal, subject),
        Fault::VersionConflict { version } => version_conflict(*version),
        Fault::Overloaded { retry_after } => {
            refuse(ErrorReason::Overloaded, "the queue is full; repeat the call with the same key")
                .retry_after(*retry_after)
                .status()
        }
        Fault::DeadlinePassed => refuse(
            ErrorReason::DeadlineBeforeStart,
            "the deadline passed before work began; nothing was done",
        )
        .status(),
        Fault::Draining => refuse(
            ErrorReason::Draining,
            "the server is stopping; repeat the call with the same key elsewhere",
        )
        .retry_after(RETRY_ELSEWHERE)
        .status(),
        Fault::Unavailable(why) => unavailable(why),
        Fault::Internal(why) => internal(why),
    }
}

/// The status of a read that failed at `now`.
pub fn read_fault_to_status(fault: &ReadFault, now: Timestamp) -> Status {
    match fault {
        ReadFault::WalletNotFound => refuse(ErrorReason::WalletNotFound, fault.to_string()).status(),
        ReadFault::CursorExpired => refuse(
            ErrorReason::CursorExpired,
            "the cursor is older than the feed keeps; read the lists again, then follow from now",
        )
        .fact("oldest", now - FEED_KEPT)
        .status(),
        ReadFault::CursorUnreadable => refuse(ErrorReason::InvalidField, "cursor is none of this feed")
            .violations(vec![Violation::new("cursor", "is none of this feed")])
            .status(),
        ReadFault::Unavailable(why) => unavailable(why),
        ReadFault::Internal(why) => internal(why),
    }
}

/// The resource is at another version.
fn version_conflict(present: i64) -> Status {
    refuse(ErrorReason::VersionConflict, format!("it is at version {present}; read it again and decide anew"))
        .fact("version", present)
        .status()
}

/// The status of settings that were not saved.
pub fn save_fault_to_status(fault: &SaveFault) -> Status {
    match fault {
        SaveFault::Conflict { version } => version_conflict(*version),
        SaveFault::Store(failure) => unavailable(failure),
    }
}

/// The database is away.
pub fn unavailable(why: impl Display) -> Status {
    tracing::warn!("the database cannot be reached: {why}");
    refuse(
        ErrorReason::DependencyUnavailable,
        "the database cannot be reached; repeat the call with the same key",
    )
    .retry_after(RETRY_DATABASE)
    .status()
}

/// The status of a refusal.
fn refusal_to_status(refusal: &Refusal, subject: Subject<'_>) -> Status {
    let error = refuse(reason_of(refusal), refusal.to_string());
    with_facts(error, refusal, subject).status()
}

fn reason_of(refusal: &Refusal) -> ErrorReason {
    match refusal {
        Refusal::InsufficientCredits { .. } => ErrorReason::InsufficientCredits,
        Refusal::WalletInDebt { .. } => ErrorReason::WalletInDebt,
        Refusal::WalletFrozen { .. } => ErrorReason::WalletFrozen,
        Refusal::WalletClosed => ErrorReason::WalletClosed,
        Refusal::WalletNotFound => ErrorReason::WalletNotFound,
        Refusal::UnitUnknown { .. } => ErrorReason::UnitUnknown,
        Refusal::IdempotencyKeyReused { .. } => ErrorReason::IdempotencyKeyReused,
        Refusal::HoldNotFound { .. } => ErrorReason::HoldNotFound,
        Refusal::HoldClosed { .. } => ErrorReason::HoldClosed,
        Refusal::HoldExpired { .. } => ErrorReason::HoldExpired,
        Refusal::OverrunRejected { .. } => ErrorReason::OverrunRejected,
        Refusal::TotalDecreased { .. } => ErrorReason::TotalDecreased,
        Refusal::WrongOrigin { .. } => ErrorReason::WrongOrigin,
        Refusal::GrantNotFound { .. } => ErrorReason::GrantNotFound,
        Refusal::GrantClosed { .. } => ErrorReason::GrantClosed,
        Refusal::GrantRestTooSmall { .. } => ErrorReason::GrantRestTooSmall,
        Refusal::AlreadyRenewed { .. } => ErrorReason::AlreadyRenewed,
        Refusal::ExpiryNotAhead { .. } => ErrorReason::InvalidField,
        Refusal::TransactionNotFound { .. } => ErrorReason::TransactionNotFound,
        Refusal::NotReversible { .. } => ErrorReason::NotReversible,
        Refusal::ReversalTooLarge { .. } => ErrorReason::ReversalTooLarge,
        Refusal::WriteOffTooLarge { .. } => ErrorReason::WriteOffTooLarge,
        Refusal::AdjustmentTooLarge { .. } => ErrorReason::AdjustmentTooLarge,
        Refusal::HoldLifeExceeded { .. } => ErrorReason::HoldLifeExceeded,
        Refusal::BalanceOverflow => ErrorReason::BalanceOverflow,
    }
}

fn with_facts(error: RpcError, refusal: &Refusal, subject: Subject<'_>) -> RpcError {
    match refusal {
        Refusal::InsufficientCredits {
            required,
            available,
            spendable,
            owed,
            overdraft_limit,
            wallet_exists,
        } => error
            .fact("required", required)
            .fact("available", available)
            .fact("spendable", spendable)
            .fact("owed", owed)
            .fact("overdraft_limit", overdraft_limit)
            .fact("wallet_exists", wallet_exists),
        Refusal::WalletInDebt { debt, owed, overdraft_limit, required, .. } => error
            .fact("debt", debt)
            .fact("owed", owed)
            .fact("overdraft_limit", overdraft_limit)
            .fact("required", required),
        Refusal::WalletFrozen { since } => error.fact("since", since),
        Refusal::WalletClosed | Refusal::WalletNotFound | Refusal::BalanceOverflow => error,
        Refusal::UnitUnknown { unit } => error.fact("unit", unit),
        Refusal::IdempotencyKeyReused { seq } => {
            error.fact("idempotency_key", subject.key).fact("transaction", seq)
        }
        Refusal::WriteOffTooLarge { owed, required } => error.fact("owed", owed).fact("required", required),
        Refusal::AdjustmentTooLarge { required, spendable } => {
            error.fact("required", required).fact("spendable", spendable)
        }
        Refusal::ExpiryNotAhead { expires_at, now } => error.violations(vec![Violation::new(
            "expires_at",
            format!("is {expires_at}, which is not after {now}"),
        )]),
        Refusal::HoldLifeExceeded { limit_seconds } => error.fact("limit_seconds", limit_seconds),
        Refusal::WrongOrigin { origin } => error.fact("origin", origin.word()),
        of_resource => with_resource_facts(error, of_resource, subject.shard),
    }
}

/// Facts of refusals that concern one hold, grant or transaction.
fn with_resource_facts(error: RpcError, refusal: &Refusal, shard: Shard) -> RpcError {
    match refusal {
        Refusal::HoldNotFound { hold } | Refusal::HoldClosed { hold } => {
            error.fact("hold", hold_id_to_proto(shard, *hold))
        }
        Refusal::HoldExpired { hold, expired_at } => {
            error.fact("hold", hold_id_to_proto(shard, *hold)).fact("expired_at", expired_at)
        }
        Refusal::OverrunRejected { hold, held, required, shortfall } => error
            .fact("hold", hold_id_to_proto(shard, *hold))
            .fact("held", held)
            .fact("required", required)
            .fact("shortfall", shortfall),
        Refusal::TotalDecreased { hold, committed, total } => error
            .fact("hold", hold_id_to_proto(shard, *hold))
            .fact("committed", committed)
            .fact("total", total),
        Refusal::GrantNotFound { grant }
        | Refusal::GrantClosed { grant }
        | Refusal::AlreadyRenewed { grant } => error.fact("grant", grant_id_to_proto(shard, *grant)),
        Refusal::GrantRestTooSmall { grant, rest, required } => error
            .fact("grant", grant_id_to_proto(shard, *grant))
            .fact("rest", rest)
            .fact("required", required),
        Refusal::TransactionNotFound { seq } => error.fact("transaction", seq),
        Refusal::NotReversible { seq, kind } => error.fact("transaction", seq).fact("kind", kind.word()),
        Refusal::ReversalTooLarge { seq, amount, reversed, required } => error
            .fact("transaction", seq)
            .fact("amount", amount)
            .fact("reversed", reversed)
            .fact("required", required),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use chit_rpc::{Refused, code_of};

    use super::*;

    /// Reason, code and facts of each row of the page's tables.
    fn documented() -> Vec<(String, String, Vec<String>)> {
        let page = include_str!("../../../../docs/errors.md");
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| {
            let words =
                |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
            let mut cells = row.split('|').skip(1).map(words);
            let (reason, code) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
            (reason.concat(), code.concat(), cells.next().unwrap_or_default())
        })
        .collect()
    }

    #[test]
    fn the_page_of_errors_has_every_reason_with_its_code_and_facts() {
        let contract = include_str!("../../../../proto/chit/type/v1/type.proto");
        let documented = documented();
        for number in 1_i32.. {
            let Ok(reason) = ErrorReason::try_from(number) else {
                break;
            };
            let name = reason.as_str_name().trim_start_matches("ERROR_REASON_");
            let row = documented.iter().find(|(known, _, _)| known == name);
            let (_, code, facts) = row.unwrap_or_else(|| panic!("{name} is not documented"));
            let ours = format!("{:?}", code_of(reason)).to_uppercase();
            assert_eq!(ours, code.replace('_', ""), "{name}");
            let before = contract.split(&format!("ERROR_REASON_{name} =")).next().unwrap_or_default();
            let comment = before.rsplit(';').next().unwrap_or_default();
            for fact in facts {
                assert!(comment.contains(&format!("`{fact}`")), "{name}: the contract does not name {fact}");
            }
        }
    }

    #[test]
    fn facts_are_told_as_the_contract_names_them() {
        let shard = Shard(7);
        let subject = Subject { shard, key: "k" };
        let hold = crate::domain::HoldId([3; 16]);
        let refusal = Refusal::HoldClosed { hold };
        let status = fault_to_status(&Fault::Refused(refusal), subject);
        let refused = Refused::of(&status);
        assert_eq!(refused.reason, ErrorReason::HoldClosed);
        assert_eq!(refused.facts["hold"], hold_id_to_proto(shard, hold));
        let status = fault_to_status(&Fault::Refused(Refusal::IdempotencyKeyReused { seq: 4 }), subject);
        let refused = Refused::of(&status);
        assert_eq!(
            (refused.facts["idempotency_key"].as_str(), refused.facts["transaction"].as_str()),
            ("k", "4")
        );
        let millis = Duration::from_millis(40);
        let status = fault_to_status(&Fault::Overloaded { retry_after: millis }, subject);
        let refused = Refused::of(&status);
        assert_eq!((refused.reason, refused.retry_after), (ErrorReason::Overloaded, Some(millis)));
        for (fault, reason) in [
            (Fault::DeadlinePassed, ErrorReason::DeadlineBeforeStart),
            (Fault::Draining, ErrorReason::Draining),
            (Fault::Unavailable("gone".into()), ErrorReason::DependencyUnavailable),
            (Fault::Internal("broken".into()), ErrorReason::Internal),
            (Fault::VersionConflict { version: 3 }, ErrorReason::VersionConflict),
        ] {
            assert_eq!(Refused::of(&fault_to_status(&fault, subject)).reason, reason);
        }
        let oldest = read_fault_to_status(&ReadFault::CursorExpired, Timestamp::from_seconds(36 * 86_400));
        assert_eq!(Refused::of(&oldest).facts["oldest"], "1970-01-02T00:00:00Z");
        let told = Refused::of(&fault_to_status(&Fault::Internal("secret".into()), subject));
        assert!(!told.message.contains("secret"), "nothing of ours is shown");
    }
}
