//! Every mutation does what its comment in the contract says, on both engines.

use chit_api::types::v1::{OnInsufficient, OnOverrun, TransactionKind};
use chit_api::wallet::v1::*;
use chit_types::Origin;
use std::time::Duration;

use crate::rpc_support::*;

#[tokio::test]
async fn a_grant_makes_its_wallet_and_repays_what_is_owed() {
    on_both("rpc_grant", async |server| {
        let mut client = server.client.clone();
        let mut bought = grant("100", "order-1");
        bought.source = GrantSource::Purchase.into();
        bought.paid = Some(money("USD", 10, 0));
        bought.details = Some(OperationDetails { reference: "order 1".into(), ..Default::default() });
        let answer = ok(client.grant(bought).await);
        assert_eq!(balances(&answer.outcome), "100 / 0 / 0");
        assert_eq!(number(&answer.outcome), 1);
        let made = answer.grant.unwrap();
        assert_eq!((made.cost_basis, made.opened_by, made.priority), (100_000_000, 1, 100));
        assert_eq!(made.state(), GrantState::Live);
        assert_eq!(made.source(), GrantSource::Purchase);
        assert_eq!(made.reference, "order 1");
        assert_eq!(made.paid, Some(money("USD", 10, 0)));
        assert!(made.grant_id.starts_with("gr_"));

        let mut over = deduct("130", "big");
        over.on_insufficient = OnInsufficient::Record.into();
        let answer = ok(client.deduct(over).await);
        assert_eq!(balances(&answer.outcome), "0 / 0 / 30");
        assert_eq!((shown(&answer.deducted), shown(&answer.owed_added)), ("130".into(), "30".into()));

        // All of it repays: the grant is closed when it opens, and told all the same.
        let answer = ok(client.grant(grant("10", "order-2")).await);
        assert_eq!((balances(&answer.outcome), shown(&answer.repaid)), ("0 / 0 / 20".into(), "10".into()));
        assert_eq!(answer.grant.unwrap().state(), GrantState::Spent);

        let mut never = grant("5", "gift");
        never.owed_policy = OwedPolicy::Never.into();
        let answer = ok(client.grant(never).await);
        assert_eq!((balances(&answer.outcome), shown(&answer.repaid)), ("5 / 0 / 20".into(), "0".into()));
    })
    .await;
}

#[tokio::test]
async fn a_grant_of_later_is_scheduled_and_one_in_another_currency_says_both() {
    on_both("rpc_grant_later", async |server| {
        let mut client = server.client.clone();
        let mut later = grant("50", "later");
        later.effective_at = instant("2026-12-01T00:00:00Z");
        later.expires_at = instant("2027-01-01T00:00:00Z");
        later.event_types = vec!["image.generate".into()];
        later.priority = Some(1);
        later.paid = Some(money("EUR", 5, 0));
        later.paid_reporting = Some(money("USD", 6, 0));
        let answer = ok(client.grant(later).await);
        let outcome = answer.outcome.unwrap();
        let balance = outcome.balance.unwrap();
        assert_eq!((shown(&balance.available), shown(&balance.scheduled)), ("0".into(), "50".into()));
        let made = answer.grant.unwrap();
        assert_eq!((made.state(), made.cost_basis), (GrantState::Scheduled, 120_000_000));
        assert_eq!(made.event_types, ["image.generate"]);

        server.clock.advance(Duration::from_secs(11 * 86_400));
        let mut asked = get();
        asked.event_type = "image.generate".into();
        let wallet = ok(client.get_wallet(asked).await).wallet.unwrap();
        let balance = wallet.balance.unwrap();
        assert_eq!((shown(&balance.available), shown(&balance.spendable)), ("50".into(), "50".into()));
        assert_eq!(balance.next_expiry, instant("2027-01-01T00:00:00Z"));
        let general = ok(client.get_wallet(get()).await).wallet.unwrap();
        assert_eq!(shown(&general.balance.unwrap().spendable), "0");
    })
    .await;
}

