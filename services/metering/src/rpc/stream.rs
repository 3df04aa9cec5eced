//! Batches and streams of items.

use std::sync::Arc;

use chit_api::metering::v1 as proto;
use chit_rpc::{Caller, Drain};
use chit_types::limits::STREAM_UNANSWERED;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{MeteringRpc, item_result, said_item};

/// Items of a batch, together; each is accepted or refused by itself.
pub(super) async fn batch(
    rpc: &MeteringRpc,
    caller: &Caller,
    items: Vec<proto::MeterItem>,
    deadline: Option<Instant>,
) -> Vec<proto::MeterItemResult> {
    let view = rpc.view(caller).await;
    let mut results: Vec<Option<proto::MeterItemResult>> = Vec::with_capacity(items.len());
    let (mut said, mut places) = (Vec::new(), Vec::new());
    for (index, item) in items.into_iter().enumerate() {
        // An early answer saves nothing where all are waited for; what it implies of credits still holds.
        match said_item(rpc, caller, item) {
            Ok((item, _)) => {
                said.push(item);
                places.push(index);
                results.push(None);
            }
            Err(status) => results.push(Some(item_result(Err(status)))),
        }
    }
    let submitted = rpc.desk.submit_many(said, deadline).await;
    for (index, outcome) in places.into_iter().zip(submitted) {
        results[index] = Some(item_result(view.receipt(outcome)));
    }
    results.into_iter().flatten().collect()
}

/// A stream of items: reads while fewer than 1,024 are unanswered, answers as they end.
pub(super) fn open(
    rpc: MeteringRpc,
    caller: Caller,
    drain: Drain,
    mut items: Streaming<proto::StreamMeterEventsRequest>,
) -> ReceiverStream<Result<proto::StreamMeterEventsResponse, Status>> {
    // A place in the channel for every unanswered item: answering never waits.
    let (answers, stream) = mpsc::channel(STREAM_UNANSWERED + 1);
    let places = Arc::new(Semaphore::new(STREAM_UNANSWERED));
    tokio::spawn(async move {
        let view = Arc::new(rpc.view(&caller).await);
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let next = tokio::select! {
                () = drain.begun() => break,
                () = answers.closed() => return,
                next = items.message() => next,
            };
            let message = match next {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(status) => {
                    tracing::debug!("a stream of events broke off: {status}");
                    break;
                }
            };
            let sequence = message.sequence;
            let (answers, view) = (answers.clone(), Arc::clone(&view));
            let answer = move |result| {
                let result = Some(item_result(result));
                // The client may have gone; what was stored stays.
                let _gone = answers.try_send(Ok(proto::StreamMeterEventsResponse { sequence, result }));
                drop(place);
            };
            match said_item(&rpc, &caller, message.item.unwrap_or_default()) {
                Ok((item, is_early)) => {
                    let reply = move |outcome| answer(view.receipt(outcome));
                    rpc.desk.submit_when_room(item, is_early, reply).await;
                }
                Err(status) => answer(Err(status)),
            }
        }
    });
    ReceiverStream::new(stream)
}
