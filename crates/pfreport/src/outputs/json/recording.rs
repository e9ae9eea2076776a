//! What was recorded, when, where.

use std::ops::Range;

use pft::keys::fact as key;
use pft::record::OomRecord;
use serde::Serialize;

use crate::figures::scope::{Kind, Scope};
use crate::load::Loaded;
use crate::outputs::summary::oom;
use crate::print::text::{printable, printable_path};
use crate::print::units::iso;

/// One of the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// File name.
    pub name: String,
    /// Path as given; `-` is standard input.
    pub path: String,
    /// Its start as calendar time, ISO 8601 in UTC.
    pub start: Option<String>,
    /// Where it begins on the axis of time of all traces, to which all times of the document refer.
    pub offset_ns: u64,
    /// Its length.
    pub duration_ns: u64,
    /// Its rows in the fault table: those that are selected.
    pub faults: u64,
    /// Everything that happened and was asked for is in it.
    pub whole: bool,
    /// Why not, in a few words each.
    pub flaws: Vec<&'static str>,
}

/// The files of a report.
pub fn traces(loaded: &Loaded) -> Vec<Trace> {
    let rows = loaded.analysis.faults.len();
    let trace = |member: &crate::load::Member| Trace {
        name: member.name.clone(),
        path: printable_path(&member.path),
        start: member.wall_start_ns().map(iso),
        offset_ns: member.offset_ns,
        duration_ns: member.duration_ns,
        faults: member.rows.end.min(rows).saturating_sub(member.rows.start) as u64,
        whole: member.flaws.is_empty(),
        flaws: member.flaws.clone(),
    };
    loaded.members.iter().map(trace).collect()
}

/// What a report is about, where that is not the whole trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// In words.
    pub what: String,
    /// The stretches of time, one per trace and in order; empty if time was not asked for.
    pub windows: Vec<Stretch>,
    /// Faults of the whole trace.
    pub of_faults: u64,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// Its beginning.
    pub from_ns: u64,
    /// Its end, which is no part of it.
    pub to_ns: u64,
}

impl Selection {
    /// What the faults were selected by; none if these are all.
    pub(super) fn of(loaded: &Loaded) -> Option<Self> {
        let selection = loaded.selection.as_ref()?;
        let stretch = |window: &Range<u64>| Stretch { from_ns: window.start, to_ns: window.end };
        Some(Self {
            what: selection.what.clone(),
            windows: selection.windows.iter().map(stretch).collect(),
            of_faults: loaded.analysis.exactness.faults,
        })
    }
}

/// Whom, where and how. Of several traces what all of them have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recording {
    /// Whom.
    pub target: Target,
    /// Where.
    pub machine: Machine,
    /// What the user wrote on it, by name.
    pub labels: Vec<Label>,
    /// From the start of the first trace to the end of the last.
    pub duration_ns: u64,
    /// How much of that faults were recorded in and is selected: rates and shares of time refer to this.
    pub recorded_ns: u64,
    /// When recording them began, since the start.
    pub recorded_since_ns: u64,
    /// What ended the recording: `target`, `signal`, `duration`, `size`, `failure`.
    pub ended_by: Option<String>,
    /// Exit status of the command, as a shell has it.
    pub exit_status: Option<u64>,
    /// What a flight recorder kept; null otherwise.
    pub window: Option<Window>,
}

/// Whom a recording was of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// `command`, `processes`, `threads`, `system`, `cgroup`; null if the file does not say.
    pub kind: Option<&'static str>,
    /// The command that was started.
    pub command: Option<String>,
    /// Process ids, with commas between them.
    pub pids: Option<String>,
    /// Thread ids, with commas between them.
    pub tids: Option<String>,
    /// Folder of the control group.
    pub cgroup: Option<String>,
}

/// The machine that recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Its name.
    pub hostname: Option<String>,
    /// Its architecture.
    pub arch: Option<String>,
    /// Its CPUs.
    pub cpus: Option<u64>,
    /// Its memory.
    pub memory_bytes: Option<u64>,
    /// Release of its kernel.
    pub kernel: Option<String>,
    /// Its smallest page.
    pub page_size_bytes: u64,
}

