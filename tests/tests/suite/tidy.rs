//! The repository's own rules, as tests: what each room may know, how long files and functions may be,
//! and words that have no place here.

use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

/// A file is one idea.
const FILE_LINES: usize = 500;
/// A function is a screen.
const FUNCTION_LINES: usize = 60;

struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the workspace").to_owned()
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "gen" && !name.to_string_lossy().starts_with('.') {
            walk(&path, into);
        } else if path.is_file() {
            into.push(path);
        }
    }
}

fn sources(extension: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in ["shared", "services", "tests", "proto", "clients"] {
        walk(&root().join(folder), &mut paths);
    }
    let mut sources: Vec<_> = paths
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == extension))
        .map(|p| Source {
            path: p.strip_prefix(root()).expect("walked from the root").display().to_string(),
            text: fs::read_to_string(&p).expect("sources are UTF-8"),
        })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!sources.is_empty(), "no .{extension} file was found: the walk is broken");
    sources
}

fn report(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn files_hold_one_idea() {
    let faults: Vec<_> = sources("rs")
        .iter()
        .filter(|s| s.text.lines().count() > FILE_LINES)
        .map(|s| format!("{} has {} lines", s.path, s.text.lines().count()))
        .collect();
    report("a file has at most 500 lines; split it by idea", &faults);
}

#[test]
fn functions_fit_a_screen() {
    let head = Regex::new(r"^( *)(pub(\([a-z]+\))? )?(const )?(async )?(unsafe )?fn (\w+)")
        .expect("a valid pattern");
    let mut faults = Vec::new();
    for source in sources("rs") {
        let lines: Vec<_> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let Some(found) = head.captures(line) else { continue };
            // Formatted code closes a function with a brace at the indent of its first line.
            let close = format!("{}}}", &found[1]);
            let end =
                lines[start..].iter().position(|l| *l == close || l.ends_with(';') && l.starts_with(line));
            if let Some(length) = end.map(|e| e + 1)
                && length > FUNCTION_LINES
            {
                faults.push(format!("{}:{} `{}` has {length} lines", source.path, start + 1, &found[7]));
            }
        }
    }
    report("a function has at most 60 lines", &faults);
}

/// Which rooms may not know what. A pattern is matched against every line that is not a comment.
const WALLS: &[(&str, &str)] = &[
    (
        r"^services/\w+/src/domain/",
        r"\b(tokio|tonic|prost|prost_types|sea_orm|sqlx|tracing|chit_api|chit_rpc|chit_store|chit_runtime|async_stripe)::|\basync fn\b|SystemTime|Uuid::|std::env|\bf(32|64)\b",
    ),
    (
        r"^shared/(types|pricebook)/src/",
        r"\b(tokio|tonic|prost|sea_orm|sqlx|tracing|chit_api|chit_rpc)::|\basync fn\b|std::env|: f(32|64)\b",
    ),
    (
        r"^services/\w+/src/(engine|app|pipeline|desk)",
        r"\b(tonic|prost|prost_types|sea_orm|chit_api)::|crate::rpc",
    ),
    (r"^services/\w+/src/store/", r"\b(tonic|chit_api|chit_rpc)::|crate::rpc"),
    (r"^services/\w+/src/rpc/", r"\b(sea_orm|sqlx)::|crate::store::"),
    (r"^services/\w+/src/clients/", r"\b(sea_orm|sqlx)::|crate::(store|rpc)::"),
];

#[test]
fn rooms_know_only_what_they_may() {
    let mut faults = Vec::new();
    for (room, forbidden) in WALLS {
        let (room, forbidden) = (Regex::new(room).expect("a room"), Regex::new(forbidden).expect("a wall"));
        for source in sources("rs").iter().filter(|s| room.is_match(&s.path)) {
            for (number, line) in source.text.lines().enumerate() {
                if !line.trim_start().starts_with("//") && forbidden.is_match(line) {
                    faults.push(format!("{}:{} {}", source.path, number + 1, line.trim()));
                }
            }
        }
    }
    report("a room knows something it may not", &faults);
}

