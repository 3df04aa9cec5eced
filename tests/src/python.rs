//! Scripts in Python with stubs made by stock tools: the engine does not certify itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Runs a script of `tests/scripts` in the Python client's environment, which is made when it is missing; its exit
/// status and output.
pub fn script(name: &str, arguments: &[&str]) -> Result<(bool, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a folder of the workspace")?;
    let setup = Command::new("bash").arg(root.join("clients/python/setup.sh")).output()?;
    anyhow::ensure!(
        setup.status.success(),
        "clients/python/setup.sh failed (needs python3-venv):\n{}",
        String::from_utf8_lossy(&setup.stderr)
    );
    // The last line of the set-up names the interpreter and the folder of the stubs.
    let text = String::from_utf8_lossy(&setup.stdout).into_owned();
    let (python, stubs) =
        text.trim().lines().last().and_then(|l| l.split_once(' ')).context("set-up says where")?;
    let output = Command::new(PathBuf::from(python))
        .env("PYTHONPATH", stubs)
        .arg(root.join("tests/scripts").join(name))
        .args(arguments)
        .output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}
