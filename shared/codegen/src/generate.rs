//! From a folder of `.proto` files to the sources of `chit-api`, in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use prost::Message;
use prost_types::FileDescriptorSet;

use crate::{crate_root, scopes};

/// Every generated file by its path under `shared/api/src`.
pub fn generate(proto_root: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let files = proto_files(proto_root)?;
    // With source info for doc comments in Rust; without it for reflection, where it would only weigh.
    let documented = FileDescriptorSet::decode(compile(proto_root, &files, true)?.as_slice())?;
    let descriptor = compile(proto_root, &files, false)?;

    let mut out = BTreeMap::new();
    for (name, content) in rust_modules(documented.clone())? {
        out.insert(format!("gen/{name}"), content);
    }
    out.insert("lib.rs".to_string(), crate_root::render(&documented).into_bytes());
    out.insert("gen/scopes.rs".to_string(), scopes::render(&descriptor)?.into_bytes());
    out.insert("gen/descriptor.bin".to_string(), descriptor);
    Ok(out)
}

/// All `.proto` files under `chit` in `root`, relative to it, in a stable order. What they import is
/// found through them.
fn proto_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("chit")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                found.push(path.strip_prefix(root)?.to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The encoded descriptor set, imports included. Encoded by protox itself, which keeps custom options.
fn compile(root: &Path, files: &[PathBuf], source_info: bool) -> Result<Vec<u8>> {
    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(source_info);
    compiler.open_files(files)?;
    Ok(compiler.encode_file_descriptor_set())
}

/// Messages, clients and servers, one file a package.
fn rust_modules(files: FileDescriptorSet) -> Result<BTreeMap<String, Vec<u8>>> {
    let folder = tempfile::tempdir()?;
    tonic_prost_build::configure().out_dir(folder.path()).btree_map(".").bytes(".").compile_fds(files)?;
    let mut modules = BTreeMap::new();
    for entry in fs::read_dir(folder.path())? {
        let entry = entry?;
        // `chit.r#type.v1.rs` is a file name that no shell likes.
        let name = entry.file_name().to_string_lossy().replace("r#", "");
        modules.insert(name, fs::read(entry.path())?);
    }
    Ok(modules)
}
