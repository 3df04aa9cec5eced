//! Chit's one executable: `chit serve` is a pod's command, `chit dev` a laptop's, everything else a client like any
//! other.

mod args;
mod client;
mod commands;
mod databases;
mod dev;
mod failure;
mod host;
mod json;
mod migrate;
mod output;
mod replay;
mod serve;

use std::process::ExitCode;

use chit_runtime::{LogFormat, init_logging};
use clap::Parser;

use crate::args::{Cli, Command};
use crate::client::Server;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chit: {}", failure::describe(&error));
            failure::exit_code(&error)
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(cli))
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let format = cli.global.format();
    log(&cli)?;
    let server = Server::of(&cli.global.server)?;
    match cli.command {
        Command::Dev(args) => dev::run(args, &cli.global.server.tenant, format).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Migrate(args) => migrate::run(args, format).await,
        Command::Wallet(command) => commands::wallet::run(command, &server, format).await,
        Command::Meter(args) => commands::meter::run(args, &server, format).await,
        Command::Usage(args) => commands::usage::run(args, &server, format).await,
        Command::Explain(args) => commands::explain::run(args, &server, format).await,
        Command::Replay(args) => replay::run(args, &server, format).await,
        Command::Verify(args) => commands::verify::run(args, &server, format).await,
    }
}

/// Commands log what they are asked to; `chit dev` what needs attention; a pod everything, for collectors.
fn log(cli: &Cli) -> anyhow::Result<()> {
    let (usual, log_format) = match cli.command {
        Command::Serve(_) => (Some("info"), LogFormat::Json),
        Command::Dev(_) => (Some("warn"), LogFormat::Pretty),
        _ => (None, LogFormat::Pretty),
    };
    match cli.global.log.as_deref().or(usual) {
        Some(filter) => Ok(init_logging(filter, log_format)?),
        None => Ok(()),
    }
}