#[tokio::test]
async fn a_renewal_rolls_over_up_to_the_cap_and_expires_the_rest() {
    on_both("rpc_renew", async |server| {
        let mut client = server.client.clone();
        let mut allowance = grant("100", "sub-1:2026-11");
        allowance.source = GrantSource::Allowance.into();
        allowance.period_end = instant("2026-12-01T00:00:00Z");
        let old = ok(client.grant(allowance).await).grant.unwrap();
        assert_eq!(old.expires_at, instant("2026-12-02T00:00:00Z"));
        client.deduct(deduct("70", "spent")).await.unwrap();
        let renewal = RenewGrantRequest {
            customer_id: "user".into(),
            grant_id: old.grant_id,
            amount: credits("100"),
            idempotency_key: "sub-1:2026-12".into(),
            period_end: instant("2027-01-01T00:00:00Z"),
            rollover_cap: credits("20"),
            ..Default::default()
        };
        let answer = ok(client.renew_grant(renewal).await);
        assert_eq!(balances(&answer.outcome), "120 / 0 / 0");
        assert_eq!((shown(&answer.rolled), shown(&answer.expired)), ("20".into(), "10".into()));
        let (new, rolled) = (answer.grant.unwrap(), answer.rollover.unwrap());
        assert_eq!((new.priority, rolled.priority, rolled.rollover), (100, 99, true));
        assert_eq!((shown(&new.rest), shown(&rolled.rest)), ("100".into(), "20".into()));
    })
    .await;
}

#[tokio::test]
async fn a_revocation_takes_an_amount_or_all() {
    on_both("rpc_revoke", async |server| {
        let mut client = server.client.clone();
        let made = ok(client.grant(grant("100", "g")).await).grant.unwrap();
        let revoke = |amount: Option<&str>, key: &str| RevokeGrantRequest {
            customer_id: "user".into(),
            grant_id: made.grant_id.clone(),
            amount: amount.and_then(credits),
            idempotency_key: key.into(),
            ..Default::default()
        };
        let answer = ok(client.revoke_grant(revoke(Some("30"), "r1")).await);
        assert_eq!((balances(&answer.outcome), shown(&answer.revoked)), ("70 / 0 / 0".into(), "30".into()));
        assert_eq!(answer.grant.unwrap().state(), GrantState::Live);
        client.deduct(deduct("15", "d")).await.unwrap();
        client.reserve(reserve("5", "h")).await.unwrap();
        let answer = ok(client.revoke_grant(revoke(None, "r2")).await);
        assert_eq!(balances(&answer.outcome), "0 / 5 / 0");
        assert_eq!(
            (shown(&answer.revoked), shown(&answer.claimed), shown(&answer.waived)),
            ("50".into(), "5".into(), "15".into())
        );
        assert_eq!(answer.grant.unwrap().state(), GrantState::Revoked);
    })
    .await;
}

#[tokio::test]
async fn a_hold_is_extended_committed_in_parts_and_closed() {
    on_both("rpc_hold", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("100", "g")).await.unwrap();
        let mut asked = reserve("10", "h");
        asked.details = of_type("chat.reply");
        let answer = ok(client.reserve(asked).await);
        assert_eq!(balances(&answer.outcome), "90 / 10 / 0");
        let hold = answer.hold.unwrap();
        assert_eq!((hold.state(), hold.event_type.as_str()), (HoldState::Open, "chat.reply"));
        assert_eq!(hold.expires_at, instant("2026-11-21T10:15:00Z"));

        let extend = ExtendHoldRequest {
            customer_id: "user".into(),
            hold_id: hold.hold_id.clone(),
            amount: credits("5"),
            ttl: seconds(3_600),
            idempotency_key: "e".into(),
            ..Default::default()
        };
        let answer = ok(client.extend_hold(extend).await);
        let extended = answer.hold.unwrap();
        assert_eq!((shown(&extended.amount), shown(&extended.held)), ("15".into(), "15".into()));
        assert_eq!(extended.expires_at, instant("2026-11-21T11:00:00Z"));

        let mut part = commit(&hold.hold_id, "8", "p1");
        part.keep_open = true;
        let answer = ok(client.commit(part).await);
        assert_eq!((shown(&answer.charged), shown(&answer.committed)), ("8".into(), "8".into()));
        assert_eq!(balances(&answer.outcome), "85 / 7 / 0");
        assert_eq!(answer.hold.unwrap().state(), HoldState::Open);

        // The final total is lower: the excess returns with the rest.
        let answer = ok(client.commit(commit(&hold.hold_id, "6", "p2")).await);
        assert_eq!((shown(&answer.charged), shown(&answer.committed)), ("-2".into(), "6".into()));
        assert_eq!(balances(&answer.outcome), "94 / 0 / 0");
        assert_eq!(answer.hold.unwrap().state(), HoldState::Closed);
        assert!(!answer.late);
    })
    .await;
}

