//! Chit's one executable: `chit serve` is a pod's command, `chit dev` a laptop's, everything else a client like any
//! other.

mod args;
mod client;
mod commands;
mod failure;
mod json;
mod output;
mod replay;

use std::process::ExitCode;

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
    let server = Server::of(&cli.global.server)?;
    match cli.command {
        Command::Dev(_) | Command::Serve(_) | Command::Migrate(_) => Ok(()),
        Command::Wallet(command) => commands::wallet::run(command, &server, format).await,
        Command::Meter(args) => commands::meter::run(args, &server, format).await,
        Command::Usage(args) => commands::usage::run(args, &server, format).await,
        Command::Explain(args) => commands::explain::run(args, &server, format).await,
        Command::Replay(args) => replay::run(args, &server, format).await,
        Command::Verify(args) => commands::verify::run(args, &server, format).await,
    }
}
