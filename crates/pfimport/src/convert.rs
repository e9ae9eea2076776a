//! Records in order of time become frames of a trace.

mod faults;
mod output;

use pfpairing::ThreadFaults;
use pft::record::{FAULTS_BEHIND_NS, LostBy, LostRecord, MapRecord, Outcome, TaskKind, TaskRecord};
use rustc_hash::FxHashMap;

use crate::counts::Counts;
use crate::events::{Events, Kind};
use crate::modules::Modules;
use crate::perf::layouts::Layouts;
use crate::perf::record::{self, Record, kind, misc};
use crate::perf::sample::{self, Trailer};
pub use output::Output;

/// What waits is written after so long, in time of the records: half of what is allowed.
const FLUSH_NS: u64 = FAULTS_BEHIND_NS / 2;
/// CPU of faults whose CPU is not known.
pub const NO_CPU: u32 = u32::MAX;

/// A thread.
#[derive(Debug, Default)]
struct Thread {
    pid: u32,
    faults: ThreadFaults,
    /// Call chain of the entry that is open, 0 if it has none.
    chain: u32,
}

/// The state of an import between two records.
#[derive(Debug)]
pub struct Converter {
    pub events: Events,
    pub layouts: Layouts,
    /// Callers that a chain has at most.
    pub most_callers: u16,
    pub counts: Counts,
    pub modules: Modules,
    pub out: Output,
    threads: FxHashMap<u32, Thread>,
    /// Times of the last record of each CPU.
    last_of_cpu: FxHashMap<u32, u64>,
    /// Losses so far.
    losses: u64,
    start_ns: u64,
    last_ns: u64,
    flushed_ns: u64,
    callers: Vec<u64>,
}

impl Converter {
    /// Nothing was seen yet.
    pub fn new(events: Events, layouts: Layouts, most_callers: u16) -> Self {
        Self {
            events,
            layouts,
            most_callers,
            counts: Counts::default(),
            modules: Modules::default(),
            out: Output::default(),
            threads: FxHashMap::default(),
            last_of_cpu: FxHashMap::default(),
            losses: 0,
            start_ns: 0,
            last_ns: 0,
            flushed_ns: 0,
            callers: Vec::new(),
        }
    }

    /// The first record has this time.
    pub fn begin(&mut self, start_ns: u64) {
        self.start_ns = start_ns;
        self.last_ns = start_ns;
        self.flushed_ns = start_ns;
    }

    /// Time of the first record.
    pub const fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Latest time so far.
    pub const fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// Whether what waits is to be written before a record of this time: not between two records of one time,
    /// since what describes a fault is written before it.
    pub fn is_due(&self, time_ns: u64) -> bool {
        let is_late = time_ns.saturating_sub(self.flushed_ns) >= FLUSH_NS;
        self.out.is_overfull() || time_ns > self.last_ns && (is_late || self.out.is_full())
    }

    /// What waited was written.
    pub fn flushed(&mut self) {
        self.flushed_ns = self.last_ns;
    }

    /// Takes a record of the kernel.
    pub fn record(&mut self, time_ns: u64, record: Record<'_>) {
        self.last_ns = self.last_ns.max(time_ns);
        if record.kind == kind::SAMPLE {
            self.sample(record);
            return;
        }
        let event = self.layouts.of_other(record.body);
        let trailer = event.and_then(|(_, attr)| sample::parse_trailer(record.body, attr));
        let trailer = trailer.unwrap_or_default();
        let cpu = trailer.cpu.or_else(|| self.layouts.cpu(trailer.id)).unwrap_or(NO_CPU);
        let is_known = match record.kind {
            kind::MMAP2 => self.map(time_ns, record),
            kind::COMM => self.comm(time_ns, record),
            kind::FORK => self.fork(time_ns, record.body),
            kind::EXIT => self.exit(time_ns, record.body),
            kind::LOST => self.lost(time_ns, cpu, record.body),
            kind::LOST_SAMPLES => self.lost_samples(record),
            _ => Some(()),
        };
        self.counts.unparsed += u64::from(is_known.is_none());
        self.last_of_cpu.insert(cpu, time_ns);
    }

    fn map(&mut self, time_ns: u64, record: Record<'_>) -> Option<()> {
        let map = record::parse_map(record)?;
        if record.misc & misc::MODE == misc::KERNEL || is_foreign(map.pid, map.tid) {
            // The kernel's own mappings have the process −1.
            return Some(());
        }
        self.thread(map.pid, map.tid);
        self.modules.map(&map);
        self.counts.sideband += 1;
        self.out.maps.push(MapRecord {
            time_ns,
            pid: map.pid,
            tid: map.tid,
            start: map.start,
            end: map.end,
            file_offset: map.file_offset,
            dev_major: map.device.0,
            dev_minor: map.device.1,
            inode: map.inode,
            inode_generation: map.inode_generation,
            prot: map.prot,
            flags: map.flags,
            path: map.path.to_vec(),
        });
        Some(())
    }

    fn comm(&mut self, time_ns: u64, record: Record<'_>) -> Option<()> {
        let (pid, tid, comm) = record::parse_comm(record.body)?;
        if is_foreign(pid, tid) {
            self.counts.foreign += 1;
            return Some(());
        }
        let is_exec = record.misc & misc::COMM_EXEC != 0;
        if is_exec {
            // The other threads are gone.
            let others = self.threads.iter().filter(|(other, t)| **other != tid && t.pid == pid);
            let others: Vec<u32> = others.map(|(&other, _)| other).collect();
            others.into_iter().for_each(|other| self.end_thread(other));
        }
        self.thread(pid, tid);
        let kind = if is_exec { TaskKind::Exec } else { TaskKind::Comm };
        let comm = comm.to_vec();
        self.task(TaskRecord { time_ns, kind, pid, tid, parent_pid: 0, parent_tid: 0, comm });
        Some(())
    }

