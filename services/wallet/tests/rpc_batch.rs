//! Batches and streams: one answer an operation, in order within a wallet, and never too many unanswered.

use chit_api::types::v1::ErrorReason;
use chit_api::wallet::v1::*;
use chit_api::wallet::v1::{operation::Operation as Op, operation_result::Result as Answer};
use chit_rpc::Refused;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::rpc_support::*;

fn op(operation: Op) -> Operation {
    Operation { operation: Some(operation) }
}

fn reason(answer: &OperationResult) -> Option<ErrorReason> {
    match &answer.result {
        Some(Answer::Error(status)) => Some(Refused::of_item(status).reason),
        _ => None,
    }
}

#[tokio::test]
async fn a_batch_answers_each_operation_by_itself_and_in_its_place() {
    on_both("rpc_batch", async |server| {
        let mut client = server.client.clone();
        let mut elsewhere = grant("7", "g");
        elsewhere.customer_id = "other".into();
        let operations = vec![
            op(Op::Grant(grant("10", "g"))),
            op(Op::Deduct(deduct("4", "d1"))),
            op(Op::Deduct(deduct("40", "d2"))),
            op(Op::Deduct(deduct("-1", "d3"))),
            Operation::default(),
            op(Op::Grant(elsewhere)),
            op(Op::Deduct(deduct("4", "d1"))),
            op(Op::Reserve(reserve("1", "h"))),
            op(Op::Adjust(adjust("2", "a"))),
            op(Op::WriteOff(write_off("1", "w"))),
            op(Op::Reverse(reverse(2, None, "r"))),
        ];
        let answer = ok(client.batch_apply(BatchApplyRequest { operations }).await);
        let reasons: Vec<_> = answer.results.iter().map(reason).collect();
        assert_eq!(
            reasons,
            [
                None,
                None,
                Some(ErrorReason::InsufficientCredits),
                Some(ErrorReason::InvalidField),
                Some(ErrorReason::InvalidField),
                None,
                None,
                None,
                None,
                Some(ErrorReason::WriteOffTooLarge),
                None,
            ]
        );
        let Some(Answer::Deduct(first)) = &answer.results[1].result else { panic!("a deduct's answer") };
        assert_eq!(balances(&first.outcome), "6 / 0 / 0");
        let Some(Answer::Deduct(again)) = &answer.results[6].result else { panic!("a deduct's answer") };
        assert!(again.outcome.as_ref().unwrap().replayed);
        assert_eq!(number(&again.outcome), number(&first.outcome));
        let Some(Answer::Reverse(last)) = &answer.results[10].result else { panic!("a reversal's answer") };
        assert_eq!(balances(&last.outcome), "11 / 1 / 0");
    })
    .await;
}

#[tokio::test]
async fn a_stream_answers_in_order_within_a_wallet() {
    on_both("rpc_stream", async |server| {
        let mut client = server.client.clone();
        let (send, receive) = mpsc::channel(64);
        let mut answers = ok(client.apply(ReceiverStream::new(receive)).await);
        let sender = tokio::spawn(async move {
            for sequence in 0..3_000_i64 {
                let customer = format!("user-{}", sequence % 7);
                let mut sent = grant("1", &format!("k{sequence}"));
                sent.customer_id = customer;
                // Bad ones keep their place too.
                if sequence % 100 == 99 {
                    sent.amount = None;
                }
                let operation = Some(op(Op::Grant(sent)));
                send.send(ApplyRequest { sequence, operation }).await.unwrap();
            }
        });
        let mut last = [-1_i64; 7];
        let mut count = 0;
        while let Some(answer) = answers.message().await.unwrap() {
            let wallet = usize::try_from(answer.sequence % 7).unwrap();
            assert!(answer.sequence > last[wallet]);
            last[wallet] = answer.sequence;
            let expect = (answer.sequence % 100 == 99).then_some(ErrorReason::InvalidField);
            assert_eq!(reason(&answer.result.unwrap()), expect);
            count += 1;
        }
        sender.await.unwrap();
        assert_eq!(count, 3_000);
        let mut asked = get();
        asked.customer_id = "user-0".into();
        let wallet = ok(client.get_wallet(asked).await).wallet.unwrap();
        // 429 of 3,000 are this customer's; 399, 1099, 1799 and 2499 are bad.
        assert_eq!(wallet.head, 425);
    })
    .await;
}

#[tokio::test]
async fn a_stream_whose_answers_nobody_reads_is_not_read_either() {
    on_both("rpc_stream_pressure", async |server| {
        let mut client = server.client.clone();
        let (send, receive) = mpsc::channel(1);
        let mut answers = ok(client.apply(ReceiverStream::new(receive)).await);
        // Nothing is read: buffers on the way fill, then the server stops taking operations.
        let mut sent = 0_i64;
        let refused_at = loop {
            let mut operation = deduct("0", &format!("k{sent}"));
            operation.details = Some(OperationDetails { description: "x".repeat(256), ..Default::default() });
            let request = ApplyRequest { sequence: sent, operation: Some(op(Op::Deduct(operation))) };
            match tokio::time::timeout(Duration::from_secs(5), send.send(request)).await {
                Ok(done) => done.unwrap(),
                Err(_elapsed) => break sent,
            }
            sent += 1;
            assert!(sent < 100_000, "the stream takes operations without end");
        };
        drop(send);
        let mut received = 0;
        while let Some(answer) = answers.message().await.unwrap() {
            assert_eq!(answer.sequence, received);
            received += 1;
        }
        assert_eq!(received, refused_at, "nothing that was taken is dropped");
    })
    .await;
}

#[tokio::test]
async fn a_stopping_server_answers_what_it_read_and_ends_the_stream() {
    on_both("rpc_stream_stop", async |server| {
        let mut client = server.client.clone();
        let (send, receive) = mpsc::channel(64);
        let mut answers = ok(client.apply(ReceiverStream::new(receive)).await);
        for sequence in 0..50 {
            let operation = Some(op(Op::Grant(grant("1", &format!("k{sequence}")))));
            send.send(ApplyRequest { sequence, operation }).await.unwrap();
        }
        let first = answers.message().await.unwrap().unwrap();
        assert_eq!(first.sequence, 0);
        server.begin_stop();
        let mut answered = 1;
        while let Some(answer) = answers.message().await.unwrap() {
            assert_eq!(reason(&answer.result.unwrap()), None);
            answered += 1;
        }
        assert!((1..=50).contains(&answered), "{answered}");
        drop(send);
    })
    .await;
}
