//! The first stage: decides duplicates and stores what is owed to the wallet, in one commit.

use std::collections::{HashMap, HashSet};

use chit_types::Timestamp;

use super::decide::{Decider, Known, Task, Writes};
use super::item::{Command, Item};
use super::propose::{Proposal, propose};
use super::worker::Tools;
use crate::domain::names::{Key, Place};
use crate::store::{FactRef, KeyKind, KeyRow, Locking, Result, Tx};

/// Decides items of different events, one task each.
pub(super) async fn admit(tools: &Tools, items: &[&Item], now: Timestamp) -> Result<Vec<Task>> {
    let proposals: Vec<Proposal> = items.iter().map(|item| propose(item, &tools.replicas, now)).collect();
    if items.iter().all(|item| matches!(item.command, Command::Resume(_))) {
        return Ok(decide(tools, items, proposals, &HashSet::new(), &Known::default(), now).0);
    }
    let mut tx = tools.store.begin().await?;
    let taken = take(&mut tx, &proposals).await?;
    let asked: Vec<Place> = items
        .iter()
        .zip(&proposals)
        .filter(|(item, proposal)| !has_taken(&taken, item, proposal))
        .filter(|(item, _)| !matches!(item.command, Command::Resume(_)))
        .map(|(item, _)| item.place)
        .collect();
    let known = look_up(&mut tx, asked).await?;
    let (tasks, mut writes) = decide(tools, items, proposals, &taken, &known, now);
    write(&mut tx, tools, &mut writes, now).await?;
    tx.commit().await?;
    Ok(tasks)
}

fn has_taken(taken: &HashSet<Key>, item: &Item, proposal: &Proposal) -> bool {
    proposal.key().is_some() && taken.contains(&item.place.event)
}

async fn take(tx: &mut Tx, proposals: &[Proposal]) -> Result<HashSet<Key>> {
    let mut rows: Vec<KeyRow> = proposals.iter().filter_map(Proposal::key).cloned().collect();
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    rows.sort_unstable_by_key(|row| (row.place.shard, row.place.event));
    tx.take_keys(&rows).await
}

/// What is known of events whose ids were used before. Intake is read before facts: a step that left the one
/// has reached the other.
async fn look_up(tx: &mut Tx, mut asked: Vec<Place>) -> Result<Known> {
    let mut known = Known::default();
    if asked.is_empty() {
        return Ok(known);
    }
    asked.sort_unstable();
    known.keys = tx.find_keys(&asked, Locking::Rows).await?;
    let used: Vec<&KeyRow> = asked.iter().filter_map(|place| known.keys.get(&place.event)).collect();
    let authorized: Vec<Place> =
        used.iter().filter(|key| key.kind == KeyKind::Authorization).map(|key| key.place).collect();
    if !authorized.is_empty() {
        known.authorizations = tx.find_authorizations(&authorized, Locking::Rows).await?;
    }
    let charged: Vec<&&KeyRow> = used.iter().filter(|key| key.kind != KeyKind::Parked).collect();
    if charged.is_empty() {
        return Ok(known);
    }
    let places: Vec<Place> = charged.iter().map(|key| key.place).collect();
    for pending in tx.find_intake(&places).await? {
        known.intake.entry(pending.fact.place.event).or_default().push(pending);
    }
    let events: Vec<FactRef> =
        charged.iter().map(|key| FactRef { place: key.place, occurred_at: key.occurred_at }).collect();
    let mut facts = HashMap::with_capacity(events.len());
    for fact in tx.find_facts(&events).await? {
        facts.entry(fact.place.event).or_insert_with(Vec::new).push(fact);
    }
    known.facts = facts;
    Ok(known)
}

fn decide(
    tools: &Tools,
    items: &[&Item],
    proposals: Vec<Proposal>,
    taken: &HashSet<Key>,
    known: &Known,
    now: Timestamp,
) -> (Vec<Task>, Writes) {
    let mut decider = Decider { known, replicas: &tools.replicas, writes: Writes::default(), now };
    let tasks = items
        .iter()
        .zip(proposals)
        .map(|(item, proposal)| {
            let has_taken = has_taken(taken, item, &proposal);
            decider.decide(item, proposal, has_taken)
        })
        .collect();
    (tasks, decider.writes)
}

async fn write(tx: &mut Tx, tools: &Tools, writes: &mut Writes, now: Timestamp) -> Result<()> {
    for place in &writes.unparked {
        tx.unpark(*place).await?;
    }
    let parked: Vec<_> = writes.parked.iter().map(|(place, content)| (*place, content)).collect();
    tx.park(&parked, now).await?;
    writes.intake.sort_unstable_by(|a, b| (a.place, &a.step).cmp(&(b.place, &b.step)));
    tx.insert_intake(&writes.intake).await?;
    writes.authorizations.sort_unstable_by_key(|authorization| authorization.place);
    tx.put_authorizations(&writes.authorizations).await?;
    tx.record(&mut writes.facts, tools.ids.next(now), now).await
}
