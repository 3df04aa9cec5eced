//! What processes used, read from /proc.

use std::collections::HashMap;
use std::fs;
use std::ops::Sub;

/// Ticks a second of /proc's CPU times; Linux fixes it for user space.
const TICKS: f64 = 100.0;

/// CPU seconds, user and system.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuSeconds(pub f64);

impl Sub for CpuSeconds {
    type Output = f64;
    fn sub(self, earlier: Self) -> f64 {
        self.0 - earlier.0
    }
}

struct Process {
    parent: u32,
    ticks: f64,
}

fn processes() -> HashMap<u32, Process> {
    let mut found = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The command's name stands in brackets and may hold spaces: fields are counted behind it.
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        // Own user and system time, and that of children that ended.
        let ticks = number(11) + number(12) + number(13) + number(14);
        let parent = fields.get(1).and_then(|f| f.parse().ok()).unwrap_or(0);
        found.insert(id, Process { parent, ticks });
    }
    found
}

impl CpuSeconds {
    /// Of a process and all below it.
    pub fn of_tree(root: u32) -> Self {
        let all = processes();
        let below = |mut id: u32| loop {
            if id == root {
                return true;
            }
            match all.get(&id) {
                Some(process) if process.parent != 0 => id = process.parent,
                _ => return false,
            }
        };
        Self(all.iter().filter(|(id, _)| below(**id)).map(|(_, p)| p.ticks).sum::<f64>() / TICKS)
    }

    /// Of this process.
    pub fn own() -> Self {
        Self(processes().get(&std::process::id()).map_or(0.0, |p| p.ticks) / TICKS)
    }
}

/// The most memory a process ever had resident, in MiB.
pub fn peak_memory_mib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:"));
    let kib: f64 = line.and_then(|l| l.split_whitespace().nth(1)).and_then(|n| n.parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}

/// The machine's load over the last minute.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}
