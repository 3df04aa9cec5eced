//! Provider cost tables.

use std::ops::Bound;

use chit_pricebook::ModelCost;

use super::{App, Done, Fault, Key, Page};
use crate::domain::command::{ImportCosts, Operation};
use crate::domain::effective::{History, effective_at};
use crate::domain::{CostTableHeader, Refusal, StoredTable, cost_csv};

/// A model's name and what it costs.
pub type NamedCost = (String, ModelCost);

impl App {
    /// Reads a cost table from CSV and makes it the next version.
    pub async fn import_costs(
        &self,
        tenant: &str,
        command: ImportCosts,
        key: &str,
    ) -> Result<Done<CostTableHeader>, Fault> {
        let key = Key { operation: Operation::ImportCosts, key, fingerprint: command.fingerprint() };
        // Read before the tenant is locked: two megabytes of text must not keep others waiting.
        let models = cost_csv::parse(&command.csv);
        let write = self.store.begin(tenant).await?;
        if let Some(resource) = self.replayed(&write, key).await? {
            let version = resource.parse().unwrap_or(u32::MAX);
            let made = write.reads().cost_table(version).await?;
            return Ok(Done::before(made.ok_or(Refusal::CostTableNotFound)?.header));
        }
        let models = models.map_err(|faults| Fault::Invalid { field: "csv", faults })?;
        let last = write.reads().cost_table(0).await?;
        let history = match last {
            Some(_) => History::Published,
            None => History::None,
        };
        let now = self.clock.now();
        let table = StoredTable {
            header: CostTableHeader {
                version: last.map_or(0, |last| last.header.version) + 1,
                currency: command.currency,
                effective_at: effective_at(command.effective_at, history, now, self.config.publish_lead())?,
                created_at: now,
                model_count: models.len(),
            },
            models,
        };
        write.insert_cost_table(&table).await?;
        self.commit(write, key, &table.header.version.to_string(), now).await?;
        Ok(Done::now(table.header))
    }

    /// Some models of a cost table, in order of name, whose name begins with `prefix` and comes after
    /// `after`. Version 0 is the newest; `None` where the tenant has none.
    pub async fn costs(
        &self,
        tenant: &str,
        version: u32,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Option<(CostTableHeader, Page<NamedCost>)>, Fault> {
        let table = match self.store.reads(tenant).cost_table(version).await? {
            Some(table) => table,
            None if version == 0 => return Ok(None),
            None => return Err(Refusal::CostTableNotFound.into()),
        };
        let from = if after > prefix || (after == prefix && !after.is_empty()) {
            Bound::Excluded(after)
        } else {
            Bound::Included(prefix)
        };
        let models = table
            .models
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(model, _)| model.starts_with(prefix))
            .take(limit + 1)
            .map(|(model, cost)| (model.clone(), cost.clone()))
            .collect();
        Ok(Some((table.header, Page::of(models, limit))))
    }
}
