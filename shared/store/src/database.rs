use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{Connection, Sqlite, Transaction};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, SqlxPostgresConnector,
    SqlxSqliteConnector, TransactionOptions, TransactionTrait,
};

use crate::StoreError;

/// A pod that is frozen while it holds rows must not stop the others for long, nor may they wait for ever.
const LOCK_TIMEOUT: &str = "5s";
/// A transaction of ours is never idle for longer than a round trip; a frozen pod's is ended and its rows freed.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "10s";
/// A peer that vanished without a word is noticed by the server within about this time, in seconds.
const TCP_KEEPALIVES_IDLE: &str = "15";
/// The hot statements and the ordinary queries of one service, with room; each stays prepared.
const STATEMENT_CACHE: usize = 256;
/// A caller that finds no connection in this time is told so: its own deadline is not far.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection unused for longer is asked before use whether it still lives; a busy one proves it by its work.
const PING_AFTER_IDLE: Duration = Duration::from_secs(3);
/// `chit` tools and a backup may hold the SQLite file for a moment.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers beside the one writer: SQLite reads are short, and more only compete for the same cores.
const SQLITE_READERS: u32 = 4;
/// Pages between checkpoints (64 MiB): a hot page is copied back once for many commits.
const SQLITE_AUTOCHECKPOINT: &str = "16384";
/// Page cache of the writer, in KiB as SQLite counts it (negative): the working set of a laptop's ledger.
const SQLITE_WRITER_CACHE: &str = "-65536";

/// Which of the two engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded, one process.
    Sqlite,
    /// The server, many pods.
    Postgres,
}

/// The raw pools, for hot statements.
#[derive(Clone, Debug)]
pub enum Pools {
    /// One connection that writes, a few that only read.
    Sqlite {
        /// The writer: wait for it, then `BEGIN IMMEDIATE`.
        writer: SqlitePool,
        /// Read-only connections.
        reader: SqlitePool,
    },
    /// One pool for everything but the lanes.
    Postgres(PgPool),
}

/// A service's open database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Database {
    pools: Pools,
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    postgres_options: Option<PgConnectOptions>,
}

impl Database {
    /// Opens by address: `sqlite:PATH` or `postgres://…` (there with at most so many pooled connections).
    ///
    /// # Errors
    /// An address of neither kind, or what [`sqlite`](Self::sqlite) and [`postgres`](Self::postgres) say.
    pub async fn open(address: &str, max_connections: u32) -> Result<Self, StoreError> {
        if let Some(path) = address.strip_prefix("sqlite:") {
            return Self::sqlite(path.strip_prefix("//").unwrap_or(path)).await;
        }
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Self::postgres(address, max_connections).await;
        }
        Err(StoreError::UnknownAddress)
    }

    /// Opens, and makes if need be, a SQLite file. Its folder should be a [`DataDir`](crate::DataDir) held by the caller.
    ///
    /// # Errors
    /// When the file cannot be opened as a database.
    pub async fn sqlite(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let options = sqlite_options(path.as_ref());
        let writer =
            sqlite_pool(1).connect_with(options.clone().pragma("cache_size", SQLITE_WRITER_CACHE)).await?;
        let reader = sqlite_pool(SQLITE_READERS)
            .connect_with(options.create_if_missing(false).read_only(true))
            .await?;
        Ok(Self {
            writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer.clone()),
            reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader.clone()),
            pools: Pools::Sqlite { writer, reader },
            postgres_options: None,
        })
    }

    /// Prepares a pool for a PostgreSQL address. No connection is made before one is needed, so a pod starts while
    /// its database is away; [`ping`](Self::ping) and [`Migrations::schema_state`](crate::Migrations::schema_state) tell.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub async fn postgres(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let options = postgres_options(url)?;
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, usage| {
                Box::pin(
                    async move { Ok(usage.idle_for < PING_AFTER_IDLE || connection.ping().await.is_ok()) },
                )
            })
            .connect_lazy_with(options.clone());
        let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        Ok(Self {
            writer: connection.clone(),
            reader: connection,
            pools: Pools::Postgres(pool),
            postgres_options: Some(options),
        })
    }

    /// Which engine this is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// The raw pools, to match on.
    #[must_use]
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// SeaORM over the connection or pool that writes. On SQLite use it through [`begin_write`](Self::begin_write).
    #[must_use]
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// SeaORM over the connections that only read (on PostgreSQL the same pool: reads follow acknowledged writes).
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// The PostgreSQL pool, if it is PostgreSQL.
    #[must_use]
    pub fn pg(&self) -> Option<&PgPool> {
        match &self.pools {
            Pools::Postgres(pool) => Some(pool),
            Pools::Sqlite { .. } => None,
        }
    }

    /// SQLite's only writer, if it is SQLite.
    #[must_use]
    pub fn sqlite_writer(&self) -> Option<&SqlitePool> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => Some(writer),
            Pools::Postgres(_) => None,
        }
    }

    /// SQLite's read-only connections, if it is SQLite.
    #[must_use]
    pub fn sqlite_reader(&self) -> Option<&SqlitePool> {
        match &self.pools {
            Pools::Sqlite { reader, .. } => Some(reader),
            Pools::Postgres(_) => None,
        }
    }

    /// A transaction that may write: `BEGIN IMMEDIATE` on SQLite, so that it never has to upgrade a read lock.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        match self.engine() {
            Engine::Sqlite => Ok(self.writer.begin_with_options(options).await?),
            Engine::Postgres => Ok(self.writer.begin().await?),
        }
    }

    /// A connection outside the pool, for one lane; `None` on SQLite, whose lane uses the writer pool.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn lane_connection(&self) -> Result<Option<PgConnection>, StoreError> {
        match &self.postgres_options {
            Some(options) => Ok(Some(PgConnection::connect_with(options).await?)),
            None => Ok(None),
        }
    }

    /// One round trip, to see that the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader.ping().await?)
    }

    /// Closes every pooled connection once it is given back.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// A raw write transaction on SQLite's writer.
///
/// # Errors
/// When the writer cannot be had in time.
pub async fn begin_immediate(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>, StoreError> {
    Ok(writer.begin_with("BEGIN IMMEDIATE").await?)
}

fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    // An embedded connection neither ages nor breaks: it is opened once and kept.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(ACQUIRE_TIMEOUT)
}

fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(SQLITE_BUSY_TIMEOUT)
        // No table of ours refers across shards, so nothing would be checked.
        .foreign_keys(false)
        .pragma("wal_autocheckpoint", SQLITE_AUTOCHECKPOINT)
        .statement_cache_capacity(STATEMENT_CACHE);
    quiet(options)
}

fn postgres_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    // Sent with the start-up packet, so that they cost no round trip.
    let options = options.application_name("chit").statement_cache_capacity(STATEMENT_CACHE).options([
        ("lock_timeout", LOCK_TIMEOUT),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
        ("tcp_keepalives_idle", TCP_KEEPALIVES_IDLE),
        ("TimeZone", "UTC"),
    ]);
    Ok(quiet(options))
}

/// Statements are not logged one by one; those slower than a second are, as warnings.
fn quiet<O: sea_orm::sqlx::ConnectOptions>(options: O) -> O {
    let slow = "warn".parse().expect("a level of the log crate");
    options
        .log_statements("off".parse().expect("a level of the log crate"))
        .log_slow_statements(slow, Duration::from_secs(1))
}