#[tokio::test]
async fn a_commit_above_the_hold_is_recorded_capped_or_rejected() {
    on_both("rpc_overrun", async |server| {
        for (mode, charged, owed, forgiven, after) in [
            (OnOverrun::Unspecified, "30", "10", "0", "0 / 0 / 10"),
            (OnOverrun::Cap, "20", "0", "10", "0 / 0 / 0"),
        ] {
            let mut client = server.client_as(&format!("tenant-{}", mode as i32), Origin::Client);
            client.grant(grant("20", "g")).await.unwrap();
            let hold = ok(client.reserve(reserve("10", "h")).await).hold.unwrap();
            let mut final_commit = commit(&hold.hold_id, "30", "c");
            final_commit.on_overrun = mode.into();
            let answer = ok(client.commit(final_commit).await);
            assert_eq!(shown(&answer.charged), charged);
            assert_eq!(shown(&answer.owed_added), owed);
            assert_eq!(shown(&answer.forgiven), forgiven);
            assert_eq!(balances(&answer.outcome), after);
            assert_eq!(answer.draws.len(), 1, "one grant paid, from the hold and beside it");
            assert_eq!(shown(&answer.draws[0].amount), "20");
        }
    })
    .await;
}

#[tokio::test]
async fn a_release_returns_the_hold_and_of_an_expired_one_changes_nothing() {
    on_both("rpc_release", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("10", "g")).await.unwrap();
        let first = ok(client.reserve(reserve("4", "h1")).await).hold.unwrap();
        let answer = ok(client.release(release(&first.hold_id, "r1")).await);
        assert_eq!((shown(&answer.released), balances(&answer.outcome)), ("4".into(), "10 / 0 / 0".into()));
        assert_eq!(answer.hold.unwrap().state(), HoldState::Closed);

        let second = ok(client.reserve(reserve("4", "h2")).await).hold.unwrap();
        server.clock.advance(Duration::from_secs(3_600));
        let answer = ok(client.release(release(&second.hold_id, "r2")).await);
        assert_eq!((shown(&answer.released), number(&answer.outcome)), ("0".into(), 0));
        assert_eq!(balances(&answer.outcome), "10 / 0 / 0");

        // What was done all the same is still settled, once, and said to be late.
        let answer = ok(client.commit(commit(&second.hold_id, "3", "c")).await);
        assert!(answer.late);
        assert_eq!((shown(&answer.charged), balances(&answer.outcome)), ("3".into(), "7 / 0 / 0".into()));
    })
    .await;
}

