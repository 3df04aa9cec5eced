//! The engine does not certify itself: faults planted in the files are found, each by every judge that can see it.

use std::process::Command;

use anyhow::{Context, Result};
use chit_testkit::temp_data_dir;
use chit_tests::executable::{Server, Store, chit, chit_json, excerpt};
use chit_tests::python;

/// A planted fault, and whether the ledger's own judges (not only `chit verify`) can see it.
const FAULTS: &[(&str, Seen)] = &[
    ("changed_posting", Seen { by_python: true, by_sql: true }),
    ("missing_last_row", Seen { by_python: true, by_sql: true }),
    ("swapped_pair", Seen { by_python: true, by_sql: true }),
    ("event_without_transaction", Seen { by_python: false, by_sql: false }),
];

struct Seen {
    by_python: bool,
    by_sql: bool,
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    let status = Command::new("cp").arg("-r").arg(from).arg(to).status()?;
    anyhow::ensure!(status.success(), "cp failed");
    Ok(())
}

#[test]
fn every_planted_fault_is_found() -> Result<()> {
    let folder = temp_data_dir();
    let clean = folder.path().join("clean");
    let server = Server::start(&Store::Folder(clean.clone()), 0)?;
    let trace = excerpt();
    chit_json(&server.address, &["replay", trace.to_str().context("UTF-8")?])?;
    server.stop()?;
    let (none, text) = python::script("ledger_sql.py", &[&path(&clean, "wallet")?])?;
    assert!(none, "{text}");
    for (kind, seen) in FAULTS {
        let store = folder.path().join(kind);
        copy(&clean, &store)?;
        let (planted, text) =
            python::script("plant.py", &[&path(&store, "wallet")?, &path(&store, "metering")?, kind])?;
        assert!(planted, "{kind}: {text}");
        let (clean_sql, text) = python::script("ledger_sql.py", &[&path(&store, "wallet")?])?;
        assert_eq!(!clean_sql, seen.by_sql, "{kind}: {text}");
        let server = Server::start(&Store::Folder(store.clone()), 0)?;
        let verdict = chit(&server.address, &["verify"])?;
        assert_eq!(verdict.status.code(), Some(1), "{kind}: {}", String::from_utf8_lossy(&verdict.stdout));
        let (clean_python, text) = python::script("ledger.py", &[&server.address])?;
        assert_eq!(!clean_python, seen.by_python, "{kind}: {text}");
    }
    Ok(())
}

fn path(store: &std::path::Path, service: &str) -> Result<String> {
    Ok(store.join(format!("{service}.sqlite")).to_str().context("UTF-8")?.to_owned())
}
