//! Following what is recorded: polled from the feed, which every pod writes with its facts.

use std::collections::HashMap;
use std::time::Duration;

use chit_api::metering::v1 as proto;
use chit_api::types::v1::ErrorReason;
use chit_rpc::{Caller, Drain, Violations, refuse, timestamp_to_proto};
use chit_store::StoreError;
use chit_types::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::MeteringRpc;
use super::status::of_store;
use crate::domain::fact::Fact;
use crate::domain::names::Place;
use crate::reading::{FactRef, FeedRow};

/// How often the feed is looked at.
const POLL: Duration = Duration::from_millis(250);
/// A batch writes its row some time before it commits; anything older is certainly there. A follower looks back
/// this far and leaves out what it has sent.
const LOOK_BACK: Duration = Duration::from_secs(60);
/// How long the feed is kept.
pub const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Batches read at a time.
const ROWS: usize = 1_000;
/// Answers waiting for a slow reader.
const WAITING: usize = 16;

struct Follower {
    rpc: MeteringRpc,
    caller: Caller,
    customer_id: String,
    event_type: String,
    position: Timestamp,
    /// Batches sent already, by shard and id, with their time.
    sent: HashMap<(u16, [u8; 16]), Timestamp>,
}

pub(super) async fn open(
    rpc: MeteringRpc,
    caller: Caller,
    drain: Drain,
    message: proto::TailEventsRequest,
) -> Result<ReceiverStream<Result<proto::TailEventsResponse, Status>>, Status> {
    let mut v = Violations::new();
    v.optional_key("customer_id", &message.customer_id);
    v.optional_key("event_type", &message.event_type);
    let now = rpc.desk.tools().clock.now();
    let position = match <[u8; 8]>::try_from(&message.cursor[..]) {
        Ok(bytes) => Timestamp::from_micros(i64::from_be_bytes(bytes)),
        Err(_) => {
            if !message.cursor.is_empty() {
                v.field("cursor", "is not a cursor of this stream");
            }
            now
        }
    };
    v.finish()?;
    if position < now - KEPT {
        let refused = refuse(ErrorReason::CursorExpired, "the cursor is older than the feed is kept");
        return Err(refused.fact("oldest", now - KEPT).status());
    }
    let mut follower = Follower {
        rpc,
        caller,
        customer_id: message.customer_id,
        event_type: message.event_type,
        position,
        sent: HashMap::new(),
    };
    if message.cursor.is_empty() {
        // From now on: what was recorded before is known and not sent.
        for row in follower.rows().await.map_err(|fault| of_store(&fault))? {
            follower.sent.insert((row.shard, row.batch), row.at);
        }
    }
    let (answers, stream) = mpsc::channel(WAITING);
    tokio::spawn(follower.run(drain, answers));
    Ok(ReceiverStream::new(stream))
}

impl Follower {
    async fn run(mut self, drain: Drain, answers: mpsc::Sender<Result<proto::TailEventsResponse, Status>>) {
        loop {
            let next = self.next().await.map_err(|fault| of_store(&fault));
            let is_fault = next.is_err();
            let next = next.transpose();
            let has_more = next.is_some();
            if let Some(answer) = next
                && (answers.send(answer).await.is_err() || is_fault)
            {
                return;
            }
            let pause = if has_more { Duration::ZERO } else { POLL };
            tokio::select! {
                () = drain.begun() => return,
                () = answers.closed() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn rows(&self) -> Result<Vec<FeedRow>, StoreError> {
        let from = self.position - LOOK_BACK;
        let (tenant, shards) = (&self.caller.tenant, self.rpc.shards.get());
        self.rpc.reading.feed(tenant, shards, from, ROWS + self.sent.len()).await
    }

    async fn next(&mut self) -> Result<Option<proto::TailEventsResponse>, StoreError> {
        let rows = self.rows().await?;
        let fresh: Vec<&FeedRow> =
            rows.iter().filter(|row| !self.sent.contains_key(&(row.shard, row.batch))).collect();
        if fresh.is_empty() {
            return Ok(None);
        }
        let entries: Vec<&(FactRef, i32)> = fresh.iter().flat_map(|row| &row.facts).collect();
        let mut events: Vec<FactRef> = entries.iter().map(|(event, _)| *event).collect();
        events.sort_unstable_by_key(|event| (event.place, event.occurred_at));
        events.dedup();
        let found = self.rpc.reading.facts(&events).await?;
        let by_name: HashMap<(Place, i32), &Fact> =
            found.iter().map(|fact| ((fact.place, fact.ordinal), fact)).collect();
        // In the order of the batches, and in each as it was recorded.
        let facts: Vec<&Fact> = entries
            .iter()
            .filter_map(|(event, ordinal)| by_name.get(&(event.place, *ordinal)).copied())
            .filter(|fact| self.customer_id.is_empty() || fact.customer_id == self.customer_id)
            .filter(|fact| self.event_type.is_empty() || fact.event_type == self.event_type)
            .collect();
        for row in fresh {
            self.position = self.position.max(row.at);
            self.sent.insert((row.shard, row.batch), row.at);
        }
        let oldest = self.position - LOOK_BACK;
        self.sent.retain(|_, at| *at >= oldest);
        let view = self.rpc.view(&self.caller).await;
        Ok(Some(proto::TailEventsResponse {
            facts: facts.into_iter().map(|fact| tailed(fact, view.fact(fact))).collect(),
            cursor: self.position.micros().to_be_bytes().to_vec().into(),
        }))
    }
}

fn tailed(fact: &Fact, recorded: proto::EventFact) -> proto::TailedFact {
    proto::TailedFact {
        customer_id: fact.customer_id.clone(),
        event_id: fact.event_id.clone(),
        event_type: fact.event_type.clone(),
        unit: fact.unit.clone(),
        occurred_at: Some(timestamp_to_proto(fact.occurred_at)),
        fact: Some(recorded),
    }
}
