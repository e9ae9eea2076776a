//! What is noted of a recording before it runs: its file name, header and facts.

use std::path::{Path, PathBuf};

use pft::keys::fact as keys;
use pft::record::{Fact, TraceHeader};

use super::Started;
use crate::config::{Config, Target};
use crate::store;
use crate::system::clock;
use crate::system::host::fact;
use crate::targets::launch;
use crate::targets::processes;
use crate::targets::whom::Whom;

/// `pfrecord-NAME.PID.pft` in the working directory; the whole machine has no number.
pub fn default_path(config: &Config, whom: &Whom) -> PathBuf {
    let file_name = |path: &Path| {
        path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    let comm =
        |pid: u32, tid: u32| String::from_utf8_lossy(&processes::comm(pid, tid)).into_owned();
    let (pid, tid) = (whom.pids.first(), whom.tids.first());
    let (name, number) = match &config.target {
        Target::Command => {
            let program = config.command.first().map_or(Path::new(""), Path::new);
            (file_name(program), pid)
        }
        Target::Processes(_) => (pid.map_or_else(String::new, |&pid| comm(pid, pid)), pid),
        Target::Threads(_) => {
            (pid.zip(tid).map_or_else(String::new, |(&pid, &tid)| comm(pid, tid)), tid)
        }
        Target::System => ("system".to_owned(), None),
        Target::Cgroup(_) => (whom.cgroup.as_deref().map_or_else(String::new, file_name), None),
    };
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_.+".contains(c) { c } else { '_' }
    };
    let name: String = name.trim().chars().map(plain).collect();
    match number {
        Some(number) => PathBuf::from(format!("pfrecord-{name}.{number}.pft")),
        None => PathBuf::from(format!("pfrecord-{name}.pft")),
    }
}

/// A header that begins now.
pub fn new_header(page_bytes: usize) -> TraceHeader {
    TraceHeader {
        uuid: store::random_uuid(),
        page_size_bytes: u32::try_from(page_bytes).unwrap_or(4096),
        clock_id: 1,
        start_ns: clock::monotonic_ns(),
        start_realtime_ns: clock::realtime_ns(),
    }
}

/// Facts about targets and rings.
pub fn session_facts(
    config: &Config,
    whom: &Whom,
    started: &Started,
    stack_limit_bytes: Option<u64>,
) -> Vec<Fact> {
    let joined = |numbers: &[u32]| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        numbers.join(",")
    };
    let follows = config.follow && !matches!(config.target, Target::Threads(_));
    let mut facts = vec![
        fact(keys::TARGET_KIND, config.target.name()),
        fact(keys::TARGET_FOLLOW, if follows { "yes" } else { "no" }),
        fact(keys::CAPTURE_REACH, started.reach),
        fact(keys::MACHINE_CPUS, started.cpus),
        fact(keys::RING_BYTES_PER_CPU, started.ring_bytes),
        fact(keys::RING_REQUESTED_BYTES_PER_CPU, started.ring_wanted_bytes),
        fact(keys::RECORDER_NICE, started.nice),
        fact(keys::CAPTURE_MAPS_INTERVAL_NS, config.maps_interval.as_nanos()),
        fact(keys::TRACE_COMPRESSION_LEVEL, config.level),
    ];
    if !whom.pids.is_empty() {
        facts.push(fact(keys::TARGET_PIDS, joined(&whom.pids)));
    }
    if !whom.tids.is_empty() {
        facts.push(fact(keys::TARGET_TIDS, joined(&whom.tids)));
    }
    if let Some(folder) = &whom.cgroup {
        facts.push(fact(keys::TARGET_CGROUP, folder.to_string_lossy()));
    }
    if !config.delay.is_zero() {
        facts.push(fact(keys::CAPTURE_DELAY_NS, config.delay.as_nanos()));
    }
    facts.extend(config.commit.map(|commit| fact(keys::PFT_COMMIT, commit)));
    let labels = config.labels.iter();
    facts.extend(labels.map(|(name, value)| fact(&format!("label.{name}"), value)));
    if !config.command.is_empty() {
        facts.push(fact(keys::TARGET_COMMAND, launch::quoted(&config.command)));
    }
    facts.extend(stack_limit_bytes.map(|bytes| fact(keys::RLIMIT_STACK_BYTES, bytes)));
    facts
}
