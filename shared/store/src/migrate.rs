use chit_types::{ShardCount, Timestamp};
use sea_orm::sqlx::{self, Connection, Executor, PgConnection};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement, TransactionTrait};
use sha2::{Digest, Sha256};

use crate::{Database, Engine, StoreError, installation};

/// The advisory lock under which a database is migrated: "chit" in ASCII. Locks are per database, so one key is enough.
const MIGRATION_LOCK: i64 = 0x6368_6974;
/// One row per applied step.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (version bigint NOT NULL PRIMARY KEY, \
     name text NOT NULL, checksum text NOT NULL, applied_at bigint NOT NULL)";

/// One step of a schema, the same for both engines in effect. Never edited once merged.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// 1, 2, 3 …
    pub version: u32,
    /// What it does, in a few words.
    pub name: &'static str,
    /// Statements for SQLite.
    pub sqlite: &'static str,
    /// Statements for PostgreSQL.
    pub postgres: &'static str,
}

/// A service's whole schema history.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// Whose; a database serves one service only.
    pub service: &'static str,
    /// Numbered from 1 without gaps.
    pub steps: &'static [Migration],
}

/// Where a database stands, seen from this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// Exactly the schema this program knows.
    Current,
    /// Older: a service must not serve it.
    Behind {
        /// Highest applied step, 0 for an empty database.
        found: u32,
        /// The step this program needs.
        expected: u32,
    },
    /// Newer: fine, since schemas expand first and contract a release later.
    Ahead {
        /// Highest applied step.
        found: u32,
        /// The step this program needs.
        expected: u32,
    },
}

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The steps applied now, none if there was nothing to do.
    pub applied: Vec<u32>,
    /// Where the database stands.
    pub state: SchemaState,
}

struct Applied {
    version: u32,
    name: String,
    checksum: String,
}

