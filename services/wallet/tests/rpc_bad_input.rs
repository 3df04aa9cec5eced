//! Bad input is INVALID_ARGUMENT with every violated field.

use chit_api::google::r#type::Money;
use chit_api::types::v1::{Credits, ErrorReason};
use chit_api::wallet::v1::*;
use chit_rpc::Refused;
use std::collections::BTreeMap;

use crate::rpc_support::*;

/// Amounts that no method takes.
fn bad_amounts() -> [(&'static str, Credits); 6] {
    let amount = |units, nanos| Credits { units, nanos };
    [
        ("a micro-credit beyond 1e9", amount(1_000_000_000, 1_000)),
        ("far beyond 1e9", amount(i64::MAX, 0)),
        ("finer than a micro-credit", amount(1, 999)),
        ("signs that differ", amount(1, -1_000)),
        ("nanos of a unit", amount(0, 1_000_000_000)),
        ("far below -1e9", amount(i64::MIN, 0)),
    ]
}

fn long() -> String {
    "k".repeat(129)
}

#[tokio::test]
async fn every_amount_out_of_range_precision_or_sign_is_refused_by_every_rpc() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        let hold = "hd_000000000000000000000000000000".to_string();
        for (what, amount) in bad_amounts() {
            println!("{what}");
            let bad = Some(amount);
            let mut sent = grant("1", "k");
            sent.amount = bad;
            violates(client.grant(sent).await, &["amount"]);
            let mut sent = reserve("1", "k");
            sent.amount = bad;
            violates(client.reserve(sent).await, &["amount"]);
            let mut sent = deduct("1", "k");
            sent.amount = bad;
            violates(client.deduct(sent).await, &["amount"]);
            let mut sent = adjust("1", "k");
            sent.amount = bad;
            violates(client.adjust(sent).await, &["amount"]);
            let mut sent = write_off("1", "k");
            sent.amount = bad;
            violates(client.write_off(sent).await, &["amount"]);
            let mut sent = reverse(1, None, "k");
            sent.amount = bad;
            violates(client.reverse(sent).await, &["amount"]);
            let mut sent = commit("", "1", "k");
            sent.total = bad;
            violates(client.commit(sent).await, &["hold_id", "total"]);
            let sent = ExtendHoldRequest {
                customer_id: "user".into(),
                hold_id: hold[..2].into(),
                amount: bad,
                idempotency_key: "k".into(),
                ..Default::default()
            };
            violates(client.extend_hold(sent).await, &["hold_id", "amount"]);
            let sent = CreateWalletRequest {
                customer_id: "user".into(),
                overdraft_limit: bad,
                ..Default::default()
            };
            violates(client.create_wallet(sent).await, &["overdraft_limit"]);
        }
    })
    .await;
}

#[tokio::test]
async fn signs_are_each_methods_own() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        for amount in ["0", "-1", "-0.000001"] {
            violates(client.grant(grant(amount, "k")).await, &["amount"]);
            violates(client.write_off(write_off(amount, "k")).await, &["amount"]);
            violates(client.reverse(reverse(1, Some(amount), "k")).await, &["amount"]);
        }
        violates(client.deduct(deduct("-1", "k")).await, &["amount"]);
        violates(client.reserve(reserve("-0.000001", "k")).await, &["amount"]);
        violates(client.adjust(adjust("0", "k")).await, &["amount"]);
        // The edges that are taken: zero, and exactly 1e9.
        client.grant(grant("1000000000", "most")).await.unwrap();
        client.deduct(deduct("1000000000", "most")).await.unwrap();
        client.reserve(reserve("0", "none")).await.unwrap();
        client.adjust(adjust("1000000000", "most")).await.unwrap();
        client.adjust(adjust("-1000000000", "least")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn every_violated_field_of_a_request_is_listed() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        violates(client.grant(GrantRequest::default()).await, &["customer_id", "amount", "idempotency_key"]);
        violates(
            client.reserve(ReserveRequest::default()).await,
            &["customer_id", "amount", "idempotency_key"],
        );
        violates(
            client.deduct(DeductRequest::default()).await,
            &["customer_id", "amount", "idempotency_key"],
        );
        violates(
            client.commit(CommitRequest::default()).await,
            &["customer_id", "hold_id", "total", "idempotency_key"],
        );
        violates(
            client.extend_hold(ExtendHoldRequest::default()).await,
            &["customer_id", "hold_id", "amount", "idempotency_key"],
        );
        violates(
            client.release(ReleaseRequest::default()).await,
            &["customer_id", "hold_id", "idempotency_key"],
        );
    })
    .await;
}

