//! What jobs ask: which wallets have something due, and the end of what is kept for a time only.

use chit_types::{Shard, Timestamp};
use sea_orm::{ConnectionTrait, Statement, Value};

use super::reads::all;
use super::row::{Columns, shard, shard_number};
use super::settings::failed;
use super::{Store, StoreFailure, WalletKey};
use chit_types::WalletId;

/// Rows deleted in one transaction: a purge must not hold the one writer, or a vacuum, for long.
const PURGE_AT_ONCE: i64 = 5_000;

impl Store {
    /// Wallets of these shards in which something is due by `now`, soonest first in each shard.
    ///
    /// # Errors
    /// When the database fails; so do all of these.
    pub async fn due(
        &self,
        shards: &[Shard],
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<WalletKey>, StoreFailure> {
        let database = match self {
            Store::Memory(memory) => return Ok(memory.read().await.due(shards, now, limit)),
            Store::Database(database) => database,
        };
        let mut found = Vec::new();
        for one in shards {
            let sql = "SELECT d.shard, d.wallet_id FROM wallet_due d WHERE d.shard = $1 AND d.due_at <= $2 \
                 ORDER BY d.due_at LIMIT $3";
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let binds = vec![shard_number(*one).into(), now.micros().into(), limit.into()];
            let read = |row: &sea_orm::QueryResult, at: usize| {
                Ok(WalletKey { shard: shard(row.small(at)?), id: WalletId(row.id(at + 1)?) })
            };
            found.extend(all(database.reader(), sql, binds, read).await?);
        }
        Ok(found)
    }

    /// Forgets feed positions of a shard made before `before`, oldest first, a bounded number. Answers how many.
    pub async fn purge_feed(&self, of: Shard, before: Timestamp) -> Result<u64, StoreFailure> {
        let database = match self {
            Store::Memory(memory) => {
                let mut tables = memory.read().await;
                let old: Vec<i64> = tables
                    .feed
                    .range((of, 0)..=(of, i64::MAX))
                    .take_while(|(_, (at, _))| *at < before)
                    .map(|((_, position), _)| *position)
                    .collect();
                for position in &old {
                    tables.feed.remove(&(of, *position));
                    tables.purged.insert(of, *position);
                }
                return Ok(old.len() as u64);
            }
            Store::Database(database) => database,
        };
        // Positions are purged as a prefix, so that what is left has no gap: up to the first that is young enough.
        let sql = "SELECT COALESCE(MAX(f.position), 0) FROM (SELECT position, at FROM feed WHERE shard = $1 \
             ORDER BY position LIMIT $2) f WHERE f.at < $3 AND NOT EXISTS (SELECT 1 FROM feed e WHERE e.shard = $1 \
             AND e.position < f.position AND e.at >= $3)";
        let binds = vec![shard_number(of).into(), PURGE_AT_ONCE.into(), before.micros().into()];
        let last = all(database.reader(), sql, binds, |row, at| row.int(at)).await?.pop().unwrap_or_default();
        if last == 0 {
            return Ok(0);
        }
        let unreachable = |error: chit_store::StoreError| StoreFailure::Transient(error.to_string());
        let transaction = database.begin_write().await.map_err(unreachable)?;
        let binds = || -> Vec<Value> { vec![shard_number(of).into(), last.into()] };
        let head = "UPDATE feed_heads SET purged = $2 WHERE shard = $1 AND purged < $2";
        run(&transaction, head, binds()).await?;
        let gone = run(&transaction, "DELETE FROM feed WHERE shard = $1 AND position <= $2", binds()).await?;
        transaction.commit().await.map_err(|error| failed(&error))?;
        Ok(gone)
    }

    /// Forgets holds of a shard whose end, grace included, was booked for before `before`. Answers how many.
    pub async fn purge_holds(&self, of: Shard, before: Timestamp) -> Result<u64, StoreFailure> {
        let database = match self {
            Store::Memory(memory) => {
                let mut tables = memory.read().await;
                let count = tables.holds.len();
                tables.holds.retain(|(key, _), hold| {
                    key.shard != of
                        || hold.state != crate::domain::HoldState::Expired
                        || hold.due_at() > before
                });
                return Ok((count - tables.holds.len()) as u64);
            }
            Store::Database(database) => database,
        };
        let sql = "DELETE FROM holds WHERE shard = $1 AND state = 3 AND expires_at <= $2 \
             AND expires_at + grace_seconds * 1000000 <= $2";
        let unreachable = |error: chit_store::StoreError| StoreFailure::Transient(error.to_string());
        let transaction = database.begin_write().await.map_err(unreachable)?;
        let gone = run(&transaction, sql, vec![shard_number(of).into(), before.micros().into()]).await?;
        transaction.commit().await.map_err(|error| failed(&error))?;
        Ok(gone)
    }
}

async fn run(connection: &impl ConnectionTrait, sql: &str, binds: Vec<Value>) -> Result<u64, StoreFailure> {
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, binds);
    let done = connection.execute_raw(statement).await.map_err(|error| failed(&error))?;
    Ok(done.rows_affected())
}
