//! Every reason that the wallet refuses for, with its facts.

use chit_api::types::v1::{ErrorReason, OnInsufficient, OnOverrun};
use chit_api::wallet::v1::*;
use std::time::Duration;
use tonic::Code;

use crate::rpc_support::*;

#[tokio::test]
async fn want_of_credits_says_what_is_there() {
    on_both("rpc_refuse_credits", async |server| {
        let mut client = server.client.clone();
        let nothing = |required| {
            [
                ("available", "0"),
                ("overdraft_limit", "0"),
                ("owed", "0"),
                ("required", required),
                ("spendable", "0"),
                ("wallet_exists", "false"),
            ]
        };
        refused(client.reserve(reserve("1", "k")).await, ErrorReason::InsufficientCredits, &nothing("1"));
        refused(client.deduct(deduct("2", "k")).await, ErrorReason::InsufficientCredits, &nothing("2"));
        refused(client.get_wallet(get()).await, ErrorReason::WalletNotFound, &[]);

        let mut restricted = grant("5", "g");
        restricted.event_types = vec!["image.generate".into()];
        client.grant(restricted).await.unwrap();
        let refusal = refused(
            client.deduct(deduct("4", "k")).await,
            ErrorReason::InsufficientCredits,
            &[
                ("available", "5"),
                ("overdraft_limit", "0"),
                ("owed", "0"),
                ("required", "4"),
                ("spendable", "0"),
                ("wallet_exists", "true"),
            ],
        );
        assert_eq!(refusal.code, Code::FailedPrecondition);
    })
    .await;
}

#[tokio::test]
async fn a_wallet_in_debt_frozen_or_in_no_unit_refuses_to_spend() {
    on_both("rpc_refuse_wallet", async |server| {
        let mut client = server.client.clone();
        let mut over = deduct("5", "over");
        over.on_insufficient = OnInsufficient::Record.into();
        client.deduct(over).await.unwrap();
        refused(
            client.reserve(reserve("1", "k")).await,
            ErrorReason::WalletInDebt,
            &[("debt", "5"), ("overdraft_limit", "0"), ("owed", "5"), ("required", "1")],
        );
        let freeze =
            UpdateWalletRequest { customer_id: "user".into(), frozen: Some(true), ..Default::default() };
        client.update_wallet(freeze).await.unwrap();
        client.grant(grant("20", "g")).await.unwrap();
        let since = [("since", START)];
        refused(client.reserve(reserve("1", "k")).await, ErrorReason::WalletFrozen, &since);
        refused(client.deduct(deduct("1", "k")).await, ErrorReason::WalletFrozen, &since);

        for unit in ["tokens", "Credits"] {
            let mut elsewhere = grant("1", "k");
            elsewhere.unit = unit.into();
            refused(client.grant(elsewhere).await, ErrorReason::UnitUnknown, &[("unit", unit)]);
        }
        let unknown =
            CreateWalletRequest { customer_id: "user".into(), unit: "tokens".into(), ..Default::default() };
        refused(client.create_wallet(unknown).await, ErrorReason::UnitUnknown, &[("unit", "tokens")]);
    })
    .await;
}

#[tokio::test]
async fn holds_refuse_by_their_state() {
    on_both("rpc_refuse_hold", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("100", "g")).await.unwrap();
        let hold = ok(client.reserve(reserve("10", "h")).await).hold.unwrap().hold_id;
        let extend = |hold: &str, ttl: i64| ExtendHoldRequest {
            customer_id: "user".into(),
            hold_id: hold.into(),
            ttl: seconds(ttl),
            idempotency_key: "e".into(),
            ..Default::default()
        };
        refused(
            client.extend_hold(extend(&hold, 86_401)).await,
            ErrorReason::HoldLifeExceeded,
            &[("limit_seconds", "86400")],
        );
        let mut part = commit(&hold, "6", "p1");
        part.keep_open = true;
        client.commit(part).await.unwrap();
        let mut less = commit(&hold, "5", "p2");
        less.keep_open = true;
        refused(
            client.commit(less).await,
            ErrorReason::TotalDecreased,
            &[("committed", "6"), ("hold", &hold), ("total", "5")],
        );
        let mut over = commit(&hold, "16", "p3");
        over.on_overrun = OnOverrun::Reject.into();
        refused(
            client.commit(over).await,
            ErrorReason::OverrunRejected,
            &[("held", "4"), ("hold", &hold), ("required", "10"), ("shortfall", "6")],
        );
    })
    .await;
}

#[tokio::test]
async fn a_hold_that_ended_or_ran_out_refuses() {
    on_both("rpc_refuse_ended", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("100", "g")).await.unwrap();
        let hold = ok(client.reserve(reserve("10", "h")).await).hold.unwrap().hold_id;
        client.release(release(&hold, "r")).await.unwrap();
        let closed = [("hold", hold.as_str())];
        refused(client.commit(commit(&hold, "1", "c")).await, ErrorReason::HoldClosed, &closed);
        refused(client.release(release(&hold, "r2")).await, ErrorReason::HoldClosed, &closed);

        let second = ok(client.reserve(reserve("10", "h2")).await).hold.unwrap().hold_id;
        server.clock.advance(Duration::from_secs(15 * 60));
        let extend = ExtendHoldRequest {
            customer_id: "user".into(),
            hold_id: second.clone(),
            amount: credits("1"),
            idempotency_key: "e".into(),
            ..Default::default()
        };
        let expired = [("expired_at", "2026-11-21T10:15:00Z"), ("hold", second.as_str())];
        refused(client.extend_hold(extend).await, ErrorReason::HoldExpired, &expired);
        server.clock.advance(Duration::from_secs(61));
        let mut part = commit(&second, "1", "p");
        part.keep_open = true;
        refused(client.commit(part).await, ErrorReason::HoldExpired, &expired);
    })
    .await;
}

