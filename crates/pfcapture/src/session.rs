//! A recording from its first event to its closing checkpoint: set up here, run in [`running`].

mod about;
mod running;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use pft::record::SnapshotReason;

use crate::Error;
use crate::attach;
use crate::calibrate;
use crate::config::{Config, Output, Target};
use crate::counts::Counts;
use crate::drain::Drain;
use crate::end::{End, Watch};
use crate::event::{Abilities, EventKind, Start};
use crate::host;
use crate::launch::Launched;
use crate::parse::SampleLayout;
use crate::permission;
use crate::ring::{self, Rings};
use crate::snapshot::{Snapshotter, Taken};
use crate::store::{Item, Store};
use crate::targets::{EventCount, Targets};
use running::Session;

/// What is known when the recording runs.
#[derive(Debug, Clone)]
pub struct Started {
    /// Processes recorded.
    pub pids: Vec<u32>,
    /// Threads on which events were opened.
    pub threads: usize,
    /// CPUs.
    pub cpus: usize,
    /// Ring buffer of each CPU.
    pub ring_bytes: usize,
    /// Ring buffer that was wanted.
    pub ring_wanted_bytes: usize,
    /// What can be seen.
    pub abilities: Abilities,
}

/// A finished recording.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The trace.
    pub path: PathBuf,
    /// How it was set up.
    pub started: Started,
    /// Why it ended.
    pub end: End,
    /// How long it took.
    pub duration: Duration,
    /// Size of the trace.
    pub file_bytes: u64,
    /// What was seen.
    pub counts: Counts,
    /// The kernel's own figures.
    pub events: Vec<(EventKind, EventCount)>,
    /// Processes that the target created and that still run, unrecorded from now on.
    pub left_running: usize,
    /// How the command ended.
    pub exit_status: Option<ExitStatus>,
}

impl Recorded {
    /// Whether every completion that the kernel counted was captured or is known to be lost; `None`
    /// where the kernel does not tell how many were lost.
    #[must_use]
    pub fn agrees(&self) -> Option<bool> {
        let counts = &self.counts;
        let mut open = [
            (EventKind::Minor, counts.minor + counts.duplicate_minor),
            (EventKind::Major, counts.major + counts.duplicate_major),
        ]
        .into_iter();
        open.try_fold(true, |agrees, (kind, seen)| {
            let (_, figures) = self.events.iter().find(|(known, _)| *known == kind)?;
            Some(agrees && seen + figures.lost? == figures.count)
        })
    }

    /// Records of all events that the kernel dropped because a ring was full.
    #[must_use]
    pub fn lost_in_rings(&self) -> u64 {
        let by_event: u64 = self.events.iter().filter_map(|(_, figures)| figures.lost).sum();
        by_event.max(self.counts.lost_records)
    }

    /// Whether nothing is missing, as far as can be told.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost() == 0 && self.counts.unparsed == 0 && self.agrees() != Some(false)
    }

    /// Records that the kernel or the recorder dropped.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_in_rings() + self.counts.dropped
    }
}

/// Ring buffer of a CPU by default, and of all CPUs at most.
const RING_BYTES: usize = 8 << 20;
const RINGS_BYTES: usize = 512 << 20;

/// Ring buffer that is wanted for each of so many CPUs.
#[must_use]
pub fn default_ring_bytes(cpus: usize) -> usize {
    RING_BYTES.min(RINGS_BYTES / cpus.max(1))
}

/// Records until the target ends, the duration is over, or SIGINT or SIGTERM comes. `on_start` is
/// called when nothing of the target escapes any more. Must be called from the only thread of the
/// process.
///
/// # Errors
/// Why nothing was recorded; a file is left only when recording had begun. [`Error::Write`] when the
/// trace could not be written to its end.
pub fn record(config: &Config, on_start: impl FnOnce(&Started)) -> Result<Recorded, Error> {
    permission::raise_descriptor_limit();
    let abilities = permission::probe()?;
    let page_bytes = rustix::param::page_size();
    let cpus = ring::online_cpus().map_err(Error::system("list the CPUs"))?;
    let bias = calibrate::measure(&abilities, page_bytes);
    let ring_wanted_bytes = config.ring_bytes.unwrap_or_else(|| default_ring_bytes(cpus.len()));
    let mut rings = Rings::open(&cpus, ring_wanted_bytes, page_bytes)?;
    let mut targets = Targets::new(abilities);
    let mut drain = Drain::new(SampleLayout::new(&abilities), &cpus);
    // Before the first thread is made: a launched command is forked, and signals must not end us.
    let mut child = None;
    let pids = match &config.target {
        Target::Command => {
            let launched = Launched::fork(&config.command)?;
            targets.open(launched.pid, Start::OnExec, &rings)?;
            let pids = vec![launched.pid];
            child = Some(launched);
            pids
        }
        Target::Processes(pids) => distinct(pids)?,
        Target::Threads(_) | Target::System | Target::Cgroup(_) => Vec::new(),
    };
    let path = match &config.output {
        Output::File(path) => path.clone(),
        _ => about::default_path(config, &pids),
    };
    Store::check(&path, config.overwrite)?;
    let mut watch = Watch::new(&pids)?;
    let faults_before: Vec<_> =
        pids.iter().map(|&pid| host::fault_totals(Path::new("/proc"), pid)).collect();
    let stack_limit_bytes =
        pids.first().and_then(|&pid| host::stack_limit_bytes(Path::new("/proc"), pid));
    let header = about::new_header(page_bytes);
    if let Some(child) = &mut child {
        child.release()?;
    } else {
        for &pid in &pids {
            attach::attach(pid, &mut targets, &mut rings, &mut drain)?;
        }
    }
    let store = Store::create(&path, config.overwrite, &header, config.level)?;
    let started = Started {
        pids: pids.clone(),
        threads: targets.roots,
        cpus: cpus.len(),
        ring_bytes: rings.bytes_per_cpu,
        ring_wanted_bytes,
        abilities,
    };
    let mut facts = host::machine(Path::new("/"));
    facts.extend(host::capture(&abilities, bias));
    facts.extend(about::session_facts(config, &started, stack_limit_bytes));
    store.put(Item::Facts(facts));
    let snapshots = Snapshotter::start().map_err(Error::system("start the snapshot thread"))?;
    let mut session = Session::new(
        config.maps_interval,
        header.start_ns,
        rings,
        targets,
        drain,
        store,
        snapshots,
    );
    for &pid in &pids {
        match config.target {
            // Its exec is recorded, and its mappings after that are in band.
            Target::Command => session.request_first(pid),
            // What it has mapped already is in no record: this cannot wait.
            _ => session.take_in(Taken::now(pid, SnapshotReason::Start)),
        }
    }
    on_start(&started);
    if let Some(duration) = config.duration {
        watch.end_after(duration);
    }
    let end = session.run(&mut watch)?;
    session.finish(path, started, end, child, &faults_before)
}

/// The processes to attach to, each once.
fn distinct(pids: &[u32]) -> Result<Vec<u32>, Error> {
    let mut distinct: Vec<u32> = Vec::new();
    for &pid in pids {
        let process = host::process_of(Path::new("/proc"), pid);
        match process.ok_or(Error::NoSuchProcess { pid })? {
            process if process != pid => return Err(Error::NotAProcess { tid: pid, pid: process }),
            _ if distinct.contains(&pid) => {}
            _ => distinct.push(pid),
        }
    }
    Ok(distinct)
}
