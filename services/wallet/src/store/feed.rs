//! The feed: pending rows become positions without gaps, and are read from a position on.

use std::collections::{BTreeMap, HashMap};

use chit_store::Database;
use chit_types::{Shard, Timestamp, WalletId};
use sea_orm::prelude::Uuid;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, Value};

use super::entries;
use super::reads::{all, id};
use super::row::{Columns, shard, shard_number};
use super::settings::failed;
use super::{Pending, Store, StoreFailure};

/// Pending rows sequenced in one transaction: bounds how long a shard's head is locked.
const AT_ONCE: u64 = 500;

/// One row of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// 1, 2, 3 … within its shard.
    pub position: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub entries: String,
}

/// How far a shard's feed goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedSpan {
    /// The last position given; 0 before the first.
    pub last: i64,
    /// The last one purged.
    pub purged: i64,
}

/// An order in which each wallet's transactions rise. Pending rows of one snapshot carry no order of their own: two
/// pods' clocks differ. Each names its wallets' first numbers, and rows that share a wallet were serialized by its
/// lock, so an order exists; between rows that share none, time decides.
fn in_order(mut rows: Vec<Pending>) -> Result<Vec<Pending>, StoreFailure> {
    rows.sort_by_key(|row| (row.at, row.id));
    let mut firsts: Vec<Vec<(WalletId, i64)>> = Vec::with_capacity(rows.len());
    for row in &rows {
        let read = entries::read(&row.entries).map_err(|error| StoreFailure::Permanent(error.to_string()))?;
        firsts.push(
            read.iter()
                .filter(|entry| entry.first > 0)
                .map(|entry| (entry.wallet, entry.first))
                .collect(),
        );
    }
    let mut of_wallet: HashMap<WalletId, Vec<(i64, usize)>> = HashMap::new();
    for (place, wallets) in firsts.iter().enumerate() {
        for (wallet, first) in wallets {
            of_wallet.entry(*wallet).or_default().push((*first, place));
        }
    }
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
    let mut waits_for = vec![0_usize; rows.len()];
    for places in of_wallet.values_mut() {
        places.sort_unstable();
        for pair in places.windows(2) {
            after[pair[0].1].push(pair[1].1);
            waits_for[pair[1].1] += 1;
        }
    }
    let mut ready: std::collections::BTreeSet<usize> = waits_for
        .iter()
        .enumerate()
        .filter(|(_, waits)| **waits == 0)
        .map(|(place, _)| place)
        .collect();
    let mut rows: Vec<Option<Pending>> = rows.into_iter().map(Some).collect();
    let mut out = Vec::with_capacity(rows.len());
    while let Some(place) = ready.pop_first() {
        out.extend(rows[place].take());
        for next in &after[place] {
            waits_for[*next] -= 1;
            if waits_for[*next] == 0 {
                ready.insert(*next);
            }
        }
    }
    assert_eq!(out.len(), rows.len(), "wallets' locks put batches in an order");
    Ok(out)
}

async fn run(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    binds: Vec<Value>,
) -> Result<u64, StoreFailure> {
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, binds);
    let done = connection
        .execute_raw(statement)
        .await
        .map_err(|error: DbErr| failed(&error))?;
    Ok(done.rows_affected())
}

impl Store {
    /// Shards with pending rows.
    ///
    /// # Errors
    /// When the database fails; so do all of these.
    pub async fn shards_pending(&self) -> Result<Vec<Shard>, StoreFailure> {
        match self {
            Store::Memory(memory) => {
                let mut shards: Vec<Shard> =
                    memory.read().await.pending.iter().map(|row| row.shard).collect();
                shards.sort_unstable();
                shards.dedup();
                Ok(shards)
            }
            Store::Database(database) => {
                let read = |row: &sea_orm::QueryResult, at: usize| row.small(at).map(shard);
                let sql = "SELECT DISTINCT p.shard FROM feed_pending p ORDER BY p.shard";
                all(database.reader(), sql, Vec::new(), read).await
            }
        }
    }

