//! Driving the actions through the public API as a product's SDK would: authorizations side by side over a bounded
//! number of calls, events over one stream with many unanswered items, and batches. Whatever is lost on the way is
//! sent again with the same ids.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use chit_api::metering::v1::{BatchMeterEventsRequest, StreamMeterEventsRequest, StreamMeterEventsResponse};
use chit_rpc::Refused;
use chit_types::{Credits, Timestamp};
use futures_util::{TryStreamExt, stream};
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::client::{Metering, Server};
use crate::replay::args::Speed;
use crate::replay::assign::{Action, Path};
use crate::replay::calls::{self, Done, Verdict};
use crate::replay::patience::Patience;

/// Unary calls under way on each connection for them.
const CALLS: usize = 128;
/// Connections for unary calls.
const CALL_CONNECTIONS: usize = 2;
/// Items of the stream that are not answered yet; the server reads no further at 1,024.
const WINDOW: usize = 1_000;
/// Events of a batch.
const BATCH: usize = 100;
/// Batches under way.
const BATCHES: usize = 4;
/// A stream on which nothing is answered for this long is given up, and what it owes is sent again.
const SILENCE: Duration = Duration::from_secs(30);

/// What the answers came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Charged, now or before.
    pub settled: u64,
    /// Of those, before.
    pub replayed: u64,
    /// Charged with this run's answers.
    pub credits_now: Credits,
    /// Refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

/// A replay under way.
pub struct Drive {
    /// The server.
    pub server: Server,
    /// What to send.
    pub actions: Vec<Action>,
    /// The customers' ids by index.
    pub customers: Vec<String>,
    /// When the first action happened, in this replay.
    pub base: Timestamp,
    /// How fast; as fast as possible without.
    pub speed: Option<Speed>,
    /// Hope.
    pub patience: Patience,
    /// Shows how far we are.
    pub progress: ProgressBar,
    /// When driving began.
    pub started: Instant,
    /// The answers so far.
    pub tally: Mutex<Tally>,
}

