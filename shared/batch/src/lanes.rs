use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::lane::{self, Lane};
use crate::queue::{Entry, Refused};
use crate::reply::{Gather, Reply};
use crate::stats::{Counters, LaneStats};
use crate::{LaneConfig, LaneError, Pending, PendingMany, Worker};

/// `Busy` never asks a caller to come back sooner than this.
const RETRY_AFTER_LEAST: Duration = Duration::from_millis(10);
/// … nor later than this: a lane that is stuck may be free again soon.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(5);

/// A handle to running lanes. Clones share them; when the last clone goes, the lanes finish what they have and end.
pub struct Lanes<W: Worker>(Arc<Inner<W>>);

struct Inner<W: Worker> {
    lanes: Vec<Arc<Lane<W::Item, W::Answer>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Items still queued when the time was up; they were answered `Draining`.
    pub abandoned: usize,
    /// Lanes that were stopped in the middle of a batch; its callers were answered `Unavailable`.
    pub interrupted: usize,
}

impl<W: Worker> Clone for Lanes<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Worker> Lanes<W> {
    /// Starts the lanes on the current tokio runtime, each with the worker made for its index.
    #[must_use]
    pub fn start(config: LaneConfig, mut worker: impl FnMut(usize) -> W) -> Self {
        assert!(config.lanes > 0 && config.queue_items > 0 && config.batch_items > 0 && config.attempts > 0);
        let config = Arc::new(config);
        let lanes: Vec<_> =
            (0..config.lanes).map(|index| Arc::new(Lane::new(index, Arc::clone(&config)))).collect();
        let tasks =
            lanes.iter().map(|lane| tokio::spawn(lane::run(Arc::clone(lane), worker(lane.index)))).collect();
        Self(Arc::new(Inner { lanes, tasks: Mutex::new(tasks) }))
    }

    /// Queues one item now; the future is its answer. A full queue answers `Busy` at once.
    pub fn submit(&self, shard: u16, item: W::Item, deadline: Option<Instant>) -> Pending<W::Answer> {
        let (reply, answer) = Reply::one();
        self.enqueue(shard, entry::<W>(item, deadline, reply));
        Pending(answer)
    }

    /// Queues one item now and calls `reply` with its answer, on the lane's task: it must be quick and not block.
    pub fn submit_with(
        &self,
        shard: u16,
        item: W::Item,
        deadline: Option<Instant>,
        reply: impl FnOnce(Result<W::Answer, LaneError>) + Send + 'static,
    ) {
        self.enqueue(shard, entry::<W>(item, deadline, Reply::call(reply)));
    }

    /// Like [`submit_with`](Self::submit_with), but waits for a place instead of answering `Busy`: for a stream,
    /// which stops reading and drops nothing. Returns when the item is queued or refused for another reason.
    pub async fn submit_when_room(
        &self,
        shard: u16,
        item: W::Item,
        deadline: Option<Instant>,
        reply: impl FnOnce(Result<W::Answer, LaneError>) + Send + 'static,
    ) {
        let lane = self.lane_of(shard);
        let mut waiting = entry::<W>(item, deadline, Reply::call(reply));
        loop {
            // Listening begins before the look, so that a batch that leaves in between is not missed.
            let mut room = std::pin::pin!(lane.room.notified());
            room.as_mut().enable();
            match push(lane, waiting) {
                Ok(()) => return,
                Err(Refused::Closed(entry)) => return entry.refuse(LaneError::Draining),
                Err(Refused::Full(entry)) => waiting = entry,
            }
            room.await;
        }
    }

    /// Queues many items, each with its shard, waking each lane once; the answers come together, in item order.
    /// Each item is accepted or refused by itself.
    pub fn submit_many(
        &self,
        items: Vec<(u16, W::Item)>,
        deadline: Option<Instant>,
    ) -> PendingMany<W::Answer> {
        if items.is_empty() {
            return PendingMany(None);
        }
        let (gather, answers) = Gather::new(items.len());
        let mut per_lane: Vec<Vec<_>> = self.0.lanes.iter().map(|_| Vec::new()).collect();
        for (index, (shard, item)) in items.into_iter().enumerate() {
            per_lane[usize::from(shard) % self.0.lanes.len()].push(entry::<W>(
                item,
                deadline,
                Reply::slot(&gather, index),
            ));
        }
        for (lane, entries) in self.0.lanes.iter().zip(per_lane) {
            enqueue_all(lane, entries);
        }
        PendingMany(Some(answers))
    }

