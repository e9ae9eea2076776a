//! Builder of small traces. Times count from the start of the trace, which is not zero on its clock.

use pfmodel::names::{Cause, Class, MapConfidence};
use pfmodel::table::Analysis;
use pfmodel::{Options, Recording, analyse};
use pft::record::{
    CallKind, CallRecord, Fact, FaultBatch, FaultColumns, LATENCY_UNKNOWN, LostBy, LostRecord,
    MapRecord, NODE_UNKNOWN, Outcome, Snapshot, SnapshotReason, TaskKind, TaskRecord, TraceHeader,
    Vma, flags,
};

use crate::parts;

/// Start of the trace on its clock.
pub const START_NS: u64 = 1_000_000;

pub const R: u32 = 1;
pub const RW: u32 = 3;
pub const RX: u32 = 5;

/// Error codes as x86 gives them for user-mode accesses.
pub const READ: u32 = 0x4;
pub const WRITE: u32 = 0x6;
pub const WRITE_PRESENT: u32 = 0x7;
pub const EXEC: u32 = 0x14;

/// One fault; `flags` still lacks the error code.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub time: u64,
    pub pid: u32,
    pub tid: u32,
    pub addr: u64,
    pub ip: u64,
    pub latency: u64,
    pub code: Option<u32>,
    pub outcome: Outcome,
    pub flags: u32,
    pub page_shift: u32,
    pub attempts: u32,
    pub chain: u32,
    pub node: u8,
}

impl Fault {
    pub fn at(self, ip: u64) -> Self {
        Self { ip, ..self }
    }

    pub fn chain(self, chain: u32) -> Self {
        Self { chain, ..self }
    }

    pub fn node(self, node: u8) -> Self {
        Self { node, ..self }
    }

    pub fn major(self) -> Self {
        Self { outcome: Outcome::Major, ..self }
    }

    pub fn outcome(self, outcome: Outcome) -> Self {
        Self { outcome, latency: LATENCY_UNKNOWN, page_shift: 0, ..self }
    }

    pub fn blind(self) -> Self {
        Self { code: None, ..self }
    }

    pub fn kernel(self) -> Self {
        Self { flags: self.flags | flags::KERNEL_MODE, ..self }
    }
}

/// A minor fault of the main thread of process 1.
pub fn fault(time: u64, addr: u64, code: u32) -> Fault {
    Fault {
        time,
        pid: 1,
        tid: 1,
        addr,
        ip: 0x40_0000,
        latency: 500,
        code: Some(code),
        outcome: Outcome::Minor,
        flags: 0,
        page_shift: 12,
        attempts: 1,
        chain: 0,
        node: NODE_UNKNOWN,
    }
}

/// The same, from `before` the start of the trace to `after` it.
pub fn across_start(before: u64, after: u64, addr: u64, code: u32) -> Fault {
    Fault { latency: before + after, ..fault(before.wrapping_neg(), addr, code) }
}

/// The same in another process.
pub fn fault_of(pid: u32, time: u64, addr: u64, code: u32) -> Fault {
    Fault { pid, tid: pid, ..fault(time, addr, code) }
}

/// A line of a snapshot: private; a path that starts with `/` makes it a file.
pub fn line(start: u64, end: u64, prot: u32, path: &str) -> Vma {
    Vma {
        start,
        end,
        prot,
        shared: false,
        file_offset: 0,
        dev_major: if path.starts_with('/') { 8 } else { 0 },
        dev_minor: u32::from(path.starts_with('/')),
        inode: inode(path),
        path: path.as_bytes().to_vec(),
    }
}

/// A map record of process 1, private.
pub fn map(time: u64, start: u64, end: u64, prot: u32, path: &str) -> MapRecord {
    let line = line(start, end, prot, path);
    MapRecord {
        time_ns: START_NS + time,
        pid: 1,
        tid: 1,
        start,
        end,
        file_offset: 0,
        dev_major: line.dev_major,
        dev_minor: line.dev_minor,
        inode: line.inode,
        inode_generation: 0,
        prot,
        flags: 2,
        path: line.path,
    }
}

