//! What is read of events: between the contract and the store, as the pipeline is for what is written.

use chit_types::Timestamp;

use crate::domain::authorization::Authorization;
use crate::domain::event::Content;
use crate::domain::fact::Fact;
use crate::domain::names::Place;
use crate::store::{KeyKind, Locking, Result, Store, Tx};

pub use crate::store::{FactRef, FeedRow, ParkedRow, Source, UsageQuery, UsageRow};

/// What is known of an event.
#[derive(Clone, Debug)]
pub enum Known {
    /// It waits for an operator.
    Parked(Box<ParkedRow>),
    /// It is stored and not deducted yet.
    Waiting(Box<Fact>),
    /// It is authorized, and nothing is settled.
    Authorized(Box<Authorization>),
    /// It is recorded.
    Recorded(Box<Recorded>),
}

/// An event's facts, in order, with its authorization.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// At least one.
    pub facts: Vec<Fact>,
    /// Where it was authorized.
    pub authorization: Option<Authorization>,
}

/// Reads. Clones share the database.
#[derive(Clone, Debug)]
pub struct Reading {
    store: Store,
}

impl Reading {
    /// Over a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// What is known of an event.
    pub async fn event(&self, place: Place) -> Result<Option<Known>> {
        let mut tx = self.store.read().await?;
        let known = find(&mut tx, place).await?;
        tx.commit().await?;
        Ok(known)
    }

    /// A customer's recorded events from `from` on and before a point, newest first.
    pub async fn events(
        &self,
        customer: Place,
        from: Timestamp,
        before: (Timestamp, Vec<u8>),
        event_type: &str,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let mut tx = self.store.read().await?;
        let firsts = tx.list_first_facts(customer, from, before, event_type, limit).await?;
        let events: Vec<FactRef> = firsts.iter().map(reference).collect();
        let places: Vec<Place> = firsts.iter().map(|first| first.place).collect();
        let mut facts = std::collections::HashMap::new();
        for fact in tx.find_facts(&events).await? {
            facts.entry(fact.place).or_insert_with(Vec::new).push(fact);
        }
        let mut authorizations = tx.find_authorizations(&places, Locking::None).await?;
        tx.commit().await?;
        let recorded = firsts.into_iter().map(|first| Recorded {
            authorization: authorizations.remove(&first.place.event),
            facts: facts.remove(&first.place).unwrap_or_else(|| vec![first]),
        });
        Ok(recorded.collect())
    }

    /// Parked events of a tenant after a place, shard by shard.
    pub async fn parked(&self, tenant: &str, after: (i16, Vec<u8>), limit: usize) -> Result<Vec<ParkedRow>> {
        let mut tx = self.store.read().await?;
        let rows = tx.list_parked(tenant, after, limit).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// What was said of a parked event; of one that is charged by now too, so that its outcome is repeated.
    pub async fn parked_content(&self, place: Place) -> Result<Option<Content>> {
        Ok(match self.event(place).await? {
            Some(Known::Parked(row)) => Some(row.content),
            Some(Known::Waiting(fact)) => Some(fact.content()),
            Some(Known::Recorded(recorded)) if recorded.authorization.is_none() => {
                Some(recorded.facts[0].content())
            }
            Some(Known::Recorded(_) | Known::Authorized(_)) | None => None,
        })
    }

    /// Sums of usage.
    pub async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>> {
        let mut tx = self.store.read().await?;
        let rows = tx.query_usage(query).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// What batches recorded of a tenant at or after a time, oldest first.
    pub async fn feed(
        &self,
        tenant: &str,
        shards: u16,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<FeedRow>> {
        let mut tx = self.store.read().await?;
        let rows = tx.read_feed(tenant, shards, from, limit).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// All facts of these events.
    pub async fn facts(&self, events: &[FactRef]) -> Result<Vec<Fact>> {
        let mut tx = self.store.read().await?;
        let facts = tx.find_facts(events).await?;
        tx.commit().await?;
        Ok(facts)
    }
}

fn reference(fact: &Fact) -> FactRef {
    FactRef { place: fact.place, occurred_at: fact.occurred_at }
}

async fn find(tx: &mut Tx, place: Place) -> Result<Option<Known>> {
    let Some(key) = tx.find_keys(&[place], Locking::None).await?.remove(&place.event) else {
        return Ok(None);
    };
    if key.kind == KeyKind::Parked {
        let parked = tx.parked(place).await?;
        return Ok(parked.map(|row| Known::Parked(Box::new(row))));
    }
    // Intake before facts: a step that left the one has reached the other.
    let mut intake = tx.find_intake(&[place]).await?;
    let occurred_at = key.occurred_at;
    let facts = tx.find_facts(&[FactRef { place, occurred_at }]).await?;
    let authorization = match key.kind {
        KeyKind::Authorization => tx.find_authorizations(&[place], Locking::None).await?.remove(&place.event),
        KeyKind::Event | KeyKind::Parked => None,
    };
    if !facts.is_empty() {
        return Ok(Some(Known::Recorded(Box::new(Recorded { facts, authorization }))));
    }
    if let Some(authorization) = authorization {
        return Ok(Some(Known::Authorized(Box::new(authorization))));
    }
    Ok(intake.pop().map(|pending| Known::Waiting(Box::new(pending.fact))))
}