#[tokio::test]
async fn every_violated_field_of_grants_and_corrections_is_listed() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        violates(
            client.renew_grant(RenewGrantRequest::default()).await,
            &["customer_id", "grant_id", "amount", "period_end", "idempotency_key"],
        );
        violates(
            client.revoke_grant(RevokeGrantRequest::default()).await,
            &["customer_id", "grant_id", "idempotency_key"],
        );
        violates(
            client.adjust(AdjustRequest::default()).await,
            &["customer_id", "amount", "idempotency_key"],
        );
        violates(
            client.write_off(WriteOffRequest::default()).await,
            &["customer_id", "amount", "idempotency_key"],
        );
        violates(
            client.reverse(ReverseRequest::default()).await,
            &["customer_id", "transaction", "idempotency_key"],
        );
        violates(client.update_settings(UpdateSettingsRequest::default()).await, &["settings"]);
        violates(client.batch_apply(BatchApplyRequest::default()).await, &["operations"]);
        let many = BatchApplyRequest { operations: vec![Operation::default(); 1_001] };
        violates(client.batch_apply(many).await, &["operations"]);
    })
    .await;
}

#[tokio::test]
async fn a_grants_own_fields_are_all_checked() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        let bad = GrantRequest {
            customer_id: long(),
            unit: long(),
            amount: credits("1"),
            idempotency_key: long(),
            source: 99,
            priority: Some(1_001),
            effective_at: instant("2026-12-02T00:00:00Z"),
            expires_at: instant("2026-12-02T00:00:00Z"),
            event_types: (0..17).map(|n| format!("t{n}")).collect(),
            paid: Some(money("usd", 1)),
            paid_reporting: Some(money("EUR", 1)),
            owed_policy: -1,
            period_end: instant("2026-12-01T00:00:00Z"),
            details: Some(OperationDetails {
                event_type: long(),
                subjects: (0..9).map(|n| format!("s{n}")).collect(),
                reference: long(),
                description: "d".repeat(257),
                metadata: (0..17).map(|n| (format!("m{n}"), String::new())).collect(),
            }),
        };
        violates(
            client.grant(bad).await,
            &[
                "customer_id",
                "unit",
                "idempotency_key",
                "source",
                "priority",
                "expires_at",
                "event_types",
                "paid",
                "paid_reporting",
                "owed_policy",
                "period_end",
                "details.event_type",
                "details.subjects",
                "details.reference",
                "details.description",
                "details.metadata",
            ],
        );
    })
    .await;
}

#[tokio::test]
async fn priorities_event_types_metadata_and_spans_have_edges() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        for (priority, taken) in
            [(0, false), (1, true), (1_000, true), (1_001, false), (-1, false), (65_636, false)]
        {
            let mut sent = grant("1", &format!("p{priority}"));
            sent.priority = Some(priority);
            let answer = client.grant(sent).await;
            if taken {
                answer.unwrap();
            } else {
                violates(answer, &["priority"]);
            }
        }
        let mut sent = grant("1", "t");
        sent.event_types = vec!["a".into(), String::new(), "a".into()];
        violates(client.grant(sent).await, &["event_types[1]", "event_types[2]"]);
        let mut sent = deduct("1", "m");
        sent.details = Some(OperationDetails {
            subjects: vec!["x".into(), "x".into()],
            metadata: BTreeMap::from([("k".repeat(65), "v".into()), ("v".into(), "v".repeat(257))]),
            ..Default::default()
        });
        let wide = format!("details.metadata[{}]", "k".repeat(64));
        violates(client.deduct(sent).await, &["details.subjects[1]", &wide, "details.metadata[v]"]);
    })
    .await;
}

#[tokio::test]
async fn spans_zero_bytes_and_sources_have_edges() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        for (span, taken) in [((0, 999_999_999), false), ((1, 0), true), ((-1, 0), false), ((0, -1), false)] {
            let mut sent = reserve("0", &format!("ttl {span:?}"));
            sent.ttl = Some(prost_types::Duration { seconds: span.0, nanos: span.1 });
            let answer = client.reserve(sent).await;
            if taken {
                answer.unwrap();
            } else {
                violates(answer, &["ttl"]);
            }
        }
        let mut sent = deduct("1", "nul");
        sent.customer_id = "a\0b".into();
        violates(client.deduct(sent).await, &["customer_id"]);
        for source in
            [GrantSource::Rollover, GrantSource::Regrant, GrantSource::Transfer, GrantSource::Overage]
        {
            let mut sent = grant("1", "s");
            sent.source = source.into();
            violates(client.grant(sent).await, &["source"]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_must_be_told_in_the_reporting_currency() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        for (paid, reporting, fields) in [
            (Some(money("EUR", 5)), None, &["paid_reporting"][..]),
            (Some(money("EUR", 5)), Some(money("EUR", 5)), &["paid_reporting"]),
            (None, Some(money("USD", 5)), &["paid_reporting"]),
            (Some(money("USD", 5)), Some(money("USD", 6)), &["paid_reporting"]),
            (Some(money("USD", -5)), None, &["paid"]),
            (Some(money("EUR", 5)), Some(money("USD", -5)), &["paid_reporting"]),
            (Some(money("USD", 9_000_000_000)), None, &["paid"]),
        ] {
            let mut sent = grant("0.000001", "k");
            sent.paid = paid;
            sent.paid_reporting = reporting;
            violates(client.grant(sent).await, fields);
        }
    })
    .await;
}

