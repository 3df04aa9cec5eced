use chit_types::ShardCount;
use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::{Database, StoreError};

/// One table per database for what an installation chose once.
pub(crate) const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS installation (key text NOT NULL PRIMARY KEY, value text NOT NULL)";
pub(crate) const SERVICE: &str = "service";
pub(crate) const SHARD_COUNT: &str = "shard_count";

/// The shard count this database was migrated with; `None` below the first migration.
///
/// # Errors
/// When the database cannot be read.
pub async fn installed_shard_count(database: &Database) -> Result<Option<ShardCount>, StoreError> {
    let connection = database.reader();
    if !table_exists(connection, "installation").await? {
        return Ok(None);
    }
    let value = read(connection, SHARD_COUNT).await?;
    Ok(value.and_then(|value| value.parse().ok()).and_then(ShardCount::new))
}

pub(crate) async fn read(connection: &impl ConnectionTrait, key: &str) -> Result<Option<String>, DbErr> {
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(
        backend,
        "SELECT value FROM installation WHERE key = $1",
        [key.into()],
    );
    connection.query_one_raw(statement).await?.map(|row| row.try_get_by_index(0)).transpose()
}

/// Stores a choice the first time, and answers what is stored from then on.
pub(crate) async fn choose(
    connection: &impl ConnectionTrait,
    key: &str,
    value: String,
) -> Result<String, DbErr> {
    if let Some(stored) = read(connection, key).await? {
        return Ok(stored);
    }
    let statement = Statement::from_sql_and_values(
        connection.get_database_backend(),
        "INSERT INTO installation (key, value) VALUES ($1, $2)",
        [key.into(), value.clone().into()],
    );
    connection.execute_raw(statement).await?;
    Ok(value)
}

pub(crate) async fn table_exists(connection: &impl ConnectionTrait, table: &str) -> Result<bool, DbErr> {
    let backend = connection.get_database_backend();
    let sql = match backend {
        sea_orm::DbBackend::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
        _ => "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = $1",
    };
    let statement = Statement::from_sql_and_values(backend, sql, [table.into()]);
    Ok(connection.query_one_raw(statement).await?.is_some())
}
