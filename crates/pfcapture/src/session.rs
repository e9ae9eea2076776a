//! A recording from its first event to its closing checkpoint: set up here, run in [`running`].

mod about;
mod accounts;
pub(crate) mod calibrate;
pub(crate) mod end;
mod hotplug;
mod running;

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use pft::record::SnapshotReason;

use crate::Error;
use crate::config::{Config, Output, Target};
use crate::counts::Counts;
use crate::drain::Drain;
use crate::event::{Abilities, EventKind, Follow, Plan, Start};
use crate::explain::{Explain, Named, Naming, Opener, Unwind};
use crate::live::{Live, LiveEnd};
use crate::marks::Marks;
use crate::parse::SampleLayout;
use crate::ring::{self, Rings};
use crate::session::end::{End, Watch};
use crate::snapshot::{Snapshotter, Taken};
use crate::store::{Destination, Dumped, Item, Store, StorePlan};
use crate::sys::Manner;
use crate::system::host;
use crate::system::page_nodes::PageNodes;
use crate::system::permission;
use crate::system::precedence;
use crate::system::privileges::{self, Work};
use crate::targets::attach;
use crate::targets::launch::Launched;
use crate::targets::processes;
use crate::targets::whom::{self, Reach};
use crate::targets::{EventCount, Part, Targets};
use accounts::Accounts;
use hotplug::Cpus;
pub use running::flight::Windows;
use running::{Outside, Session};

/// What is known when the recording runs.
#[derive(Debug, Clone)]
pub struct Started {
    /// What was asked for.
    pub target: Target,
    /// Processes recorded from the start.
    pub pids: Vec<u32>,
    /// Threads that were there at the start.
    pub threads: usize,
    /// What the events are bound to: `thread`, `cpu` or `cgroup`.
    pub reach: &'static str,
    /// CPUs.
    pub cpus: usize,
    /// Ring buffer of each CPU.
    pub ring_bytes: usize,
    /// Ring buffer that was wanted.
    pub ring_wanted_bytes: usize,
    /// Nice value of the threads that read rings and write.
    pub nice: i32,
    /// What can be seen.
    pub abilities: Abilities,
    /// `pfrecord mark` reaches this recording.
    pub takes_marks: bool,
    /// The kernel has ended the events on the command when it was started.
    pub command_is_closed: bool,
}

/// What happens while a recording runs.
#[derive(Debug)]
pub enum News<'a> {
    /// The delay is over: faults are recorded from now on.
    DelayOver,
    /// The recording ends before its command, which was sent SIGTERM.
    CommandTerminated,
    /// A flight recorder has written a file, or failed to.
    Dumped(&'a Dumped),
}

/// A finished recording.
#[derive(Debug)]
pub struct Recorded {
    /// The trace, if it is one file.
    pub path: Option<PathBuf>,
    /// Where it is, if somebody has moved it meanwhile.
    pub moved: Option<PathBuf>,
    /// How it was set up.
    pub started: Started,
    /// Why it ended.
    pub end: End,
    /// How long it took.
    pub duration: Duration,
    /// Size of the trace; 0 for a flight recorder.
    pub file_bytes: u64,
    /// What a flight recorder wrote.
    pub windows: Windows,
    /// What was seen.
    pub counts: Counts,
    /// The kernel's own figures.
    pub events: Vec<(EventKind, EventCount)>,
    /// Faults of a command, by the kernel's account of it, that no event showed; `None` where that is
    /// not known.
    pub unseen: Option<u64>,
    /// Processes that the target created and that still run, unrecorded from now on.
    pub left_running: usize,
    /// The command, if it has not ended even when it was asked to.
    pub outlived_by: Option<u32>,
    /// It ended before faults were to be recorded.
    pub in_delay: bool,
    /// What showing it live came to.
    pub live: Option<LiveEnd>,
    /// How naming what was hit went, where one trace was written.
    pub named: Option<Named>,
    /// How the command ended.
    pub exit_status: Option<ExitStatus>,
    /// Why the trace ends early: [`Error::Write`] and its kin.
    pub unwritten: Option<Error>,
}

/// Completions of one kind: what was seen of them, for whatever task, against the kernel's count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Kind.
    pub kind: EventKind,
    /// Samples that were read, those that the kernel reports as lost, and what it counts without a
    /// record.
    pub seen_and_lost: u64,
    /// Times that the event fired.
    pub counted: u64,
}

