//! A lane on PostgreSQL: a connection of its own, statements prepared once, sets bound as arrays.

use std::fmt::{self, Debug};

use chit_store::{Database, Failure, classify};
use sea_orm::prelude::Uuid;
use sea_orm::sqlx::postgres::{PgConnection, PgRow};
use sea_orm::sqlx::{self, Executor};

use super::lane::{GRANTS_IN_ROW, LOTS_IN_ROW, LaneStore, LoadRequest, Loaded, Pending, StoreFailure};
use super::lane::{WalletKey, WalletWrite};
use super::postgres_write;
use super::row::{self, Columns, RowError};
use super::rows_out::RowsOut;
use crate::domain::{Past, Wallet};
use crate::{grant_columns, hold_columns, transaction_columns, wallet_columns};

/// Every statement finds its rows by key from a short list. The planner knows neither the lists' lengths nor, on a
/// fresh database, the tables', so it is told; and a batch's rows are sorted in memory.
const SESSION: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; \
     SET enable_mergejoin = off; SET enable_bitmapscan = off; SET enable_material = off; SET jit = off; SET work_mem = '32MB'";

const LOCK: &str = concat!(
    "SELECT k.place, ",
    wallet_columns!(),
    " FROM UNNEST($1::int2[], $2::uuid[]) WITH ORDINALITY AS k (shard, wallet_id, place) \
       JOIN wallets w ON w.shard = k.shard AND w.wallet_id = k.wallet_id ORDER BY k.place FOR UPDATE OF w"
);
const OVERFLOW_GRANTS: &str = concat!(
    "SELECT k.place, ",
    grant_columns!(),
    " FROM UNNEST($1::int2[], $2::uuid[], $3::int8[]) AS k (shard, wallet_id, place) \
       JOIN grants g ON g.shard = k.shard AND g.wallet_id = k.wallet_id AND g.overflow \
       ORDER BY k.place, g.opened_by, g.grant_id"
);
const OVERFLOW_LOTS: &str = "SELECT k.place, l.seq, l.rest \
       FROM UNNEST($1::int2[], $2::uuid[], $3::int8[]) AS k (shard, wallet_id, place) \
       JOIN owed_lots l ON l.shard = k.shard AND l.wallet_id = k.wallet_id ORDER BY k.place, l.seq";
const KEYS: &str = concat!(
    "SELECT k.place, ",
    transaction_columns!(),
    " FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::uuid[]) AS k (shard, wallet_id, place, key_hash) \
       JOIN transactions t ON t.shard = k.shard AND t.wallet_id = k.wallet_id AND t.key_hash = k.key_hash"
);
const HOLDS: &str = concat!(
    "SELECT k.place, ",
    hold_columns!(),
    " FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::uuid[]) AS k (shard, wallet_id, place, hold_id) \
       JOIN holds h ON h.shard = k.shard AND h.wallet_id = k.wallet_id AND h.hold_id = k.hold_id"
);
const OPEN_HOLDS: &str = concat!(
    "SELECT k.place, ",
    hold_columns!(),
    " FROM UNNEST($1::int2[], $2::uuid[], $3::int8[]) AS k (shard, wallet_id, place) \
       JOIN holds h ON h.shard = k.shard AND h.wallet_id = k.wallet_id AND h.state = 1"
);
const GRANTS: &str = concat!(
    "SELECT k.place, ",
    grant_columns!(),
    " FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::uuid[]) AS k (shard, wallet_id, place, grant_id) \
       JOIN grants g ON g.shard = k.shard AND g.wallet_id = k.wallet_id AND g.grant_id = k.grant_id"
);
const PAST: &str = concat!(
    "SELECT k.place, ",
    transaction_columns!(),
    " FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::int8[]) AS k (shard, wallet_id, place, seq) \
       JOIN transactions t ON t.shard = k.shard AND t.wallet_id = k.wallet_id AND t.seq = k.seq"
);
const PAST_REVERSALS: &str = concat!(
    "SELECT k.place, ",
    transaction_columns!(),
    " FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::int8[]) AS k (shard, wallet_id, place, seq) \
       JOIN reversals r ON r.shard = k.shard AND r.wallet_id = k.wallet_id AND r.of_seq = k.seq \
       JOIN transactions t ON t.shard = k.shard AND t.wallet_id = k.wallet_id AND t.seq = r.seq ORDER BY t.seq"
);
const PAST_REPAYMENTS: &str = "SELECT k.place, r.owed_seq, r.seq, r.ordinal, r.grant_id, r.amount \
       FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::int8[]) AS k (shard, wallet_id, place, seq) \
       JOIN repayments r ON r.shard = k.shard AND r.wallet_id = k.wallet_id AND r.owed_seq = k.seq \
       ORDER BY r.seq, r.ordinal";

