//! A database under a service: opened, locked, migrated and its errors understood. Knows no service's business.
//!
//! One schema, two engines. SQLite is one writer connection and a few read-only ones on a file inside a locked
//! [`DataDir`]; PostgreSQL is a pool and, for each engine lane, a connection of its own. Hot statements use the raw
//! sqlx pools, everything else SeaORM's connections over the very same pools.
//!
//! Migrations are plain SQL text per engine, included from the service's `migrations/*.sql` and run by
//! [`Migrations`] rather than by sea-orm-migration: that one has no lock between replicas, no checksums and no
//! answer to "is this schema older or newer than I am", which is most of what a runner is for; with those written
//! by us, its builder would only add a second language for the same DDL.

mod data_dir;
mod database;
mod error;
mod failure;
mod installation;
mod migrate;
mod values;

pub use data_dir::DataDir;
pub use database::{Database, Engine, Pools, begin_immediate};
pub use error::StoreError;
pub use failure::{Failure, classify};
pub use installation::installed_shard_count;
pub use migrate::{Migrated, Migration, Migrations, SchemaState};
pub use values::{SqliteQuery, ValuesStatement};
