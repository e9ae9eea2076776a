//! The running session: records out of the rings, snapshots asked for, batches to the store, and
//! the one way to the end.

mod cgroups;
pub mod flight;
pub mod marking;
pub mod showing;
mod snapshots;
mod storing;

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use pft::keys::{fact as fact_keys, ledger as ledger_keys};
use pft::record::{SnapshotReason, TraceHeader};

use super::accounts::Accounts;
use super::hotplug::Cpus;
use super::{News, Recorded, Started};
use crate::Error;
use crate::config::Config;
use crate::drain::Drain;
use crate::explain::Opener;
use crate::live::Live;
use crate::marks::Marks;
use crate::ring::{self, LATE_NS, Rings};
use crate::session::end::{End, Watch};
use crate::snapshot::Snapshotter;
use crate::store::{Item, Store, Stored};
use crate::sys;
use crate::system::clock::{self, Moment};
use crate::system::host::fact;
use crate::system::precedence;
use crate::targets::Targets;
use crate::targets::launch::Launched;
use crate::targets::processes;
use cgroups::Cgroups;
use flight::Windows;
use marking::Marking;
use showing::Show;
use storing::Due;

/// Rings are drained at least this often.
const DRAIN_INTERVAL: Duration = Duration::from_millis(100);
/// Faults wait no longer than this for the file.
const FLUSH_NS: u64 = 1_000_000_000;
/// The ledger goes into the file this often, and with the first faults, so that a short trace whose
/// recorder was killed has one.
const CHECKPOINT_NS: u64 = 10_000_000_000;
/// At the end, no single snapshot and not the command either is waited for longer than this.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Where a session looks besides its rings, and where it puts what it finds.
pub struct Outside {
    /// Which CPUs are online.
    pub cpus: Cpus,
    /// Who sets marks, if anybody can.
    pub marks: Option<Marks>,
    /// Who shows what happens.
    pub live: Option<Box<dyn Live>>,
    /// The trace.
    pub store: Store,
    /// Who reads maps.
    pub snapshots: Snapshotter,
    /// Who opens the files that targets run.
    pub opener: Option<Opener>,
}

/// A recording between its set-up and its end.
pub struct Session {
    maps_interval_ns: u64,
    start_ns: u64,
    /// When the fault events are started, if they wait.
    enable_ns: Option<u64>,
    /// The threads that are recorded, where not whole processes are.
    tids: Vec<u32>,
    /// Processes whose names are to be found out, with the time of their first record.
    strangers: HashMap<u32, u64>,
    cgroups: Cgroups,
    cpus: Cpus,
    marks: Marking,
    show: Option<Show>,
    rings: Rings,
    targets: Targets,
    drain: Drain,
    store: Store,
    snapshots: Snapshotter,
    opener: Option<Opener>,
    /// How many of the maps that wait for the store it was shown.
    shown_to_opener: usize,
    snapshot_spent_ns: u64,
    flushed_ns: u64,
    /// The rings have been walked up to here.
    walked_ns: u64,
    /// When the next checkpoint is due.
    checkpoint_ns: u64,
    /// A fault slower than this has the window of a flight recorder written.
    trigger_ns: Option<u64>,
    windows: Windows,
}

impl Session {
    /// A session whose events are open and whose file is begun.
    pub fn new(
        (config, header, tids): (&Config, &TraceHeader, &[u32]),
        Outside { cpus, marks, live, store, snapshots, opener }: Outside,
        rings: Rings,
        targets: Targets,
        mut drain: Drain,
    ) -> Self {
        let start_ns = header.start_ns;
        let delay_ns = nanoseconds(config.delay);
        drain.settled = live.is_some().then(Vec::new);
        Self {
            maps_interval_ns: nanoseconds(config.maps_interval),
            start_ns,
            enable_ns: (delay_ns > 0).then(|| start_ns.saturating_add(delay_ns)),
            tids: tids.to_vec(),
            strangers: HashMap::new(),
            cgroups: Cgroups::default(),
            cpus,
            marks: Marking::new(marks),
            show: live.map(Show::new),
            rings,
            targets,
            drain,
            store,
            snapshots,
            opener,
            shown_to_opener: 0,
            snapshot_spent_ns: 0,
            flushed_ns: start_ns,
            walked_ns: start_ns,
            checkpoint_ns: start_ns.saturating_add(FLUSH_NS),
            trigger_ns: config.flight.and_then(|flight| flight.trigger_latency).map(nanoseconds),
            windows: Windows::default(),
        }
    }

