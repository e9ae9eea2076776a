//! What is noted of a recording before it runs: its file name, header and facts.

use std::path::{Path, PathBuf};

use pft::keys::fact as keys;
use pft::record::{Fact, TraceHeader};

use super::Started;
use crate::clock;
use crate::config::{Config, Target};
use crate::host::fact;
use crate::launch;

/// `pfrecord-NAME.PID.pft` in the working directory.
pub fn default_path(config: &Config, pids: &[u32]) -> PathBuf {
    let pid = pids.first().copied().unwrap_or(0);
    let name = match config.target {
        Target::Command => config
            .command
            .first()
            .and_then(|program| Path::new(program).file_name())
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        _ => std::fs::read(format!("/proc/{pid}/comm"))
            .map_or_else(|_| String::new(), |comm| String::from_utf8_lossy(&comm).into_owned()),
    };
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_.+".contains(c) { c } else { '_' }
    };
    let name: String = name.trim().chars().map(plain).collect();
    PathBuf::from(format!("pfrecord-{name}.{pid}.pft"))
}

/// A header that begins now.
pub fn new_header(page_bytes: usize) -> TraceHeader {
    let mut uuid = [0; 16];
    // Without a random source the clocks below still tell traces apart.
    let _ = rustix::rand::getrandom(&mut uuid, rustix::rand::GetRandomFlags::empty());
    TraceHeader {
        uuid,
        page_size_bytes: u32::try_from(page_bytes).unwrap_or(4096),
        clock_id: 1,
        start_ns: clock::monotonic_ns(),
        start_realtime_ns: clock::realtime_ns(),
    }
}

/// Facts about targets and rings.
pub fn session_facts(
    config: &Config,
    started: &Started,
    stack_limit_bytes: Option<u64>,
) -> Vec<Fact> {
    let pids: Vec<String> = started.pids.iter().map(ToString::to_string).collect();
    let mut facts = vec![
        fact(keys::TARGET_PIDS, pids.join(",")),
        fact(keys::MACHINE_CPUS, started.cpus),
        fact(keys::RING_BYTES_PER_CPU, started.ring_bytes),
        fact(keys::RING_REQUESTED_BYTES_PER_CPU, started.ring_wanted_bytes),
    ];
    if !config.command.is_empty() {
        facts.push(fact(keys::TARGET_COMMAND, launch::quoted(&config.command)));
    }
    facts.extend(stack_limit_bytes.map(|bytes| fact(keys::RLIMIT_STACK_BYTES, bytes)));
    facts
}
