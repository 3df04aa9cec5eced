//! Runs a command with one throwaway PostgreSQL for all the test processes it starts:
//! `with-postgres cargo test --workspace`.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use chit_testkit::{Cluster, PostgresOptions, SERVER_VARIABLE};

fn main() -> Result<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let program = words.next().context("which command shall run with PostgreSQL?")?;
    let cluster = Cluster::start_new(&PostgresOptions::default())?;
    let status = Command::new(program).args(words).env(SERVER_VARIABLE, cluster.server_url()).status()?;
    drop(cluster);
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
