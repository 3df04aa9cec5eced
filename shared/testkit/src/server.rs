//! How the server's programs are found and called.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where Debian and Ubuntu keep each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder with `initdb` and `pg_ctl`: what `pg_config` names if it is complete, else the newest of Debian's.
pub fn programs() -> Result<PathBuf> {
    let complete = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("pg_ctl").exists();
    let mut folders = debian_folders();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.insert(0, PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    folders.into_iter().find(complete).context(
        "PostgreSQL's server programs (initdb, pg_ctl) are missing: install the Debian package postgresql \
         (15 or later) and run `make test` again",
    )
}

fn debian_folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// The server refuses to run as root; as root we run it as the user `postgres`, which its package makes.
pub fn runs_as_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A program of the server's, run as whoever may run it.
pub fn command(programs: &Path, name: &str, as_root: bool) -> Command {
    let program = programs.join(name);
    if !as_root {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

/// Runs to the end; a failure shows what the program said.
pub fn run(command: &mut Command) -> Result<String> {
    // A folder of root's is no place for another user to start in.
    let output = command.current_dir("/").output().with_context(|| format!("{command:?} did not start"))?;
    if !output.status.success() {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{command:?} failed: {out}{err}");
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
