//! What the records of the rings mean to the recorder: faults paired, tasks and maps passed on,
//! losses placed in time, snapshots asked for. One record at a time, in order of time.

pub(crate) mod batch;
mod calls;
mod faults;
pub(crate) mod known_ranges;
mod pending;
mod process;
mod scope;
mod sideband;
pub(crate) mod sightings;
mod stacks;
#[cfg(test)]
mod tests;

use std::ops::Range;

use perf_event_open_sys::bindings as b;
use pfpairing::ThreadFaults;
use pft::record::{
    CallRecord, LostBy, LostRecord, MapRecord, OomRecord, Outcome, SnapshotReason,
    StackPointerRecord, TaskKind, TaskRecord,
};
use rustc_hash::FxHashMap;

use crate::config::Selection;
use crate::counts::Counts;
use crate::drain::batch::FaultRow;
use crate::drain::sightings::Sightings;
use crate::event::EventKind;
use crate::live::Settled;
use crate::parse::{self, SampleLayout};
use crate::ring::Rings;
use crate::system::page_nodes::PageNodes;
use crate::targets::{EventRef, Targets};

use pending::Completed;
pub use pending::Pending;
pub use process::Process;
use scope::Relation;
pub use scope::Scope;

#[derive(Debug, Default)]
struct Thread {
    pid: u32,
    faults: ThreadFaults,
    /// The system call that it is in, of those that are recorded.
    call: Option<CallRecord>,
    sightings: Sightings,
    /// Its creation is on record.
    announced: bool,
    /// Since when all events are on it.
    covered_since_ns: Option<u64>,
    /// Known range of its last fault; empty after a snapshot.
    range: Range<u64>,
    /// Stack pointers of it that are on record.
    stack_pointers: Vec<u64>,
}

/// Addresses from here on belong to the kernel.
const KERNEL_HALF: u64 = 1 << 63;

/// The state of a recording between two records.
#[derive(Debug)]
pub struct Drain {
    layout: SampleLayout,
    selection: Selection,
    scope: Scope,
    threads: FxHashMap<u32, Thread>,
    /// Process and thread that were looked up last: most faults follow one of the same thread, and one look-up less
    /// saves 3 % of the drain's instructions.
    last_thread: Option<(u32, u32)>,
    /// By pid.
    pub processes: FxHashMap<u32, Process>,
    /// Faults to store, by ring.
    pub pending: Vec<Pending>,
    /// Task changes to store.
    pub tasks: Vec<TaskRecord>,
    /// Map changes to store.
    pub maps: Vec<MapRecord>,
    /// System calls to store.
    pub calls: Vec<CallRecord>,
    /// Victims of the OOM killer to store.
    pub oom: Vec<OomRecord>,
    /// Losses to store.
    pub lost: Vec<LostRecord>,
    /// Processes that were first seen in a record of their own, with its time: what they are and have
    /// mapped is in no record.
    pub strangers: Vec<(u32, u64)>,
    /// Processes that called `execve(2)`.
    pub executed: Vec<u32>,
    /// Where stacks are, to store.
    pub stack_pointers: Vec<StackPointerRecord>,
    /// The NUMA nodes of physical addresses, where those are read.
    pub page_nodes: Option<PageNodes>,
    /// Callers that the kernel takes of a chain at most.
    pub most_callers: u16,
    /// Faults in the order in which they were settled, for whoever shows them.
    pub settled: Option<Vec<Settled>>,
    /// Longest latency since this was last looked at.
    pub slowest_ns: u64,
    /// What was seen.
    pub counts: Counts,
    losses: u64,
    /// The rings were paused before their first record.
    pub rings_were_paused: bool,
    /// Time of the record that is being taken in.
    now_ns: u64,
}

impl Drain {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(layout: SampleLayout, selection: Selection, scope: Scope, cpus: &[u32]) -> Self {
        Self {
            layout,
            selection,
            scope,
            threads: FxHashMap::default(),
            last_thread: None,
            processes: FxHashMap::default(),
            pending: cpus.iter().map(|&cpu| Pending::new(cpu)).collect(),
            tasks: Vec::new(),
            maps: Vec::new(),
            calls: Vec::new(),
            oom: Vec::new(),
            lost: Vec::new(),
            strangers: Vec::new(),
            executed: Vec::new(),
            stack_pointers: Vec::new(),
            page_nodes: None,
            most_callers: u16::MAX,
            settled: None,
            slowest_ns: 0,
            counts: Counts::default(),
            losses: 0,
            rings_were_paused: false,
            now_ns: 0,
        }
    }

    /// Enters a thread found in `/proc`, with its events open since `time_ns`.
    pub fn present(&mut self, pid: u32, tid: u32, comm: Vec<u8>, time_ns: u64) {
        self.thread(0, pid, tid).covered_since_ns = Some(time_ns);
        self.enter(pid, tid, comm, time_ns);
    }

