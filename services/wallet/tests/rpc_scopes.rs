//! What belongs to one origin is ended by no other, and a batch gives no right that its operations' rpcs do not.

use chit_api::types::v1::ErrorReason;
use chit_api::wallet::v1::*;
use chit_api::wallet::v1::{operation::Operation as Op, operation_result::Result as Answer};
use chit_rpc::Refused;
use chit_types::Origin;

use crate::rpc_support::*;

const SPEND: &str = "wallet.spend";

#[tokio::test]
async fn holds_and_transactions_belong_to_their_origin() {
    on_both("rpc_origin", async |server| {
        let mut client = server.client.clone();
        client.grant(grant("100", "g")).await.unwrap();
        let mut metering = server.client_with(Origin::Metering, &[SPEND]);
        let hold = ok(metering.reserve(reserve("10", "h")).await).hold.unwrap();
        assert_eq!(hold.origin, chit_api::types::v1::Origin::Metering as i32);
        let hold = hold.hold_id;
        metering.deduct(deduct("5", "d")).await.unwrap();

        let mut other = server.client_with(Origin::Client, &[SPEND, "wallet.admin"]);
        let extend = ExtendHoldRequest {
            customer_id: "user".into(),
            hold_id: hold.clone(),
            ttl: seconds(60),
            idempotency_key: "e".into(),
            ..Default::default()
        };
        let whose = [("origin", "metering")];
        let wrong = ErrorReason::WrongOrigin;
        refused(other.commit(commit(&hold, "6", "c")).await, wrong, &whose);
        refused(other.release(release(&hold, "r")).await, wrong, &whose);
        refused(other.extend_hold(extend).await, wrong, &whose);
        let refusal = refused(other.reverse(reverse(3, None, "v")).await, wrong, &whose);
        assert_eq!(refusal.code, tonic::Code::PermissionDenied);

        let mut operator = server.client_with(Origin::Client, &[SPEND, "wallet.admin", "wallet.override"]);
        operator.reverse(reverse(3, None, "v")).await.unwrap();
        operator.release(release(&hold, "r")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn operations_of_a_batch_need_the_scopes_of_their_rpcs() {
    on_sqlite(async |server| {
        let mut spender = server.client_with(Origin::Client, &[SPEND]);
        let op = |operation: Op| Operation { operation: Some(operation) };
        let operations = vec![
            op(Op::Grant(grant("1", "g"))),
            op(Op::Adjust(adjust("1", "a"))),
            op(Op::WriteOff(write_off("1", "w"))),
            op(Op::Reverse(reverse(1, None, "r"))),
            op(Op::Deduct(deduct("0", "d"))),
        ];
        let answer = ok(spender.batch_apply(BatchApplyRequest { operations }).await);
        let missing: Vec<_> = answer
            .results
            .iter()
            .map(|result| match &result.result {
                Some(Answer::Error(status)) => {
                    let refused = Refused::of_item(status);
                    assert_eq!(refused.reason, ErrorReason::ScopeMissing);
                    refused.facts["scope"].clone()
                }
                _ => String::new(),
            })
            .collect();
        assert_eq!(missing, ["wallet.grant", "wallet.admin", "wallet.admin", "wallet.admin", ""]);
    })
    .await;
}