#[test]
fn services_meet_only_over_grpc() {
    let mut faults = Vec::new();
    for service in ["wallet", "pricing", "metering"] {
        let manifest =
            fs::read_to_string(root().join(format!("services/{service}/Cargo.toml"))).expect("a manifest");
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for other in ["wallet", "pricing", "metering"].iter().filter(|o| **o != service) {
            if dependencies.contains(&format!("chit-{other}."))
                || dependencies.contains(&format!("chit-{other} "))
            {
                faults.push(format!("services/{service} depends on chit-{other}"));
            }
        }
    }
    for source in
        sources("toml").iter().filter(|s| s.path.starts_with("shared/") && s.path.ends_with("Cargo.toml"))
    {
        for service in ["wallet", "pricing", "metering"] {
            if source.text.contains(&format!("chit-{service}.")) {
                faults.push(format!("{} depends on chit-{service}", source.path));
            }
        }
    }
    report("services know each other only through the contract", &faults);
}

#[test]
fn nothing_is_left_for_later() {
    let marks = Regex::new(concat!(r"\b(TO", r"DO|FIX", r"ME|XX", r"X)\b|unimpl", r"emented!|to", r"do!\("))
        .expect("a valid pattern");
    let mut faults = Vec::new();
    for extension in ["rs", "proto", "py", "sql", "sh"] {
        for source in sources_or_none(extension) {
            for (number, line) in source.text.lines().enumerate() {
                if marks.is_match(line) && !source.path.ends_with("tidy.rs") {
                    faults.push(format!("{}:{} {}", source.path, number + 1, line.trim()));
                }
            }
        }
    }
    report("work is finished or not begun", &faults);
}

fn sources_or_none(extension: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in ["shared", "services", "tests", "proto", "clients"] {
        walk(&root().join(folder), &mut paths);
    }
    let matching = paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == extension));
    matching
        .filter_map(|p| {
            let text = fs::read_to_string(&p).ok()?;
            Some(Source { path: p.strip_prefix(root()).ok()?.display().to_string(), text })
        })
        .collect()
}

#[test]
fn modules_are_named_for_what_they_hold() {
    let faults: Vec<_> = sources("rs")
        .iter()
        .filter(|s| {
            ["utils", "util", "common", "helpers", "misc"]
                .iter()
                .any(|n| s.path.split(['/', '.']).any(|p| p == *n))
        })
        .map(|s| s.path.clone())
        .collect();
    report("a module is named for its idea", &faults);
}

#[test]
fn merged_migrations_are_never_edited() {
    let seal = root().join("tests/data/migrations.sha256");
    let sealed =
        fs::read_to_string(&seal).expect("tests/data/migrations.sha256 exists; `make seal` writes it");
    let mut faults = Vec::new();
    for source in sources("sql").iter().filter(|s| s.path.contains("/migrations/")) {
        let line = format!("{}  {}", sha256(&source.text), source.path);
        if !sealed.lines().any(|l| l == line) {
            faults.push(format!("{} is not as sealed", source.path));
        }
    }
    report("a migration goes forward in a new file; `make seal` adds new files", &faults);
}

fn sha256(text: &str) -> String {
    chit_types::Hash::of(&[text.as_bytes()]).to_string()
}

#[test]
fn every_rpc_declares_its_scope() {
    let rpc = Regex::new(r"^\s*rpc (\w+)\(").expect("a valid pattern");
    let mut faults = Vec::new();
    for source in sources("proto").iter().filter(|s| s.path.starts_with("proto/chit/")) {
        let lines: Vec<_> = source.text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let Some(found) = rpc.captures(line) else { continue };
            let scoped = lines[number..].iter().take(4).any(|l| l.contains("(chit.type.v1.scope)"));
            if !scoped {
                faults.push(format!("{}:{} {}", source.path, number + 1, &found[1]));
            }
        }
    }
    report("every rpc declares its scope", &faults);
}
