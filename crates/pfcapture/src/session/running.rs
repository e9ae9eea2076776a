//! The running session: records out of the rings, snapshots asked for, batches to the store, and
//! the one way to the end.

pub mod flight;

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use pft::keys::{fact as fact_keys, ledger as ledger_keys};
use pft::record::{Checkpoint, LedgerEntry, SnapshotReason, TraceHeader};

use super::accounts::Accounts;
use super::cpus::Cpus;
use super::{Recorded, Started};
use crate::Error;
use crate::clock;
use crate::config::Config;
use crate::drain::Drain;
use crate::end::{End, Watch};
use crate::event::EventKind;
use crate::host::fact;
use crate::launch::Launched;
use crate::ring::{self, LATE_NS, Rings};
use crate::snapshot::{Snapshotter, Taken};
use crate::store::{Dumped, Item, Store};
use crate::sys;
use crate::targets::{EventCount, Targets};
use flight::Windows;

/// Rings are drained at least this often.
const DRAIN_INTERVAL: Duration = Duration::from_millis(100);
/// Faults wait no longer than this for the file.
const FLUSH_NS: u64 = 1_000_000_000;
/// Rows of a full batch.
const FLUSH_ROWS: usize = 64 * 1024;
/// The ledger goes into the file this often.
const CHECKPOINT_NS: u64 = 10_000_000_000;
/// Where a snapshot takes longer than this, unknown addresses are asked for one by one.
const ASK_NS: u64 = 1_000_000;
/// The first snapshots may take this long whatever the share of the time.
const SNAPSHOT_ALLOWANCE_NS: u64 = 20_000_000;
/// At the end, no single snapshot and not the command either is waited for longer than this.
const END_PATIENCE: Duration = Duration::from_secs(2);

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
    cpus: Cpus,
    rings: Rings,
    targets: Targets,
    drain: Drain,
    store: Store,
    snapshots: Snapshotter,
    snapshot_spent_ns: u64,
    flushed_ns: u64,
    checkpoint_ns: u64,
    /// A fault slower than this has the window of a flight recorder written.
    trigger_ns: Option<u64>,
    windows: Windows,
}

impl Session {
    /// A session whose events are open and whose file is begun.
    pub fn new(
        (config, header, tids): (&Config, &TraceHeader, &[u32]),
        cpus: Cpus,
        rings: Rings,
        targets: Targets,
        drain: Drain,
        store: Store,
        snapshots: Snapshotter,
    ) -> Self {
        let start_ns = header.start_ns;
        let delay_ns = nanoseconds(config.delay);
        Self {
            maps_interval_ns: nanoseconds(config.maps_interval),
            start_ns,
            enable_ns: (delay_ns > 0).then(|| start_ns.saturating_add(delay_ns)),
            tids: tids.to_vec(),
            strangers: HashMap::new(),
            cpus,
            rings,
            targets,
            drain,
            store,
            snapshots,
            snapshot_spent_ns: 0,
            flushed_ns: start_ns,
            checkpoint_ns: start_ns,
            trigger_ns: config.flight.and_then(|flight| flight.trigger_latency).map(nanoseconds),
            windows: Windows::default(),
        }
    }

    /// Records until an end comes. Tells of each file that a flight recorder writes.
    ///
    /// # Errors
    /// What poll(2) refuses.
    pub fn run(
        &mut self,
        watch: &mut Watch,
        mut on_dump: impl FnMut(&Dumped),
    ) -> Result<End, Error> {
        loop {
            let until_enabled_ns =
                self.enable_ns.map(|at_ns| at_ns.saturating_sub(clock::monotonic_ns()));
            let at_most = until_enabled_ns.map_or(DRAIN_INTERVAL, |wait_ns| {
                DRAIN_INTERVAL.min(Duration::from_nanos(wait_ns))
            });
            let end = watch.wait(&self.rings.rings, at_most)?;
            let now_ns = clock::monotonic_ns();
            if self.enable_ns.is_some_and(|at_ns| at_ns <= now_ns) {
                self.targets.enable();
                self.enable_ns = None;
            }
            let walked_ns = now_ns.saturating_sub(LATE_NS);
            self.drain.walk(&mut self.rings, &self.targets, walked_ns);
            self.collect_snapshots();
            for (pid, first_ns) in std::mem::take(&mut self.drain.strangers) {
                self.strangers.insert(pid, first_ns);
                self.drain.want_first(pid);
            }
            self.fly(watch.window_asked(), walked_ns);
            self.windows.tell(self.store.dumped(), &mut on_dump);
            self.request_snapshots(now_ns);
            if now_ns.saturating_sub(self.flushed_ns) >= FLUSH_NS {
                self.flush(1);
                self.flushed_ns = now_ns;
                self.look_at_cpus();
            } else {
                self.flush(FLUSH_ROWS);
            }
            if now_ns.saturating_sub(self.checkpoint_ns) >= CHECKPOINT_NS {
                self.checkpoint(false, &[]);
                self.checkpoint_ns = now_ns;
            }
            if self.store.has_failed() {
                return Ok(End::WriteFailed);
            }
            if self.store.is_full() {
                return Ok(End::MaxSize);
            }
            if let Some(end) = end {
                return Ok(end);
            }
            if !self.tids.is_empty() && !self.tids.iter().any(|&tid| self.drain.is_covered(tid)) {
                return Ok(End::TargetExited);
            }
        }
    }