/// A name and value that the user gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// What a flight recorder kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// What was asked for.
    pub asked_ns: u64,
    /// Why it was written: `signal`, `latency`, `end`.
    pub written_on: Option<String>,
    /// What made it shorter: `memory`, `start`.
    pub limited_by: Option<String>,
}

impl Recording {
    /// What the facts of a trace say.
    pub(super) fn of(loaded: &Loaded) -> Self {
        let text = |key| {
            let value = loaded.fact(key).filter(|value| !value.is_empty())?;
            Some(printable(value.as_bytes()))
        };
        let number = |key| loaded.fact(key)?.trim().parse::<u64>().ok();
        let scope = Scope::of(loaded);
        let labels = loaded.facts.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(key::LABEL_PREFIX)?;
            Some(Label { name: printable(name.as_bytes()), value: printable(value.as_bytes()) })
        });
        Self {
            target: Target {
                kind: match scope.kind {
                    Kind::Command => Some("command"),
                    Kind::Processes => Some("processes"),
                    Kind::Threads => Some("threads"),
                    Kind::System => Some("system"),
                    Kind::Cgroup => Some("cgroup"),
                    Kind::Unknown => None,
                },
                command: text(key::TARGET_COMMAND),
                pids: text(key::TARGET_PIDS),
                tids: text(key::TARGET_TIDS),
                cgroup: text(key::TARGET_CGROUP),
            },
            machine: Machine {
                hostname: text(key::MACHINE_HOSTNAME),
                arch: text(key::MACHINE_ARCH),
                cpus: number(key::MACHINE_CPUS),
                memory_bytes: number(key::MACHINE_MEMORY_BYTES),
                kernel: text(key::KERNEL_RELEASE),
                page_size_bytes: loaded.header.page_size_bytes.into(),
            },
            labels: labels.collect(),
            duration_ns: loaded.analysis.duration_ns,
            recorded_ns: loaded.recorded_ns(),
            recorded_since_ns: loaded.recorded_since_ns(),
            ended_by: text(key::RECORDING_ENDED_BY),
            exit_status: number(key::TARGET_EXIT_STATUS),
            window: scope.window_ns.map(|asked_ns| Window {
                asked_ns,
                written_on: text(key::FLIGHT_WRITTEN_ON),
                limited_by: text(key::FLIGHT_LIMITED_BY),
            }),
        }
    }
}

/// A process that the kernel killed because memory ran out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Victim {
    /// When, since the start.
    pub time_ns: u64,
    /// Process id.
    pub pid: u32,
    /// Name, if known.
    pub name: Option<String>,
    /// Process that needed memory; null if it is not known.
    pub by_pid: Option<u32>,
    /// Anonymous memory.
    pub anon_rss_bytes: Option<u64>,
    /// Memory of files.
    pub file_rss_bytes: Option<u64>,
    /// Shared memory.
    pub shmem_rss_bytes: Option<u64>,
    /// Page tables.
    pub pgtables_bytes: Option<u64>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i64>,
}

impl Victim {
    /// What is known of it.
    pub(super) fn of(loaded: &Loaded, victim: &OomRecord) -> Self {
        let bytes = |kib: Option<u64>| kib.map(|kib| kib.saturating_mul(1_024));
        Self {
            time_ns: victim.time_ns.saturating_sub(loaded.header.start_ns),
            pid: victim.pid,
            name: oom::name(loaded, victim),
            by_pid: Some(victim.by_pid).filter(|&pid| pid != 0),
            anon_rss_bytes: bytes(victim.anon_rss_kib),
            file_rss_bytes: bytes(victim.file_rss_kib),
            shmem_rss_bytes: bytes(victim.shmem_rss_kib),
            pgtables_bytes: bytes(victim.pgtables_kib),
            oom_score_adj: victim.oom_score_adj.map(i64::from),
        }
    }
}