/// A lane's connection.
pub struct PostgresLane {
    database: Database,
    connection: Option<PgConnection>,
    locked: Vec<WalletKey>,
}

impl Debug for PostgresLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLane").field("connected", &self.connection.is_some()).finish_non_exhaustive()
    }
}

/// A failure before COMMIT: nothing is written.
pub(super) fn failed(error: &sqlx::Error) -> StoreFailure {
    match classify(error) {
        Failure::Transient | Failure::ConnectionLost => StoreFailure::Transient(error.to_string()),
        Failure::Permanent | Failure::Constraint(_) => StoreFailure::Permanent(error.to_string()),
    }
}

pub(super) fn unreadable(error: &RowError) -> StoreFailure {
    match error {
        RowError::Sqlx(error) => failed(error),
        RowError::SeaOrm(_) | RowError::Packed(_) => StoreFailure::Permanent(error.to_string()),
    }
}

/// Columns of a list that names wallets: shard, id, and the place among those locked.
#[derive(Default)]
struct Places {
    shards: Vec<i16>,
    ids: Vec<Uuid>,
    places: Vec<i64>,
}

impl PostgresLane {
    /// Connects when first used.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, connection: None, locked: Vec::new() }
    }

    /// Its connection, made now if need be.
    async fn connect(&mut self) -> Result<(), StoreFailure> {
        if self.connection.is_some() {
            return Ok(());
        }
        let lost = |error: &dyn std::error::Error| StoreFailure::Transient(error.to_string());
        let fresh = self.database.lane_connection().await.map_err(|error| lost(&error))?;
        let mut fresh =
            fresh.ok_or_else(|| StoreFailure::Permanent("not a PostgreSQL database".to_owned()))?;
        fresh.execute(sqlx::raw_sql(SESSION)).await.map_err(|error| lost(&error))?;
        self.connection = Some(fresh);
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut PgConnection, StoreFailure> {
        self.connection.as_mut().ok_or_else(|| StoreFailure::Transient("not connected".to_owned()))
    }

    fn places(&self, wallets: impl Iterator<Item = usize>) -> Places {
        let mut out = Places::default();
        for place in wallets {
            let key = self.locked[place];
            out.shards.push(row::shard_number(key.shard));
            out.ids.push(Uuid::from_bytes(key.id.0));
            out.places.push(i64::try_from(place).expect("a batch has few wallets"));
        }
        out
    }

    /// Rows of a statement whose binds are a list of wallets and, if any, one more list.
    async fn rows(
        &mut self,
        sql: &'static str,
        wallets: Places,
        more: Option<Uuids>,
    ) -> Result<Vec<PgRow>, StoreFailure> {
        let query = sqlx::query(sql).bind(wallets.shards).bind(wallets.ids).bind(wallets.places);
        let query = match more {
            None => query,
            Some(Uuids::Ids(ids)) => query.bind(ids),
            Some(Uuids::Numbers(numbers)) => query.bind(numbers),
        };
        query.fetch_all(self.connection()?).await.map_err(|error| failed(&error))
    }

    async fn by_id<T>(
        &mut self,
        sql: &'static str,
        wanted: &[(usize, [u8; 16])],
        read: impl Fn(&PgRow, usize) -> Result<T, RowError>,
    ) -> Result<Vec<(usize, T)>, StoreFailure> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let wallets = self.places(wanted.iter().map(|(place, _)| *place));
        let ids = wanted.iter().map(|(_, id)| Uuid::from_bytes(*id)).collect();
        placed(&self.rows(sql, wallets, Some(Uuids::Ids(ids))).await?, read)
    }

    async fn past(&mut self, wanted: &[(usize, i64)]) -> Result<Vec<(usize, Past)>, StoreFailure> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let wallets = || wanted.iter().map(|(place, _)| *place);
        let numbers = || Some(Uuids::Numbers(wanted.iter().map(|(_, seq)| *seq).collect()));
        let rows = self.rows(PAST, self.places(wallets()), numbers()).await?;
        let transactions = placed(&rows, row::transaction)?;
        let rows = self.rows(PAST_REVERSALS, self.places(wallets()), numbers()).await?;
        let reversals = placed(&rows, row::transaction)?;
        let rows = self.rows(PAST_REPAYMENTS, self.places(wallets()), numbers()).await?;
        let repayments = placed(&rows, row::repayment)?;
        Ok(super::lane::assemble_past(transactions, &reversals, &repayments))
    }

    /// What full rows did not take.
    async fn overflow(&mut self, found: &mut [Option<Wallet>]) -> Result<(), StoreFailure> {
        let full = |test: fn(&Wallet) -> bool| {
            let is_full = |(place, wallet): (usize, &Option<Wallet>)| {
                wallet.as_ref().is_some_and(test).then_some(place)
            };
            found.iter().enumerate().filter_map(is_full).collect::<Vec<_>>()
        };
        let grants = full(|wallet| wallet.grants.len() == GRANTS_IN_ROW);
        let lots = full(|wallet| wallet.lots.len() == LOTS_IN_ROW);
        if !grants.is_empty() {
            let rows = self.rows(OVERFLOW_GRANTS, self.places(grants.into_iter()), None).await?;
            for (place, grant) in placed(&rows, row::grant)? {
                found[place].iter_mut().for_each(|wallet| wallet.grants.push(grant.clone()));
            }
        }
        if !lots.is_empty() {
            let rows = self.rows(OVERFLOW_LOTS, self.places(lots.into_iter()), None).await?;
            for (place, lot) in placed(&rows, row::lot)? {
                found[place].iter_mut().for_each(|wallet| wallet.lots.push(lot));
            }
        }
        Ok(())
    }
}