impl Drive {
    /// Sends everything and waits for every answer.
    pub async fn run(self: &Arc<Self>) -> anyhow::Result<Tally> {
        let (mut asked, mut streamed, mut batched) = (Vec::new(), VecDeque::new(), Vec::new());
        for (index, action) in self.actions.iter().enumerate() {
            match action.path {
                Path::Authorize { .. } => asked.push(index),
                Path::Stream => streamed.push_back(index),
                Path::Batch => batched.push(index),
            }
        }
        let mut lanes = JoinSet::new();
        for lane in 0..CALL_CONNECTIONS {
            let indexes: Vec<_> = asked.iter().copied().skip(lane).step_by(CALL_CONNECTIONS).collect();
            lanes.spawn(self.clone().ask(indexes));
        }
        lanes.spawn(self.clone().stream_all(streamed));
        lanes.spawn(self.clone().send_batches(batched));
        while let Some(lane) = lanes.join_next().await {
            lane.context("a lane of the replay panicked")??;
        }
        Ok(self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Authorizes and settles, side by side up to a bound.
    async fn ask(self: Arc<Self>, indexes: Vec<usize>) -> anyhow::Result<()> {
        let metering = self.server.metering()?;
        let calls = indexes.into_iter().map(|index| {
            let (drive, metering) = (self.clone(), metering.clone());
            Ok(async move { drive.ask_one(metering, index).await })
        });
        stream::iter(calls).try_buffer_unordered(CALLS).try_collect::<()>().await
    }

    async fn ask_one(&self, metering: Metering, index: usize) -> anyhow::Result<()> {
        let action = &self.actions[index];
        let customer = &self.customers[action.customer];
        self.wait_for(action).await;
        let request = calls::authorize(action, customer);
        let authorized =
            self.patience.insist(|| async { metering.clone().authorize(request.clone()).await }).await;
        if let Err(status) = authorized {
            return self.refused(&status);
        }
        let Path::Authorize { parts } = action.path else {
            return Ok(());
        };
        let mut done = None;
        for part in 1..=parts {
            let request = calls::settle(action, customer, part, parts);
            match self.patience.insist(|| async { metering.clone().settle(request.clone()).await }).await {
                Ok(answer) => done = answer.into_inner().receipt.map(|receipt| calls::settled(&receipt)),
                Err(status) => return self.refused(&status),
            }
        }
        done.map(|done| self.note(done)).ok_or_else(|| anyhow!("a settlement was answered without a receipt"))
    }

    fn refused(&self, status: &Status) -> anyhow::Result<()> {
        match calls::refusal(Refused::of(status)) {
            Verdict::Done(done) => {
                self.note(done);
                Ok(())
            }
            Verdict::Again(_) | Verdict::Fault(_) => Err(status.clone()).context("the replay cannot go on"),
        }
    }

    /// Streams until everything is answered, on as many streams as it takes.
    async fn stream_all(self: Arc<Self>, mut pending: VecDeque<usize>) -> anyhow::Result<()> {
        let metering = self.server.metering()?;
        let mut attempt = 0;
        while !pending.is_empty() {
            let before = pending.len();
            let mut unanswered = HashMap::new();
            let ended = self.stream_once(metering.clone(), &mut pending, &mut unanswered).await?;
            // What was under way goes first again, in the order it was sent.
            let mut again: Vec<_> = unanswered.into_values().collect();
            again.sort_unstable_by(|a, b| b.cmp(a));
            again.into_iter().for_each(|index| pending.push_front(index));
            attempt = if pending.len() < before { 0 } else { attempt + 1 };
            if !pending.is_empty() {
                let status = ended.err().unwrap_or_else(|| Status::unavailable("some items were put off"));
                self.patience.pause(status, attempt).await.context("the replay cannot go on")?;
            }
        }
        Ok(())
    }

    /// One stream: keeps the window full, notes answers, ends when nothing is left or the stream does.
    async fn stream_once(
        &self,
        mut metering: Metering,
        pending: &mut VecDeque<usize>,
        unanswered: &mut HashMap<i64, usize>,
    ) -> anyhow::Result<Result<(), Status>> {
        let (items, requests) = mpsc::channel(WINDOW);
        let mut answers = match metering.stream_meter_events(ReceiverStream::new(requests)).await {
            Ok(answers) => answers.into_inner(),
            Err(status) => return Ok(Err(status)),
        };
        let mut put_off = VecDeque::new();
        let mut sequence = 0;
        while !(pending.is_empty() && unanswered.is_empty()) {
            while unanswered.len() < WINDOW && pending.front().is_some_and(|&index| self.is_due(index)) {
                let Some(index) = pending.pop_front() else { break };
                sequence += 1;
                unanswered.insert(sequence, index);
                if items.try_send(self.item(sequence, index)).is_err() {
                    return Ok(Err(Status::unavailable("the stream is closed")));
                }
            }
            let wake = self.next_wake(pending, unanswered);
            match timeout_at(wake, answers.message()).await {
                Ok(Ok(Some(answer))) => self.answered(&answer, unanswered, &mut put_off)?,
                Ok(Ok(None)) => break,
                Ok(Err(status)) => return Ok(Err(status)),
                Err(_) if pending.front().is_some_and(|&index| self.is_due(index)) => {}
                Err(_) => return Ok(Err(Status::unavailable("the stream is silent"))),
            }
        }
        pending.append(&mut put_off);
        Ok(Ok(()))
    }

    fn item(&self, sequence: i64, index: usize) -> StreamMeterEventsRequest {
        let action = &self.actions[index];
        let item = Some(calls::event(action, &self.customers[action.customer]));
        StreamMeterEventsRequest { sequence, item }
    }

    fn answered(
        &self,
        answer: &StreamMeterEventsResponse,
        unanswered: &mut HashMap<i64, usize>,
        put_off: &mut VecDeque<usize>,
    ) -> anyhow::Result<()> {
        let Some(index) = unanswered.remove(&answer.sequence) else {
            return Ok(());
        };
        match calls::verdict(&answer.result.clone().unwrap_or_default()) {
            Verdict::Done(done) => self.note(done),
            Verdict::Again(_) => put_off.push_back(index),
            Verdict::Fault(refused) => return Err(fault(&refused)),
        }
        Ok(())
    }

    /// Sends batches as they fill, a few at a time.
    async fn send_batches(self: Arc<Self>, indexes: Vec<usize>) -> anyhow::Result<()> {
        let metering = self.server.metering()?;
        let batches: Vec<Vec<usize>> = indexes.chunks(BATCH).map(<[usize]>::to_vec).collect();
        let calls = batches.into_iter().map(|batch| {
            let (drive, metering) = (self.clone(), metering.clone());
            Ok(async move { drive.send_batch(metering, batch).await })
        });
        stream::iter(calls).try_buffer_unordered(BATCHES).try_collect::<()>().await
    }

    async fn send_batch(&self, metering: Metering, mut batch: Vec<usize>) -> anyhow::Result<()> {
        if let Some(&last) = batch.last() {
            self.wait_for(&self.actions[last]).await;
        }
        let mut attempt = 0;
        loop {
            let items = batch.iter().map(|&index| {
                let action = &self.actions[index];
                calls::event(action, &self.customers[action.customer])
            });
            let request = BatchMeterEventsRequest { items: items.collect() };
            let call = || async { metering.clone().batch_meter_events(request.clone()).await };
            let answer = self.patience.insist(call).await.context("the replay cannot go on")?.into_inner();
            let mut again = Vec::new();
            for (&index, result) in batch.iter().zip(&answer.results) {
                match calls::verdict(result) {
                    Verdict::Done(done) => self.note(done),
                    Verdict::Again(_) => again.push(index),
                    Verdict::Fault(refused) => return Err(fault(&refused)),
                }
            }
            if again.is_empty() {
                return Ok(());
            }
            attempt = if again.len() < batch.len() { 0 } else { attempt + 1 };
            let status = Status::unavailable("some items were put off");
            self.patience.pause(status, attempt).await.context("the replay cannot go on")?;
            batch = again;
        }
    }

    fn note(&self, done: Done) {
        self.patience.success();
        self.progress.inc(1);
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(done);
    }

    fn due(&self, action: &Action) -> Instant {
        let Some(Speed(thousandths)) = self.speed else {
            return self.started;
        };
        let offset = action.occurred_at.since(self.base).as_micros() * 1_000 / u128::from(thousandths);
        self.started + Duration::from_micros(u64::try_from(offset).unwrap_or(u64::MAX))
    }

    fn is_due(&self, index: usize) -> bool {
        self.speed.is_none() || self.due(&self.actions[index]) <= Instant::now()
    }

    async fn wait_for(&self, action: &Action) {
        if self.speed.is_some() {
            sleep_until(self.due(action)).await;
        }
    }

    /// When to look up without an answer: the next action is due, or the stream has been silent for too long.
    fn next_wake(&self, pending: &VecDeque<usize>, unanswered: &HashMap<i64, usize>) -> Instant {
        let silent = Instant::now() + SILENCE;
        match pending.front() {
            Some(&index) if unanswered.len() < WINDOW => {
                let due = self.due(&self.actions[index]);
                if unanswered.is_empty() { due } else { due.min(silent) }
            }
            _ => silent,
        }
    }
}

impl Tally {
    fn add(&mut self, done: Done) {
        match done {
            Done::Settled { credits, replayed } => {
                self.settled += 1;
                if replayed {
                    self.replayed += 1;
                } else {
                    self.credits_now += credits;
                }
            }
            Done::Refused { reason } => *self.refused.entry(reason).or_default() += 1,
        }
    }

    /// All that were refused.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }
}

fn fault(refused: &Refused) -> anyhow::Error {
    let message = format!("{}: {} {:?}", refused.reason_word(), refused.message, refused.facts);
    anyhow::Error::from(Status::new(refused.code, message)).context("the replay cannot go on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_tells_new_from_old_and_refusals_by_reason() {
        let mut tally = Tally::default();
        let settled = |replayed| Done::Settled { credits: Credits::whole(4), replayed };
        tally.add(settled(false));
        tally.add(settled(true));
        tally.add(Done::Refused { reason: "NO_PRICE" });
        tally.add(Done::Refused { reason: "NO_PRICE" });
        assert_eq!((tally.settled, tally.replayed, tally.refused_total()), (2, 1, 2));
        assert_eq!((tally.credits_now, tally.refused["NO_PRICE"]), (Credits::whole(4), 2));
    }
}
