//! What tests need around them: a throwaway PostgreSQL, an empty database of their own, a data folder, a seed.
//!
//! `postgres()` is one cluster per test process, or the one that `with-postgres` started for a whole `make test`.
//! Nothing outlives its process, not even after `kill -9`.

mod cluster;
mod database;
mod seed;
mod server;

pub use cluster::{Cluster, PostgresOptions};
pub use database::{FreshDatabase, fresh_database, postgres};
pub use seed::{seed, seed_of};
pub use server::programs as server_programs;

/// The variable that names a running server for tests, as `postgres://user@host:port`.
pub const SERVER_VARIABLE: &str = "CHIT_TEST_POSTGRES";
/// The variable that repeats a random test with the seed it printed.
pub const SEED_VARIABLE: &str = "CHIT_TEST_SEED";

/// An empty folder for SQLite files, removed with the value.
///
/// # Panics
/// When the system's folder for temporary files cannot be written.
#[must_use]
pub fn temp_data_dir() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("chit-data-").tempdir().expect("a temporary folder can be made")
}

/// A variable of the environment: the edge of a test is the process that runs it.
#[allow(
    clippy::disallowed_methods,
    reason = "tests have no configuration; make and a person at a shell set these"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
