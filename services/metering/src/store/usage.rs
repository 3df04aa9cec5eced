//! Sums of usage by group. The roll-up is chosen by what is asked; only a customer's hours need the facts.

use sea_orm::sqlx::{self, AssertSqlSafe, Row};

use super::summed::sums_of;
use super::{Result, Tx};
use crate::domain::sums::{COLUMNS, Sums};

/// Where sums are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `usage_hour`, by hours since the epoch.
    Hours,
    /// `usage_customer_day`, by days since the epoch.
    CustomerDays,
    /// The facts themselves, by microseconds.
    Facts,
}

/// What is asked. Empty filters are none.
#[derive(Clone, Debug)]
pub struct UsageQuery {
    /// Where from.
    pub source: Source,
    /// The tenant.
    pub tenant: String,
    /// The customer's shard, where one is asked for.
    pub shard: Option<u16>,
    /// In the source's time.
    pub from: i64,
    /// In the source's time, exclusive.
    pub until: i64,
    /// Customer, unit, event type, model, feature, usage class.
    pub filters: [String; 6],
    /// Whether to group by each of the same, but the unit, by which is always grouped.
    pub groups: [bool; 6],
    /// Width of a time group in the source's time; 0 for none.
    pub step: i64,
}

/// One group's sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// Customer, unit, event type, model, feature, usage class; empty where not grouped by.
    pub names: [String; 6],
    /// The start of the time group in the source's time, over `step`; 0 where not grouped by.
    pub start: i64,
    /// Of the provider's cost.
    pub currency: String,
    /// The sums.
    pub sums: Sums,
}

const NAMES: [&str; 6] = ["customer_id", "unit", "event_type", "model", "feature", "usage_class"];

/// The text has only names of ours; everything asked is bound.
fn text(query: &UsageQuery) -> String {
    let (table, time) = match query.source {
        Source::Hours => ("usage_hour", "hour"),
        Source::CustomerDays => ("usage_customer_day", "day"),
        Source::Facts => ("usage_events", "occurred_at"),
    };
    let is_there = |name: &str| name != "customer_id" || query.source != Source::Hours;
    let mut select: Vec<String> = Vec::new();
    for (name, grouped) in NAMES.iter().zip(query.groups) {
        let shown = (grouped || *name == "unit") && is_there(name);
        select.push(if shown { (*name).to_string() } else { format!("'' AS {name}") });
    }
    select.push(match query.step {
        0 => "CAST(0 AS bigint) AS start".to_string(),
        step => format!("({time} - {time} % {step}) AS start"),
    });
    select.push("currency".to_string());
    let places: Vec<String> = (1..=8).map(|number| number.to_string()).collect();
    select.extend(COLUMNS.iter().map(|name| format!("CAST(SUM({name}) AS bigint)")));
    let mut wheres = vec![
        "tenant = $1".to_string(),
        format!("{time} >= $2 AND {time} < $3"),
        // What is not asked is still bound, so that every text has the same binds.
        if query.shard.is_some() { "shard = $4" } else { "$4 = -1" }.to_string(),
    ];
    for (number, (name, filter)) in (5..).zip(NAMES.iter().zip(&query.filters)) {
        let column = if filter.is_empty() || !is_there(name) { "''" } else { name };
        wheres.push(format!("{column} = ${number}"));
    }
    let (select, wheres, groups) = (select.join(", "), wheres.join(" AND "), places.join(", "));
    format!("SELECT {select} FROM {table} WHERE {wheres} GROUP BY {groups}")
}

impl Tx {
    /// Every group's sums, in order of the groups.
    pub async fn query_usage(&mut self, query: &UsageQuery) -> Result<Vec<UsageRow>> {
        let text = text(query);
        let shard = query.shard.map_or(-1, i32::from);
        let mut found = Vec::new();
        macro_rules! read {
            ($tx:expr) => {{
                let mut sql = sqlx::query(AssertSqlSafe(text))
                    .bind(&query.tenant)
                    .bind(query.from)
                    .bind(query.until)
                    .bind(shard);
                for filter in &query.filters {
                    sql = sql.bind(filter);
                }
                for row in sql.fetch_all(&mut **$tx).await? {
                    let mut names: [String; 6] = Default::default();
                    for (number, name) in names.iter_mut().enumerate() {
                        *name = row.try_get(number)?;
                    }
                    found.push(UsageRow {
                        names,
                        start: row.try_get(6)?,
                        currency: row.try_get(7)?,
                        sums: sums_of!(row, 8),
                    });
                }
            }};
        }
        match self {
            Tx::Sqlite(tx) => read!(tx),
            Tx::Postgres(tx) => read!(tx),
        }
        // The engines' text orders differ; this one is the contract's.
        found.sort_by(|a, b| (&a.names, a.start, &a.currency).cmp(&(&b.names, b.start, &b.currency)));
        Ok(found)
    }
}