    /// Gives a shard's pending rows their positions. Safe beside other pods: they take turns at the shard's head.
    /// Answers how many.
    pub async fn sequence(&self, of: Shard) -> Result<u64, StoreFailure> {
        match self {
            Store::Memory(memory) => {
                let mut tables = memory.read().await;
                let (mine, others) = std::mem::take(&mut tables.pending)
                    .into_iter()
                    .partition(|row| row.shard == of);
                tables.pending = others;
                let mine: Vec<Pending> = in_order(mine)?;
                let last = tables
                    .feed
                    .range((of, 0)..=(of, i64::MAX))
                    .next_back()
                    .map(|((_, last), _)| *last);
                let mut last = last
                    .or_else(|| tables.purged.get(&of).copied())
                    .unwrap_or_default();
                let count = mine.len() as u64;
                for row in mine {
                    last += 1;
                    tables.feed.insert((of, last), (row.at, row.entries));
                }
                Ok(count)
            }
            Store::Database(database) => {
                let unreachable = |error: chit_store::StoreError| StoreFailure::Transient(error.to_string());
                let transaction = database.begin_write().await.map_err(unreachable)?;
                let done = sequence(database, &transaction, of).await?;
                transaction.commit().await.map_err(|error| failed(&error))?;
                Ok(done)
            }
        }
    }

    /// How far each shard's feed goes; shards without a row have none yet.
    pub async fn feed_spans(&self) -> Result<BTreeMap<Shard, FeedSpan>, StoreFailure> {
        match self {
            Store::Memory(memory) => {
                let tables = memory.read().await;
                let mut spans: BTreeMap<Shard, FeedSpan> = BTreeMap::new();
                for (of, purged) in &tables.purged {
                    spans.insert(
                        *of,
                        FeedSpan {
                            last: *purged,
                            purged: *purged,
                        },
                    );
                }
                for (of, position) in tables.feed.keys() {
                    let span = spans.entry(*of).or_default();
                    span.last = span.last.max(*position);
                }
                Ok(spans)
            }
            Store::Database(database) => {
                let sql = "SELECT h.shard, h.position, h.purged FROM feed_heads h";
                let read = |row: &sea_orm::QueryResult, at: usize| {
                    let span = FeedSpan {
                        last: row.int(at + 1)?,
                        purged: row.int(at + 2)?,
                    };
                    Ok((shard(row.small(at)?), span))
                };
                Ok(all(database.reader(), sql, Vec::new(), read)
                    .await?
                    .into_iter()
                    .collect())
            }
        }
    }

    /// Rows of a shard's feed after a position.
    pub async fn feed(&self, of: Shard, after: i64, limit: u64) -> Result<Vec<FeedRow>, StoreFailure> {
        match self {
            Store::Memory(memory) => {
                let tables = memory.read().await;
                let rows = tables.feed.range((of, after + 1)..=(of, i64::MAX));
                let row = |((_, position), (at, entries)): (&(Shard, i64), &(Timestamp, String))| FeedRow {
                    position: *position,
                    at: *at,
                    entries: entries.clone(),
                };
                Ok(rows
                    .map(row)
                    .take(usize::try_from(limit).unwrap_or(usize::MAX))
                    .collect())
            }
            Store::Database(database) => {
                let sql = "SELECT f.position, f.at, f.entries FROM feed f WHERE f.shard = $1 AND f.position > $2 \
                     ORDER BY f.position LIMIT $3";
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                let binds = vec![shard_number(of).into(), after.into(), limit.into()];
                all(database.reader(), sql, binds, |row, at| {
                    Ok(FeedRow {
                        position: row.int(at)?,
                        at: Timestamp::from_micros(row.int(at + 1)?),
                        entries: row.text(at + 2)?,
                    })
                })
                .await
            }
        }
    }
}

