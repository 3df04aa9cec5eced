//! The same key and content repeats what was done, word for word, with the present balances.

use chit_api::types::v1::{ErrorReason, OnInsufficient};
use chit_api::wallet::v1::*;
use chit_types::Origin;
use std::time::Duration;

use crate::rpc_support::*;

/// One of every mutation, on a wallet that has what each needs; answers as they came.
async fn one_of_each(client: &mut Client) -> Vec<String> {
    let mut answers = Vec::new();
    let mut allowance = grant("100", "k");
    allowance.period_end = instant("2026-12-01T00:00:00Z");
    allowance.details = Some(OperationDetails {
        reference: "first".into(),
        description: "a grant".into(),
        ..Default::default()
    });
    let made = ok(client.grant(allowance).await);
    let allowance = made.grant.as_ref().unwrap().grant_id.clone();
    answers.push(told(made.outcome, (made.grant.map(terms), made.repaid)));
    holds(client, &mut answers).await;
    corrections(client, &mut answers).await;
    renewal(client, allowance, &mut answers).await;
    answers
}

async fn holds(client: &mut Client, answers: &mut Vec<String>) {
    let reserved = ok(client.reserve(reserve("10", "k")).await);
    let hold = reserved.hold.unwrap().hold_id;
    answers.push(told(reserved.outcome, &hold));
    let extend = ExtendHoldRequest {
        customer_id: "user".into(),
        hold_id: hold.clone(),
        amount: credits("2"),
        idempotency_key: "k".into(),
        ..Default::default()
    };
    answers.push(told(ok(client.extend_hold(extend).await).outcome, ()));
    let done = ok(client.commit(commit(&hold, "112", "k")).await);
    let facts = (done.charged, done.committed, done.owed_added, done.forgiven, done.draws);
    answers.push(told(done.outcome, facts));
    let other = ok(client.reserve(reserve("0", "k2")).await).hold.unwrap().hold_id;
    let done = ok(client.release(release(&other, "k")).await);
    answers.push(told(done.outcome, done.released));
}

async fn corrections(client: &mut Client, answers: &mut Vec<String>) {
    let mut over = deduct("5", "k");
    over.on_insufficient = OnInsufficient::Record.into();
    let done = ok(client.deduct(over).await);
    let spent = number(&done.outcome);
    let facts = (done.deducted, done.owed_added, done.forgiven, done.draws);
    answers.push(told(done.outcome, facts));
    answers.push(told(ok(client.write_off(write_off("1", "k")).await).outcome, ()));
    let done = ok(client.reverse(reverse(spent, Some("2"), "k")).await);
    answers.push(told(done.outcome, (done.reversed, done.reversed_total, done.returns)));
    let done = ok(client.adjust(adjust("50", "k")).await);
    answers.push(told(done.outcome, done.grant.map(terms)));
}

async fn renewal(client: &mut Client, allowance: String, answers: &mut Vec<String>) {
    let renewal = RenewGrantRequest {
        customer_id: "user".into(),
        grant_id: allowance,
        amount: credits("20"),
        idempotency_key: "k".into(),
        period_end: instant("2027-01-01T00:00:00Z"),
        ..Default::default()
    };
    let done = ok(client.renew_grant(renewal).await);
    let renewed = done.grant.as_ref().unwrap().grant_id.clone();
    answers.push(told(done.outcome, (done.grant.map(terms), done.rolled, done.expired)));
    let revocation = RevokeGrantRequest {
        customer_id: "user".into(),
        grant_id: renewed,
        idempotency_key: "k".into(),
        ..Default::default()
    };
    let done = ok(client.revoke_grant(revocation).await);
    answers.push(told(done.outcome, (done.revoked, done.claimed, done.waived)));
}

/// What a repeated answer must tell again: all but what is said to be of the present.
fn told(outcome: Option<Outcome>, rest: impl std::fmt::Debug) -> String {
    let outcome = outcome.unwrap();
    format!("{} {:?} {rest:?}", outcome.transaction, outcome.hash)
}

/// What never changes of a grant.
fn terms(grant: CreditGrant) -> (String, i32, i64, String, i64) {
    (grant.grant_id, grant.source, grant.cost_basis, grant.reference, grant.opened_by)
}

#[tokio::test]
async fn a_repeated_call_tells_what_the_first_told() {
    on_both("rpc_replay", async |server| {
        let mut client = server.client.clone();
        let first = one_of_each(&mut client).await;
        let head = wallet(&mut client).await;
        server.clock.advance(Duration::from_secs(60));
        let again = one_of_each(&mut client).await;
        for (first, again) in first.iter().zip(&again) {
            assert_eq!(first, again);
        }
        assert_eq!(first.len(), again.len());
        assert_eq!(wallet(&mut client).await.head, head.head, "nothing was added");
    })
    .await;
}

#[tokio::test]
async fn a_replay_says_so_and_tells_the_present_balances_and_hold() {
    on_both("rpc_replay_present", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("10", "g")).await.unwrap();
        let first = ok(client.reserve(reserve("4", "h")).await);
        assert!(!first.outcome.unwrap().replayed);
        let hold = first.hold.unwrap();
        client.commit(commit(&hold.hold_id, "3", "c")).await.unwrap();
        let again = ok(client.reserve(reserve("4", "h")).await);
        let outcome = again.outcome.clone().unwrap();
        assert!(outcome.replayed);
        assert_eq!((outcome.transaction, balances(&again.outcome).as_str()), (2, "7 / 0 / 0"));
        let now = again.hold.unwrap();
        assert_eq!((now.hold_id, now.state), (hold.hold_id, HoldState::Closed.into()));
    })
    .await;
}

#[tokio::test]
async fn how_to_handle_a_shortage_and_free_text_are_no_content_but_amounts_are() {
    on_both("rpc_replay_content", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("10", "g")).await.unwrap();
        client.deduct(deduct("4", "k")).await.unwrap();
        let mut same = deduct("4", "k");
        same.on_insufficient = OnInsufficient::Cap.into();
        same.details = Some(OperationDetails { description: "said otherwise".into(), ..Default::default() });
        assert!(ok(client.deduct(same).await).outcome.unwrap().replayed);
        let mut other_type = deduct("4", "k");
        other_type.details = of_type("chat.reply");
        for other in [deduct("5", "k"), other_type] {
            refused(
                client.deduct(other).await,
                ErrorReason::IdempotencyKeyReused,
                &[("idempotency_key", "k"), ("transaction", "2")],
            );
        }
        // Another kind, wallet, tenant or origin has keys of its own.
        client.reserve(reserve("1", "k")).await.unwrap();
        let mut elsewhere = grant("4", "k");
        elsewhere.customer_id = "other".into();
        client.grant(elsewhere).await.unwrap();
        let metering = server.client_as("acme", Origin::Metering).deduct(deduct("4", "k")).await;
        assert!(!metering.unwrap().into_inner().outcome.unwrap().replayed);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_stores_nothing_and_the_key_is_good_again() {
    on_both("rpc_replay_refusal", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("1", "g")).await.unwrap();
        assert!(client.deduct(deduct("4", "k")).await.is_err());
        client.grant(grant("9", "g2")).await.unwrap();
        let answer = ok(client.deduct(deduct("4", "k")).await);
        assert_eq!((number(&answer.outcome), balances(&answer.outcome).as_str()), (3, "6 / 0 / 0"));
    })
    .await;
}

async fn wallet(client: &mut Client) -> Wallet {
    ok(client.get_wallet(get()).await).wallet.unwrap()
}