    fn look_at_cpus(&mut self) {
        if let Ok(online) = ring::online_cpus() {
            self.cpus.look(online);
            self.drain.counts.unwatched_cpus = self.cpus.unwatched.len() as u64;
        }
    }

    fn collect_snapshots(&mut self) {
        for taken in self.snapshots.collect() {
            self.take_in(taken);
        }
    }

    /// Asks for the first snapshots of processes.
    pub fn request_first(&mut self, pids: &[u32]) {
        for &pid in pids {
            // None is under way yet.
            let _ = self.snapshots.request(pid, SnapshotReason::Start);
        }
    }

    /// Takes in a snapshot, or that there is none.
    pub fn take_in(&mut self, taken: Taken) {
        self.snapshot_spent_ns += taken.took_ns;
        self.drain.counts.snapshots_ns += taken.took_ns;
        if let Some(first_ns) = self.strangers.remove(&taken.pid) {
            self.drain.name_stranger(taken.pid, first_ns, taken.names);
        }
        match taken.result {
            Ok(snapshot) if snapshot.reason == SnapshotReason::Query => {
                self.drain.learn_some(taken.pid, &snapshot.vmas, taken.end_ns, taken.took_ns);
                if !snapshot.vmas.is_empty() {
                    self.drain.counts.queries += 1;
                    self.store.put(Item::Snapshot(snapshot));
                }
            }
            Ok(snapshot) => {
                self.drain.learn(taken.pid, &snapshot.vmas, taken.end_ns, taken.took_ns);
                // A process that is just ending shows no maps any more: that says nothing.
                if !snapshot.vmas.is_empty() {
                    self.drain.counts.snapshots += 1;
                    self.store.put(Item::Snapshot(snapshot));
                }
            }
            Err(_) => {
                self.drain.counts.snapshots_failed += 1;
                self.drain.learn(taken.pid, &[], taken.end_ns, taken.took_ns);
            }
        }
    }

    /// Asks for the snapshots that the drain wants and the interval demands, inside the budget of
    /// one part in a hundred of the time. What is refused stays wanted.
    fn request_snapshots(&mut self, now_ns: u64) {
        let elapsed_ns = now_ns.saturating_sub(self.start_ns);
        if self.snapshot_spent_ns > elapsed_ns / 100 + SNAPSHOT_ALLOWANCE_NS {
            return;
        }
        for (&pid, process) in &mut self.drain.processes {
            let periodic = process.active
                && now_ns >= process.rest_until_ns
                && now_ns.saturating_sub(process.snapshot_ns) >= self.maps_interval_ns;
            let reason = process.wanted.or(periodic.then_some(SnapshotReason::Periodic));
            let Some(reason) = reason else { continue };
            // So many mappings that the kernel is better asked for those that matter.
            let ask = reason == SnapshotReason::UnknownAddress && process.took_ns > ASK_NS;
            let under_way = if ask {
                self.snapshots.query(pid, process.unknown.clone())
            } else {
                self.snapshots.request(pid, reason)
            };
            if under_way {
                process.wanted = None;
                process.unknown.clear();
            }
        }
    }

