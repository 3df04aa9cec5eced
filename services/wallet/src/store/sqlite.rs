//! A lane on SQLite: the one writer, `BEGIN IMMEDIATE`, sets bound as rows of VALUES.

use chit_store::{Database, ValuesStatement, begin_immediate};
use sea_orm::prelude::Uuid;
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::sqlx::{Sqlite, Transaction};

use super::lane::{GRANTS_IN_ROW, LOTS_IN_ROW, LaneStore, LoadRequest, Loaded, Pending, StoreFailure};
use super::lane::{WalletKey, WalletWrite, assemble_past};
use super::postgres::{failed, unreadable};
use super::row::{self, Columns, RowError};
use super::rows_out::RowsOut;
use super::sqlite_sql as sql;
use super::sqlite_write;
use crate::domain::{Past, Wallet};

/// The writer, while a batch is under way.
#[derive(Debug)]
pub struct SqliteLane {
    database: Database,
    transaction: Option<Transaction<'static, Sqlite>>,
    locked: Vec<WalletKey>,
}

impl SqliteLane {
    /// Waits for the writer with each batch.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, transaction: None, locked: Vec::new() }
    }

    fn transaction(&mut self) -> Result<&mut Transaction<'static, Sqlite>, StoreFailure> {
        self.transaction.as_mut().ok_or_else(|| StoreFailure::Transient("no batch is under way".to_owned()))
    }

    async fn of_wallets<T>(
        &mut self,
        statement: ValuesStatement,
        places: &[usize],
        read: impl Fn(&SqliteRow, usize) -> Result<T, RowError>,
    ) -> Result<Vec<(usize, T)>, StoreFailure> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(i64, WalletKey)> =
            places.iter().map(|place| (number(*place), self.locked[*place])).collect();
        let found = statement
            .fetch(self.transaction()?, &rows, |query, (place, key)| {
                query.bind(place).bind(row::shard_number(key.shard)).bind(&key.id.0[..])
            })
            .await
            .map_err(|error| failed(&error))?;
        placed(&found, read)
    }

    async fn by_id<T>(
        &mut self,
        statement: ValuesStatement,
        wanted: impl Iterator<Item = (usize, [u8; 16])>,
        read: impl Fn(&SqliteRow, usize) -> Result<T, RowError>,
    ) -> Result<Vec<(usize, T)>, StoreFailure> {
        let rows: Vec<(i64, WalletKey, [u8; 16])> =
            wanted.map(|(place, id)| (number(place), self.locked[place], id)).collect();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let found = statement
            .fetch(self.transaction()?, &rows, |query, (place, key, id)| {
                query.bind(place).bind(row::shard_number(key.shard)).bind(&key.id.0[..]).bind(&id[..])
            })
            .await
            .map_err(|error| failed(&error))?;
        placed(&found, read)
    }

    async fn by_number<T>(
        &mut self,
        statement: ValuesStatement,
        wanted: &[(usize, i64)],
        read: impl Fn(&SqliteRow, usize) -> Result<T, RowError>,
    ) -> Result<Vec<(usize, T)>, StoreFailure> {
        let rows: Vec<(i64, WalletKey, i64)> =
            wanted.iter().map(|(place, seq)| (number(*place), self.locked[*place], *seq)).collect();
        let found = statement
            .fetch(self.transaction()?, &rows, |query, (place, key, seq)| {
                query.bind(place).bind(row::shard_number(key.shard)).bind(&key.id.0[..]).bind(seq)
            })
            .await
            .map_err(|error| failed(&error))?;
        placed(&found, read)
    }

    async fn past(&mut self, wanted: &[(usize, i64)]) -> Result<Vec<(usize, Past)>, StoreFailure> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let transactions = self.by_number(sql::FIND_PAST, wanted, row::transaction).await?;
        let reversals = self.by_number(sql::FIND_PAST_REVERSALS, wanted, row::transaction).await?;
        let repayments = self.by_number(sql::FIND_PAST_REPAYMENTS, wanted, row::repayment).await?;
        Ok(assemble_past(transactions, &reversals, &repayments))
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
        for (place, grant) in self.of_wallets(sql::FIND_OVERFLOW_GRANTS, &grants, row::grant).await? {
            found[place].iter_mut().for_each(|wallet| wallet.grants.push(grant.clone()));
        }
        for (place, lot) in self.of_wallets(sql::FIND_OVERFLOW_LOTS, &lots, row::lot).await? {
            found[place].iter_mut().for_each(|wallet| wallet.lots.push(lot));
        }
        Ok(())
    }
}

fn number(place: usize) -> i64 {
    i64::try_from(place).expect("a batch has few wallets")
}

fn placed<T>(
    rows: &[SqliteRow],
    read: impl Fn(&SqliteRow, usize) -> Result<T, RowError>,
) -> Result<Vec<(usize, T)>, StoreFailure> {
    let one = |row: &SqliteRow| Ok((usize::try_from(row.int(0)?).unwrap_or_default(), read(row, 1)?));
    rows.iter().map(one).collect::<Result<_, RowError>>().map_err(|error| unreadable(&error))
}

/// A uuid as SQLite keeps it.
pub(super) fn uuid(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes(bytes)
}

impl LaneStore for SqliteLane {
    async fn begin(&mut self, wallets: &[WalletKey]) -> Result<Vec<Option<Wallet>>, StoreFailure> {
        let writer = self.database.sqlite_writer();
        let writer = writer.ok_or_else(|| StoreFailure::Permanent("not a SQLite database".to_owned()))?;
        let begun = begin_immediate(writer).await;
        self.transaction = Some(begun.map_err(|error| StoreFailure::Transient(error.to_string()))?);
        self.locked = wallets.to_vec();
        let all: Vec<usize> = (0..wallets.len()).collect();
        let mut found = vec![None; wallets.len()];
        for (place, wallet) in self.of_wallets(sql::LOCK, &all, row::wallet).await? {
            found[place] = Some(wallet);
        }
        self.overflow(&mut found).await?;
        Ok(found)
    }

    async fn load(&mut self, request: &LoadRequest) -> Result<Loaded, StoreFailure> {
        let keys = request.keys.iter().map(|(place, key)| (*place, key.0));
        let holds = request.holds.iter().map(|(place, id)| (*place, id.0));
        let grants = request.grants.iter().map(|(place, id)| (*place, id.0));
        let mut loaded = Loaded {
            transactions: self.by_id(sql::FIND_KEYS, keys, row::transaction).await?,
            holds: self.by_id(sql::FIND_HOLDS, holds, row::hold).await?,
            grants: self.by_id(sql::FIND_GRANTS, grants, row::grant).await?,
            past: self.past(&request.past).await?,
        };
        loaded.holds.extend(self.of_wallets(sql::FIND_OPEN_HOLDS, &request.open_holds, row::hold).await?);
        Ok(loaded)
    }

    async fn commit(&mut self, writes: &[WalletWrite<'_>], pending: &[Pending]) -> Result<(), StoreFailure> {
        let rows = RowsOut::gather(writes, pending);
        if !rows.is_empty() {
            sqlite_write::all(self.transaction()?, &rows).await?;
        }
        let Some(transaction) = self.transaction.take() else {
            return Ok(());
        };
        if rows.is_empty() {
            return transaction.rollback().await.map_err(|error| failed(&error));
        }
        // An error here may have come after the log was written: the keys will tell.
        transaction.commit().await.map_err(|error| StoreFailure::Unknown(error.to_string()))
    }

    async fn recover(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            // A rollback that fails is repeated when the connection is next used.
            drop(transaction.rollback().await);
        }
    }
}