    fn enter(&mut self, pid: u32, tid: u32, comm: Vec<u8>, time_ns: u64) {
        self.tasks.push(TaskRecord {
            time_ns,
            kind: TaskKind::Present,
            pid,
            tid,
            parent_pid: 0,
            parent_tid: 0,
            comm,
        });
    }

    /// Threads that are known.
    #[must_use]
    pub fn thread_count(&self) -> usize {
        self.threads.len()
    }

    /// Asks for the first snapshot of a process.
    pub fn want_first(&mut self, pid: u32) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.want(SnapshotReason::Start);
        }
    }

    /// Enters the names of a process that was first seen in a record of its own: they hold from there
    /// on. A thread whose creation is on record has its name from there.
    pub fn name_stranger(&mut self, pid: u32, first_ns: u64, names: Vec<(u32, Vec<u8>)>) {
        for (tid, comm) in names {
            if self.threads.get(&tid).is_some_and(|thread| thread.announced) {
                continue;
            }
            self.enter(pid, tid, comm, first_ns);
        }
    }

    /// Whether the thread is known to carry all events.
    #[must_use]
    pub fn is_covered(&self, tid: u32) -> bool {
        self.threads.get(&tid).is_some_and(|thread| thread.covered_since_ns.is_some())
    }

    /// Takes in the records of all rings that are older than `before_ns`.
    pub fn walk(&mut self, rings: &mut Rings, targets: &Targets, before_ns: u64) {
        let layout = self.layout;
        let walk = rings.walk(before_ns, &layout, |ring, time_ns, record| {
            self.record(ring, time_ns, record, &targets.ids, targets.roots);
        });
        self.counts.out_of_order += walk.out_of_order;
        self.counts.unparsed += u64::from(walk.garbled_bytes > 0);
    }

    /// One record of the ring with this index.
    pub(crate) fn record(
        &mut self,
        ring: usize,
        time_ns: u64,
        record: &[u8],
        ids: &FxHashMap<u64, EventRef>,
        roots: usize,
    ) {
        self.now_ns = time_ns;
        self.dispatch(ring, time_ns, record, ids, roots);
        if let Some(pending) = self.pending.get_mut(ring) {
            pending.last_record_ns = time_ns;
        }
    }

    fn dispatch(
        &mut self,
        ring: usize,
        time_ns: u64,
        record: &[u8],
        ids: &FxHashMap<u64, EventRef>,
        roots: usize,
    ) {
        let event = parse::record_id(record).and_then(|id| ids.get(&id)).copied();
        let root = event.map_or(0, |event| event.root_tid);
        let only_root = roots <= 1;
        let kind = parse::parse_header(record).map(|header| header.kind);
        let event = if kind == Some(b::PERF_RECORD_SAMPLE) {
            self.told_by_form(record, event)
        } else {
            event
        };
        if kind == Some(b::PERF_RECORD_SAMPLE) && event.map(|e| e.kind) == Some(EventKind::Oom) {
            self.oom_victim(record);
            return;
        }
        if kind == Some(b::PERF_RECORD_SAMPLE) && event.is_some_and(|event| event.kind.is_entry()) {
            self.counts.entry_samples += 1;
        }
        if !matches!(self.scope, Scope::Followed { .. }) && !self.admits(record, event) {
            return;
        }
        match (kind, event) {
            (Some(b::PERF_RECORD_SAMPLE), Some(event)) if event.kind.is_fault() => {
                self.sample(ring, record, event, only_root);
            }
            (Some(b::PERF_RECORD_SAMPLE), Some(event)) if event.kind == EventKind::ThreadStart => {
                self.thread_start(ring, record);
            }
            (Some(b::PERF_RECORD_SAMPLE), Some(event)) => {
                self.call(ring, record, event, only_root);
            }
            (Some(b::PERF_RECORD_MMAP2), _) => self.map(ring, record, root, only_root),
            (Some(b::PERF_RECORD_COMM), _) => self.comm(ring, time_ns, record, root, only_root),
            (Some(b::PERF_RECORD_FORK), _) => self.fork(ring, time_ns, record, root, only_root),
            (Some(b::PERF_RECORD_EXIT), _) => self.exit(ring, time_ns, record, only_root),
            (Some(b::PERF_RECORD_LOST), _) => self.loss(ring, time_ns, parse::parse_lost(record)),
            (Some(b::PERF_RECORD_LOST_SAMPLES), _) => {
                self.loss(ring, time_ns, parse::parse_lost_samples(record));
            }
            _ => self.counts.unparsed += 1,
        }
    }

    /// The event of a sample, from that of its id, which may be another's: see
    /// [`SampleLayout::kind_of`].
    fn told_by_form(&mut self, record: &[u8], by_id: Option<EventRef>) -> Option<EventRef> {
        let Some(event) = by_id else {
            let kind = self.layout.kind_of(record)?;
            self.counts.foreign_ids += 1;
            return Some(EventRef { root_tid: 0, kind });
        };
        // Those that count the same.
        let other = match event.kind {
            EventKind::Minor => EventKind::Stack,
            EventKind::Stack => EventKind::Minor,
            _ => return Some(event),
        };
        let is_other = !self.layout.fits(record, event.kind) && self.layout.fits(record, other);
        let kind = if is_other { other } else { event.kind };
        Some(EventRef { kind, ..event })
    }

    /// Whether a record is of a target; counts what it leaves out.
    fn admits(&mut self, record: &[u8], event: Option<EventRef>) -> bool {
        // A record without a process is one of losses, or unlike any that is known.
        let Some((pid, parent_pid)) = parse::record_pids(record, &self.layout) else {
            return true;
        };
        if let Some(parent_pid) = parent_pid.filter(|&parent_pid| parent_pid != pid) {
            self.scope.created(pid, parent_pid);
        }
        let relation = self.scope.relation(pid);
        let kind = event.map(|event| event.kind);
        match (relation, kind) {
            (Relation::Other, Some(EventKind::Minor)) => self.counts.filtered_minor += 1,
            (Relation::Other, Some(EventKind::Major)) => self.counts.filtered_major += 1,
            (Relation::Own, Some(EventKind::Minor)) => self.counts.own_minor += 1,
            (Relation::Own, Some(EventKind::Major)) => self.counts.own_major += 1,
            _ => {}
        }
        relation == Relation::Target
    }

    /// Ends all faults that are under way: the recording is over.
    pub fn finish(&mut self) {
        let losses = self.losses;
        let open: Vec<FaultRow> = self
            .threads
            .values_mut()
            .filter_map(|thread| thread.faults.end(Outcome::InFlight, losses))
            .collect();
        for row in open {
            self.fault(0, row);
        }
        let calls = self.threads.values_mut().filter_map(|thread| thread.call.take());
        let calls: Vec<CallRecord> = calls.collect();
        for call in calls {
            self.store_call(call);
        }
    }

    /// The thread, entered if it is new.
    fn thread(&mut self, ring: usize, pid: u32, tid: u32) -> &mut Thread {
        if self.last_thread != Some((pid, tid)) {
            if self.threads.get(&tid).is_some_and(|thread| thread.pid != pid) {
                // The end of the thread that had this number before was lost.
                self.end_thread(ring, tid);
            }
            if self.scope.learns() && !self.processes.contains_key(&pid) {
                self.strangers.push((pid, self.now_ns));
            }
            self.last_thread = Some((pid, tid));
        }
        self.threads.entry(tid).or_insert_with(|| {
            self.processes.entry(pid).or_default().threads += 1;
            Thread { pid, ..Thread::default() }
        })
    }

    /// Forgets a thread, and its process with the last one; whether it was known.
    fn end_thread(&mut self, ring: usize, tid: u32) -> bool {
        self.last_thread = None;
        let Some(mut thread) = self.threads.remove(&tid) else {
            return false;
        };
        if let Some(row) = thread.faults.end(Outcome::ThreadExited, self.losses) {
            self.fault(ring, row);
        }
        if let Some(call) = thread.call.take() {
            self.store_call(call);
        }
        if let Some(process) = self.processes.get_mut(&thread.pid) {
            process.threads = process.threads.saturating_sub(1);
            if process.threads == 0 {
                self.processes.remove(&thread.pid);
                self.scope.ended(thread.pid);
            }
        }
        true
    }

    /// Records were lost in this ring since its last record: which, only the events' own figures
    /// tell, so the maps of every process need a fresh look.
    fn loss(&mut self, ring: usize, time_ns: u64, count: Option<u64>) {
        let (Some(count), Some(pending)) = (count, self.pending.get(ring)) else {
            self.counts.unparsed += 1;
            return;
        };
        if pending.last_record_ns == 0 && self.rings_were_paused {
            // Not yet: the ring was paused while events were opened, and says so when it goes on.
            return;
        }
        self.losses += 1;
        self.counts.lost_records = self.counts.lost_records.saturating_add(count);
        self.lost.push(LostRecord {
            after_ns: pending.last_record_ns,
            time_ns,
            cpu: pending.cpu,
            by: LostBy::Ring,
            count,
        });
        for process in self.processes.values_mut() {
            process.want(SnapshotReason::Loss);
        }
    }
}

/// A task outside the recorder's pid namespace has no number here.
const fn is_foreign(pid: u32, tid: u32) -> bool {
    pid == 0 || tid == 0 || pid == u32::MAX || tid == u32::MAX
}