pub fn inode(path: &str) -> u64 {
    if path.starts_with('/') && !path.starts_with("//") {
        path.bytes().fold(7, |sum, byte| sum * 31 % 65_521 + u64::from(byte))
    } else {
        0
    }
}

/// A call of process 1 that took 5 ns and succeeded.
pub fn call(time: u64, kind: CallKind, addr: u64, len: u64) -> CallRecord {
    CallRecord {
        time_ns: START_NS + time,
        end_ns: START_NS + time + 5,
        pid: 1,
        tid: 1,
        kind,
        addr,
        len_bytes: len,
        new_len_bytes: 0,
        argument: 0,
        result: 0,
    }
}

pub fn munmap(time: u64, addr: u64, len: u64) -> CallRecord {
    call(time, CallKind::Munmap, addr, len)
}

pub fn madvise(time: u64, addr: u64, len: u64, advice: u32) -> CallRecord {
    CallRecord { argument: advice, ..call(time, CallKind::Madvise, addr, len) }
}

/// Moves `old.1` bytes at `old.0` to `new.1` bytes at `new.0`.
pub fn mremap(time: u64, old: (u64, u64), new: (u64, u64), flags: u32) -> CallRecord {
    CallRecord {
        new_len_bytes: new.1,
        argument: flags,
        result: new.0 as i64,
        ..call(time, CallKind::Mremap, old.0, old.1)
    }
}

/// A call that failed.
pub fn failed(call: CallRecord, errno: i64) -> CallRecord {
    CallRecord { result: -errno, ..call }
}

/// A call whose exit was not seen.
pub fn unfinished(call: CallRecord) -> CallRecord {
    CallRecord { end_ns: u64::MAX, result: 0, ..call }
}

pub struct Trace {
    pub recording: Recording,
    pub faults: Vec<Fault>,
    pub options: Options,
}

impl Trace {
    /// An empty trace.
    pub fn empty() -> Self {
        let header = TraceHeader {
            uuid: [0; 16],
            page_size_bytes: 4096,
            clock_id: 1,
            start_ns: START_NS,
            start_realtime_ns: 0,
        };
        Self { recording: Recording::new(header), faults: Vec::new(), options: Options::default() }
    }

    /// A trace in which process 1, `main`, calls `exec` at time 0, so that all of its mappings are
    /// seen being made.
    pub fn new() -> Self {
        Self::empty().task(0, TaskKind::Exec, 1, 1, "main")
    }

    /// On a machine with base pages of this size.
    pub fn pages_of(mut self, bytes: u32) -> Self {
        self.recording.header.page_size_bytes = bytes;
        self
    }

    pub fn task(mut self, time: u64, kind: TaskKind, pid: u32, tid: u32, comm: &str) -> Self {
        self.recording.tasks.push(TaskRecord {
            time_ns: START_NS + time,
            kind,
            pid,
            tid,
            parent_pid: 0,
            parent_tid: 0,
            comm: comm.as_bytes().to_vec(),
        });
        self
    }

    pub fn fork(mut self, time: u64, parent: u32, pid: u32) -> Self {
        self = self.task(time, TaskKind::Fork, pid, pid, "");
        if let Some(task) = self.recording.tasks.last_mut() {
            (task.parent_pid, task.parent_tid) = (parent, parent);
        }
        self
    }

    pub fn exit(self, time: u64, pid: u32, tid: u32) -> Self {
        self.task(time, TaskKind::Exit, pid, tid, "")
    }

    pub fn map(mut self, map: MapRecord) -> Self {
        self.recording.maps.push(map);
        self
    }

    pub fn call(mut self, call: CallRecord) -> Self {
        self.recording.calls.push(call);
        self
    }

    /// The recorder recorded calls.
    pub fn with_calls(self) -> Self {
        self.fact("capture.calls", "yes")
    }

