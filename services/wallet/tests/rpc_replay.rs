//! The same key and content repeats what was done, word for word, with the present balances.

use chit_api::types::v1::{ErrorReason, OnInsufficient};
use chit_api::wallet::v1::*;
use chit_types::Origin;
use std::time::Duration;

use crate::rpc_support::*;

/// One of every mutation, on a wallet that has what each needs; answers as they came.
async fn one_of_each(client: &mut Client, ids: &mut Ids) -> Vec<String> {
    let mut answers = Vec::new();
    let mut allowance = grant("100", "k");
    allowance.period_end = instant("2026-12-01T00:00:00Z");
    allowance.details = Some(OperationDetails {
        reference: "first".into(),
        description: "a grant".into(),
        ..Default::default()
    });
    let granted = client.grant(allowance).await.unwrap().into_inner();
    ids.grant = granted.grant.as_ref().unwrap().grant_id.clone();
    answers.push(told(
        granted.outcome.clone(),
        (granted.grant.map(terms), granted.repaid),
    ));

    let reserved = client.reserve(reserve("10", "k")).await.unwrap().into_inner();
    let hold = reserved.hold.unwrap().hold_id;
    answers.push(told(reserved.outcome, &hold));
    let extend = ExtendHoldRequest {
        customer_id: "user".into(),
        hold_id: hold.clone(),
        amount: credits("2"),
        idempotency_key: "k".into(),
        ..Default::default()
    };
    let extended = client.extend_hold(extend).await.unwrap().into_inner();
    answers.push(told(extended.outcome, ()));
    let committed = client
        .commit(commit(&hold, "112", "k"))
        .await
        .unwrap()
        .into_inner();
    answers.push(told(
        committed.outcome,
        (
            committed.charged,
            committed.committed,
            committed.owed_added,
            committed.forgiven,
            committed.draws,
        ),
    ));
    let released = client
        .reserve(reserve("0", "k2"))
        .await
        .unwrap()
        .into_inner()
        .hold
        .unwrap();
    let answer = client
        .release(release(&released.hold_id, "k"))
        .await
        .unwrap()
        .into_inner();
    answers.push(told(answer.outcome, answer.released));
    let mut over = deduct("5", "k");
    over.on_insufficient = OnInsufficient::Record.into();
    let deducted = client.deduct(over).await.unwrap().into_inner();
    ids.deduct = number(&deducted.outcome);
    answers.push(told(
        deducted.outcome,
        (
            deducted.deducted,
            deducted.owed_added,
            deducted.forgiven,
            deducted.draws,
        ),
    ));
    answers.push(told(
        client
            .write_off(write_off("1", "k"))
            .await
            .unwrap()
            .into_inner()
            .outcome,
        (),
    ));
    let reversed = client
        .reverse(reverse(ids.deduct, Some("2"), "k"))
        .await
        .unwrap()
        .into_inner();
    answers.push(told(
        reversed.outcome,
        (reversed.reversed, reversed.reversed_total, reversed.returns),
    ));
    let adjusted = client.adjust(adjust("50", "k")).await.unwrap().into_inner();
    answers.push(told(adjusted.outcome, adjusted.grant.map(terms)));
    let renewal = RenewGrantRequest {
        customer_id: "user".into(),
        grant_id: ids.grant.clone(),
        amount: credits("20"),
        idempotency_key: "k".into(),
        period_end: instant("2027-01-01T00:00:00Z"),
        ..Default::default()
    };
    let renewed = client.renew_grant(renewal).await.unwrap().into_inner();
    ids.renewed = renewed.grant.as_ref().unwrap().grant_id.clone();
    answers.push(told(
        renewed.outcome,
        (renewed.grant.map(terms), renewed.rolled, renewed.expired),
    ));
    let revocation = RevokeGrantRequest {
        customer_id: "user".into(),
        grant_id: ids.renewed.clone(),
        idempotency_key: "k".into(),
        ..Default::default()
    };
    let revoked = client.revoke_grant(revocation).await.unwrap().into_inner();
    answers.push(told(
        revoked.outcome,
        (revoked.revoked, revoked.claimed, revoked.waived),
    ));
    answers
}

#[derive(Default)]
struct Ids {
    grant: String,
    renewed: String,
    deduct: i64,
}

/// What a repeated answer must tell again: all but what is said to be of the present.
fn told(outcome: Option<Outcome>, rest: impl std::fmt::Debug) -> String {
    let outcome = outcome.unwrap();
    format!("{} {:?} {rest:?}", outcome.transaction, outcome.hash)
}

/// What never changes of a grant.
fn terms(grant: CreditGrant) -> (String, i32, i64, String, i64) {
    (
        grant.grant_id,
        grant.source,
        grant.cost_basis,
        grant.reference,
        grant.opened_by,
    )
}

#[tokio::test]
async fn a_repeated_call_tells_what_the_first_told() {
    on_both("rpc_replay", async |server| {
        let mut client = server.client.clone();
        let mut ids = Ids::default();
        let first = one_of_each(&mut client, &mut ids).await;
        let head = wallet(&mut client).await;
        server.clock.advance(Duration::from_secs(60));
        let again = one_of_each(&mut client, &mut ids).await;
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
        let first = client.reserve(reserve("4", "h")).await.unwrap().into_inner();
        assert!(!first.outcome.unwrap().replayed);
        let hold = first.hold.unwrap();
        client.commit(commit(&hold.hold_id, "3", "c")).await.unwrap();
        let again = client.reserve(reserve("4", "h")).await.unwrap().into_inner();
        let outcome = again.outcome.clone().unwrap();
        assert!(outcome.replayed);
        assert_eq!(
            (outcome.transaction, balances(&again.outcome).as_str()),
            (2, "7 / 0 / 0")
        );
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
        same.details = Some(OperationDetails {
            description: "said otherwise".into(),
            ..Default::default()
        });
        assert!(
            client
                .deduct(same)
                .await
                .unwrap()
                .into_inner()
                .outcome
                .unwrap()
                .replayed
        );
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
        let metering = server
            .client_as("acme", Origin::Metering)
            .deduct(deduct("4", "k"))
            .await;
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
        let answer = client.deduct(deduct("4", "k")).await.unwrap().into_inner();
        assert_eq!(
            (number(&answer.outcome), balances(&answer.outcome).as_str()),
            (3, "6 / 0 / 0")
        );
    })
    .await;
}

async fn wallet(client: &mut Client) -> Wallet {
    client
        .get_wallet(get())
        .await
        .unwrap()
        .into_inner()
        .wallet
        .unwrap()
}
