//! PostgreSQL keeps facts in one table a UTC day of occurrence, made ahead of time, so that old days can be
//! detached whole. SQLite keeps them in one.

use std::ops::RangeInclusive;

use chit_types::Timestamp;
use chit_types::time::MICROS_PER_DAY;
use sea_orm::sqlx::{self, AssertSqlSafe, Row};

use super::{Result, Store};

/// Days made ahead: a job that fails for a day is noticed before it matters.
pub const PARTITION_DAYS_AHEAD: i64 = 3;

impl Store {
    /// Makes the tables of these days that are missing; answers how many. Safe to run twice, and beside
    /// another pod that does the same. A day that has rows in the default table already stays there.
    pub async fn ensure_days(&self, days: RangeInclusive<i64>) -> Result<usize> {
        let Some(pool) = self.database.pg() else {
            return Ok(0);
        };
        let rows = sqlx::query(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
             JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = 'usage_events'",
        );
        let mut known = Vec::new();
        for row in rows.fetch_all(pool).await? {
            known.push(row.try_get::<String, _>(0)?);
        }
        let mut made = 0;
        for day in days {
            let name = format!("usage_events_{}", name_of(day));
            if known.contains(&name) {
                continue;
            }
            let (from, until) = (day * MICROS_PER_DAY, (day + 1) * MICROS_PER_DAY);
            let mut tx = pool.begin().await?;
            // Attaching locks the parent less than making a partition in place would.
            let text = format!(
                "SELECT pg_advisory_xact_lock(3141592653);
                 CREATE TABLE IF NOT EXISTS {name} (LIKE usage_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
                 ALTER TABLE usage_events ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({until});"
            );
            match sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *tx).await {
                Ok(_) => {
                    tx.commit().await?;
                    made += 1;
                }
                Err(fault) => {
                    tracing::debug!(day, "the day's table stays as it is: {fault}");
                    tx.rollback().await?;
                }
            }
        }
        Ok(made)
    }
}

/// `20261121` for a day.
fn name_of(day: i64) -> String {
    let text = Timestamp::from_micros(day * MICROS_PER_DAY).to_string();
    text.chars().take(10).filter(|letter| *letter != '-').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_by_its_date() {
        let day = Timestamp::parse("2026-11-21T10:00:00Z").unwrap().day();
        assert_eq!(name_of(day), "20261121");
    }
}
