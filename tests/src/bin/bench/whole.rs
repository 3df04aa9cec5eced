//! The whole system on embedded SQLite: the replay of an hour of chat traffic, row 14 of the goals.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use chit_tests::executable::{Server, Store, chit_json, excerpt};

use crate::line::Bar;
use crate::plan::Plan;

/// Requests in the recorded hour.
const REQUESTS: usize = 19_366;

/// Runs it.
pub async fn all(plan: &Plan) -> Result<()> {
    if !plan.wants("replay") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let (trace, source) = trace(folder.path())?;
    let began = Instant::now();
    let server = Server::start(&Store::Folder(folder.path().join("store")), 0)?;
    let start = began.elapsed().as_secs_f64();
    let path = trace.to_str().context("a path in UTF-8")?;
    let report = chit_json(&server.address, &["replay", path])?;
    let again = chit_json(&server.address, &["replay", path])?;
    server.stop()?;
    let seconds = report["wall_seconds"].as_f64().context("wall_seconds")?;
    let same = report["head_hash"] == again["head_hash"] && again["replayed"] == report["events"];
    plan.line("replay")
        .fact("trace", source)
        .fact("events", report["events"].clone())
        .fact("ledger_verified", report["ledger_verified"].clone())
        .fact("second_run_changed_nothing", same)
        .figure("wall_seconds", seconds)
        .figure("second_run_seconds", again["wall_seconds"].as_f64().unwrap_or(0.0))
        .figure("server_start_seconds", start)
        .must("wall_seconds", seconds, Bar::AtMost(10.0))
        .must("server_start_seconds", start, Bar::AtMost(2.0))
        .print();
    Ok(())
}

/// The hour itself, where `BENCH_TRACE` names it; else the committed excerpt, repeated to its length.
#[allow(clippy::disallowed_methods, reason = "the trace is named by environment")]
fn trace(folder: &Path) -> Result<(PathBuf, String)> {
    if let Ok(path) = std::env::var("BENCH_TRACE") {
        return Ok((PathBuf::from(&path), "as recorded".to_owned()));
    }
    let text = std::fs::read_to_string(excerpt())?;
    let (header, rows) = text.split_once('\n').context("a header")?;
    let rows: Vec<&str> = rows.lines().filter(|l| !l.is_empty()).collect();
    let mut out = format!("{header}\n");
    for number in 0..REQUESTS {
        let (_, tokens) = rows[number % rows.len()].split_once(',').context("a row")?;
        let (seconds, nanos) = (number / 6, (number % 6) * 1_500_000);
        writeln!(
            out,
            "2023-11-16 {:02}:{:02}:{:02}.{nanos:07},{tokens}",
            18 + seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )?;
    }
    let path = folder.join("trace.csv");
    std::fs::write(&path, out)?;
    Ok((path, "the committed excerpt, repeated to 19,366 requests".to_owned()))
}