#[tokio::test]
async fn grants_refuse_by_their_state() {
    on_both("rpc_refuse_grant", async |server| {
        let mut client = server.client.clone();
        let made = ok(client.grant(grant("100", "g")).await).grant.unwrap().grant_id;
        let named = [("grant", made.as_str())];
        let revoke = |amount: Option<&str>, key: &str| RevokeGrantRequest {
            customer_id: "user".into(),
            grant_id: made.clone(),
            amount: amount.and_then(credits),
            idempotency_key: key.into(),
            ..Default::default()
        };
        refused(
            client.revoke_grant(revoke(Some("101"), "r")).await,
            ErrorReason::GrantRestTooSmall,
            &[("grant", &made), ("required", "101"), ("rest", "100")],
        );
        let renew = |grant: &str, key: &str| RenewGrantRequest {
            customer_id: "user".into(),
            grant_id: grant.into(),
            amount: credits("100"),
            idempotency_key: key.into(),
            period_end: instant("2027-01-01T00:00:00Z"),
            ..Default::default()
        };
        client.renew_grant(renew(&made, "n1")).await.unwrap();
        let answer = client.renew_grant(renew(&made, "n2")).await;
        assert_eq!(refused(answer, ErrorReason::AlreadyRenewed, &named).code, Code::AlreadyExists);

        let other = ok(client.grant(grant("5", "g2")).await).grant.unwrap().grant_id;
        let mut whole = revoke(None, "w");
        whole.grant_id = other.clone();
        client.revoke_grant(whole.clone()).await.unwrap();
        whole.idempotency_key = "w2".into();
        let named = [("grant", other.as_str())];
        refused(client.revoke_grant(whole).await, ErrorReason::GrantClosed, &named);
        refused(client.renew_grant(renew(&other, "n3")).await, ErrorReason::GrantClosed, &named);

        let mut expired = grant("5", "late");
        expired.expires_at = instant(START);
        violates(client.grant(expired).await, &["expires_at"]);
    })
    .await;
}

#[tokio::test]
async fn history_refuses_what_cannot_be_undone() {
    on_both("rpc_refuse_history", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("10", "g")).await.unwrap();
        let spent = ok(client.deduct(deduct("4", "d")).await);
        assert_eq!(number(&spent.outcome), 2);
        refused(
            client.reverse(reverse(99, None, "r")).await,
            ErrorReason::TransactionNotFound,
            &[("transaction", "99")],
        );
        refused(
            client.reverse(reverse(1, None, "r")).await,
            ErrorReason::NotReversible,
            &[("kind", "grant"), ("transaction", "1")],
        );
        client.reverse(reverse(2, Some("3"), "r")).await.unwrap();
        refused(
            client.reverse(reverse(2, Some("2"), "r2")).await,
            ErrorReason::ReversalTooLarge,
            &[("amount", "4"), ("required", "2"), ("reversed", "3"), ("transaction", "2")],
        );
        refused(
            client.adjust(adjust("-10", "a")).await,
            ErrorReason::AdjustmentTooLarge,
            &[("required", "10"), ("spendable", "9")],
        );
        refused(
            client.write_off(write_off("1", "w")).await,
            ErrorReason::WriteOffTooLarge,
            &[("owed", "0"), ("required", "1")],
        );
        let explain =
            ExplainTransactionRequest { customer_id: "user".into(), transaction: 77, ..Default::default() };
        refused(
            client.explain_transaction(explain).await,
            ErrorReason::TransactionNotFound,
            &[("transaction", "77")],
        );
        let mut nobody = adjust("-1", "a");
        nobody.customer_id = "nobody".into();
        refused(client.adjust(nobody).await, ErrorReason::WalletNotFound, &[]);
        let mut nobody = write_off("1", "a");
        nobody.customer_id = "nobody".into();
        refused(client.write_off(nobody).await, ErrorReason::WalletNotFound, &[]);
    })
    .await;
}

#[tokio::test]
async fn a_change_made_for_an_older_version_is_refused() {
    on_both("rpc_refuse_version", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("10", "g")).await.unwrap();
        let change = |version: i64| UpdateWalletRequest {
            customer_id: "user".into(),
            version,
            overdraft_limit: credits("5"),
            ..Default::default()
        };
        let first = ok(client.update_wallet(change(0)).await).wallet.unwrap();
        let second = ok(client.update_wallet(change(first.version)).await).wallet.unwrap();
        let present = second.version.to_string();
        let answer = client.update_wallet(change(first.version)).await;
        if first.version != second.version {
            let refusal = refused(answer, ErrorReason::VersionConflict, &[("version", &present)]);
            assert_eq!(refusal.code, Code::Aborted);
        }
        let settings = |version: i64| UpdateSettingsRequest {
            settings: Some(Settings { version, reporting_currency: "EUR".into(), ..Default::default() }),
        };
        client.update_settings(settings(0)).await.unwrap();
        let answer = client.update_settings(settings(0)).await;
        refused(answer, ErrorReason::VersionConflict, &[("version", "1")]);
    })
    .await;
}