    /// Stores what waits: tasks and maps first, since the faults refer to them; then the batches
    /// that have at least `rows`. With 1, everything is stored, faults or not.
    fn flush(&mut self, rows: usize) {
        if !self.drain.pending.iter().any(|pending| pending.rows.len() >= rows) && rows > 1 {
            return;
        }
        let drain = &mut self.drain;
        if !drain.tasks.is_empty() {
            // The names of strangers are found out later than they hold.
            drain.tasks.sort_by_key(|task| task.time_ns);
            self.store.put(Item::Tasks(std::mem::take(&mut drain.tasks)));
        }
        if !drain.maps.is_empty() {
            self.store.put(Item::Maps(std::mem::take(&mut drain.maps)));
        }
        if !drain.calls.is_empty() {
            // They are settled when they return.
            drain.calls.sort_by_key(|call| call.time_ns);
            self.store.put(Item::Calls(std::mem::take(&mut drain.calls)));
        }
        if !drain.oom.is_empty() {
            self.store.put(Item::Oom(std::mem::take(&mut drain.oom)));
        }
        for pending in &mut drain.pending {
            if pending.rows.len() < rows.max(1) {
                continue;
            }
            if let Some(lost) = self.store.put_faults(pending.cpu, &mut pending.rows) {
                drain.counts.dropped += lost.count;
                drain.lost.push(lost);
            }
        }
        if !drain.lost.is_empty() {
            self.store.put(Item::Lost(std::mem::take(&mut drain.lost)));
        }
    }

    fn checkpoint(&mut self, end: bool, more: &[(&str, u64)]) -> Vec<(EventKind, EventCount)> {
        let events = self.targets.counts();
        let mut ledger = self.drain.counts.ledger(&events);
        ledger.extend(more.iter().map(|&(key, value)| LedgerEntry { key: key.to_owned(), value }));
        self.store.put(Item::Checkpoint(Checkpoint {
            time_ns: clock::monotonic_ns(),
            realtime_ns: clock::realtime_ns(),
            boottime_ns: clock::boottime_ns(),
            end,
            ledger,
        }));
        events
    }

    /// The one way to the end: stop the events, drain, last snapshots, ledger, index.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(
        mut self,
        path: Option<PathBuf>,
        started: Started,
        end: End,
        child: Option<Launched>,
        accounts: &Accounts,
        on_dump: impl FnMut(&Dumped),
    ) -> Result<Recorded, Error> {
        self.targets.disable();
        self.look_at_cpus();
        let faults_after = accounts.totals();
        let duration_ns = clock::monotonic_ns().saturating_sub(self.start_ns);
        self.drain.walk(&mut self.rings, &self.targets, u64::MAX);
        let alive: Vec<u32> = self.drain.processes.keys().copied().collect();
        let created = alive.iter().filter(|pid| !started.pids.contains(pid)).count();
        let left_running = if started.target.is_processes() { created } else { 0 };
        for taken in self.snapshots.wait_all(END_PATIENCE) {
            self.take_in(taken);
        }
        for pid in alive {
            // Only one that is stuck is still under way.
            let _ = self.snapshots.request(pid, SnapshotReason::End);
        }
        for taken in self.snapshots.wait_all(END_PATIENCE) {
            self.take_in(taken);
        }
        self.drain.finish();
        let reaped = child.and_then(|mut child| {
            if end != End::TargetExited {
                child.terminate();
            }
            child.reap_within(END_PATIENCE)
        });
        self.flush(1);
        // A command that was still running has gone on to fault after the events were stopped.
        let whole = reaped.filter(|_| end == End::TargetExited);
        let mut more = vec![(ledger_keys::RECORDER_CPU_NS, sys::own_cpu_ns())];
        if let Some(reaped) = reaped {
            let code = reaped.exit_code();
            self.store.put(Item::Facts(vec![fact(fact_keys::TARGET_EXIT_STATUS, code)]));
        }
        if let Some((minor, major)) = accounts.growth(whole, &faults_after) {
            more.push((ledger_keys::RUSAGE_MINOR_FAULTS, minor));
            more.push((ledger_keys::RUSAGE_MAJOR_FAULTS, major));
        }
        let events = self.checkpoint(true, &more);
        let finished = self.store.finish()?;
        self.windows.tell(finished.dumped, on_dump);
        self.windows.suppressed = finished.suppressed;
        Ok(Recorded {
            path,
            started,
            end,
            duration: Duration::from_nanos(duration_ns),
            file_bytes: finished.bytes,
            windows: self.windows,
            counts: self.drain.counts,
            events,
            left_running,
            exit_status: reaped.map(|reaped| ExitStatus::from_raw(reaped.status)),
        })
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
