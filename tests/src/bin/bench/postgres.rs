//! The PostgreSQL both sides run on, pgbench as the peer, and the server's own meters.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use chit_testkit::{Cluster, PostgresOptions};

use crate::meters::CpuSeconds;

/// One postgresql.conf for both sides. Buffers above the working set, and checkpoints far enough apart that a round
/// does not measure one; fsync and synchronous_commit stay on.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("shared_buffers", "4GB"),
    ("max_wal_size", "16GB"),
    ("checkpoint_timeout", "30min"),
    ("max_connections", "200"),
    ("wal_compression", "off"),
    ("autovacuum_naptime", "15s"),
];
/// pgbench's scale: a million and a half accounts, as many rows as our wallets have.
const SCALE: u32 = 15;

/// A server of our own.
pub struct Postgres {
    cluster: Cluster,
}

/// pgbench's built-in scripts.
#[derive(Clone, Copy)]
pub enum Script {
    /// One update, one select, one insert.
    SimpleUpdate,
    /// As TPC-B.
    TpcbLike,
}

/// One pgbench run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pgbench {
    /// Transactions a second.
    pub rate: f64,
    /// Mean latency.
    pub mean_ms: f64,
}

/// WAL written up to now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wal {
    /// All of it.
    pub bytes: f64,
    /// Full-page images.
    pub images: f64,
    /// Times it was synced.
    pub syncs: f64,
    /// Rows updated in place, and all rows updated, over our tables.
    pub hot_updates: f64,
    /// All rows updated.
    pub updates: f64,
}

impl Postgres {
    /// Starts one and fills pgbench's tables.
    pub fn start() -> Result<Self> {
        let settings = SETTINGS.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let cluster = Cluster::start_new(&PostgresOptions { fsync: true, settings, parent: None })?;
        let postgres = Self { cluster };
        postgres.cluster.sql("postgres", "CREATE DATABASE pgbench")?;
        let scale = SCALE.to_string();
        postgres.pgbench(&["-i", "-q", "-s", &scale])?;
        Ok(postgres)
    }

    /// Address of the server.
    pub fn server(&self) -> String {
        self.cluster.server_url()
    }

    /// Runs SQL; the bare output.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        self.cluster.sql(database, sql)
    }

    /// Address of a new, empty database.
    pub fn database(&self, name: &str) -> Result<String> {
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.cluster.url(name))
    }

    /// What the settings really are.
    pub fn durability(&self) -> Result<(String, String)> {
        Ok((self.sql("postgres", "SHOW fsync")?, self.sql("postgres", "SHOW synchronous_commit")?))
    }

    fn pgbench(&self, arguments: &[&str]) -> Result<String> {
        let programs = chit_testkit::server_programs()?;
        let output = Command::new(programs.join("pgbench"))
            .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.cluster.port().to_string()])
            .args(arguments)
            .arg("pgbench")
            .stdin(Stdio::null())
            .output()
            .context("pgbench (Debian package postgresql-contrib) is missing")?;
        anyhow::ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a script for a while.
    pub fn run(&self, script: Script, clients: u32, time: Duration) -> Result<Pgbench> {
        let name = match script {
            Script::SimpleUpdate => "simple-update",
            Script::TpcbLike => "tpcb-like",
        };
        let (clients, seconds) = (clients.to_string(), time.as_secs().max(1).to_string());
        let threads = if clients == "1" { "1" } else { "2" };
        let text = self
            .pgbench(&["-n", "-M", "prepared", "-b", name, "-c", &clients, "-j", threads, "-T", &seconds])?;
        let number = |label: &str| -> Result<f64> {
            let line = text
                .lines()
                .find(|l| l.starts_with(label))
                .with_context(|| format!("no {label} in:\n{text}"))?;
            let word = line.split(['=', ' ']).find(|w| w.parse::<f64>().is_ok()).context("no number")?;
            Ok(word.parse()?)
        };
        Ok(Pgbench { rate: number("tps =")?, mean_ms: number("latency average =")? })
    }

    /// The best of 8, 32 and 64 clients.
    pub fn best(&self, script: Script, time: Duration) -> Result<f64> {
        let mut best = 0.0_f64;
        for clients in [8, 32, 64] {
            best = best.max(self.run(script, clients, time)?.rate);
        }
        Ok(best)
    }

    /// What WAL and updates cost so far.
    pub fn wal(&self, database: &str) -> Result<Wal> {
        let row = self.sql(
            database,
            "SELECT pg_stat_force_next_flush(), wal_bytes, wal_fpi * 8192.0, wal_sync, \
             (SELECT coalesce(sum(n_tup_hot_upd), 0) FROM pg_stat_user_tables WHERE relname = 'wallets'), \
             (SELECT coalesce(sum(n_tup_upd), 0) FROM pg_stat_user_tables WHERE relname = 'wallets') FROM pg_stat_wal",
        )?;
        let numbers: Vec<f64> = row.trim().split('|').skip(1).map(|n| n.parse().unwrap_or(0.0)).collect();
        anyhow::ensure!(numbers.len() == 5, "unexpected statistics: {row}");
        Ok(Wal {
            bytes: numbers[0],
            images: numbers[1],
            syncs: numbers[2],
            hot_updates: numbers[3],
            updates: numbers[4],
        })
    }

    /// CPU seconds of all server processes, ended ones included.
    pub fn cpu(&self) -> CpuSeconds {
        CpuSeconds::of_tree(self.main_process())
    }

    fn main_process(&self) -> u32 {
        let file = self.cluster.data_folder().join("postmaster.pid");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().next().and_then(|l| l.trim().parse().ok()).unwrap_or(0)
    }

    /// Ends a phase: rows are vacuumed and a checkpoint is written, so that every round starts alike.
    pub fn settle(&self, database: &str) -> Result<()> {
        self.sql(database, "VACUUM ANALYZE")?;
        self.sql(database, "CHECKPOINT").map(drop)
    }
}
