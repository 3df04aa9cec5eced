use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::server;

/// Waits for its standard input to end, which happens with the process that holds the other end however that dies,
/// then stops the server at once and removes its folder.
const WATCHDOG: &str = r#"trap '' INT TERM HUP
read -r _
"$@" -D "$FOLDER/data" -m immediate -s stop >/dev/null 2>&1
rm -rf "$FOLDER""#;

/// Between the look for a free port and the server's start another may take it.
const START_ATTEMPTS: u32 = 4;

/// How a cluster is set up.
#[derive(Clone, Debug, Default)]
pub struct PostgresOptions {
    /// Whether commits reach the disk. Tests of our rules need not wait for it; benches and crash tests must.
    pub fsync: bool,
    /// Lines for postgresql.conf, as (name, value); they win over ours.
    pub settings: Vec<(String, String)>,
    /// Where the data lives; the system's folder for temporary files if `None`.
    pub parent: Option<PathBuf>,
}

/// A throwaway PostgreSQL cluster on a free port of 127.0.0.1, user `postgres`, no password. Stopped and removed
/// when the value is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    as_root: bool,
    port: u16,
    watchdog: Child,
}

impl Cluster {
    /// Makes and starts one; takes about a second.
    ///
    /// # Errors
    /// When the server's programs are missing, naming the package, or it does not start.
    pub fn start_new(options: &PostgresOptions) -> Result<Self> {
        let programs = server::programs()?;
        let as_root = server::runs_as_root();
        let folder = folder(options, as_root)?;
        let mut cluster = Self {
            watchdog: watchdog(folder.path(), &programs, as_root)?,
            folder: folder.keep(),
            programs,
            as_root,
            port: 0,
        };
        cluster.initialise(options)?;
        for attempt in 1.. {
            cluster.port = free_port()?;
            match cluster.start() {
                Ok(()) => break,
                Err(error) if attempt == START_ATTEMPTS => return Err(error),
                Err(_) => {}
            }
        }
        Ok(cluster)
    }

    /// The address of a database in it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.server_url())
    }

    /// The address of the server, without a database.
    #[must_use]
    pub fn server_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data folder, for tools that look at files.
    #[must_use]
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts it again after [`stop_immediate`](Self::stop_immediate), on the same port, and waits until it answers.
    ///
    /// # Errors
    /// With the end of the server's log when it does not start.
    pub fn start(&self) -> Result<()> {
        let log = self.folder.join("log");
        let flags = format!("-p {} -k {}", self.port, self.folder.display());
        let mut command = self.control();
        // The server inherits pg_ctl's output; a pipe would stay open as long as it lives.
        command.args(["-w", "-s", "-t", "60", "-o", &flags, "-l"]).arg(&log).arg("start");
        let status = command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if status.success() {
            return Ok(());
        }
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(12).collect();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        anyhow::bail!("PostgreSQL did not start:\n{tail}")
    }

    /// Stops it as a power cut would: no checkpoint, sessions cut off, recovery at the next start.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop_immediate(&self) -> Result<()> {
        server::run(self.control().args(["-m", "immediate", "-s", "-w", "stop"])).map(drop)
    }

    /// Runs SQL in a database of it through `psql` and answers its bare output.
    ///
    /// # Errors
    /// With what `psql` said.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        crate::database::psql(&self.url(database), sql)
    }

    fn initialise(&self, options: &PostgresOptions) -> Result<()> {
        let mut command = server::command(&self.programs, "initdb", self.as_root);
        command.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]);
        server::run(command.arg(self.data_folder()))?;
        let path = self.data_folder().join("postgresql.conf");
        let mut text = std::fs::read_to_string(&path)?;
        text.push_str(&settings(options));
        std::fs::write(&path, text).context("postgresql.conf")
    }

    fn control(&self) -> Command {
        let mut command = server::command(&self.programs, "pg_ctl", self.as_root);
        command.arg("-D").arg(self.data_folder());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // It cleans up, and a failure to wait for that changes nothing.
        let _ = self.watchdog.wait();
    }
}

fn settings(options: &PostgresOptions) -> String {
    let mut text =
        String::from("\nlisten_addresses = '127.0.0.1'\nmax_connections = 300\ntimezone = 'UTC'\n");
    if !options.fsync {
        text.push_str("fsync = off\nfull_page_writes = off\n");
    }
    for (name, value) in &options.settings {
        text.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
    }
    text
}

fn folder(options: &PostgresOptions, as_root: bool) -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("chit-postgres-");
    let folder = match &options.parent {
        Some(parent) => builder.tempdir_in(parent)?,
        None => builder.tempdir()?,
    };
    if as_root {
        server::run(Command::new("chown").arg("postgres").arg(folder.path()))?;
    }
    Ok(folder)
}

fn watchdog(folder: &Path, programs: &Path, as_root: bool) -> Result<Child> {
    let stop = server::command(programs, "pg_ctl", as_root);
    Command::new("sh")
        .args(["-c", WATCHDOG, "chit-watchdog"])
        .arg(stop.get_program())
        .args(stop.get_args())
        .env("FOLDER", folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A group of its own: a Ctrl-C for the tests is not one for their cleaner.
        .process_group(0)
        .spawn()
        .context("the watchdog did not start")
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