    /// Records until an end comes.
    ///
    /// # Errors
    /// What poll(2) refuses.
    pub fn run(
        &mut self,
        watch: &mut Watch,
        mut on_news: impl FnMut(News<'_>),
    ) -> Result<End, Error> {
        loop {
            let until_enabled_ns =
                self.enable_ns.map(|at_ns| at_ns.saturating_sub(clock::monotonic_ns()));
            let at_most = until_enabled_ns.map_or(DRAIN_INTERVAL, |wait_ns| {
                DRAIN_INTERVAL.min(Duration::from_nanos(wait_ns))
            });
            let rings = self.rings.rings.iter().map(AsFd::as_fd);
            let wakers: Vec<_> = rings.chain(self.marks.fds()).collect();
            let end = watch.wait(&wakers, at_most)?;
            let now_ns = clock::monotonic_ns();
            if self.enable_ns.is_some_and(|at_ns| at_ns <= now_ns) {
                self.targets.enable();
                self.enable_ns = None;
                on_news(News::DelayOver);
            }
            let walked_ns = now_ns.saturating_sub(LATE_NS);
            self.walk(walked_ns);
            self.open_new();
            self.collect_snapshots();
            self.meet_strangers();
            self.collect_cgroups();
            self.look_at_cgroups(now_ns);
            self.collect_marks(now_ns);
            self.show_new();
            self.fly(watch.window_asked(), walked_ns);
            self.windows.tell(self.store.dumped(), &mut on_news);
            self.request_snapshots(now_ns);
            if now_ns.saturating_sub(self.flushed_ns) >= FLUSH_NS {
                self.flush(Due::All);
                self.flushed_ns = now_ns;
                self.look_at_cpus();
            } else {
                self.flush(Due::Full);
            }
            if now_ns >= self.checkpoint_ns {
                // What it counts as captured is what stands before it, or was dropped.
                self.flush(Due::All);
                self.checkpoint(None, &[]);
                self.checkpoint_ns = now_ns.saturating_add(CHECKPOINT_NS);
            }
            if self.store.has_failed() {
                return Ok(End::WriteFailed);
            }
            if self.store.is_full() {
                return Ok(End::MaxSize);
            }
            if self.store.is_nowhere() && self.show.as_ref().is_some_and(Show::is_over) {
                return Ok(End::ShownToNobody);
            }
            if let Some(end) = end {
                return Ok(end);
            }
            if !self.tids.is_empty() && !self.tids.iter().any(|&tid| self.drain.is_covered(tid)) {
                return Ok(End::TargetExited);
            }
        }
    }

    /// Walks the rings. Where that was long ago, what each second brought is stored before the next is looked at: of
    /// faults in the file, those of one CPU are never much older than those of another before them
    /// (`schemas/pft.md`, section 5).
    fn walk(&mut self, before_ns: u64) {
        while before_ns.saturating_sub(self.walked_ns) > FLUSH_NS {
            self.walked_ns += FLUSH_NS;
            self.drain.walk(&mut self.rings, &self.targets, self.walked_ns);
            self.open_new();
            self.flush(Due::All);
        }
        self.drain.walk(&mut self.rings, &self.targets, before_ns);
        self.walked_ns = self.walked_ns.max(before_ns);
    }

    fn look_at_cpus(&mut self) {
        if let Ok(online) = ring::online_cpus() {
            self.cpus.look(&online);
            self.drain.counts.unwatched_cpus = self.cpus.unwatched.len() as u64;
        }
    }

    /// The one way to the end: stop the events, drain, last snapshots, ledger, index.
    pub fn finish(
        mut self,
        path: Option<PathBuf>,
        started: Started,
        (end, watch): (End, &mut Watch),
        child: Option<Launched>,
        accounts: &Accounts,
        mut on_news: impl FnMut(News<'_>),
    ) -> Recorded {
        self.targets.end(&self.rings);
        let stopped = Moment::now();
        self.look_at_cpus();
        let faults_after = accounts.totals();
        let duration_ns = stopped.monotonic_ns.saturating_sub(self.start_ns);
        self.collect_marks(stopped.monotonic_ns);
        self.marks.close();
        self.walk(stopped.monotonic_ns);
        self.drain.walk(&mut self.rings, &self.targets, u64::MAX);
        precedence::give_up();
        self.open_new();
        self.meet_strangers();
        let alive: Vec<u32> = self.drain.processes.keys().copied().collect();
        let mut created = alive.clone();
        created.retain(|pid| started.target.is_processes() && !started.pids.contains(pid));
        for taken in self.snapshots.wait_all(END_PATIENCE) {
            self.take_in(taken);
        }
        for pid in alive {
            let met = self.strangers.contains_key(&pid);
            let reason = if met { SnapshotReason::Start } else { SnapshotReason::End };
            // Only one that is stuck is still under way.
            let _ = self.snapshots.request(pid, reason);
        }
        for taken in self.snapshots.wait_all(END_PATIENCE) {
            self.take_in(taken);
        }
        self.collect_cgroups();
        self.drain.finish();
        let command_pid = child.as_ref().map(|child| child.pid);
        let reaped = child.and_then(|mut child| {
            if end != End::TargetExited {
                child.terminate();
                on_news(News::CommandTerminated);
            }
            child.reap_within(END_PATIENCE)
        });
        self.flush(Due::Rest);
        let live = self.show.take().map(|show| show.finish(&self.drain.counts));
        self.drain.counts.live_dropped = live.as_ref().map_or(0, |live| live.dropped);
        // A command that was still running has gone on to fault after the events were stopped.
        let whole = reaped.filter(|_| end == End::TargetExited);
        let mut more = vec![(ledger_keys::RECORDER_CPU_NS, sys::own_cpu_ns())];
        if let Some(reaped) = reaped {
            let code = reaped.exit_code();
            self.store.put(Item::Facts(vec![fact(fact_keys::TARGET_EXIT_STATUS, code)]));
        }
        let ended_by = end.name();
        self.store.put(Item::Facts(vec![fact(fact_keys::RECORDING_ENDED_BY, ended_by)]));
        if let Some((minor, major)) = accounts.growth(whole, &faults_after) {
            more.push((ledger_keys::RUSAGE_MINOR_FAULTS, minor));
            more.push((ledger_keys::RUSAGE_MAJOR_FAULTS, major));
        }
        let events = self.checkpoint(Some(stopped), &more);
        let counts = &self.drain.counts;
        let seen = counts.minor + counts.major;
        let comparable = self.targets.see_every_fault() && counts.lost_records == 0;
        let usage = whole.filter(|_| comparable).and_then(|_| accounts.growth(whole, &[]));
        let unseen = usage.map(|(minor, major)| (minor + major).saturating_sub(seen));
        // What asked for the end has done so; who asks again cannot wait for names.
        watch.end_asked();
        let (finished, unwritten) = match self.store.finish(|| watch.end_asked()) {
            Ok(finished) => (finished, None),
            Err(error) => (Stored::default(), Some(error)),
        };
        self.windows.tell(finished.dumped, on_news);
        self.drain.counts.stacks_dropped += finished.stacks_dropped;
        self.drain.counts.chains_dropped = finished.chains_dropped;
        self.windows.suppressed = finished.suppressed;
        // Where its end was lost, or comes with that of the command, it is gone by now.
        created.retain(|&pid| processes::is_running(Path::new("/proc"), pid));
        Recorded {
            path,
            started,
            end,
            duration: Duration::from_nanos(duration_ns),
            file_bytes: finished.closed.bytes,
            moved: finished.closed.moved,
            windows: self.windows,
            counts: self.drain.counts,
            events,
            unseen,
            left_running: created.len(),
            outlived_by: command_pid.filter(|_| reaped.is_none()),
            in_delay: self.enable_ns.is_some(),
            live,
            named: finished.named,
            exit_status: reaped.map(|reaped| ExitStatus::from_raw(reaped.status)),
            unwritten,
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
