use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use crate::cluster::{Cluster, PostgresOptions};
use crate::{SERVER_VARIABLE, seed, server, variable};

/// The server that this process's tests share.
#[derive(Debug)]
enum Shared {
    Ours(Cluster),
    Given(String),
}

static SHARED: OnceLock<Shared> = OnceLock::new();

fn shared() -> &'static Shared {
    SHARED.get_or_init(|| match variable(SERVER_VARIABLE) {
        Some(url) => Shared::Given(url.trim_end_matches('/').to_owned()),
        None => match Cluster::start_new(&PostgresOptions::default()) {
            Ok(cluster) => Shared::Ours(cluster),
            Err(error) => panic!("no PostgreSQL for this test: {error:#}"),
        },
    })
}

/// The address, without a database, of the server that tests of this process share; started at the first call.
/// A test that stops its server starts a [`Cluster`] of its own.
///
/// # Panics
/// When none can be started: a test that needs PostgreSQL fails without it.
#[must_use]
pub fn postgres() -> String {
    match shared() {
        Shared::Ours(cluster) => cluster.server_url(),
        Shared::Given(url) => url.clone(),
    }
}

/// An empty database of one test's own; dropped, with whoever is still connected, with the value.
#[derive(Debug)]
#[must_use = "the database is dropped with the value"]
pub struct FreshDatabase {
    server: String,
    name: String,
}

/// Makes an empty database on the shared server; the hint shows in its name.
///
/// # Panics
/// When there is no server or it refuses.
pub fn fresh_database(name_hint: &str) -> FreshDatabase {
    FreshDatabase::on(&postgres(), name_hint).unwrap_or_else(|error| panic!("no fresh database: {error:#}"))
}

impl FreshDatabase {
    /// Makes an empty database on a server of one's own.
    ///
    /// # Errors
    /// With what the server said.
    pub fn on(server: &str, name_hint: &str) -> Result<Self> {
        let plain = |letter: char| {
            if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' }
        };
        let hint: String = name_hint.chars().take(40).map(plain).collect();
        let name = format!("{hint}_{:016x}", seed::random_number());
        psql(&format!("{server}/postgres"), &format!("CREATE DATABASE \"{name}\""))?;
        Ok(Self { server: server.to_owned(), name })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// Runs SQL in it through `psql` and answers its bare output.
    ///
    /// # Errors
    /// With what `psql` said.
    pub fn sql(&self, sql: &str) -> Result<String> {
        psql(&self.url(), sql)
    }
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name);
        // A server that was stopped takes its databases along.
        let _ = psql(&format!("{}/postgres", self.server), &sql);
    }
}

/// One statement, errors fatal, rows only.
pub(crate) fn psql(url: &str, sql: &str) -> Result<String> {
    let mut command = Command::new(server::programs()?.join("psql"));
    server::run(command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]))
}
