//! Another tenant's ids name nothing, on every rpc.

use chit_api::types::v1::ErrorReason;
use chit_api::wallet::v1::*;
use chit_rpc::Refused;
use chit_types::Origin;
use tonic::{Code, Status};

use crate::rpc_support::*;

#[tokio::test]
async fn another_tenants_ids_are_not_found_on_every_rpc() {
    on_both("rpc_tenants", async |server| {
        let mut acme = server.client.clone();
        let made = ok(acme.grant(grant("100", "g")).await).grant.unwrap().grant_id;
        let hold = ok(acme.reserve(reserve("10", "h")).await).hold.unwrap().hold_id;
        acme.deduct(deduct("5", "d")).await.unwrap();
        let before = ok(acme.get_wallet(get()).await);

        // With no wallet of that name, and with one of the very same customer id.
        let mut globex = server.client_as("globex", Origin::Client);
        for _ in 0..2 {
            ids_name_nothing(&mut globex, &made, &hold).await;
            globex.grant(grant("1", "own")).await.unwrap();
        }
        // The same tenant's other customer is a stranger too.
        let other = |mut sent: ReleaseRequest| {
            sent.customer_id = "other".into();
            sent
        };
        not_found(acme.release(other(release(&hold, "r"))).await, ErrorReason::HoldNotFound);
        assert_eq!(ok(acme.get_wallet(get()).await), before);
    })
    .await;
}

async fn ids_name_nothing(client: &mut Client, made: &str, hold: &str) {
    let extend = ExtendHoldRequest {
        customer_id: "user".into(),
        hold_id: hold.into(),
        amount: credits("1"),
        idempotency_key: "e".into(),
        ..Default::default()
    };
    let renew = RenewGrantRequest {
        customer_id: "user".into(),
        grant_id: made.into(),
        amount: credits("1"),
        idempotency_key: "n".into(),
        period_end: instant("2027-01-01T00:00:00Z"),
        ..Default::default()
    };
    let revoke = RevokeGrantRequest {
        customer_id: "user".into(),
        grant_id: made.into(),
        idempotency_key: "r".into(),
        ..Default::default()
    };
    not_found(client.extend_hold(extend).await, ErrorReason::HoldNotFound);
    not_found(client.commit(commit(hold, "1", "c")).await, ErrorReason::HoldNotFound);
    not_found(client.release(release(hold, "r")).await, ErrorReason::HoldNotFound);
    not_found(client.renew_grant(renew).await, ErrorReason::GrantNotFound);
    not_found(client.revoke_grant(revoke).await, ErrorReason::GrantNotFound);
    not_found(client.reverse(reverse(3, None, "v")).await, ErrorReason::TransactionNotFound);
}

#[tokio::test]
async fn another_tenants_customers_are_not_found_on_every_read() {
    on_both("rpc_tenants_reads", async |server| {
        let mut acme = server.client.clone();
        acme.grant(grant("100", "g")).await.unwrap();
        let mut globex = server.client_as("globex", Origin::Client);
        let customer_id = "user".to_string();
        let missing = ErrorReason::WalletNotFound;
        not_found(globex.get_wallet(get()).await, missing);
        let update = UpdateWalletRequest {
            customer_id: customer_id.clone(),
            frozen: Some(true),
            ..Default::default()
        };
        not_found(globex.update_wallet(update).await, missing);
        let grants = ListGrantsRequest { customer_id: customer_id.clone(), ..Default::default() };
        not_found(globex.list_grants(grants).await, missing);
        let holds = ListHoldsRequest { customer_id: customer_id.clone(), ..Default::default() };
        not_found(globex.list_holds(holds).await, missing);
        let transactions = ListTransactionsRequest { customer_id: customer_id.clone(), ..Default::default() };
        not_found(globex.list_transactions(transactions).await, missing);
        let statement = GetStatementRequest { customer_id: customer_id.clone(), ..Default::default() };
        not_found(globex.get_statement(statement).await, missing);
        let explain = ExplainTransactionRequest { customer_id, transaction: 1, ..Default::default() };
        not_found(globex.explain_transaction(explain).await, ErrorReason::TransactionNotFound);
        streams_and_settings(&mut globex).await;
    })
    .await;
}

async fn streams_and_settings(globex: &mut Client) {
    let watch = WatchBalanceRequest { customer_id: "user".into(), ..Default::default() };
    not_found(globex.watch_balance(watch).await, ErrorReason::WalletNotFound);
    let verify = VerifyLedgerRequest { customer_id: "user".into(), ..Default::default() };
    let verdict = match globex.verify_ledger(verify).await {
        Ok(stream) => stream.into_inner().message().await,
        Err(status) => Err(status),
    };
    not_found(verdict, ErrorReason::WalletNotFound);
    let wallets = ok(globex.list_wallets(ListWalletsRequest::default()).await);
    assert_eq!(wallets, ListWalletsResponse::default());
    let settings = ok(globex.get_settings(GetSettingsRequest {}).await);
    assert_eq!(settings.settings.unwrap().version, 0);
}

#[track_caller]
fn not_found<T>(answer: Result<T, Status>, reason: ErrorReason) {
    let refused = Refused::of(&answer.err().expect("the call is refused"));
    assert_eq!((refused.code, refused.reason), (Code::NotFound, reason), "{refused:?}");
}
