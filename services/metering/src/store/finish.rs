//! Recording: facts, roll-ups and the feed's row in one go, within the caller's transaction.

use std::collections::HashMap;

use chit_types::Timestamp;

use super::facts::FactRef;
use super::{Result, Tx};
use crate::domain::fact::Fact;
use crate::domain::names::Key;
use crate::domain::usage::Deltas;

impl Tx {
    /// Writes facts, gives those without one the next ordinal of their event, folds the roll-ups, and leaves
    /// a row for who follows.
    pub async fn record(&mut self, facts: &mut [Fact], batch: [u8; 16], now: Timestamp) -> Result<()> {
        if facts.is_empty() {
            return Ok(());
        }
        self.number(facts).await?;
        self.insert_facts(facts).await?;
        self.fold(&Deltas::of(facts.iter())).await?;
        self.insert_feed(facts, batch, now).await
    }

    /// Two pods may number the same event at once: the primary key stops one, whose batch is tried again.
    async fn number(&mut self, facts: &mut [Fact]) -> Result<()> {
        let open = facts.iter().filter(|fact| fact.ordinal == 0);
        let asked: Vec<FactRef> =
            open.map(|fact| FactRef { place: fact.place, occurred_at: fact.occurred_at }).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let mut last: HashMap<Key, i32> = HashMap::new();
        for fact in self.find_facts(&asked).await? {
            let highest = last.entry(fact.place.event).or_default();
            *highest = fact.ordinal.max(*highest);
        }
        for fact in facts.iter_mut().filter(|fact| fact.ordinal == 0) {
            let highest = last.entry(fact.place.event).or_default();
            *highest += 1;
            fact.ordinal = *highest;
        }
        Ok(())
    }
}