enum Uuids {
    Ids(Vec<Uuid>),
    Numbers(Vec<i64>),
}

/// Rows whose first column is the wallet's place.
fn placed<T>(
    rows: &[PgRow],
    read: impl Fn(&PgRow, usize) -> Result<T, RowError>,
) -> Result<Vec<(usize, T)>, StoreFailure> {
    let one = |row: &PgRow| Ok((usize::try_from(row.int(0)?).unwrap_or_default(), read(row, 1)?));
    rows.iter().map(one).collect::<Result<_, RowError>>().map_err(|error| unreadable(&error))
}

impl LaneStore for PostgresLane {
    async fn begin(&mut self, wallets: &[WalletKey]) -> Result<Vec<Option<Wallet>>, StoreFailure> {
        self.connect().await?;
        self.locked = wallets.to_vec();
        let connection = self.connection()?;
        connection.execute(sqlx::raw_sql("BEGIN")).await.map_err(|error| failed(&error))?;
        let shards: Vec<i16> = wallets.iter().map(|key| row::shard_number(key.shard)).collect();
        let ids: Vec<Uuid> = wallets.iter().map(|key| Uuid::from_bytes(key.id.0)).collect();
        let rows = sqlx::query(LOCK).bind(shards).bind(ids).fetch_all(connection).await;
        let rows = rows.map_err(|error| failed(&error))?;
        let mut found = vec![None; wallets.len()];
        for (place, wallet) in placed(&rows, row::wallet)? {
            // WITH ORDINALITY counts from 1.
            found[place - 1] = Some(wallet);
        }
        self.overflow(&mut found).await?;
        Ok(found)
    }

    async fn load(&mut self, request: &LoadRequest) -> Result<Loaded, StoreFailure> {
        let ids = |list: &[(usize, [u8; 16])]| list.to_vec();
        let keys: Vec<_> = request.keys.iter().map(|(place, key)| (*place, key.0)).collect();
        let holds: Vec<_> = request.holds.iter().map(|(place, id)| (*place, id.0)).collect();
        let grants: Vec<_> = request.grants.iter().map(|(place, id)| (*place, id.0)).collect();
        let mut loaded = Loaded {
            transactions: self.by_id(KEYS, &ids(&keys), row::transaction).await?,
            holds: self.by_id(HOLDS, &holds, row::hold).await?,
            grants: self.by_id(GRANTS, &grants, row::grant).await?,
            past: self.past(&request.past).await?,
        };
        if !request.open_holds.is_empty() {
            let wallets = self.places(request.open_holds.iter().copied());
            let rows = self.rows(OPEN_HOLDS, wallets, None).await?;
            loaded.holds.extend(placed(&rows, row::hold)?);
        }
        Ok(loaded)
    }

    async fn commit(&mut self, writes: &[WalletWrite<'_>], pending: &[Pending]) -> Result<(), StoreFailure> {
        let rows = RowsOut::gather(writes, pending);
        let connection = self.connection()?;
        if rows.is_empty() {
            return connection
                .execute(sqlx::raw_sql("ROLLBACK"))
                .await
                .map(drop)
                .map_err(|error| failed(&error));
        }
        postgres_write::all(connection, &rows).await?;
        match connection.execute(sqlx::raw_sql("COMMIT")).await {
            Ok(_) => Ok(()),
            Err(error) => Err(match classify(&error) {
                Failure::ConnectionLost => StoreFailure::Unknown(error.to_string()),
                Failure::Transient => StoreFailure::Transient(error.to_string()),
                Failure::Permanent | Failure::Constraint(_) => StoreFailure::Permanent(error.to_string()),
            }),
        }
    }

    async fn recover(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        // A connection that cannot roll back is of no more use; dropping it ends its session.
        if connection.execute(sqlx::raw_sql("ROLLBACK")).await.is_ok() {
            self.connection = Some(connection);
        }
    }
}
