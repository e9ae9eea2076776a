//! Files made to do harm: sound in form, and as large, as deep or as contradictory as the format allows.

mod bombs;
mod code;
mod memory;
mod numbers;
mod processes;

use std::fmt;

use pft::Writer;
use pft::record::{
    FaultBatch, MapRecord, Snapshot, SnapshotReason, TaskKind, TaskRecord, TraceHeader, Vma, flags,
};

use crate::{samples, traces};

/// When these recordings begin, nanoseconds.
const START_NS: u64 = 1_000_000_000;
const PAGE: u64 = 4_096;
const BASE: u64 = 0x7f00_0000_0000;
/// Rows of a frame that holds many.
const FRAME_ROWS: usize = 50_000;

/// A file made to do harm. It is made when it is wanted, since some are large.
pub struct Hostile {
    /// What it tries.
    pub name: &'static str,
    make: fn(usize) -> Vec<u8>,
    rows: usize,
}

impl Hostile {
    /// The file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        (self.make)(self.rows)
    }
}

impl fmt::Debug for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hostile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A name and what makes the file, with about so many rows.
type Named = (&'static str, fn(usize) -> Vec<u8>);

/// All of them. Those that do harm by their number have about so many rows.
pub fn hostile(rows: usize) -> impl Iterator<Item = Hostile> {
    let all = [bombs::ALL, code::ALL, memory::ALL, numbers::ALL, processes::ALL];
    all.into_iter().flatten().map(move |&(name, make)| Hostile { name, make, rows })
}

/// A recording of process 100, to which records are added.
struct Recording {
    writer: Writer<Vec<u8>>,
    counts: [u64; 2],
}

impl Recording {
    fn new() -> Self {
        Self::with(&TraceHeader { start_ns: START_NS, ..samples::header() })
    }

    fn with(header: &TraceHeader) -> Self {
        Self { writer: Writer::create(Vec::new(), header, 1).unwrap(), counts: [0; 2] }
    }

    /// The same with records of one kind, so many to a frame.
    fn records<T>(
        mut self,
        records: impl IntoIterator<Item = T>,
        write: fn(&mut Writer<Vec<u8>>, &[T]) -> pft::Result<()>,
    ) -> Self {
        let mut frame = Vec::new();
        for record in records {
            frame.push(record);
            if frame.len() == FRAME_ROWS {
                write(&mut self.writer, &frame).unwrap();
                frame.clear();
            }
        }
        write(&mut self.writer, &frame).unwrap();
        self
    }

    fn tasks(self, tasks: impl IntoIterator<Item = TaskRecord>) -> Self {
        self.records(tasks, |writer, tasks| writer.tasks(tasks))
    }

    fn maps(self, maps: impl IntoIterator<Item = MapRecord>) -> Self {
        self.records(maps, |writer, maps| writer.maps(maps))
    }

    fn snapshot(mut self, time_ns: u64, vmas: Vec<Vma>) -> Self {
        let reason = SnapshotReason::Periodic;
        let snapshot = Snapshot { pid: 100, start_ns: time_ns, end_ns: time_ns, reason, vmas };
        self.writer.snapshot(&snapshot).unwrap();
        self
    }

    /// Faults as `set` changes them, counted as they are.
    fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        let mut batch = FaultBatch::default();
        for fault in faults {
            self.counts[usize::from(fault.flags & flags::OUTCOME_MASK == 1)] += 1;
            fault.push(&mut batch);
            if batch.columns.len() == FRAME_ROWS {
                self.writer.faults(&std::mem::take(&mut batch)).unwrap();
            }
        }
        self.writer.faults(&batch).unwrap();
        self
    }

    /// Some faults on each of a few pages.
    fn some_faults(self) -> Self {
        self.faults((0..40).map(Fault::nth))
    }

    fn end(mut self) -> Vec<u8> {
        self.writer.checkpoint(&traces::checkpoint(START_NS + (1 << 40), self.counts)).unwrap();
        self.writer.finish().unwrap()
    }
}

#[derive(Clone)]
struct Fault {
    time_ns: u64,
    latency_ns: u64,
    addr: u64,
    ip: u64,
    pid: u32,
    tid: u32,
    flags: u32,
    attempts: u32,
    call_chain: u32,
}

impl Fault {
    /// The fault with this number, on a page of its own.
    fn nth(n: u64) -> Self {
        Self {
            time_ns: START_NS + 1_000 + n * 100,
            latency_ns: 700,
            addr: BASE + n * PAGE,
            ip: BASE + 0x10,
            pid: 100,
            tid: 100,
            flags: flags::ERROR_CODE_VALID | flags::ERROR_WRITE | 12 << flags::PAGE_SHIFT_SHIFT,
            attempts: 1,
            call_chain: 0,
        }
    }

    fn push(self, batch: &mut FaultBatch) {
        let columns = &mut batch.columns;
        columns.time_ns.push(self.time_ns);
        columns.latency_ns.push(self.latency_ns);
        columns.addr.push(self.addr);
        columns.ip.push(self.ip);
        columns.pid.push(self.pid);
        columns.tid.push(self.tid);
        columns.flags.push(self.flags);
        columns.attempts.push(self.attempts);
        columns.call_chain.push(self.call_chain);
    }
}

fn task(time_ns: u64, kind: TaskKind, pid: u32, parent: u32) -> TaskRecord {
    let comm = if kind == TaskKind::Fork { Vec::new() } else { b"name".to_vec() };
    TaskRecord { time_ns, kind, pid, tid: pid, parent_pid: parent, parent_tid: parent, comm }
}

fn map(time_ns: u64, start: u64, end: u64, path: &str) -> MapRecord {
    MapRecord {
        time_ns,
        pid: 100,
        tid: 100,
        start,
        end,
        file_offset: 0,
        dev_major: 8,
        dev_minor: 1,
        inode: u64::from(!path.starts_with('[')),
        inode_generation: 0,
        prot: 7,
        flags: 2,
        path: path.into(),
    }
}

fn vma(start: u64, end: u64, path: &str) -> Vma {
    Vma {
        start,
        end,
        prot: 7,
        shared: false,
        file_offset: 0,
        dev_major: 8,
        dev_minor: 1,
        inode: u64::from(path.starts_with('/')),
        path: path.into(),
    }
}

/// The numbers that break sums and shifts.
const ODD: [u64; 10] = [
    0,
    1,
    4_095,
    1 << 31,
    u32::MAX as u64,
    1 << 47,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];
