//! The real `chit` executable as a child process: started, frozen, killed, started again.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A server that does not print its address by then is broken.
const START_LIMIT: Duration = Duration::from_secs(60);
/// A server that does not stop by itself by then is killed.
const STOP_LIMIT: Duration = Duration::from_secs(40);

/// Where a server keeps its data.
#[derive(Clone, Debug)]
pub enum Store {
    /// Embedded SQLite in this folder.
    Folder(PathBuf),
    /// A PostgreSQL server (its databases are made), and a folder for what is not in it.
    Postgres {
        /// Without a database.
        server: String,
        /// The data folder.
        folder: PathBuf,
    },
}

/// A running `chit dev`.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

/// The executable built beside this test or bench program.
pub fn executable() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(3).map(|f| f.join("chit")).find(|p| p.is_file());
    found.with_context(|| format!("no `chit` beside {}; build with `cargo build --workspace`", own.display()))
}

impl Server {
    /// Starts `chit dev` on a port of its own, or on the given one, and waits for its address.
    pub fn start(store: &Store, port: u16) -> Result<Self> {
        let mut command = Command::new(executable()?);
        command.args(["dev", "--listen", &format!("127.0.0.1:{port}")]);
        match store {
            Store::Folder(folder) => command.arg("--data-dir").arg(folder),
            Store::Postgres { server, folder } => {
                command.arg("--data-dir").arg(folder).arg("--postgres").arg(server)
            }
        };
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Self> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let output = child.stdout.take().context("standard output is piped")?;
        let (sender, lines) = mpsc::channel();
        // Reads to the end, so that the server never waits for a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let until = Instant::now() + START_LIMIT;
        let mut seen = Vec::new();
        while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if let Some(address) = address_in(&line) {
                return Ok(Self { child, address });
            }
            seen.push(line);
        }
        let _ = child.kill();
        bail!("the server printed no address:\n{}", seen.join("\n"))
    }

    /// Its port, to start the next one on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.rsplit(':').next().and_then(|p| p.parse().ok()).unwrap_or(0)
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name: `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status()?;
        anyhow::ensure!(status.success(), "kill -{name} failed");
        Ok(())
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends it in order; fails where it does not stop by itself, or not with success.
    pub fn stop(mut self) -> Result<()> {
        self.signal("TERM")?;
        let until = Instant::now() + STOP_LIMIT;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                anyhow::ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        bail!("the server did not stop within {STOP_LIMIT:?}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<String> {
    let start = line.find("127.0.0.1:")?;
    let rest = &line[start..];
    let end = rest[10..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |e| e + 10);
    (end > 10).then(|| rest[..end].to_owned())
}

/// Runs a command of the command line against a server.
pub fn chit(address: &str, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(executable()?);
    command.args(arguments).arg("--server").arg(format!("http://{address}")).stdin(Stdio::null());
    Ok(command.output()?)
}

/// The same, expected to succeed; the last line of its JSON output.
pub fn chit_json(address: &str, arguments: &[&str]) -> Result<serde_json::Value> {
    let output = chit(address, &[arguments, &["--json"]].concat())?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!(
            "chit {arguments:?} ended with {}:\n{text}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let last = text.lines().rfind(|l| !l.trim().is_empty()).context("no output")?;
    Ok(serde_json::from_str(last)?)
}

/// A replay under way in a process of its own.
#[derive(Debug)]
pub struct Replay(Child);

impl Replay {
    /// Starts one.
    pub fn start(address: &str, trace: &Path, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(executable()?);
        command
            .arg("replay")
            .arg(trace)
            .args(arguments)
            .arg("--json")
            .arg("--server")
            .arg(format!("http://{address}"));
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?))
    }

    /// Has ended.
    pub fn is_over(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// Ends it, wherever it is.
    pub fn kill(mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

/// The committed excerpt of a real trace.
#[must_use]
pub fn excerpt() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/azure_llm_conversation_500.csv")
}
