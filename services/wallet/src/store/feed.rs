//! The feed: pending rows become positions without gaps, and are read from a position on.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chit_store::Engine;
use chit_types::{Shard, Timestamp, WalletId};
use sea_orm::prelude::Uuid;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, Value};

use super::entries;
use super::memory::Tables;
use super::reads::{all, id};
use super::row::{Columns, shard, shard_number};
use super::settings::failed;
use super::{Pending, Store, StoreFailure};

/// Pending rows sequenced in one transaction: bounds memory, and how long the shards' heads are locked.
const AT_ONCE: usize = 2_000;
/// Shards sequenced in one transaction: one commit for many, and other pods have others to do meanwhile.
const SHARDS_AT_ONCE: usize = 64;
/// Rows bound to one statement on SQLite.
const BOUND_AT_ONCE: usize = 200;
/// Where more is pending than is read at once, what is this much older than the newest row read is sure to be whole:
/// pods' clocks do not differ by more.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

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
            read.iter().filter(|entry| entry.first > 0).map(|entry| (entry.wallet, entry.first)).collect(),
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
    let mut ready: std::collections::BTreeSet<usize> =
        waits_for.iter().enumerate().filter(|(_, waits)| **waits == 0).map(|(place, _)| place).collect();
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
    let done = connection.execute_raw(statement).await.map_err(|error: DbErr| failed(&error))?;
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

    /// Gives these shards' pending rows their positions. Safe beside other pods: they take turns at the shards' heads.
    /// Answers how many.
    pub async fn sequence(&self, shards: &[Shard]) -> Result<u64, StoreFailure> {
        let database = match self {
            Store::Memory(memory) => return sequence_memory(&mut *memory.read().await, shards),
            Store::Database(database) => database,
        };
        let mut given = 0;
        for some in shards.chunks(SHARDS_AT_ONCE) {
            let unreachable = |error: chit_store::StoreError| StoreFailure::Transient(error.to_string());
            let transaction = database.begin_write().await.map_err(unreachable)?;
            let heads = heads(&transaction, database.engine(), some).await?;
            given += sequence(&transaction, database.engine(), heads).await?;
            transaction.commit().await.map_err(|error| failed(&error))?;
        }
        Ok(given)
    }

    /// How far each shard's feed goes; shards without a row have none yet.
    pub async fn feed_spans(&self) -> Result<BTreeMap<Shard, FeedSpan>, StoreFailure> {
        match self {
            Store::Memory(memory) => {
                let tables = memory.read().await;
                let mut spans: BTreeMap<Shard, FeedSpan> = BTreeMap::new();
                for (of, purged) in &tables.purged {
                    spans.insert(*of, FeedSpan { last: *purged, purged: *purged });
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
                    let span = FeedSpan { last: row.int(at + 1)?, purged: row.int(at + 2)? };
                    Ok((shard(row.small(at)?), span))
                };
                Ok(all(database.reader(), sql, Vec::new(), read).await?.into_iter().collect())
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
                Ok(rows.map(row).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
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

fn sequence_memory(tables: &mut Tables, shards: &[Shard]) -> Result<u64, StoreFailure> {
    let (mine, others) =
        std::mem::take(&mut tables.pending).into_iter().partition(|row| shards.contains(&row.shard));
    tables.pending = others;
    let rows = in_order(mine)?;
    let count = rows.len() as u64;
    for row in rows {
        let stored = tables.feed.range((row.shard, 0)..=(row.shard, i64::MAX)).next_back();
        let last = stored.map(|((_, position), _)| *position);
        let last = last.or_else(|| tables.purged.get(&row.shard).copied()).unwrap_or_default();
        tables.feed.insert((row.shard, last + 1), (row.at, row.entries));
    }
    Ok(count)
}

fn in_list(shards: &[Shard]) -> (String, Vec<Value>) {
    let places: Vec<String> = (1..=shards.len()).map(|at| format!("${at}")).collect();
    (places.join(", "), shards.iter().map(|of| shard_number(*of).into()).collect())
}

/// The shards' heads, locked in rising order.
async fn heads(
    transaction: &DatabaseTransaction,
    engine: Engine,
    shards: &[Shard],
) -> Result<BTreeMap<Shard, i64>, StoreFailure> {
    let (list, binds) = in_list(shards);
    // On SQLite the whole database is ours.
    let lock = if engine == Engine::Postgres { "FOR UPDATE" } else { "" };
    let select = format!(
        "SELECT h.shard, h.position FROM feed_heads h WHERE h.shard IN ({list}) ORDER BY h.shard {lock}"
    );
    let read = |row: &sea_orm::QueryResult, at: usize| Ok((shard(row.small(at)?), row.int(at + 1)?));
    let found: BTreeMap<Shard, i64> =
        all(transaction, select.as_str(), binds.clone(), read).await?.into_iter().collect();
    if found.len() == shards.len() {
        return Ok(found);
    }
    for missing in shards.iter().filter(|of| !found.contains_key(of)) {
        let insert =
            "INSERT INTO feed_heads (shard, position, purged) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING";
        run(transaction, insert, vec![shard_number(*missing).into()]).await?;
    }
    Ok(all(transaction, select, binds, read).await?.into_iter().collect())
}

/// Reads in a later statement than the lock's, so that it sees what was committed by whoever had the heads before.
async fn pending(
    transaction: &DatabaseTransaction,
    shards: &[Shard],
    limit: Option<usize>,
) -> Result<Vec<Pending>, StoreFailure> {
    let (list, binds) = in_list(shards);
    let limit = limit.map_or_else(String::new, |limit| format!("LIMIT {limit}"));
    let sql = format!(
        "SELECT p.shard, p.pending_id, p.at, p.entries FROM feed_pending p WHERE p.shard IN ({list}) \
         ORDER BY p.at, p.pending_id {limit}"
    );
    let read = |row: &sea_orm::QueryResult, at: usize| {
        Ok(Pending {
            shard: shard(row.small(at)?),
            id: row.id(at + 1)?,
            at: Timestamp::from_micros(row.int(at + 2)?),
            entries: row.text(at + 3)?,
        })
    };
    all(transaction, sql, binds, read).await
}

async fn sequence(
    transaction: &DatabaseTransaction,
    engine: Engine,
    mut heads: BTreeMap<Shard, i64>,
) -> Result<u64, StoreFailure> {
    let shards: Vec<Shard> = heads.keys().copied().collect();
    let mut found = pending(transaction, &shards, Some(AT_ONCE)).await?;
    if let Some(newest) = found.last().filter(|_| found.len() == AT_ONCE).map(|row| row.at) {
        found.retain(|row| row.at + CLOCKS_DIFFER < newest);
        if found.is_empty() {
            found = pending(transaction, &shards, None).await?;
        }
    }
    if found.is_empty() {
        return Ok(0);
    }
    let rows = in_order(found)?;
    let place = |row: &Pending| {
        let head = heads.entry(row.shard).or_default();
        *head += 1;
        (row.shard, row.id, *head)
    };
    let places: Vec<(Shard, [u8; 16], i64)> = rows.iter().map(place).collect();
    move_rows(transaction, engine, &places).await?;
    let touched: BTreeMap<Shard, i64> = places.iter().map(|(of, _, position)| (*of, *position)).collect();
    for (of, position) in touched {
        let binds = vec![shard_number(of).into(), position.into()];
        run(transaction, "UPDATE feed_heads SET position = $2 WHERE shard = $1", binds).await?;
    }
    Ok(rows.len() as u64)
}

const MOVE: &str = "WITH u AS (SELECT * FROM UNNEST($1::int2[], $2::uuid[], $3::int8[]) AS u (shard, pending_id, position)), \
       d AS (DELETE FROM feed_pending p USING u WHERE p.shard = u.shard AND p.pending_id = u.pending_id \
             RETURNING p.shard, u.position, p.at, p.entries) \
     INSERT INTO feed (shard, position, at, entries) SELECT d.shard, d.position, d.at, d.entries FROM d";

/// Pending rows become rows of the feed.
async fn move_rows(
    transaction: &DatabaseTransaction,
    engine: Engine,
    places: &[(Shard, [u8; 16], i64)],
) -> Result<(), StoreFailure> {
    if engine == Engine::Postgres {
        let shards: Vec<i16> = places.iter().map(|(of, ..)| shard_number(*of)).collect();
        let ids: Vec<Uuid> = places.iter().map(|(_, id, _)| Uuid::from_bytes(*id)).collect();
        let positions: Vec<i64> = places.iter().map(|(.., position)| *position).collect();
        let moved = run(transaction, MOVE, vec![shards.into(), ids.into(), positions.into()]).await?;
        return exactly(moved, places.len());
    }
    for some in places.chunks(BOUND_AT_ONCE) {
        let row = |at: usize| format!("(${}, ${}, ${})", at * 3 + 1, at * 3 + 2, at * 3 + 3);
        let rows: Vec<String> = (0..some.len()).map(row).collect();
        let input = format!("WITH u (shard, pending_id, position) AS (VALUES {})", rows.join(", "));
        let join = "FROM u CROSS JOIN feed_pending p ON p.shard = u.shard AND p.pending_id = u.pending_id";
        let binds = || -> Vec<Value> {
            let three = |(of, pending, position): &(Shard, [u8; 16], i64)| {
                [Value::from(shard_number(*of)), id(*pending), Value::from(*position)]
            };
            some.iter().flat_map(three).collect()
        };
        let insert = format!(
            "{input} INSERT INTO feed (shard, position, at, entries) SELECT u.shard, u.position, p.at, p.entries {join}"
        );
        exactly(run(transaction, insert, binds()).await?, some.len())?;
        let delete = format!("{input} DELETE FROM feed_pending WHERE rowid IN (SELECT p.rowid {join})");
        exactly(run(transaction, delete, binds()).await?, some.len())?;
    }
    Ok(())
}

fn exactly(moved: u64, meant: usize) -> Result<(), StoreFailure> {
    if usize::try_from(moved) == Ok(meant) {
        return Ok(());
    }
    Err(StoreFailure::Permanent(format!("{moved} of {meant} pending rows were sequenced")))
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
        Pending { shard: Shard(1), id, at: Timestamp::from_micros(at), entries: entries::write(&all) }
    }

    #[test]
    fn each_wallet_rises_whatever_the_pods_clocks_say() {
        // A slow pod's clock gave 1 and 2 to what happened last.
        let rows =
            vec![row(5, &[(1, 1), (2, 1)]), row(1, &[(1, 2), (3, 4)]), row(2, &[(3, 9)]), row(3, &[(4, 1)])];
        let order: Vec<i64> = in_order(rows).unwrap().iter().map(|row| row.at.micros()).collect();
        assert_eq!(order, [3, 5, 1, 2]);
    }
}
