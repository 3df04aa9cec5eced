//! The only SQL. Statements stand side by side per engine and are set-based: one for a batch, never one for an
//! event. Every table's key begins with the shard, save what belongs to a tenant.

mod authorizations;
mod facts;
mod feed;
mod finish;
mod intake;
mod keys;
mod parked;
mod partitions;
mod rebuild;
mod replica;
mod schema;
mod summed;
mod usage;

use chit_store::{Database, Pools, StoreError, begin_immediate};
use sea_orm::sqlx::{self, Postgres, Sqlite, Transaction};

pub use authorizations::Locking;
pub use facts::FactRef;
pub use feed::FeedRow;
pub use intake::IntakeRow;
pub use keys::{KeyKind, KeyRow};
pub use parked::ParkedRow;
pub use partitions::PARTITION_DAYS_AHEAD;
pub use replica::StoredReplica;
pub use schema::MIGRATIONS;
pub use usage::{Source, UsageQuery, UsageRow};

/// What goes wrong with a database.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Metering's database.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
}

/// A transaction on either engine.
pub enum Tx {
    /// SQLite's writer, or one of its readers.
    Sqlite(Transaction<'static, Sqlite>),
    /// PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Store {
    /// Over an open database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// A transaction that may write.
    pub async fn begin(&self) -> Result<Tx> {
        match self.database.pools() {
            Pools::Sqlite { writer, .. } => Ok(Tx::Sqlite(begin_immediate(writer).await?)),
            Pools::Postgres(pool) => Ok(Tx::Postgres(pool.begin().await?)),
        }
    }

    /// A transaction that only reads. It sees every write acknowledged before.
    pub async fn read(&self) -> Result<Tx> {
        match self.database.pools() {
            Pools::Sqlite { reader, .. } => Ok(Tx::Sqlite(reader.begin().await?)),
            Pools::Postgres(pool) => Ok(Tx::Postgres(pool.begin().await?)),
        }
    }
}

impl Tx {
    /// Commits.
    pub async fn commit(self) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await?,
            Tx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// Stored text of ours that does not read back: a fault of ours, or of who edited it.
fn undecodable(what: &'static str, fault: impl std::fmt::Display) -> StoreError {
    StoreError::Sqlx(sqlx::Error::Decode(format!("{what}: {fault}").into()))
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types have string keys and no floats")
}

fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|fault| undecodable(what, fault))
}

fn key_of(bytes: &[u8]) -> Result<crate::domain::names::Key> {
    bytes.try_into().map_err(|_| undecodable("key", "not sixteen bytes"))
}

/// A shard as both engines store it.
fn smallint(shard: u16) -> i16 {
    i16::try_from(shard).expect("shards are at most 32,767")
}
