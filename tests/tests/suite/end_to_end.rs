//! The whole system, as a stranger would use it: started, given real traffic, stopped, asked again.

use anyhow::Result;
use chit_testkit::{Cluster, PostgresOptions, temp_data_dir};
use chit_tests::executable::{Server, Store, chit, chit_json, excerpt};
use serde_json::Value;

/// Rows and tokens of the committed excerpt.
const EVENTS: u64 = 500;

fn replay(address: &str, arguments: &[&str]) -> Result<Value> {
    let trace = excerpt();
    let trace = trace.to_str().expect("a path in UTF-8");
    chit_json(address, &[&["replay", trace, "--seed", "7"], arguments].concat())
}

fn check_replays(store: &Store) -> Result<()> {
    let server = Server::start(store, 0)?;
    let first = replay(&server.address, &[])?;
    assert_eq!(first["events"], EVENTS, "{first}");
    assert_eq!(first["refused"], 0, "{first}");
    assert_eq!(first["ledger_verified"], true, "{first}");
    assert_eq!(first["replayed"], 0, "{first}");
    let again = replay(&server.address, &[])?;
    for same in ["events", "input_tokens", "output_tokens", "credits_deducted", "head_hash", "refused"] {
        assert_eq!(first[same], again[same], "{same}");
    }
    assert_eq!(again["replayed"], EVENTS, "{again}");
    let verified = chit(&server.address, &["verify"])?;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));

    let address = server.address.clone();
    let (clean, text) = chit_tests::python::script("ledger.py", &[&address])?;
    assert!(clean, "{text}");
    assert!(text.contains(" 0 faults"), "{text}");
    server.stop()
}

#[test]
fn a_replay_twice_over_changes_nothing_on_sqlite() {
    let folder = temp_data_dir();
    check_replays(&Store::Folder(folder.path().join("store"))).expect("a verified replay");
}

#[test]
fn a_replay_twice_over_changes_nothing_on_postgresql() {
    let folder = temp_data_dir();
    let server = Cluster::start_new(&PostgresOptions::default()).expect("a PostgreSQL server");
    let store = Store::Postgres { server: server.server_url(), folder: folder.path().to_owned() };
    check_replays(&store).expect("a verified replay");
}

#[test]
fn scarce_funds_refuse_and_still_verify() {
    let folder = temp_data_dir();
    let server = Server::start(&Store::Folder(folder.path().join("store")), 0).expect("a server");
    let report = replay(&server.address, &["--funds", "scarce"]).expect("a replay");
    assert!(report["refused"].as_u64() > Some(0), "{report}");
    assert_eq!(report["ledger_verified"], true, "{report}");
    server.stop().expect("an orderly stop");
}

#[test]
fn a_second_process_on_the_data_folder_is_refused() {
    let folder = temp_data_dir();
    let store = Store::Folder(folder.path().join("store"));
    let server = Server::start(&store, 0).expect("a server");
    assert!(Server::start(&store, 0).is_err(), "two processes on one folder");
    server.stop().expect("an orderly stop");
}

#[test]
fn bad_rows_are_counted_shown_and_refused() {
    let folder = temp_data_dir();
    let server = Server::start(&Store::Folder(folder.path().join("store")), 0).expect("a server");
    let trace = folder.path().join("bad.csv");
    let rows = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\nnot a time,1,2\n\
                2023-11-16 18:15:50.9951690,-5,109\n2023-11-16 18:15:51.2224670,879,55\n";
    std::fs::write(&trace, rows).expect("a trace");
    let output = chit(&server.address, &["replay", trace.to_str().expect("UTF-8"), "--json"]).expect("a run");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("line 3") && text.contains("line 4"), "{text}");
    assert!(text.contains("\"bad_rows\":2") && text.contains("\"events\":2"), "{text}");
    server.stop().expect("an orderly stop");
}