    /// Every lane's depth and counters, in lane order.
    #[must_use]
    pub fn stats(&self) -> Vec<LaneStats> {
        let snapshot = |lane: &Arc<Lane<_, _>>| {
            let queue = lane.queue();
            lane.counters.snapshot(queue.len(), queue.bytes())
        };
        self.0.lanes.iter().map(snapshot).collect()
    }

    /// Stops the intake (further items are answered `Draining`), works off what is queued and ends the lanes, but
    /// takes no longer than `limit`. A second call finds nothing left to do.
    pub async fn drain(&self, limit: Duration) -> Drained {
        self.0.lanes.iter().for_each(|lane| lane.close());
        let mut tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let all = futures_util::future::join_all(tasks.iter_mut());
        if tokio::time::timeout(limit, all).await.is_ok() {
            return Drained { abandoned: 0, interrupted: 0 };
        }
        let mut drained = Drained { abandoned: 0, interrupted: 0 };
        for lane in &self.0.lanes {
            let left = lane.queue().clear();
            drained.abandoned += left.len();
            left.into_iter().for_each(|entry| entry.refuse(LaneError::Draining));
        }
        for task in tasks.into_iter().filter(|task| !task.is_finished()) {
            task.abort();
            drained.interrupted += usize::from(task.await.is_err());
        }
        drained
    }

    fn lane_of(&self, shard: u16) -> &Lane<W::Item, W::Answer> {
        &self.0.lanes[usize::from(shard) % self.0.lanes.len()]
    }

    fn enqueue(&self, shard: u16, entry: Entry<W::Item, W::Answer>) {
        let lane = self.lane_of(shard);
        match push(lane, entry) {
            Ok(()) => {}
            Err(Refused::Closed(entry)) => entry.refuse(LaneError::Draining),
            Err(Refused::Full(entry)) => refuse_busy(lane, entry),
        }
    }
}

impl<W: Worker> Drop for Inner<W> {
    fn drop(&mut self) {
        self.lanes.iter().for_each(|lane| lane.close());
    }
}

fn entry<W: Worker>(
    item: W::Item,
    deadline: Option<Instant>,
    reply: Reply<W::Answer>,
) -> Entry<W::Item, W::Answer> {
    Entry { weight: W::weight(&item), group: W::group(&item), item, deadline, reply }
}

fn push<I, A>(lane: &Lane<I, A>, entry: Entry<I, A>) -> Result<(), Refused<I, A>> {
    let wake = lane.queue().push(entry, &lane.config)?;
    Counters::add(&lane.counters.accepted, 1);
    if wake {
        lane.bell.notify_one();
    }
    Ok(())
}

/// One lock and one wake-up for all of them; refusals are answered after the lock is free.
fn enqueue_all<I, A>(lane: &Lane<I, A>, entries: Vec<Entry<I, A>>) {
    let count = entries.len();
    let mut refused = Vec::new();
    let mut wake = false;
    {
        let mut queue = lane.queue();
        for entry in entries {
            match queue.push(entry, &lane.config) {
                Ok(first) => wake |= first,
                Err(back) => refused.push(back),
            }
        }
    }
    Counters::add(&lane.counters.accepted, count - refused.len());
    if wake {
        lane.bell.notify_one();
    }
    for back in refused {
        match back {
            Refused::Closed(entry) => entry.refuse(LaneError::Draining),
            Refused::Full(entry) => refuse_busy(lane, entry),
        }
    }
}

fn refuse_busy<I, A>(lane: &Lane<I, A>, entry: Entry<I, A>) {
    Counters::add(&lane.counters.busy, 1);
    // A full queue is so many batches away from empty, each about as long as the last one.
    let batches = lane.config.queue_items.div_ceil(lane.config.batch_items);
    let last = Duration::from_micros(lane.counters.last_micros.load(Ordering::Relaxed));
    let estimate = last.saturating_mul(u32::try_from(batches).unwrap_or(u32::MAX));
    entry.refuse(LaneError::Busy { retry_after: estimate.clamp(RETRY_AFTER_LEAST, RETRY_AFTER_MOST) });
}
