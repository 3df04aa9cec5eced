//! Operations as they arrive: read while there is room, answered in the order they came.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use chit_api::wallet::v1 as proto;
use chit_api::wallet::v1::operation_result::Result as Answer;
use chit_rpc::{Caller, Drain, status_to_proto};
use chit_types::limits;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::oneshot;
use tonic::{Status, Streaming};

use super::desk::{Edge, Prepared};
use crate::domain::Settings;
use crate::engine::Fault;

type Item = Result<proto::ApplyResponse, Status>;
type Pending = Pin<Box<dyn Future<Output = Item> + Send>>;

/// One call of `Apply`. It is driven by whoever reads its answers and has no task of its own: a client that does not
/// read them is not read from either.
pub struct Applying {
    /// The engine.
    pub edge: Arc<Edge>,
    /// Who calls.
    pub caller: Caller,
    /// The tenant's settings when the stream began; its reporting currency does not change under a stream.
    pub settings: Arc<Settings>,
    /// What the client sends.
    pub operations: Streaming<proto::ApplyRequest>,
    /// Tells that the server stops.
    pub drain: Drain,
}

impl Applying {
    /// The answers. At most 1,024 operations are unanswered; beyond that nothing is read. When the server drains,
    /// what was read is answered and the stream ends.
    pub fn answers(self) -> impl Stream<Item = Item> + Send + 'static {
        stream::unfold(Some(self), |applying| async move {
            let mut applying = applying?;
            let pending = applying.next().await?;
            Some(pending.map_or_else(
                |status| -> (Pending, _) { (Box::pin(ready(Err(status))), None) },
                |pending| (pending, Some(applying)),
            ))
        })
        .buffered(limits::STREAM_UNANSWERED)
    }

    /// Reads and submits the next operation. `None` when there is none any more, an error when the client broke off.
    async fn next(&mut self) -> Option<Result<Pending, Status>> {
        let request = tokio::select! {
            biased;
            () = self.drain.begun() => return None,
            read = self.operations.message() => match read {
                Ok(request) => request?,
                Err(status) => return Some(Err(status)),
            },
        };
        let sequence = request.sequence;
        let prepared = self.edge.prepare(&self.caller, &self.settings, request.operation);
        Some(Ok(match prepared {
            Ok(prepared) => self.submit(sequence, prepared).await,
            Err(status) => Box::pin(ready(Ok(answered(sequence, Err(status))))),
        }))
    }

    /// Waits for a place in the queue rather than be refused one.
    async fn submit(&self, sequence: i64, prepared: Prepared) -> Pending {
        let Prepared { asked, tell } = prepared;
        let (wallet, command, ticket) = asked.submit_as(&self.caller.tenant);
        let (reply, answer) = oneshot::channel();
        let reply = |done| drop(reply.send(done));
        self.edge.desk.submit_when_room(wallet, command, None, reply).await;
        let edge = Arc::clone(&self.edge);
        Box::pin(async move {
            let done = answer.await.unwrap_or_else(|_| Err(Fault::Unavailable("the lane stopped".into())));
            Ok(answered(sequence, edge.tell(&ticket, done, tell).await))
        })
    }
}

fn answered(sequence: i64, answer: Result<Answer, Status>) -> proto::ApplyResponse {
    proto::ApplyResponse { sequence, result: Some(result_to_proto(answer)) }
}

/// An operation's answer, or how it failed.
pub fn result_to_proto(answer: Result<Answer, Status>) -> proto::OperationResult {
    let result = answer.unwrap_or_else(|status| Answer::Error(status_to_proto(&status)));
    proto::OperationResult { result: Some(result) }
}