impl Migration {
    fn sql(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    fn checksum(&self, engine: Engine) -> String {
        Sha256::digest(self.sql(engine)).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Migrations {
    /// Brings the database up to date and stores the installation's shard count, all or nothing, while whoever else
    /// migrates the same database waits. Running it again changes nothing.
    ///
    /// # Errors
    /// When an applied step was edited or skipped, the database is another service's or has another shard count,
    /// or a statement fails: then the database is as it was.
    pub async fn run(
        &self,
        database: &Database,
        shards: ShardCount,
        now: Timestamp,
    ) -> Result<Migrated, StoreError> {
        let Some(mut lock) = database.lane_connection().await? else {
            return self.run_locked(database, shards, now).await;
        };
        take_lock(&mut lock).await?;
        let migrated = self.run_locked(database, shards, now).await;
        // Closing the session frees the lock; should closing fail, the server notices the end by itself.
        let closed = lock.close().await;
        let migrated = migrated?;
        closed?;
        Ok(migrated)
    }

    /// Where the database stands, without changing it.
    ///
    /// # Errors
    /// When it cannot be read, or an applied step differs from ours.
    pub async fn schema_state(&self, database: &Database) -> Result<SchemaState, StoreError> {
        let connection = database.reader();
        if !installation::table_exists(connection, "schema_migration").await? {
            return Ok(self.state_at(0));
        }
        self.check_service(connection).await?;
        self.checked(connection, database.engine()).await
    }

    /// Succeeds when a service may serve this database: its schema is not behind and its shard count is the
    /// configured one.
    ///
    /// # Errors
    /// [`StoreError::SchemaBehind`], [`StoreError::ShardCount`], or as [`schema_state`](Self::schema_state).
    pub async fn check_ready(&self, database: &Database, shards: ShardCount) -> Result<(), StoreError> {
        if let SchemaState::Behind { found, expected } = self.schema_state(database).await? {
            return Err(StoreError::SchemaBehind { service: self.service.to_owned(), found, expected });
        }
        let stored = installation::read(database.reader(), installation::SHARD_COUNT).await?;
        check_shards(stored.as_deref().unwrap_or("no"), shards)
    }

    async fn run_locked(
        &self,
        database: &Database,
        shards: ShardCount,
        now: Timestamp,
    ) -> Result<Migrated, StoreError> {
        let transaction = database.begin_write().await?;
        transaction.execute_unprepared(TABLE).await?;
        transaction.execute_unprepared(installation::TABLE).await?;
        let service =
            installation::choose(&transaction, installation::SERVICE, self.service.to_owned()).await?;
        self.same_service(&service)?;
        let stored =
            installation::choose(&transaction, installation::SHARD_COUNT, shards.get().to_string()).await?;
        check_shards(&stored, shards)?;
        let found = match self.checked(&transaction, database.engine()).await? {
            SchemaState::Behind { found, .. } => found,
            state => {
                transaction.commit().await?;
                return Ok(Migrated { applied: Vec::new(), state });
            }
        };
        let mut applied = Vec::new();
        for step in self.steps.iter().filter(|step| step.version > found) {
            apply(&transaction, step, database.engine(), now).await?;
            tracing::info!(
                service = self.service,
                version = step.version,
                name = step.name,
                "schema step applied"
            );
            applied.push(step.version);
        }
        transaction.commit().await?;
        Ok(Migrated { applied, state: SchemaState::Current })
    }

    /// The state by the steps that were applied, each compared with ours.
    async fn checked(
        &self,
        connection: &impl ConnectionTrait,
        engine: Engine,
    ) -> Result<SchemaState, StoreError> {
        let applied = applied(connection).await?;
        let highest = applied.last().map_or(0, |step| step.version);
        for (number, step) in (1..).zip(&applied) {
            if step.version != number {
                return Err(StoreError::MissingStep { version: number, applied: highest });
            }
            let ours = self.steps.iter().find(|ours| ours.version == number);
            if ours.is_some_and(|ours| ours.checksum(engine) != step.checksum) {
                return Err(StoreError::ChangedStep { version: number, name: step.name.clone() });
            }
        }
        Ok(self.state_at(highest))
    }

    fn state_at(&self, found: u32) -> SchemaState {
        let numbered = (1..).zip(self.steps).all(|(number, step)| step.version == number);
        assert!(numbered, "steps are numbered from 1 without gaps");
        let expected = self.steps.last().map_or(0, |step| step.version);
        match found.cmp(&expected) {
            std::cmp::Ordering::Less => SchemaState::Behind { found, expected },
            std::cmp::Ordering::Equal => SchemaState::Current,
            std::cmp::Ordering::Greater => SchemaState::Ahead { found, expected },
        }
    }

    async fn check_service(&self, connection: &impl ConnectionTrait) -> Result<(), StoreError> {
        match installation::read(connection, installation::SERVICE).await? {
            Some(found) => self.same_service(&found),
            None => Ok(()),
        }
    }

    fn same_service(&self, found: &str) -> Result<(), StoreError> {
        if found == self.service {
            return Ok(());
        }
        Err(StoreError::OtherService { expected: self.service.to_owned(), found: found.to_owned() })
    }
}

fn check_shards(stored: &str, asked: ShardCount) -> Result<(), StoreError> {
    if stored == asked.get().to_string() {
        return Ok(());
    }
    Err(StoreError::ShardCount { stored: stored.to_owned(), asked: asked.get() })
}

/// Waits as long as another migration takes: the session's lock timeout is for rows, not for this.
async fn take_lock(lock: &mut PgConnection) -> Result<(), StoreError> {
    lock.execute("SET lock_timeout = 0").await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(lock).await?;
    Ok(())
}

async fn applied(connection: &impl ConnectionTrait) -> Result<Vec<Applied>, StoreError> {
    let statement = Statement::from_string(
        connection.get_database_backend(),
        "SELECT version, name, checksum FROM schema_migration ORDER BY version",
    );
    let rows = connection.query_all_raw(statement).await?;
    let read = |row: sea_orm::QueryResult| {
        let version: i64 = row.try_get_by_index(0)?;
        let version = u32::try_from(version).unwrap_or(u32::MAX);
        Ok(Applied { version, name: row.try_get_by_index(1)?, checksum: row.try_get_by_index(2)? })
    };
    rows.into_iter().map(read).collect()
}

async fn apply(
    transaction: &DatabaseTransaction,
    step: &Migration,
    engine: Engine,
    now: Timestamp,
) -> Result<(), StoreError> {
    let inner = transaction.begin().await?;
    inner.execute_unprepared(step.sql(engine)).await?;
    let record = Statement::from_sql_and_values(
        inner.get_database_backend(),
        "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
        [i64::from(step.version).into(), step.name.into(), step.checksum(engine).into(), now.micros().into()],
    );
    inner.execute_raw(record).await?;
    Ok(inner.commit().await?)
}
