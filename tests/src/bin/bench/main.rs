//! `make bench`: our figures beside pgbench's on the same PostgreSQL, in neighbouring rounds; one JSON line a measure.
//!
//! `bench [quick|full] [MEASURE…]`. Only ratios taken in one run mean anything on a shared machine.
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures are floats; nothing here is money"
)]

mod engine;
mod in_process;
mod line;
mod load;
mod meters;
mod over_grpc;
mod plan;
mod postgres;
mod whole;

use std::process::Command;

use anyhow::{Result, bail};

use plan::Plan;
use postgres::Postgres;

fn plan() -> Result<Plan> {
    let mut plan = Plan::quick();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "quick" => {}
            "full" => plan = Plan { only: plan.only, ..Plan::full() },
            name if !name.starts_with('-') => plan.only.push(name.to_owned()),
            other => bail!("unknown argument {other:?}; usage: bench [quick|full] [MEASURE…]"),
        }
    }
    Ok(plan)
}

fn git_id() -> String {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    output.ok().map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("echo") {
        return over_grpc::echo_server().await;
    }
    let mut plan = plan()?;
    let postgres = Postgres::start()?;
    let (fsync, commit) = postgres.durability()?;
    plan.facts = vec![("git", git_id()), ("fsync", fsync), ("synchronous_commit", commit)];
    let engine_rate = in_process::all(&postgres, &plan).await?;
    if plan.wants("sqlite_deduct") {
        in_process::sqlite(&postgres, &plan).await?;
    }
    over_grpc::all(&postgres, &plan, engine_rate).await?;
    whole::all(&plan).await
}
