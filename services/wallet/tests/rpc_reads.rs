//! Wallets, lists, history, explanations and settings as they are read.

use chit_api::google::r#type::Money;
use chit_api::types::v1::TransactionKind;
use chit_api::wallet::v1::*;
use std::time::Duration;

use crate::rpc_support::*;

#[tokio::test]
async fn a_wallet_is_made_once_and_changed_by_version() {
    on_both("rpc_wallet", async |server| {
        let mut client = server.client.clone();
        let sent = CreateWalletRequest {
            customer_id: "user".into(),
            overdraft_limit: credits("5"),
            test: true,
            ..Default::default()
        };
        let made = ok(client.create_wallet(sent.clone()).await);
        assert!(made.created);
        let wallet = made.wallet.unwrap();
        assert_eq!((wallet.head, wallet.test, wallet.unit.as_str()), (0, true, "credits"));
        assert_eq!(wallet.hash.len(), 32);
        let again = ok(client.create_wallet(sent).await);
        assert_eq!((again.created, again.wallet), (false, Some(wallet.clone())));

        // The overdraft may be spent: 5 are owed, and none is debt.
        let answer = ok(client.deduct(deduct("5", "d")).await);
        assert_eq!(balances(&answer.outcome), "0 / 0 / 5");
        let change = UpdateWalletRequest {
            customer_id: "user".into(),
            version: wallet.version,
            overdraft_limit: credits("2"),
            frozen: Some(true),
            thresholds: Some(Thresholds { levels: vec![credits("10").unwrap(), credits("-1").unwrap()] }),
            ..Default::default()
        };
        let changed = ok(client.update_wallet(change).await).wallet.unwrap();
        assert_eq!(changed.version, wallet.version + 1);
        assert_eq!(changed.frozen_since, instant(START));
        assert_eq!(changed.thresholds.unwrap().levels, [credits("-1").unwrap(), credits("10").unwrap()]);
        let balance = changed.balance.unwrap();
        assert_eq!((shown(&balance.owed), shown(&balance.debt)), ("5".into(), "3".into()));
        let thaw =
            UpdateWalletRequest { customer_id: "user".into(), frozen: Some(false), ..Default::default() };
        let changed = ok(client.update_wallet(thaw).await).wallet.unwrap();
        assert_eq!((changed.frozen_since, shown(&changed.overdraft_limit)), (None, "2".into()));
    })
    .await;
}

#[tokio::test]
async fn a_wallet_is_read_as_of_a_past_time() {
    on_both("rpc_as_of", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("10", "g")).await.unwrap();
        server.clock.advance(Duration::from_secs(60));
        client.reserve(reserve("4", "h")).await.unwrap();
        server.clock.advance(Duration::from_secs(60));
        client.deduct(deduct("5", "d")).await.unwrap();
        for (at, expect) in [
            ("2026-11-21T10:00:30Z", ("10", "0")),
            ("2026-11-21T10:01:30Z", ("6", "4")),
            ("2026-11-21T10:02:00Z", ("1", "4")),
        ] {
            let mut asked = get();
            asked.as_of = instant(at);
            let balance = ok(client.get_wallet(asked).await).wallet.unwrap().balance.unwrap();
            assert_eq!(
                (shown(&balance.available), shown(&balance.held)),
                (expect.0.into(), expect.1.into()),
                "{at}"
            );
        }
        let mut asked = get();
        asked.as_of = instant("2030-01-01T00:00:00Z");
        violates(client.get_wallet(asked).await, &["as_of"]);
    })
    .await;
}

#[tokio::test]
async fn lists_go_on_where_their_page_ended() {
    on_both("rpc_lists", async |server| {
        let mut client = server.client.clone();
        for n in 0..7 {
            let mut sent = grant(&format!("{}", n + 1), &format!("g{n}"));
            sent.priority = Some(10 - n);
            sent.details = Some(OperationDetails { reference: format!("order {n}"), ..Default::default() });
            client.grant(sent).await.unwrap();
            client.reserve(reserve("0", &format!("h{n}"))).await.unwrap();
            let mut other = grant("1", "g");
            other.customer_id = format!("user-{n}");
            client.grant(other).await.unwrap();
        }
        // Spends 7 and 6 (the lowest priority numbers): those two are closed.
        client.deduct(deduct("13", "d")).await.unwrap();
        grants_in_pages(&mut client).await;
        holds_and_wallets_in_pages(&mut client).await;
        transactions_in_pages(&mut client).await;
    })
    .await;
}