async fn sequence(
    database: &Database,
    transaction: &DatabaseTransaction,
    of: Shard,
) -> Result<u64, StoreFailure> {
    let of_shard = || -> Vec<Value> { vec![shard_number(of).into()] };
    // Makes the head where there is none and locks it either way; on SQLite the whole database is ours.
    let lock = "INSERT INTO feed_heads (shard, position, purged) VALUES ($1, 0, 0) \
         ON CONFLICT (shard) DO UPDATE SET position = feed_heads.position RETURNING position";
    let head = all(transaction, lock, of_shard(), |row, at| row.int(at))
        .await?
        .pop()
        .unwrap_or_default();
    // A later statement: it sees what was committed by whoever had the head before us.
    let sql = format!(
        "SELECT p.pending_id, p.at, p.entries FROM feed_pending p WHERE p.shard = $1 ORDER BY p.at, p.pending_id LIMIT {AT_ONCE}"
    );
    let read = |row: &sea_orm::QueryResult, at: usize| {
        Ok(Pending {
            shard: of,
            id: row.id(at)?,
            at: Timestamp::from_micros(row.int(at + 1)?),
            entries: row.text(at + 2)?,
        })
    };
    let found = all(transaction, sql, of_shard(), read).await?;
    if found.is_empty() {
        return Ok(0);
    }
    let rows = in_order(found)?;
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    insert(database, transaction, of, head, &rows).await?;
    let moved = vec![shard_number(of).into(), (head + count).into()];
    run(
        transaction,
        "UPDATE feed_heads SET position = $2 WHERE shard = $1",
        moved,
    )
    .await?;
    Ok(rows.len() as u64)
}

/// Inserts with their positions, deletes what was pending.
async fn insert(
    database: &Database,
    transaction: &DatabaseTransaction,
    of: Shard,
    head: i64,
    rows: &[Pending],
) -> Result<(), StoreFailure> {
    if database.engine() == chit_store::Engine::Postgres {
        let sql = "WITH u AS (SELECT * FROM UNNEST($2::uuid[], $3::int8[]) AS u (pending_id, position)), \
               d AS (DELETE FROM feed_pending p USING u WHERE p.shard = $1 AND p.pending_id = u.pending_id \
                     RETURNING u.position, p.at, p.entries) \
             INSERT INTO feed (shard, position, at, entries) SELECT $1, d.position, d.at, d.entries FROM d";
        let ids: Vec<Uuid> = rows.iter().map(|row| Uuid::from_bytes(row.id)).collect();
        let positions: Vec<i64> = (head + 1..).take(rows.len()).collect();
        let binds = vec![shard_number(of).into(), ids.into(), positions.into()];
        let moved = run(transaction, sql, binds).await?;
        return exactly(moved, rows.len());
    }
    for (position, row) in (head + 1..).zip(rows) {
        let binds = vec![
            shard_number(of).into(),
            position.into(),
            row.at.micros().into(),
            row.entries.clone().into(),
        ];
        run(
            transaction,
            "INSERT INTO feed (shard, position, at, entries) VALUES ($1, $2, $3, $4)",
            binds,
        )
        .await?;
        let binds = vec![shard_number(of).into(), id(row.id)];
        run(
            transaction,
            "DELETE FROM feed_pending WHERE shard = $1 AND pending_id = $2",
            binds,
        )
        .await?;
    }
    Ok(())
}

fn exactly(moved: u64, meant: usize) -> Result<(), StoreFailure> {
    if usize::try_from(moved) == Ok(meant) {
        return Ok(());
    }
    Err(StoreFailure::Permanent(format!(
        "{moved} of {meant} pending rows were sequenced"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::entries::FeedEntry;

    fn row(at: i64, wallets: &[(u8, i64)]) -> Pending {
        let entry = |(wallet, first): &(u8, i64)| FeedEntry {
            wallet: WalletId([*wallet; 16]),
            first: *first,
            last: *first,
            signals: Vec::new(),
            names: None,
        };
        let all: Vec<FeedEntry> = wallets.iter().map(entry).collect();
        let id = [u8::try_from(at).unwrap(); 16];
        Pending {
            shard: Shard(1),
            id,
            at: Timestamp::from_micros(at),
            entries: entries::write(&all),
        }
    }

    #[test]
    fn each_wallet_rises_whatever_the_pods_clocks_say() {
        // A slow pod's clock gave 1 and 2 to what happened last.
        let rows = vec![
            row(5, &[(1, 1), (2, 1)]),
            row(1, &[(1, 2), (3, 4)]),
            row(2, &[(3, 9)]),
            row(3, &[(4, 1)]),
        ];
        let order: Vec<i64> = in_order(rows)
            .unwrap()
            .iter()
            .map(|row| row.at.micros())
            .collect();
        assert_eq!(order, [3, 5, 1, 2]);
    }
}
