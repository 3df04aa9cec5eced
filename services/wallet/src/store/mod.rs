//! The wallet's database: the only SQL of this service, on both engines, and a memory of the same shape for tests.
//!
//! Reading order: `lane` (what the engine asks of a database for one batch), `encoding` and `row` (how nouns stand in
//! columns), `postgres`, `sqlite` and `memory` (the three that answer), `reads`, `feed` and `upkeep` (everything that
//! is not a batch), `entity` (the tables as SeaORM sees them).

pub mod encoding;
pub mod entity;
pub mod entries;
pub mod feed;
pub mod lane;
pub mod memory;
pub mod postgres;
mod postgres_write;
pub mod reads;
pub mod row;
mod rows_out;
pub mod schema;
pub mod settings;
pub mod sqlite;
mod sqlite_sql;
mod sqlite_write;
pub mod upkeep;

use std::sync::Arc;

use chit_store::{Database, Engine};

pub use lane::{LaneStore, LoadRequest, Loaded, Pending, StoreFailure, WalletKey, WalletWrite};
pub use schema::MIGRATIONS;

/// Where a wallet service keeps its ledger. Clones share it.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a process has one, and copies of it are handles")]
pub enum Store {
    /// SQLite or PostgreSQL.
    Database(Database),
    /// Nothing durable: tests.
    Memory(Arc<memory::Memory>),
}

/// A lane's own hold on the store.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there are as many of them as lanes")]
pub enum AnyLane {
    /// A connection of its own.
    Postgres(postgres::PostgresLane),
    /// The one writer.
    Sqlite(sqlite::SqliteLane),
    /// The one memory.
    Memory(memory::MemoryLane),
}

impl Store {
    /// A writer for one lane; connects when it is first used.
    #[must_use]
    pub fn lane(&self) -> AnyLane {
        match self {
            Store::Memory(memory) => AnyLane::Memory(memory::MemoryLane::new(Arc::clone(memory))),
            Store::Database(database) => match database.engine() {
                Engine::Postgres => AnyLane::Postgres(postgres::PostgresLane::new(database.clone())),
                Engine::Sqlite => AnyLane::Sqlite(sqlite::SqliteLane::new(database.clone())),
            },
        }
    }

    /// How many lanes serve it best: cores of the database + 1, or its one writer.
    #[must_use]
    pub fn usual_lanes(&self) -> usize {
        match self {
            Store::Database(database) if database.engine() == Engine::Postgres => 3,
            Store::Database(_) | Store::Memory(_) => 1,
        }
    }
}

impl LaneStore for AnyLane {
    async fn begin(
        &mut self,
        wallets: &[WalletKey],
    ) -> Result<Vec<Option<crate::domain::Wallet>>, StoreFailure> {
        match self {
            AnyLane::Postgres(lane) => lane.begin(wallets).await,
            AnyLane::Sqlite(lane) => lane.begin(wallets).await,
            AnyLane::Memory(lane) => lane.begin(wallets).await,
        }
    }

    async fn load(&mut self, request: &LoadRequest) -> Result<Loaded, StoreFailure> {
        match self {
            AnyLane::Postgres(lane) => lane.load(request).await,
            AnyLane::Sqlite(lane) => lane.load(request).await,
            AnyLane::Memory(lane) => lane.load(request).await,
        }
    }

    async fn commit(&mut self, writes: &[WalletWrite<'_>], pending: &[Pending]) -> Result<(), StoreFailure> {
        match self {
            AnyLane::Postgres(lane) => lane.commit(writes, pending).await,
            AnyLane::Sqlite(lane) => lane.commit(writes, pending).await,
            AnyLane::Memory(lane) => lane.commit(writes, pending).await,
        }
    }

    async fn recover(&mut self) {
        match self {
            AnyLane::Postgres(lane) => lane.recover().await,
            AnyLane::Sqlite(lane) => lane.recover().await,
            AnyLane::Memory(lane) => lane.recover().await,
        }
    }
}
