//! A wallet, its grants and its holds as messages.

use chit_api::types::v1 as types;
use chit_api::wallet::v1 as proto;
use chit_rpc::{Money, credits_to_proto, money_to_proto, origin_to_proto, timestamp_to_proto};
use chit_types::{IdKind, PublicId, Shard};

use crate::domain::{
    Grant, GrantId, GrantSource, Hold, HoldId, HoldState, Paid, Wallet, next_expiry, spendable,
};

/// All that a wallet holds; `spendable` is told for `event_type`.
pub fn balance_to_proto(wallet: &Wallet, event_type: &str) -> types::Balance {
    types::Balance {
        available: Some(credits_to_proto(wallet.available)),
        spendable: Some(credits_to_proto(spendable(wallet, event_type))),
        held: Some(credits_to_proto(wallet.held)),
        owed: Some(credits_to_proto(wallet.owed)),
        debt: Some(credits_to_proto(wallet.debt())),
        next_expiry: next_expiry(wallet).map(timestamp_to_proto),
        scheduled: Some(credits_to_proto(wallet.scheduled)),
        frozen: Some(credits_to_proto(wallet.frozen)),
    }
}

/// A wallet; `spendable` is told for `event_type`.
pub fn wallet_to_proto(wallet: &Wallet, event_type: &str) -> proto::Wallet {
    proto::Wallet {
        customer_id: wallet.customer.clone(),
        unit: wallet.unit.clone(),
        balance: Some(balance_to_proto(wallet, event_type)),
        head: wallet.head,
        hash: wallet.hash.0.to_vec().into(),
        overdraft_limit: Some(credits_to_proto(wallet.overdraft_limit)),
        frozen_since: wallet.frozen_since.map(timestamp_to_proto),
        test: wallet.test,
        thresholds: Some(proto::Thresholds {
            levels: wallet.thresholds.iter().copied().map(credits_to_proto).collect(),
        }),
        version: wallet.version,
        created_at: Some(timestamp_to_proto(wallet.created_at)),
        totals: Some(proto::Totals {
            granted: Some(credits_to_proto(wallet.granted)),
            spent: Some(credits_to_proto(wallet.spent)),
            expired: Some(credits_to_proto(wallet.expired)),
            revoked: Some(credits_to_proto(wallet.revoked)),
        }),
    }
}

/// A grant of a wallet in `shard`.
pub fn grant_to_proto(shard: Shard, grant: &Grant, reference: &str) -> proto::CreditGrant {
    proto::CreditGrant {
        grant_id: grant_id_to_proto(shard, grant.id),
        source: source_to_proto(grant.source),
        amount: Some(credits_to_proto(grant.amount)),
        rest: Some(credits_to_proto(grant.rest)),
        held: Some(credits_to_proto(grant.held)),
        priority: i32::from(grant.priority),
        effective_at: Some(timestamp_to_proto(grant.effective_at)),
        expires_at: grant.expires_at.map(timestamp_to_proto),
        event_types: grant.event_types.clone(),
        cost_basis: grant.cost_basis,
        owed_policy: i32::from(grant.owed_policy.number()),
        period_end: grant.period_end.map(timestamp_to_proto),
        state: i32::from(grant.state.number()),
        opened_by: grant.opened_by,
        reference: reference.to_owned(),
        rollover: grant.rollover,
        paid: grant.paid.as_ref().map(paid_to_proto),
    }
}

/// A hold of a wallet in `shard`.
pub fn hold_to_proto(shard: Shard, hold: &Hold) -> proto::Hold {
    let state = match hold.state {
        HoldState::Open => proto::HoldState::Open,
        HoldState::Closed => proto::HoldState::Closed,
        HoldState::Expired => proto::HoldState::Expired,
    };
    proto::Hold {
        hold_id: hold_id_to_proto(shard, hold.id),
        state: state.into(),
        amount: Some(credits_to_proto(hold.amount)),
        held: Some(credits_to_proto(hold.held())),
        borrowed: Some(credits_to_proto(hold.borrowed)),
        committed: Some(credits_to_proto(hold.committed)),
        event_type: hold.event_type.clone(),
        created_at: Some(timestamp_to_proto(hold.created_at)),
        expires_at: Some(timestamp_to_proto(hold.expires_at)),
        origin: origin_to_proto(hold.origin).into(),
    }
}

/// The public id of a grant.
pub fn grant_id_to_proto(shard: Shard, id: GrantId) -> String {
    let (kind, uuid) = (IdKind::Grant, id.0);
    PublicId { kind, shard, uuid }.to_string()
}

/// The public id of a hold.
pub fn hold_id_to_proto(shard: Shard, id: HoldId) -> String {
    let (kind, uuid) = (IdKind::Hold, id.0);
    PublicId { kind, shard, uuid }.to_string()
}

/// Both sides number sources alike.
pub fn source_to_proto(source: GrantSource) -> i32 {
    i32::from(source.number())
}

fn paid_to_proto(paid: &Paid) -> chit_api::google::r#type::Money {
    money_to_proto(&Money { currency: paid.currency.clone(), nanos: paid.nanos })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{GrantState, OwedPolicy};
    use chit_types::{Account, TransactionKind};

    #[test]
    fn numbers_mean_the_same_on_both_sides() {
        for number in 1..=11 {
            let ours = GrantSource::from_number(number).expect("every source has a number");
            let name = proto::GrantSource::try_from(i32::from(number)).expect("the contract knows it");
            assert_eq!(letters(&format!("{ours:?}")), letters(&format!("{name:?}")));
        }
        for (ours, theirs) in [
            (OwedPolicy::RepayFirst, proto::OwedPolicy::RepayFirst),
            (OwedPolicy::Never, proto::OwedPolicy::Never),
            (OwedPolicy::Only, proto::OwedPolicy::Only),
        ] {
            assert_eq!(i32::from(ours.number()), theirs as i32);
        }
        for number in 1..=6 {
            let ours = GrantState::from_number(number).expect("every state has a number");
            let name = proto::GrantState::try_from(i32::from(number)).expect("the contract knows it");
            assert_eq!(format!("{ours:?}"), format!("{name:?}"));
        }
        for kind in TransactionKind::ALL {
            let name = types::TransactionKind::try_from(i32::from(kind.number())).expect("known");
            assert_eq!(format!("{kind:?}"), format!("{name:?}"));
        }
        for account in Account::ALL {
            let name = types::Account::try_from(i32::from(account.number())).expect("known");
            assert_eq!(format!("{account:?}"), format!("{name:?}"));
        }
    }

    fn letters(name: &str) -> String {
        name.to_lowercase()
    }
}