    /// An answer to a question for single mappings of process 1.
    pub fn query(mut self, time: u64, vmas: Vec<Vma>) -> Self {
        self = self.snapshot(time, vmas);
        if let Some(last) = self.recording.snapshots.last_mut() {
            last.reason = SnapshotReason::Query;
        }
        self
    }

    /// A snapshot of process 1 that took 10 ns.
    pub fn snapshot(self, time: u64, vmas: Vec<Vma>) -> Self {
        self.snapshot_of(1, time, vmas)
    }

    pub fn snapshot_of(mut self, pid: u32, time: u64, vmas: Vec<Vma>) -> Self {
        self.recording.snapshots.push(Snapshot {
            pid,
            start_ns: START_NS + time,
            end_ns: START_NS + time + 10,
            reason: SnapshotReason::Periodic,
            vmas,
        });
        self
    }

    pub fn lost(mut self, after: u64, time: u64, by: LostBy) -> Self {
        let (after_ns, time_ns) = (START_NS + after, START_NS + time);
        self.recording.lost.push(LostRecord { after_ns, time_ns, cpu: 0, by, count: 3 });
        self
    }

    pub fn fact(mut self, key: &str, value: &str) -> Self {
        self.recording.facts.push(Fact { key: key.into(), value: value.into() });
        self
    }

    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    pub fn threshold(mut self, ns: u64) -> Self {
        self.options.slow_threshold_ns = Some(ns);
        self
    }

    pub fn analyse(self) -> Analysis {
        let batch = FaultBatch { cpu: 3, columns: columns(&self.faults) };
        let analysis = analyse(self.recording.clone(), vec![batch.clone()], &self.options);
        if self.faults.len() < 1_000 {
            parts::assert_same(self.recording, batch, &analysis);
        }
        analysis
    }
}

pub fn columns(faults: &[Fault]) -> FaultColumns {
    let mut columns = FaultColumns::default();
    for fault in faults {
        let code =
            fault.code.map_or(0, |code| flags::ERROR_CODE_VALID | code << flags::ERROR_CODE_SHIFT);
        let page = fault.page_shift << flags::PAGE_SHIFT_SHIFT;
        columns.time_ns.push(START_NS.wrapping_add(fault.time));
        columns.latency_ns.push(fault.latency);
        columns.addr.push(fault.addr);
        columns.ip.push(fault.ip);
        columns.pid.push(fault.pid);
        columns.tid.push(fault.tid);
        columns.flags.push(fault.outcome as u32 | fault.flags | code | page);
        columns.attempts.push(fault.attempts);
        columns.call_chain.push(fault.chain);
        columns.node.push(fault.node);
    }
    columns
}

/// Class and cause of each row.
pub fn causes(analysis: &Analysis) -> Vec<(Class, Cause)> {
    analysis.faults.class.iter().copied().zip(analysis.faults.cause.iter().copied()).collect()
}

/// Label of the mapping of each row.
pub fn regions(analysis: &Analysis) -> Vec<String> {
    let label = |&mapping: &u32| match analysis.mappings.get(mapping as usize) {
        Some(mapping) => String::from_utf8_lossy(&mapping.region).into_owned(),
        None => "none".to_owned(),
    };
    analysis.faults.mapping.iter().map(label).collect()
}

/// Confidence of each row.
pub fn confidence(analysis: &Analysis) -> Vec<MapConfidence> {
    analysis.faults.map_confidence.to_vec()
}

/// Region, file offset and confidence of each row.
pub fn places(analysis: &Analysis) -> Vec<(String, u64, MapConfidence)> {
    let offset = |row: usize| {
        let mapping = analysis.mappings.get(analysis.faults.mapping[row] as usize);
        mapping.map_or(0, |m| m.file_offset + analysis.faults.addr[row] - m.start)
    };
    let rows = regions(analysis).into_iter().zip(confidence(analysis)).enumerate();
    rows.map(|(row, (region, confidence))| (region, offset(row), confidence)).collect()
}