#[tokio::test]
async fn settings_and_thresholds_are_checked() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        let unit = |name: &str| Unit { name: name.into(), description: String::new() };
        let bad = Settings {
            version: -1,
            units: vec![unit("credits"), unit("Tokens"), unit("ok"), unit("ok"), unit(&"x".repeat(33))],
            reporting_currency: "usd".into(),
            hold_ttl: seconds(8 * 86_400),
            hold_grace: seconds(601),
            hold_life_limit: seconds(0),
            expired_reversal: 7,
        };
        let answer = client.update_settings(UpdateSettingsRequest { settings: Some(bad) }).await;
        let refusal = Refused::of(&answer.unwrap_err());
        let found: Vec<_> = refusal.violations.iter().map(|v| v.field.as_str()).collect();
        for field in [
            "settings.version",
            "settings.units[0].name",
            "settings.units[1].name",
            "settings.units[3].name",
            "settings.units[4].name",
            "settings.reporting_currency",
            "settings.hold_ttl",
            "settings.hold_grace",
            "settings.hold_life_limit",
            "settings.expired_reversal",
        ] {
            assert!(found.contains(&field), "{field} is not among {found:?}");
        }
        let five = |levels: &[&str]| UpdateWalletRequest {
            customer_id: "user".into(),
            version: -1,
            thresholds: Some(Thresholds {
                levels: levels.iter().filter_map(|level| credits(level)).collect(),
            }),
            ..Default::default()
        };
        violates(
            client.update_wallet(five(&["1", "2", "3", "4", "5"])).await,
            &["version", "thresholds.levels"],
        );
        violates(client.update_wallet(five(&["1", "-2", "1"])).await, &["version", "thresholds.levels[2]"]);
    })
    .await;
}

#[tokio::test]
async fn pages_have_sizes() {
    on_sqlite(async |server| {
        let mut client = server.client.clone();
        for size in [-1, 1_001] {
            let sent =
                ListGrantsRequest { customer_id: "user".into(), page_size: size, ..Default::default() };
            violates(client.list_grants(sent).await, &["page_size"]);
            let sent = ListWalletsRequest { page_size: size, ..Default::default() };
            violates(client.list_wallets(sent).await, &["page_size"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_token_is_of_one_list_filter_and_tenant() {
    on_both("rpc_tokens", async |server| {
        let mut client = server.client.clone();
        for n in 0..3 {
            client.grant(grant("1", &format!("g{n}"))).await.unwrap();
        }
        let grants = ListGrantsRequest { customer_id: "user".into(), page_size: 2, ..Default::default() };
        let token = ok(client.list_grants(grants.clone()).await).next_page_token;
        assert!(!token.is_empty());
        let transactions = ListTransactionsRequest {
            customer_id: "user".into(),
            page_token: token.clone(),
            ..Default::default()
        };
        refused(client.list_transactions(transactions).await, ErrorReason::PageTokenInvalid, &[]);
        for (customer, open_only, broken) in
            [("other", false, false), ("user", true, false), ("user", false, true)]
        {
            let sent = ListGrantsRequest {
                customer_id: customer.into(),
                open_only,
                page_size: 2,
                page_token: if broken { format!("{token}x") } else { token.clone() },
                ..Default::default()
            };
            refused(client.list_grants(sent).await, ErrorReason::PageTokenInvalid, &[]);
        }
        let mut other_tenant = server.client_as("globex", chit_types::Origin::Client);
        let sent = ListGrantsRequest { page_token: token, ..grants };
        refused(other_tenant.list_grants(sent).await, ErrorReason::PageTokenInvalid, &[]);
    })
    .await;
}

fn money(currency: &str, units: i64) -> Money {
    Money { currency_code: currency.into(), units, nanos: 0 }
}
