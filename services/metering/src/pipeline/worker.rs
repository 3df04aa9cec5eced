//! A lane's worker: one attempt takes a batch through all stages.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chit_batch::{Failure, Worker};
use chit_store::StoreError;
use chit_types::{Clock, Credits, IdSource, Timestamp};
use futures_util::{StreamExt, stream};

use super::admit::admit;
use super::decide::Task;
use super::finish::{Ending, Reserved, Sent, finish};
use super::item::{Answer, Authorized, Item, Outcome, Receipt};
use crate::clients::{Call, WalletClient};
use crate::domain::event::Content;
use crate::domain::fact::{EventState, Fact};
use crate::domain::names::Place;
use crate::domain::pending::{Pending, WalletOp, WalletOutcome};
use crate::domain::price::Costing;
use crate::domain::refusal::Refusal;
use crate::prices::Replicas;
use crate::store::Store;

/// Balances asked for at a time on repeated calls.
const BALANCES_AT_ONCE: usize = 16;
/// Rounds that an item may lose to another pod before its caller is asked to repeat.
const LOST_ROUNDS: usize = 3;
/// What an item weighs beside its content.
const ITEM_BYTES: usize = 1_024;

/// What every lane works with.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The database.
    pub store: Store,
    /// The wallet.
    pub wallet: WalletClient,
    /// The price books.
    pub replicas: Replicas,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
}

/// The worker of one lane.
#[derive(Debug)]
pub struct PipelineWorker {
    tools: Tools,
}

impl PipelineWorker {
    /// With these tools.
    #[must_use]
    pub fn new(tools: Tools) -> Self {
        Self { tools }
    }

    /// Items of different events go through all stages together. Answers none where another pod finished first.
    async fn round(&self, items: &[&Item]) -> Result<Vec<Option<Outcome>>, StoreError> {
        let now = self.tools.clock.now();
        let tasks = admit(&self.tools, items, now).await?;
        for (item, task) in items.iter().zip(&tasks) {
            if let (Some(early), Task::Send { pending, is_replayed, .. }) = (&item.early, task) {
                early.answer(|| Ok(accepted(pending, *is_replayed)));
            }
        }
        let outcomes = self.ask_wallet(&tasks).await;
        let mut answers: Vec<Option<Outcome>> = Vec::with_capacity(tasks.len());
        let (mut endings, mut places) = (Vec::new(), Vec::new());
        let mut presented = Vec::new();
        for (index, (task, outcomes)) in tasks.into_iter().zip(outcomes).enumerate() {
            answers.push(None);
            match ending(task, outcomes, now) {
                Step::Ended(ending) => {
                    endings.push(ending);
                    places.push(index);
                }
                Step::Answered(outcome) => answers[index] = Some(outcome),
                Step::Presented(answer) => presented.push((index, answer)),
            }
        }
        if !endings.is_empty() {
            // Read again: the wallet may have taken its time, and facts say when they were recorded.
            let now = self.tools.clock.now();
            for (index, answer) in places.into_iter().zip(finish(&self.tools, endings, now).await?) {
                answers[index] = answer;
            }
        }
        for (index, answer) in self.with_balances(presented).await {
            answers[index] = Some(Ok(answer));
        }
        Ok(answers)
    }

    /// All operations of a batch, asked together; the outcomes of each task.
    async fn ask_wallet(&self, tasks: &[Task]) -> Vec<Vec<WalletOutcome>> {
        let facts: Vec<Option<Fact>> = tasks.iter().map(reserve_fact).collect();
        let mut calls = Vec::new();
        let mut counts = Vec::with_capacity(tasks.len());
        for (task, fact) in tasks.iter().zip(&facts) {
            let before = calls.len();
            match task {
                Task::Send { pending, .. } => {
                    calls.extend(
                        pending.operations.iter().map(|operation| Call { fact: &pending.fact, operation }),
                    );
                }
                Task::Reserve { authorization, .. } => {
                    let call = |operation| fact.as_ref().map(|fact| Call { fact, operation });
                    calls.extend(authorization.reserve.as_ref().and_then(call));
                }
                Task::Done(_) | Task::Present(_) | Task::PresentAuthorized(_) => {}
            }
            counts.push(calls.len() - before);
        }
        let mut outcomes =
            if calls.is_empty() { Vec::new() } else { self.tools.wallet.apply(&calls).await }.into_iter();
        counts.into_iter().map(|count| outcomes.by_ref().take(count).collect()).collect()
    }

    /// Present balances for what is told again: one question a wallet.
    async fn with_balances(&self, mut presented: Vec<(usize, Answer)>) -> Vec<(usize, Answer)> {
        let mut wallets: BTreeMap<(String, String, String, String), Vec<usize>> = BTreeMap::new();
        for (number, (_, answer)) in presented.iter().enumerate() {
            if let Some(wallet) = wallet_of(answer) {
                wallets.entry(wallet).or_default().push(number);
            }
        }
        let asked = stream::iter(wallets).map(|((tenant, customer, unit, event_type), numbers)| async move {
            let balance = self.tools.wallet.balance(&tenant, &customer, &unit, &event_type).await;
            (balance, numbers)
        });
        let mut answered = asked.buffer_unordered(BALANCES_AT_ONCE);
        while let Some((balance, numbers)) = answered.next().await {
            for number in numbers {
                match &mut presented[number].1 {
                    Answer::Receipt(receipt) => receipt.balance.clone_from(&balance),
                    Answer::Authorized(authorized) => authorized.balance.clone_from(&balance),
                    Answer::Nothing => {}
                }
            }
        }
        drop(answered);
        presented
    }
}

