//! Making the roll-ups again from the facts.

use sea_orm::sqlx;

use super::{Result, Store, Tx, smallint};
use crate::domain::usage::Deltas;

/// Facts folded at a time.
const PAGE: i64 = 10_000;

impl Store {
    /// Makes both roll-ups of one shard again, in one transaction. Call it while nobody meters in that shard,
    /// or facts recorded meanwhile would be missing from one side.
    pub async fn rebuild_rollups(&self, shard: u16) -> Result<u64> {
        let mut tx = self.begin().await?;
        tx.clear_rollups(shard).await?;
        let (mut count, mut last) = (0, None);
        loop {
            let facts = tx.walk_facts(shard, last.as_ref(), PAGE).await?;
            if facts.is_empty() {
                break;
            }
            count += facts.len() as u64;
            tx.fold(&Deltas::of(&facts)).await?;
            last = facts.into_iter().next_back();
        }
        tx.commit().await?;
        Ok(count)
    }
}

impl Tx {
    async fn clear_rollups(&mut self, shard: u16) -> Result<()> {
        let texts =
            ["DELETE FROM usage_hour WHERE shard = $1", "DELETE FROM usage_customer_day WHERE shard = $1"];
        for text in texts {
            match self {
                Tx::Sqlite(tx) => {
                    sqlx::query(text).bind(smallint(shard)).execute(&mut **tx).await?;
                }
                Tx::Postgres(tx) => {
                    sqlx::query(text).bind(smallint(shard)).execute(&mut **tx).await?;
                }
            }
        }
        Ok(())
    }
}