async fn grants_in_pages(client: &mut Client) {
    let grants = every_page(async |page_token| {
        let asked =
            ListGrantsRequest { customer_id: "user".into(), page_size: 2, page_token, ..Default::default() };
        let page = ok(client.list_grants(asked).await);
        assert!(page.grants.len() <= 2);
        (page.grants, page.next_page_token)
    });
    let grants = grants.await;
    let amounts: Vec<_> = grants.iter().map(|grant| shown(&grant.amount)).collect();
    assert_eq!(amounts[..5], ["5", "4", "3", "2", "1"]);
    assert_eq!(amounts.len(), 7);
    assert_eq!(grants[0].reference, "order 4");
    assert_eq!(grants[6].state(), GrantState::Spent);
}

async fn holds_and_wallets_in_pages(client: &mut Client) {
    let holds = every_page(async |page_token| {
        let asked =
            ListHoldsRequest { customer_id: "user".into(), page_size: 3, page_token, ..Default::default() };
        let page = ok(client.list_holds(asked).await);
        (page.holds, page.next_page_token)
    });
    let mut holds: Vec<_> = holds.await.into_iter().map(|hold| hold.hold_id).collect();
    holds.dedup();
    assert_eq!(holds.len(), 7);

    let wallets = every_page(async |page_token| {
        let asked = ListWalletsRequest { page_size: 3, page_token };
        let page = ok(client.list_wallets(asked).await);
        (page.wallets, page.next_page_token)
    });
    let mut customers: Vec<_> = wallets.await.into_iter().map(|wallet| wallet.customer_id).collect();
    customers.sort();
    customers.dedup();
    assert_eq!(customers.len(), 8);
}

async fn transactions_in_pages(client: &mut Client) {
    let transactions = every_page(async |page_token| {
        let asked = ListTransactionsRequest {
            customer_id: "user".into(),
            after: 2,
            page_size: 4,
            page_token,
            ..Default::default()
        };
        let page = ok(client.list_transactions(asked).await);
        (page.transactions, page.next_page_token)
    });
    let numbers: Vec<i64> = transactions.await.iter().map(|transaction| transaction.seq).collect();
    assert_eq!(numbers, (3..=15).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_statement_is_newest_first_and_leaves_holds_out() {
    on_both("rpc_statement", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("10", "g")).await.unwrap();
        let hold = ok(client.reserve(reserve("4", "h")).await).hold.unwrap().hold_id;
        server.clock.advance(Duration::from_secs(60));
        client.commit(commit(&hold, "3", "c")).await.unwrap();
        let mut spend = deduct("2", "d");
        spend.details = Some(OperationDetails {
            event_type: "chat.reply".into(),
            reference: "message 5".into(),
            ..Default::default()
        });
        client.deduct(spend).await.unwrap();
        let asked = GetStatementRequest { customer_id: "user".into(), ..Default::default() };
        let page = ok(client.get_statement(asked.clone()).await);
        let lines: Vec<_> = page
            .lines
            .iter()
            .map(|line| (line.transaction, line.kind(), shown(&line.change), shown(&line.balance)))
            .collect();
        let expect = [
            (4, TransactionKind::Deduct, "-2".to_string(), "5".to_string()),
            (3, TransactionKind::Commit, "-3".to_string(), "7".to_string()),
            (1, TransactionKind::Grant, "10".to_string(), "10".to_string()),
        ];
        assert_eq!(lines, expect);
        assert_eq!(page.lines[0].reference, "message 5");
        assert_eq!(page.next_page_token, "");

        spans_and_pages(&mut client, asked).await;
    })
    .await;
}

async fn spans_and_pages(client: &mut Client, asked: GetStatementRequest) {
    let later = GetStatementRequest { from: instant("2026-11-21T10:01:00Z"), page_size: 1, ..asked.clone() };
    let first = ok(client.get_statement(later.clone()).await);
    let second = GetStatementRequest { page_token: first.next_page_token.clone(), ..later };
    let second = ok(client.get_statement(second).await);
    assert_eq!((first.lines[0].transaction, second.lines[0].transaction), (4, 3));
    let backwards = GetStatementRequest {
        from: instant("2026-11-21T10:01:00Z"),
        until: instant("2026-11-21T10:00:00Z"),
        ..asked
    };
    violates(client.get_statement(backwards).await, &["until"]);
}

