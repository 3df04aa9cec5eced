use sea_orm::sqlx::Error;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::{DbErr, RuntimeErr};

use crate::StoreError;

/// What an error of the database means to whoever has to decide what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was done; the same again may succeed on the same connection.
    Transient,
    /// The connection is gone or must not be used again. During COMMIT the outcome is unknown.
    ConnectionLost,
    /// The same again would fail again.
    Permanent,
    /// An invariant said no. The name is the constraint's; SQLite names a unique constraint by its columns
    /// (`table.column, table.column`) and both engines name NOT NULL as `table.column`.
    Constraint(String),
}

/// Classifies an error by its SQLSTATE or SQLite code.
#[must_use]
pub fn classify<'a, E>(error: &'a E) -> Failure
where
    Failure: From<&'a E>,
{
    Failure::from(error)
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error {
            Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
                Some(error) => of_postgres(error),
                None => of_sqlite(error.as_ref()),
            },
            Error::PoolTimedOut => Failure::Transient,
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed | Error::BeginFailed => {
                Failure::ConnectionLost
            }
            _ => Failure::Permanent,
        }
    }
}

impl From<&DbErr> for Failure {
    fn from(error: &DbErr) -> Self {
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => Failure::from(error.as_ref()),
            DbErr::ConnectionAcquire(_) => Failure::Transient,
            _ => Failure::Permanent,
        }
    }
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Sqlx(error) => Failure::from(error),
            StoreError::SeaOrm(error) => Failure::from(error),
            StoreError::SchemaBehind { .. } => Failure::Transient,
            StoreError::DataDir { .. }
            | StoreError::DataDirInUse { .. }
            | StoreError::UnknownAddress
            | StoreError::ChangedStep { .. }
            | StoreError::MissingStep { .. }
            | StoreError::OtherService { .. }
            | StoreError::ShardCount { .. } => Failure::Permanent,
        }
    }
}

/// SQLSTATEs that pass: serialization failure, deadlock, lock timeout, lock in use, statement cancelled.
const TRANSIENT: [&str; 5] = ["40001", "40P01", "55P03", "55006", "57014"];
/// SQLSTATEs that end a session or make it useless: outcome unknown, shutdown of four kinds, a transaction that idled too
/// long, a server that became a replica, a prepared statement the session does not have.
const LOST: [&str; 8] = ["40003", "57P01", "57P02", "57P03", "57P05", "25P03", "25006", "26000"];
/// Classes that end a session: connection exceptions.
const LOST_CLASS: &str = "08";
/// Classes that pass: insufficient resources (connections, memory, disk), system errors (input, output).
const TRANSIENT_CLASSES: [&str; 2] = ["53", "58"];
/// Integrity constraints.
const CONSTRAINT_CLASS: &str = "23";
const NOT_NULL: &str = "23502";

fn of_postgres(error: &PgDatabaseError) -> Failure {
    let code = error.code();
    if code.starts_with(CONSTRAINT_CLASS) {
        return Failure::Constraint(match (error.constraint(), code) {
            (None, NOT_NULL) => {
                format!("{}.{}", error.table().unwrap_or_default(), error.column().unwrap_or_default())
            }
            (name, _) => name.unwrap_or_default().to_owned(),
        });
    }
    // A table changed under a prepared statement: a fresh connection prepares it anew.
    let stale_plan = code == "0A000" && error.message().contains("cached plan");
    if LOST.contains(&code) || code.starts_with(LOST_CLASS) || stale_plan {
        return Failure::ConnectionLost;
    }
    if TRANSIENT.contains(&code) || TRANSIENT_CLASSES.iter().any(|class| code.starts_with(class)) {
        return Failure::Transient;
    }
    Failure::Permanent
}

/// SQLite's primary result codes: busy, locked, input/output, disk full, lock protocol.
const SQLITE_TRANSIENT: [i32; 5] = [5, 6, 10, 13, 15];
const SQLITE_CONSTRAINT: i32 = 19;

fn of_sqlite(error: &dyn DatabaseError) -> Failure {
    let extended: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    let primary = extended & 0xff;
    if primary == SQLITE_CONSTRAINT {
        let message = error.message();
        let name = message.split_once("constraint failed: ").map_or(message, |(_, name)| name);
        return Failure::Constraint(name.to_owned());
    }
    if SQLITE_TRANSIENT.contains(&primary) { Failure::Transient } else { Failure::Permanent }
}