    fn fork(&mut self, time_ns: u64, body: &[u8]) -> Option<()> {
        let task = record::parse_task(body)?;
        if is_foreign(task.pid, task.tid) {
            self.counts.foreign += 1;
            return Some(());
        }
        self.thread(task.pid, task.tid);
        self.task(TaskRecord {
            time_ns,
            kind: TaskKind::Fork,
            pid: task.pid,
            tid: task.tid,
            parent_pid: task.parent_pid,
            parent_tid: task.parent_tid,
            comm: Vec::new(),
        });
        Some(())
    }

    fn exit(&mut self, time_ns: u64, body: &[u8]) -> Option<()> {
        let task = record::parse_task(body)?;
        if is_foreign(task.pid, task.tid) {
            self.counts.foreign += 1;
            return Some(());
        }
        self.end_thread(task.tid);
        self.task(TaskRecord {
            time_ns,
            kind: TaskKind::Exit,
            pid: task.pid,
            tid: task.tid,
            parent_pid: task.parent_pid,
            parent_tid: task.parent_tid,
            comm: Vec::new(),
        });
        Some(())
    }

    fn task(&mut self, task: TaskRecord) {
        self.counts.sideband += 1;
        self.out.tasks.push(task);
    }

    fn lost(&mut self, time_ns: u64, cpu: u32, body: &[u8]) -> Option<()> {
        let count = record::parse_lost(body)?;
        if count > 0 {
            self.losses += 1;
            let after_ns = self.last_of_cpu.get(&cpu).copied().unwrap_or(self.start_ns);
            self.add_loss(after_ns, time_ns, cpu, count);
        }
        Some(())
    }

    fn add_loss(&mut self, after_ns: u64, time_ns: u64, cpu: u32, count: u64) {
        self.counts.lost = self.counts.lost.saturating_add(count);
        let after_ns = after_ns.min(time_ns);
        self.out.lost.push(LostRecord { after_ns, time_ns, cpu, by: LostBy::Ring, count });
    }

    /// What the kernel counted as lost of each event, which perf asks for at the end.
    pub fn lost_samples(&mut self, record: Record<'_>) -> Option<()> {
        let count = record::parse_lost_samples(record.body)?;
        if record.misc & misc::LOST_BY_FILTER == 0 {
            let event = self.layouts.of_other(record.body).map(|(event, _)| event);
            let event = event.and_then(|event| self.events.list.get(event));
            let kind = event.map_or(Kind::Other, |event| event.kind);
            self.counts.add_lost_samples(kind, count);
        }
        Some(())
    }

    /// The thread, entered if it is new.
    fn thread(&mut self, pid: u32, tid: u32) -> &mut Thread {
        if self.threads.get(&tid).is_some_and(|thread| thread.pid != pid) {
            // The end of the one that had this number before was lost.
            self.end_thread(tid);
        }
        self.threads.entry(tid).or_insert_with(|| Thread { pid, ..Thread::default() })
    }

    fn end_thread(&mut self, tid: u32) {
        let Some(mut thread) = self.threads.remove(&tid) else {
            return;
        };
        if let Some(row) = thread.faults.end(Outcome::ThreadExited, self.losses) {
            self.fault(NO_CPU, row, thread.chain);
        }
    }

    /// There are no more records.
    pub fn finish(&mut self) {
        let losses = self.losses;
        let ends = self.threads.values_mut().filter_map(|thread| {
            Some((thread.faults.end(Outcome::InFlight, losses)?, thread.chain))
        });
        let mut open: Vec<_> = ends.collect();
        open.sort_by_key(|(row, _)| (row.time_ns, row.tid));
        for (row, chain) in open {
            self.fault(NO_CPU, row, chain);
        }
        // The last losses of a ring have no record, which would need room in it.
        let samples = self.counts.lost_samples.iter().fold(0_u64, |sum, &n| sum.saturating_add(n));
        let untold = samples.saturating_sub(self.counts.lost);
        if untold > 0 {
            self.add_loss(self.start_ns, self.last_ns, NO_CPU, untold);
        }
    }
}

/// A task outside of perf's pid namespace has no number; neither has the idle task.
pub const fn is_foreign(pid: u32, tid: u32) -> bool {
    pid == 0 || tid == 0 || pid == u32::MAX || tid == u32::MAX
}

/// What a record other than a sample says of its time and event; with the time that it has itself.
pub fn time_of(record: Record<'_>, layouts: &Layouts) -> u64 {
    if record.kind == kind::SAMPLE {
        let parsed = layouts.of_sample(record.body);
        return parsed.and_then(|(_, attr)| sample::time(record.body, attr)).unwrap_or(0);
    }
    let event = layouts.of_other(record.body);
    match event.and_then(|(_, attr)| sample::parse_trailer(record.body, attr)) {
        Some(Trailer { time_ns, .. }) if time_ns != 0 => time_ns,
        _ if matches!(record.kind, kind::FORK | kind::EXIT) => {
            record::parse_task(record.body).map_or(0, |task| task.time_ns)
        }
        _ => 0,
    }
}
