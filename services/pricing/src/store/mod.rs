//! The only SQL of this service: tables that begin with the tenant, small enough to be read whole.

mod changes;
mod entities;
mod read;
mod rows;
mod write;

use chit_store::{Database, Migration, Migrations, StoreError};
use sea_orm::EntityTrait;

pub use changes::Changes;
pub use read::Reads;
pub use write::Write;

/// The schema's whole history.
pub const MIGRATIONS: Migrations = Migrations {
    service: "pricing",
    steps: &[Migration {
        version: 1,
        name: "event types, price books, assignments, cost tables, keys",
        sqlite: include_str!("../../migrations/0001_books.sqlite.sql"),
        postgres: include_str!("../../migrations/0001_books.postgres.sql"),
    }],
};

/// Pricing's tables.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Over a migrated database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The tenant's revision: how many writes it has seen.
    pub async fn head(&self, tenant: &str) -> Result<i64, StoreError> {
        let row = entities::pricing_tenant::Entity::find_by_id(tenant).one(self.database.reader()).await?;
        Ok(row.map_or(0, |row| row.revision))
    }

    /// Reads outside any transaction.
    #[must_use]
    pub fn reads<'a>(&'a self, tenant: &'a str) -> Reads<'a, sea_orm::DatabaseConnection> {
        Reads::new(self.database.reader(), tenant)
    }

    /// Begins a write: the tenant's other writes wait until this one ends.
    pub async fn begin(&self, tenant: &str) -> Result<Write, StoreError> {
        Write::begin(&self.database, tenant).await
    }
}