#[tokio::test]
async fn an_explanation_names_who_paid_and_what_was_undone() {
    on_both("rpc_explain", async |server| {
        let mut client = server.client.clone();
        let made = ok(client.grant(grant("10", "g")).await).grant.unwrap();
        let mut spend = deduct("4", "d");
        spend.details = of_type("chat.reply");
        client.deduct(spend).await.unwrap();
        client.reverse(reverse(2, Some("1"), "r")).await.unwrap();
        let asked = |transaction| ExplainTransactionRequest {
            customer_id: "user".into(),
            transaction,
            ..Default::default()
        };
        let told = ok(client.explain_transaction(asked(2)).await);
        assert_eq!(told.transaction.as_ref().unwrap().seq, 2);
        assert_eq!(told.draws.len(), 1);
        assert_eq!((&told.draws[0].grant_id, shown(&told.draws[0].amount)), (&made.grant_id, "4".into()));
        assert_eq!((shown(&told.owed_added), shown(&told.reversed_since)), ("0".into(), "1".into()));
        assert!(told.sentence.contains('4') && told.sentence.contains("chat.reply"), "{}", told.sentence);
        let told = ok(client.explain_transaction(asked(3)).await);
        assert_eq!(shown(&told.returns[0].amount), "1");
        violates(client.explain_transaction(asked(0)).await, &["transaction"]);
    })
    .await;
}

#[tokio::test]
async fn the_ledger_verifies_by_wallet_and_by_tenant() {
    on_both("rpc_verify", async |server| {
        let mut client = server.client.clone();
        for n in 0..5 {
            let mut sent = grant("10", "g");
            sent.customer_id = format!("user-{n}");
            client.grant(sent).await.unwrap();
        }
        for (customer, expect) in [("user-1", 1), ("", 5)] {
            let asked = VerifyLedgerRequest { customer_id: customer.into(), ..Default::default() };
            let mut pages = ok(client.verify_ledger(asked).await);
            let mut verified = Vec::new();
            let mut last = VerifyLedgerResponse::default();
            while let Some(page) = pages.message().await.unwrap() {
                assert_eq!(page.findings, []);
                verified.extend(page.verified.clone());
                last = page;
            }
            assert_eq!(
                (verified.len(), last.wallets, last.transactions),
                (expect, expect as i64, expect as i64)
            );
            assert!(verified.iter().all(|wallet| wallet.head == 1 && wallet.hash.len() == 32));
        }
    })
    .await;
}

#[tokio::test]
async fn settings_are_versioned_and_declare_units() {
    on_both("rpc_settings", async |server| {
        let mut client = server.client.clone();
        let defaults = ok(client.get_settings(GetSettingsRequest {}).await).settings.unwrap();
        assert_eq!((defaults.version, defaults.reporting_currency.as_str()), (0, "USD"));
        assert_eq!((defaults.hold_ttl, defaults.hold_grace), (seconds(900), seconds(60)));
        let mut changed = defaults.clone();
        changed.units = vec![Unit { name: "tokens".into(), description: "Tokens of the old plan".into() }];
        changed.hold_ttl = seconds(60);
        let sent = UpdateSettingsRequest { settings: Some(changed.clone()) };
        let answer = ok(client.update_settings(sent).await).settings.unwrap();
        assert_eq!((answer.version, &answer.units), (1, &changed.units));
        let mut other_unit = grant("10", "g");
        other_unit.unit = "tokens".into();
        client.grant(other_unit).await.unwrap();
        client.grant(grant("10", "g")).await.unwrap();
        let hold = ok(client.reserve(reserve("1", "h")).await).hold.unwrap();
        assert_eq!(hold.expires_at, instant("2026-11-21T10:01:00Z"));

        let without = UpdateSettingsRequest { settings: Some(Settings { version: 1, ..Default::default() }) };
        violates(client.update_settings(without).await, &["settings.units"]);

        // A currency that a cost is told in stays.
        let mut bought = grant("10", "bought");
        bought.paid = Some(Money { currency_code: "USD".into(), units: 1, nanos: 0 });
        client.grant(bought).await.unwrap();
        let other_currency =
            UpdateSettingsRequest { settings: Some(Settings { reporting_currency: "EUR".into(), ..answer }) };
        let answer = client.update_settings(other_currency).await;
        violates(answer, &["settings.reporting_currency"]);
    })
    .await;
}
