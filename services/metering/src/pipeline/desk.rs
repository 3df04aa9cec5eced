//! Where items are handed in.

use std::time::Duration;

use chit_batch::{Drained, LaneConfig, LaneError, Lanes};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::item::{Early, Item, Outcome};
use super::worker::{PipelineWorker, Tools};

/// How an item ended, or why it was not begun.
pub type Submitted = Result<Outcome, LaneError>;

/// The lanes of metering. Clones share them.
#[derive(Clone)]
pub struct Desk {
    lanes: Lanes<PipelineWorker>,
    tools: Tools,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("tools", &self.tools).finish_non_exhaustive()
    }
}

impl Desk {
    /// Starts the lanes.
    #[must_use]
    pub fn start(config: LaneConfig, tools: Tools) -> Self {
        let for_lanes = tools.clone();
        let lanes = Lanes::start(config, move |_| PipelineWorker::new(for_lanes.clone()));
        Self { lanes, tools }
    }

    /// What the lanes work with.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Hands an item in and waits for what it came to.
    pub async fn submit(&self, item: Item, deadline: Option<Instant>) -> Submitted {
        self.lanes.submit(item.place.shard, item, deadline).await
    }

    /// The same, answered as soon as the event is stored.
    pub async fn submit_early(&self, mut item: Item, deadline: Option<Instant>) -> Submitted {
        let (reply, answer) = oneshot::channel();
        let early = Early::new(move |outcome| drop(reply.send(outcome)));
        item.early = Some(early.clone());
        let shard = item.place.shard;
        let (failed, failure) = oneshot::channel();
        self.lanes.submit_with(shard, item, deadline, move |ended| match ended {
            Ok(outcome) => early.answer(|| outcome),
            Err(error) => drop(failed.send(error)),
        });
        tokio::select! {
            Ok(outcome) = answer => Ok(outcome),
            Ok(error) = failure => Err(error),
            else => Err(LaneError::Draining),
        }
    }

    /// Hands many items in; answers in their order.
    pub async fn submit_many(&self, items: Vec<Item>, deadline: Option<Instant>) -> Vec<Submitted> {
        let items = items.into_iter().map(|item| (item.place.shard, item)).collect();
        self.lanes.submit_many(items, deadline).await
    }

    /// Hands an item in, waiting for a place; `reply` is called once, early for items that want it so.
    pub async fn submit_when_room(
        &self,
        mut item: Item,
        is_early: bool,
        reply: impl FnOnce(Submitted) + Send + 'static,
    ) {
        let shard = item.place.shard;
        if !is_early {
            return self.lanes.submit_when_room(shard, item, None, reply).await;
        }
        let reply = std::sync::Arc::new(std::sync::Mutex::new(Some(reply)));
        let take = move || reply.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let take_early = take.clone();
        item.early = Some(Early::new(move |outcome| {
            if let Some(reply) = take_early() {
                reply(Ok(outcome));
            }
        }));
        let ended = move |ended: Submitted| {
            if let Some(reply) = take() {
                reply(ended);
            }
        };
        self.lanes.submit_when_room(shard, item, None, ended).await;
    }

    /// Stops the intake and empties the lanes.
    pub async fn drain(&self, limit: Duration) -> Drained {
        self.lanes.drain(limit).await
    }
}
