//! Kills in mid-run. Nothing acknowledged may be lost, nothing doubled; afterwards the same replay, run to its end,
//! must verify and tell the totals of a run that was never disturbed.
//!
//! `CHIT_FAULT_ROUNDS` says how often (3 in `make test`, 20 in `make test-faults`); `CHIT_TEST_SEED` which moments.

use std::time::Duration;

use anyhow::Result;
use chit_testkit::{Cluster, PostgresOptions, seed, temp_data_dir};
use chit_tests::executable::{Replay, Server, Store, chit_json, excerpt};
use serde_json::Value;

/// Long enough to be in the middle of something, short enough that most kills hit the replay.
const LONGEST_WAIT_MILLIS: u64 = 900;
const ROUNDS: u64 = 3;

#[allow(clippy::disallowed_methods, reason = "the long form of these tests is asked for by environment")]
fn rounds() -> u64 {
    std::env::var("CHIT_FAULT_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(ROUNDS)
}

fn wait(seed: u64, round: u64) -> Duration {
    let mixed = (seed ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    Duration::from_millis(mixed % LONGEST_WAIT_MILLIS)
}

fn trace() -> String {
    excerpt().to_str().expect("a path in UTF-8").to_owned()
}

fn finish(server: &Server, seed: &str) -> Result<Value> {
    let report = chit_json(&server.address, &["replay", &trace(), "--seed", seed])?;
    assert_eq!(report["ledger_verified"], true, "{report}");
    assert_eq!(report["events"], 500, "{report}");
    assert_eq!(report["refused"], 0, "{report}");
    let (clean, text) = chit_tests::python::script("ledger.py", &[&server.address])?;
    assert!(clean, "{text}");
    Ok(report)
}

/// What the same replay comes to when nobody disturbs it.
fn undisturbed(seed: &str) -> Result<Value> {
    let folder = temp_data_dir();
    let server = Server::start(&Store::Folder(folder.path().join("store")), 0)?;
    let report = finish(&server, seed)?;
    server.stop()?;
    Ok(report)
}

fn same_totals(a: &Value, b: &Value) {
    for total in ["events", "input_tokens", "output_tokens", "credits_deducted", "refused"] {
        assert_eq!(a[total], b[total], "{total}");
    }
}

#[test]
fn a_server_killed_again_and_again_loses_and_doubles_nothing() -> Result<()> {
    let (seed, folder) = (seed(), temp_data_dir());
    let store = Store::Folder(folder.path().join("store"));
    let mut server = Server::start(&store, 0)?;
    let port = server.port();
    for round in 0..rounds() {
        let replay = Replay::start(&server.address, &excerpt(), &["--seed", "11"])?;
        std::thread::sleep(wait(seed, round));
        server.kill()?;
        // The replay goes on against the next server, as a product would, or is cut off itself.
        if round % 2 == 0 {
            replay.kill()?;
            server = Server::start(&store, port)?;
        } else {
            server = Server::start(&store, port)?;
            std::thread::sleep(wait(seed, round + 100));
            replay.kill()?;
        }
    }
    same_totals(&finish(&server, "11")?, &undisturbed("11")?);
    server.stop()
}

#[test]
fn a_database_stopped_in_mid_commit_loses_and_doubles_nothing() -> Result<()> {
    let (seed, folder) = (seed(), temp_data_dir());
    let cluster = Cluster::start_new(&PostgresOptions { fsync: true, ..PostgresOptions::default() })?;
    let store = Store::Postgres { server: cluster.server_url(), folder: folder.path().to_owned() };
    let server = Server::start(&store, 0)?;
    for round in 0..rounds() {
        let replay = Replay::start(&server.address, &excerpt(), &["--seed", "12"])?;
        std::thread::sleep(wait(seed, round));
        cluster.stop_immediate()?;
        std::thread::sleep(wait(seed, round + 50) / 3);
        cluster.start()?;
        std::thread::sleep(wait(seed, round + 100));
        replay.kill()?;
    }
    same_totals(&finish(&server, "12")?, &undisturbed("12")?);
    server.stop()
}

#[test]
fn a_server_frozen_while_another_writes_its_wallets_loses_and_doubles_nothing() -> Result<()> {
    let (seed, first, second) = (seed(), temp_data_dir(), temp_data_dir());
    let cluster = Cluster::start_new(&PostgresOptions::default())?;
    let on = |folder: &std::path::Path| Store::Postgres {
        server: cluster.server_url(),
        folder: folder.to_owned(),
    };
    let frozen = Server::start(&on(first.path()), 0)?;
    let other = Server::start(&on(second.path()), 0)?;
    for round in 0..rounds() {
        let cut_off = Replay::start(&frozen.address, &excerpt(), &["--seed", "13"])?;
        std::thread::sleep(wait(seed, round) / 2);
        frozen.signal("STOP")?;
        let goes_on = Replay::start(&other.address, &excerpt(), &["--seed", "13"])?;
        std::thread::sleep(wait(seed, round + 100) + Duration::from_millis(300));
        frozen.signal("CONT")?;
        goes_on.kill()?;
        cut_off.kill()?;
    }
    let report = finish(&other, "13")?;
    same_totals(&report, &undisturbed("13")?);
    same_totals(&finish(&frozen, "13")?, &report);
    frozen.stop()?;
    other.stop()
}
