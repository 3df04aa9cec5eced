use std::path::PathBuf;

use sea_orm::{DbErr, sqlx};

/// Why a database could not be opened, migrated or trusted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data folder could not be made or locked.
    #[error("data folder {path}: {source}")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another process has the data folder open.
    #[error("data folder {path} is in use by another process")]
    DataDirInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The address names no engine we know.
    #[error("database address must begin with postgres://, postgresql:// or sqlite:")]
    UnknownAddress,
    /// The database refused.
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    /// The database refused a statement of SeaORM's.
    #[error(transparent)]
    SeaOrm(#[from] DbErr),
    /// A step that was applied has since been edited.
    #[error("migration {version} ({name}) differs from what was applied to this database")]
    ChangedStep {
        /// Its number.
        version: u32,
        /// Its name, as applied.
        name: String,
    },
    /// A step is missing below one that was applied.
    #[error("migration {version} is missing below applied migration {applied}")]
    MissingStep {
        /// The step that is missing.
        version: u32,
        /// The highest step that was applied.
        applied: u32,
    },
    /// The database belongs to another service.
    #[error("this is the database of service {found}, not of {expected}")]
    OtherService {
        /// The service that was asked for.
        expected: String,
        /// The service that migrated it.
        found: String,
    },
    /// The installation's shard count is chosen once.
    #[error("this installation has {stored} shards, not {asked}; the number is chosen once")]
    ShardCount {
        /// What the database says.
        stored: String,
        /// What the configuration says.
        asked: u16,
    },
    /// The schema is older than this program.
    #[error("the schema of {service} is at step {found} of {expected}; run `chit migrate`")]
    SchemaBehind {
        /// Whose schema.
        service: String,
        /// The highest applied step, 0 for an empty database.
        found: u32,
        /// The step this program needs.
        expected: u32,
    },
}