#[tokio::test]
async fn a_deduct_names_the_grants_it_drained_in_their_order() {
    on_both("rpc_deduct", async |server| {
        let mut client = server.client.clone();
        let mut bought = grant("100", "a");
        bought.source = GrantSource::Purchase.into();
        bought.paid = Some(money("USD", 1, 0));
        let a = ok(client.grant(bought).await).grant.unwrap();
        let mut promotional = grant("20", "b");
        promotional.expires_at = instant("2027-03-01T00:00:00Z");
        let b = ok(client.grant(promotional).await).grant.unwrap();
        let mut restricted = grant("10", "c");
        restricted.event_types = vec!["image.generate".into()];
        let c = ok(client.grant(restricted).await).grant.unwrap();

        let mut spend = deduct("35", "d");
        spend.details = of_type("image.generate");
        let answer = ok(client.deduct(spend).await);
        let draws: Vec<_> = answer
            .draws
            .iter()
            .map(|draw| (draw.grant_id.as_str(), shown(&draw.amount), draw.cost_basis, draw.source()))
            .collect();
        let expect = [
            (c.grant_id.as_str(), "10".to_string(), 0, GrantSource::Promotion),
            (b.grant_id.as_str(), "20".to_string(), 0, GrantSource::Promotion),
            (a.grant_id.as_str(), "5".to_string(), 10_000_000, GrantSource::Purchase),
        ];
        assert_eq!(draws, expect);
        assert_eq!(shown(&answer.deducted), "35");
        assert_eq!(balances(&answer.outcome), "95 / 0 / 0");

        let mut capped = deduct("200", "cap");
        capped.on_insufficient = OnInsufficient::Cap.into();
        let answer = ok(client.deduct(capped).await);
        assert_eq!((shown(&answer.deducted), shown(&answer.forgiven)), ("95".into(), "105".into()));

        // Zero is a fact too.
        let answer = ok(client.deduct(deduct("0", "zero")).await);
        assert_eq!((shown(&answer.deducted), number(&answer.outcome)), ("0".into(), 6));
    })
    .await;
}

#[tokio::test]
async fn operators_adjust_write_off_and_reverse() {
    on_both("rpc_operators", async |server| {
        let mut client = server.client.clone();
        let answer = ok(client.adjust(adjust("10", "up")).await);
        assert_eq!(answer.grant.unwrap().source(), GrantSource::Adjustment);
        let answer = ok(client.adjust(adjust("-4", "down")).await);
        assert_eq!((balances(&answer.outcome), answer.grant), ("6 / 0 / 0".into(), None));

        let mut over = deduct("9", "over");
        over.on_insufficient = OnInsufficient::Record.into();
        let spent = ok(client.deduct(over).await);
        assert_eq!(balances(&spent.outcome), "0 / 0 / 3");
        let answer = ok(client.write_off(write_off("1", "w")).await);
        assert_eq!(balances(&answer.outcome), "0 / 0 / 2");

        // Unpaid debt first (2), then what was written off (1: nobody gets it back), then what was drawn (1 of 6).
        let transaction = number(&spent.outcome);
        let answer = ok(client.reverse(reverse(transaction, Some("4"), "r1")).await);
        assert_eq!(balances(&answer.outcome), "1 / 0 / 0");
        assert_eq!((shown(&answer.reversed), shown(&answer.reversed_total)), ("4".into(), "4".into()));
        assert_eq!(answer.returns.len(), 1);
        assert_eq!(shown(&answer.returns[0].amount), "1");
        let answer = ok(client.reverse(reverse(transaction, Some("1"), "r2")).await);
        assert_eq!((shown(&answer.reversed), shown(&answer.reversed_total)), ("1".into(), "5".into()));

        let listed = ok(client
            .list_transactions(ListTransactionsRequest { customer_id: "user".into(), ..Default::default() })
            .await);
        let kinds: Vec<_> = listed.transactions.iter().map(|t| t.kind()).collect();
        use TransactionKind::{Adjust, Deduct, Reverse, WriteOff};
        assert_eq!(kinds, [Adjust, Adjust, Deduct, WriteOff, Reverse, Reverse]);
    })
    .await;
}

fn money(currency: &str, units: i64, nanos: i32) -> chit_api::google::r#type::Money {
    chit_api::google::r#type::Money { currency_code: currency.into(), units, nanos }
}
