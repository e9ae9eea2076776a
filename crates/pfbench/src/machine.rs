//! What was measured on, and with which programs.

use std::fs;
use std::process::Command;

use crate::bench::Bench;

/// Names and values.
pub fn facts(bench: &Bench) -> Vec<(String, String)> {
    let field = |path: &str, key: &str| -> Option<String> {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
    };
    let file = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let cpus = std::thread::available_parallelism().ok().map(|cpus| cpus.to_string());
    let virtual_machine = fs::read_to_string("/proc/cpuinfo")
        .is_ok_and(|text| text.contains("hypervisor"))
        .then(|| "yes".to_owned());
    let version = |command: &mut Command| {
        let output = command.output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Some(text).filter(|text| !text.is_empty())
    };
    let facts = [
        ("processor", field("/proc/cpuinfo", "model name")),
        ("processors", cpus),
        ("virtual machine", virtual_machine),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("kernel", file("/proc/sys/kernel/osrelease")),
        ("pfrecord", version(bench.program("pfrecord").arg("--version"))),
        ("perf", version(Command::new("perf").arg("--version"))),
        ("bpftrace", version(Command::new("bpftrace").arg("--version"))),
        ("rounds", Some(bench.runs.to_string())),
    ];
    let known = |(name, value): (&str, Option<String>)| Some((name.to_owned(), value?));
    facts.into_iter().filter_map(known).collect()
}