impl Recorded {
    /// Whether every completion that the kernel counted was captured or is known to be lost.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.balances().iter().all(|balance| balance.seen_and_lost == balance.counted)
    }

    /// Whether the kernel tells of each event how many records it lost (Linux 6.0).
    #[must_use]
    pub fn tells_losses(&self) -> bool {
        self.events.iter().all(|(_, figures)| figures.lost.is_some())
    }

    /// What was seen of each kind of completion, set against the kernel's count.
    #[must_use]
    pub fn balances(&self) -> Vec<Balance> {
        let counts = &self.counts;
        let seen = |kind| match kind {
            EventKind::Minor => Some(counts.minor_samples() + counts.unrecorded_minor),
            EventKind::Major => Some(counts.major_samples() + counts.unrecorded_major),
            _ => None,
        };
        let completions = self.events.iter().filter_map(|(kind, figures)| {
            let seen_and_lost = seen(*kind)? + figures.lost.unwrap_or(0);
            Some(Balance { kind: *kind, seen_and_lost, counted: figures.count })
        });
        completions.collect()
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
        self.lost() == 0
            && self.counts.unparsed == 0
            && self.counts.unwatched_cpus == 0
            && self.agrees()
    }

    /// Faults whose completion the kernel or the recorder dropped: where it does not tell, those that it
    /// counted and that are not there.
    #[must_use]
    pub fn lost_faults(&self) -> u64 {
        if !self.tells_losses() {
            let missing = |balance: Balance| balance.counted.saturating_sub(balance.seen_and_lost);
            return self.balances().into_iter().map(missing).sum::<u64>() + self.counts.dropped;
        }
        let completions = [EventKind::Minor, EventKind::Major];
        let completions = self.events.iter().filter(|(kind, _)| completions.contains(kind));
        let lost: u64 = completions.filter_map(|(_, figures)| figures.lost).sum();
        lost + self.counts.dropped
    }

    /// Records that the kernel or the recorder dropped.
    #[must_use]
    pub fn lost(&self) -> u64 {
        (self.lost_in_rings() + self.counts.dropped).max(self.lost_faults())
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

/// What the program does of a recording.
#[derive(Default)]
pub struct Helpers {
    /// Is told of each fault at once.
    pub live: Option<Box<dyn Live>>,
    /// Names what was hit, when the recording is over.
    pub explain: Option<Box<dyn Explain>>,
    /// Makes call chains of copies of stacks, with what [`Helpers::explain`] is given too.
    pub unwind: Option<Box<dyn Unwind>>,
}

/// Records until the target ends, the duration is over, or SIGINT or SIGTERM comes. `on_start` is called when nothing of the target escapes any more, `on_news` when
/// something happens later. Must be called from the only thread of the process.
///
/// # Errors
/// Why nothing was recorded; a file is left only when recording had begun. [`Error::Write`] when the
/// trace could not be written to its end.
pub fn record(
    config: &Config,
    Helpers { mut live, explain, unwind }: Helpers,
    on_start: impl FnOnce(&Started),
    mut on_news: impl FnMut(News<'_>),
) -> Result<Recorded, Error> {
    permission::raise_descriptor_limit();
    let (abilities, mut trials) = permission::probe()?;
    let plan = plan(config, abilities)?;
    trials.keep(&plan);
    permission::try_extras(&plan)?;
    let page_bytes = rustix::param::page_size();
    let cpus = ring::online_cpus().map_err(Error::system("list the CPUs"))?;
    let mut whom = whom::find(config, &plan, &cpus)?;
    let bias = plan.selection.latency.then(|| calibrate::measure(&plan, page_bytes)).flatten();
    let ring_wanted_bytes = config.ring_bytes.unwrap_or_else(|| default_ring_bytes(cpus.len()));
    let mut rings = Rings::open(&cpus, ring_wanted_bytes, page_bytes)?;
    let mut targets = Targets::new(plan);
    let layout = SampleLayout::new(&plan);
    let mut drain = Drain::new(layout, plan.selection, whom.scope.clone(), &cpus);
    drain.most_callers = host::most_callers(Path::new("/"));
    drain.page_nodes = plan.selection.page_nodes.then(|| PageNodes::read(Path::new("/")));
    // Before the first thread is made: a launched command is forked, and signals must not end us.
    let mut child = None;
    if !config.command.is_empty() {
        let stdout_to_stderr = config.output == Output::Stdout;
        let manner = Manner { stdout_to_stderr, no_aslr: config.no_aslr };
        let launched = Launched::fork(&config.command, manner)?;
        if config.target == Target::Command {
            targets.open(launched.pid, Part::All, Start::OnExec, &rings)?;
        }
        whom.pids.push(launched.pid);
        child = Some(launched);
    }
    let destination = match &config.output {
        Output::Named => Destination::File(about::default_path(config, &whom)),
        Output::File(path) => Destination::File(path.clone()),
        Output::Stdout => Destination::Stdout,
        Output::None => Destination::Nowhere,
    };
    privileges::as_user(|| Store::check(&destination, config.overwrite, config.flight.as_ref()))??;
    let ending = match &child {
        Some(child) => std::slice::from_ref(&child.pid),
        None => whom.pids.as_slice(),
    };
    let mut watch = Watch::new(ending)?;
    // Without a flight recorder it asks for nothing, and must not end the recording.
    watch.catch_window_signal()?;
    // What a process or its children do elsewhere than where it is recorded cannot be set against it.
    let comparable = plan.follow == Follow::All && config.target.is_processes();
    let accounts = Accounts::open(if comparable { &whom.pids } else { &[] });
    let stack_limit_bytes =
        whom.pids.first().and_then(|&pid| processes::stack_limit_bytes(Path::new("/proc"), pid));
    let header = about::new_header(page_bytes);
    let watched = match whom.reach {
        Reach::Threads => Cpus::of_threads(&cpus),
        Reach::Cpus | Reach::Cgroup(_) => Cpus::bound(&cpus)?,
    };
    if plan.abilities.oom.is_some() {
        targets.open_oom(&rings)?;
    }
    let cgroup = match &whom.reach {
        Reach::Cgroup(folder) => Some(folder.as_fd()),
        _ => None,
    };
    if !matches!(whom.reach, Reach::Threads) {
        rings.pause(true);
        targets.open_cpus(cgroup, &rings)?;
        targets.begin(&rings);
        drain.rings_were_paused = true;
    }
    let mut command_is_closed = false;
    if let Some(child) = &mut child {
        child.release()?;
        command_is_closed = matches!(whom.reach, Reach::Threads) && child.is_closed();
    } else {
        for &pid in &whom.pids {
            match whom.reach {
                Reach::Threads => {
                    attach::attach(pid, &whom.tids, &mut targets, &mut rings, &mut drain)?;
                }
                _ => attach::enter(pid, &mut drain),
            }
        }
    }
    let path = match &destination {
        Destination::File(path) if config.flight.is_none() => Some(path.clone()),
        _ => None,
    };
    let nice = precedence::take();
    privileges::settle()?;
    let explain = explain.filter(|_| destination != Destination::Nowhere);
    let opener = explain.is_some().then(Opener::start).transpose();
    let opener = opener.map_err(Error::system("start the opening thread"))?;
    let naming =
        explain.zip(opener.clone()).map(|(explain, opener)| Naming::new(explain, unwind, opener));
    let snapshots =
        Snapshotter::start(opener.clone()).map_err(Error::system("start the snapshot thread"))?;
    // The last that may be refused: no file is left where nothing is recorded.
    let plan_of_store = StorePlan {
        destination,
        overwrite: config.overwrite,
        header: header.clone(),
        level: config.level,
        max_bytes: config.max_bytes,
        has_entries: config.selection.latency,
        flight: config.flight,
        naming,
    };
    let store = privileges::as_user(|| Store::create(&plan_of_store))??;
    privileges::keep_for(Work::Recording).map_err(Error::system("give up privileges"))?;
    let marks = Marks::listen().ok();
    let started = Started {
        target: config.target.clone(),
        pids: whom.pids.clone(),
        threads: drain.thread_count().max(whom.pids.len()),
        reach: whom.reach.name(),
        cpus: cpus.len(),
        ring_bytes: rings.bytes_per_cpu,
        ring_wanted_bytes,
        nice,
        abilities: plan.abilities,
        takes_marks: marks.is_some(),
        command_is_closed,
    };
    let mut facts = host::machine(Path::new("/"));
    facts.extend(host::capture(&plan, bias));
    facts.extend(about::session_facts(config, &whom, &started, stack_limit_bytes));
    if let Some(live) = &mut live {
        live.begin(&header, &facts).map_err(Error::system("show faults live"))?;
    }
    store.put(Item::Facts(facts));
    let outside = Outside { cpus: watched, marks, live, store, snapshots, opener };
    let mut session = Session::new((config, &header, &whom.tids), outside, rings, targets, drain);
    match config.target {
        // Its exec is recorded, and its mappings after that are in band.
        Target::Command => session.request_first(&whom.pids),
        // Learnt when they first fault.
        Target::System => {}
        Target::Cgroup(_) if matches!(whom.reach, Reach::Cgroup(_)) => {}
        // What they have mapped already is in no record: this cannot wait.
        _ => {
            for &pid in &whom.pids {
                let taken = Taken::now(pid, SnapshotReason::Start);
                session.open_mapped(&taken);
                session.take_in(taken);
            }
        }
    }
    on_start(&started);
    if let Some(duration) = config.duration {
        watch.end_after(config.delay.saturating_add(duration));
    }
    let end = session.run(&mut watch, &mut on_news)?;
    Ok(session.finish(path, started, (end, &mut watch), child, &accounts, on_news))
}

/// What is to be opened.
fn plan(config: &Config, abilities: Abilities) -> Result<Plan, Error> {
    let follow = match config.target {
        Target::Threads(_) => Follow::None,
        _ if !config.follow => Follow::Threads,
        _ => Follow::All,
    };
    if follow == Follow::Threads && !abilities.inherit_thread {
        return Err(Error::NoFollow);
    }
    let delayed = !config.delay.is_zero();
    Ok(Plan { abilities, selection: config.selection, follow, delayed })
}