enum Step {
    Ended(Ending),
    Answered(Outcome),
    Presented(Answer),
}

fn ending(task: Task, outcomes: Vec<WalletOutcome>, now: Timestamp) -> Step {
    match task {
        Task::Done(outcome) => Step::Answered(outcome),
        Task::Present(receipt) => Step::Presented(Answer::Receipt(receipt)),
        Task::PresentAuthorized(authorization) => Step::Presented(Answer::Authorized(Box::new(Authorized {
            authorization: *authorization,
            balance: None,
            is_replayed: true,
        }))),
        Task::Send { pending, is_replayed, total_before } => match pending.finish(&outcomes, now) {
            Some(finished) => Step::Ended(Ending::Sent(Sent {
                pending,
                is_replayed,
                total_before,
                finished: Box::new(finished),
            })),
            None => Step::Answered(Err(Refusal::Unavailable { what: "the wallet" })),
        },
        Task::Reserve { authorization, is_replayed } => Step::Ended(Ending::Reserved(Reserved {
            authorization,
            is_replayed,
            outcome: outcomes.into_iter().next().unwrap_or(WalletOutcome::Away),
        })),
    }
}

/// A reservation's details for the wallet come from what was said.
fn reserve_fact(task: &Task) -> Option<Fact> {
    let Task::Reserve { authorization, .. } = task else {
        return None;
    };
    let content: &Content = &authorization.content;
    let fact = Fact::first(content, authorization.place, authorization.created_at, &Costing::default());
    authorization.reserve.as_ref().map(|_: &WalletOp| fact)
}

fn accepted(pending: &Pending, is_replayed: bool) -> Answer {
    Answer::Receipt(Box::new(Receipt {
        state: EventState::Accepted,
        fact: pending.fact.clone(),
        credits_total: Credits::ZERO,
        balance: None,
        is_replayed,
    }))
}

fn wallet_of(answer: &Answer) -> Option<(String, String, String, String)> {
    let (tenant, customer, unit, event_type, class) = match answer {
        Answer::Receipt(receipt) => {
            let fact = &receipt.fact;
            (&fact.tenant, &fact.customer_id, &fact.unit, &fact.event_type, fact.usage_class)
        }
        Answer::Authorized(authorized) => {
            let said = &authorized.authorization.content;
            (&said.tenant, &said.customer_id, &said.unit, &said.event_type, said.usage_class)
        }
        Answer::Nothing => return None,
    };
    let names = || (tenant.clone(), customer.clone(), unit.clone(), event_type.clone());
    class.is_charged().then(names)
}

impl Worker for PipelineWorker {
    type Item = Item;
    type Answer = Outcome;

    async fn attempt(&mut self, batch: &[Item]) -> Result<Vec<Outcome>, Failure> {
        let mut answers: Vec<Option<Outcome>> = batch.iter().map(|_| None).collect();
        let mut rest: Vec<usize> = (0..batch.len()).collect();
        let mut lost = 0;
        while !rest.is_empty() {
            // Each event once a round, so that a decision sees what the one before it left.
            let mut seen: HashSet<Place> = HashSet::with_capacity(rest.len());
            let (now, later): (Vec<usize>, Vec<usize>) =
                rest.into_iter().partition(|index| seen.insert(batch[*index].place));
            let items: Vec<&Item> = now.iter().map(|index| &batch[*index]).collect();
            let round = self.round(&items).await.map_err(failure)?;
            let mut again = Vec::new();
            for (index, answer) in now.into_iter().zip(round) {
                match answer {
                    None if lost < LOST_ROUNDS && !is_job(&batch[index]) => again.push(index),
                    None => answers[index] = Some(Err(Refusal::Unavailable { what: "the event" })),
                    some => answers[index] = some,
                }
            }
            lost += usize::from(!again.is_empty());
            again.extend(later);
            again.sort_unstable();
            rest = again;
        }
        let unanswered = || Err(Refusal::Unavailable { what: "the event" });
        Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect())
    }

    /// Connections are the pool's, which replaces a broken one by itself.
    async fn recover(&mut self, after: &Failure) {
        tracing::warn!("a batch of events failed: {after}");
    }

    fn weight(item: &Item) -> usize {
        match &item.command {
            super::Command::Meter(meter) => ITEM_BYTES + content_bytes(&meter.content),
            super::Command::Authorize(asked) => ITEM_BYTES + content_bytes(&asked.content),
            super::Command::Settle(_)
            | super::Command::Void
            | super::Command::Reverse(_)
            | super::Command::Resume(_)
            | super::Command::Close => ITEM_BYTES,
        }
    }

    fn group(item: &Item) -> [u8; 16] {
        item.place.customer
    }
}

/// A step that another finished needs no answer of the settler's.
fn is_job(item: &Item) -> bool {
    matches!(item.command, super::Command::Resume(_) | super::Command::Close)
}

fn content_bytes(content: &Content) -> usize {
    let pairs = content.dimensions.iter().chain(&content.details.metadata);
    pairs.map(|(key, value)| key.len() + value.len()).sum()
}

fn failure(error: StoreError) -> Failure {
    let text = error.to_string();
    match chit_store::classify(&error) {
        chit_store::Failure::Transient => Failure::Transient(text),
        chit_store::Failure::ConnectionLost => Failure::Unknown(text),
        // Two pods numbered the same event's next fact: the second one's batch is decided again.
        chit_store::Failure::Constraint(name) if name.starts_with("usage_events") => Failure::Transient(text),
        chit_store::Failure::Constraint(_) | chit_store::Failure::Permanent => Failure::Permanent(text),
    }
}
