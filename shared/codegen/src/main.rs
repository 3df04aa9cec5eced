//! Turns `proto/` into the committed sources of `chit-api`. Run it with `make proto` after every change
//! of the contract; it needs no `protoc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

mod crate_root;
mod generate;
mod scopes;

/// The workspace's root, seen from this crate.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn main() -> Result<()> {
    let workspace = Path::new(WORKSPACE);
    let wanted = generate::generate(&workspace.join("proto"))?;
    let sources = workspace.join("shared/api/src");
    let changed = write(&sources, &wanted)?;
    println!("chit-api: {} files, {changed} changed", wanted.len());
    Ok(())
}

/// Writes what differs and removes generated files that nothing generates any more.
fn write(sources: &Path, wanted: &BTreeMap<String, Vec<u8>>) -> Result<usize> {
    fs::create_dir_all(sources.join("gen"))?;
    let mut changed = 0;
    let committed = read_committed(sources)?;
    for name in committed.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(sources.join(name)).with_context(|| format!("removing {name}"))?;
        changed += 1;
    }
    for (name, content) in wanted {
        if committed.get(name) != Some(content) {
            fs::write(sources.join(name), content).with_context(|| format!("writing {name}"))?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// What is committed: `lib.rs` and everything in `gen`, by path under `src`.
fn read_committed(sources: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut committed = BTreeMap::new();
    if let Ok(content) = fs::read(sources.join("lib.rs")) {
        committed.insert("lib.rs".to_string(), content);
    }
    for entry in fs::read_dir(sources.join("gen"))? {
        let entry = entry?;
        let name = format!("gen/{}", entry.file_name().to_string_lossy());
        committed.insert(name, fs::read(entry.path())?);
    }
    Ok(committed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_sources_are_what_the_protos_say() {
        let workspace = Path::new(WORKSPACE);
        let wanted = generate::generate(&workspace.join("proto")).expect("the protos compile");
        let committed = read_committed(&workspace.join("shared/api/src")).expect("shared/api/src is there");
        let stale: Vec<&String> = wanted
            .keys()
            .chain(committed.keys())
            .filter(|name| wanted.get(*name) != committed.get(*name))
            .collect();
        assert!(stale.is_empty(), "run `make proto` and commit: {stale:?} differ from proto/");
    }
}
