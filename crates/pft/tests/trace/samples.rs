//! Small traces with known contents.

use pft::record::{
    CallKind, CallRecord, CgroupRecord, Checkpoint, Fact, FaultBatch, FaultColumns, Frame,
    GapReason, GapRecord, LATENCY_UNKNOWN, LedgerEntry, LostBy, LostRecord, MapRecord, MarkRecord,
    OomRecord, Snapshot, SnapshotReason, TaskKind, TaskRecord, TraceHeader, Vma,
};
use pft::{FrameInfo, Trace, Writer};

use crate::code_samples::{call_chains, faults_with_chains, modules, stack_pointers, symbols};

pub const UUID: [u8; 16] = *b"sample of a uuid";

pub fn header() -> TraceHeader {
    TraceHeader {
        uuid: UUID,
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: 1_000_000,
        start_realtime_ns: 1_700_000_000_000_000_000,
    }
}

pub fn host() -> Vec<Fact> {
    let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
    vec![
        fact("kernel.release", "6.18.0"),
        fact("machine.hostname", "zürich"),
        fact("target.command", ""),
    ]
}

pub fn tasks() -> Vec<TaskRecord> {
    let task = |time_ns, kind, tid, comm: &[u8]| TaskRecord {
        time_ns,
        kind,
        pid: 100,
        tid,
        parent_pid: 1,
        parent_tid: 2,
        comm: comm.to_vec(),
    };
    vec![
        task(1_000_000, TaskKind::Present, 100, b"worker"),
        task(1_000_100, TaskKind::Fork, 101, b""),
        task(1_000_200, TaskKind::Comm, 101, b"not utf-8 \xff\x1b[2J"),
        task(1_000_300, TaskKind::Exec, 100, b"other"),
        task(1_000_400, TaskKind::Exit, 101, b""),
    ]
}

pub fn map(time_ns: u64, path: &[u8]) -> MapRecord {
    MapRecord {
        time_ns,
        pid: 100,
        tid: 101,
        start: 0x7f00_0000_0000,
        end: 0x7f00_0001_0000,
        file_offset: 0x2000,
        dev_major: 8,
        dev_minor: 1,
        inode: u64::MAX,
        inode_generation: 3,
        prot: 3,
        flags: 2,
        path: path.to_vec(),
    }
}

pub fn snapshot(vmas: usize) -> Snapshot {
    let vma = |n: u64| Vma {
        start: n * 0x2000,
        end: n * 0x2000 + 0x1000,
        prot: 5,
        shared: n % 2 == 1,
        file_offset: n,
        dev_major: 8,
        dev_minor: 2,
        inode: n,
        path: format!("/usr/lib/lib{n}.so").into_bytes(),
    };
    Snapshot {
        pid: 100,
        start_ns: 1_000_050,
        end_ns: 1_000_060,
        reason: SnapshotReason::UnknownAddress,
        vmas: (0..vmas as u64).map(vma).collect(),
    }
}

/// Faults of two threads with values of every width.
pub fn faults(rows: usize) -> FaultBatch {
    let mut columns = FaultColumns::default();
    for row in 0..rows as u64 {
        columns.time_ns.push(1_001_000 + row * 7);
        columns.latency_ns.push(if row % 5 == 4 { LATENCY_UNKNOWN } else { 1 << (row % 61) });
        columns
            .addr
            .push((0x7f00_0000_0000 + row * 4096 + row % 4096).rotate_left(row as u32 % 3 * 16));
        columns.ip.push(if row % 11 == 10 { u64::MAX - row } else { 0x55d0_0000_1000 + row % 7 });
        columns.pid.push(100);
        columns.tid.push(100 + row as u32 % 2);
        columns.flags.push(0x0c_0620 + row as u32 % 2);
        columns.attempts.push(if row % 1000 == 999 { u32::MAX } else { 1 });
    }
    FaultBatch { cpu: 3, columns }
}

/// One gap of which all is known, one of which nothing is.
pub fn gaps() -> Vec<GapRecord> {
    let known = GapRecord {
        after_ns: 1_000_500,
        before_ns: 1_000_600,
        kind: 5,
        frames: 1,
        rows: Some(300),
        bytes: 4711,
        reason: GapReason::Checksum,
    };
    let unknown = GapRecord {
        after_ns: 0,
        before_ns: u64::MAX,
        kind: 0,
        frames: 0,
        rows: None,
        bytes: 0,
        reason: GapReason::Cut,
    };
    vec![known, unknown]
}

pub fn lost() -> Vec<LostRecord> {
    let loss =
        |by, count| LostRecord { after_ns: 1_000_500, time_ns: 1_000_600, cpu: 1, by, count };
    vec![loss(LostBy::Ring, 12), loss(LostBy::Recorder, u64::MAX)]
}

/// One victim of which all is known, one of which nothing is.
pub fn oom() -> Vec<OomRecord> {
    let known = OomRecord {
        time_ns: 1_000_700,
        pid: 300,
        comm: b"eater, \"\xff\"".to_vec(),
        by_pid: 100,
        by_tid: 101,
        total_vm_kib: Some(4_000_000),
        anon_rss_kib: Some(u64::MAX - 1),
        file_rss_kib: Some(0),
        shmem_rss_kib: Some(64),
        pgtables_kib: Some(8_000),
        uid: Some(0),
        oom_score_adj: Some(-1000),
    };
    let unknown = OomRecord {
        time_ns: 1_000_701,
        comm: Vec::new(),
        total_vm_kib: None,
        anon_rss_kib: None,
        file_rss_kib: None,
        shmem_rss_kib: None,
        pgtables_kib: None,
        uid: None,
        oom_score_adj: None,
        ..known.clone()
    };
    vec![known, unknown]
}

pub fn marks() -> Vec<MarkRecord> {
    let mark = |time_ns, name: &[u8]| MarkRecord { time_ns, name: name.to_vec() };
    vec![mark(1_000_800, b"warm up"), mark(1_000_800, b""), mark(1_000_900, b"line\nbreak\\ \xc3")]
}

pub fn cgroups() -> Vec<CgroupRecord> {
    let cgroup = |time_ns, pid, path: &[u8]| CgroupRecord { time_ns, pid, path: path.to_vec() };
    vec![
        cgroup(1_000_050, 100, b"/system.slice/docker, \"\xff\".scope"),
        cgroup(1_000_050, 101, b""),
        cgroup(3_000_000, 100, b"/"),
    ]
}

/// One call of each kind; the last one ends first, the second one not at all.
pub fn calls() -> Vec<CallRecord> {
    let munmap = CallRecord {
        time_ns: 1_001_000,
        end_ns: 1_001_900,
        pid: 100,
        tid: 101,
        kind: CallKind::Munmap,
        addr: 0x7f00_0000_0000,
        len_bytes: 0x2000,
        new_len_bytes: 0,
        argument: 0,
        result: -22,
    };
    let mremap = CallRecord {
        time_ns: 1_001_100,
        end_ns: u64::MAX,
        kind: CallKind::Mremap,
        new_len_bytes: 0x4000,
        argument: 1,
        result: 0,
        ..munmap.clone()
    };
    let madvise = CallRecord {
        time_ns: 1_001_200,
        end_ns: 1_001_300,
        kind: CallKind::Madvise,
        len_bytes: u64::MAX,
        argument: 4,
        result: 0,
        ..munmap.clone()
    };
    vec![munmap, mremap, madvise]
}

pub fn checkpoint() -> Checkpoint {
    let entry = |key: &str, value| LedgerEntry { key: key.into(), value };
    Checkpoint {
        time_ns: 2_000_000,
        realtime_ns: 1_700_000_000_001_000_000,
        boottime_ns: 5_000_000,
        end: true,
        ledger: vec![entry("captured.minor", 12), entry("captured.major", 0)],
    }
}

/// A trace of seventeen frames, and what they hold.
pub struct Sample {
    /// The closed file.
    pub bytes: Vec<u8>,
    /// Its frames.
    pub infos: Vec<FrameInfo>,
    /// Their contents.
    pub frames: Vec<Frame>,
    /// Where the index frame begins.
    pub index_offset: usize,
}

impl Sample {
    pub fn new() -> Self {
        let batches = [faults(6), faults_with_chains(3)];
        let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
        writer.host(&host()).unwrap();
        writer.tasks(&tasks()).unwrap();
        writer.maps(&[map(1_000_010, b"//anon"), map(1_000_020, b"")]).unwrap();
        writer.snapshot(&snapshot(2)).unwrap();
        writer.snapshot(&snapshot(0)).unwrap();
        writer.call_chains(&call_chains()).unwrap();
        writer.faults(&batches[0]).unwrap();
        writer.faults(&batches[1]).unwrap();
        writer.lost(&lost()).unwrap();
        writer.oom(&oom()).unwrap();
        writer.marks(&marks()).unwrap();
        writer.calls(&calls()).unwrap();
        writer.stack_pointers(&stack_pointers()).unwrap();
        writer.symbols(&symbols()).unwrap();
        writer.modules(&modules()).unwrap();
        writer.cgroups(&cgroups()).unwrap();
        writer.checkpoint(&checkpoint()).unwrap();
        let index_offset = writer.bytes_written() as usize;
        let bytes = writer.finish().unwrap();
        let trace = Trace::from_bytes(bytes.clone()).unwrap();
        let [first, second] = batches;
        Self {
            infos: trace.frames().to_vec(),
            frames: vec![
                Frame::Host(host()),
                Frame::Tasks(tasks()),
                Frame::Maps(vec![map(1_000_010, b"//anon"), map(1_000_020, b"")]),
                Frame::Snapshot(snapshot(2)),
                Frame::Snapshot(snapshot(0)),
                Frame::CallChains(call_chains()),
                Frame::Faults(first),
                Frame::Faults(second),
                Frame::Lost(lost()),
                Frame::Oom(oom()),
                Frame::Marks(marks()),
                Frame::Calls(calls()),
                Frame::StackPointers(stack_pointers()),
                Frame::Symbols(symbols()),
                Frame::Modules(modules()),
                Frame::Cgroups(cgroups()),
                Frame::Checkpoint(checkpoint()),
            ],
            bytes,
            index_offset,
        }
    }

    /// The file without index and trailer.
    pub fn unclosed(&self) -> Vec<u8> {
        self.bytes[..self.index_offset].to_vec()
    }

    /// The bytes of one frame.
    pub fn frame_bytes(&self, frame: usize) -> &[u8] {
        let info = &self.infos[frame];
        &self.bytes[info.offset as usize..][..info.stored_bytes as usize]
    }
}

/// Everything that decodes, and how many frames did not.
pub fn decoded(trace: &Trace) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let mut errors = 0;
    for (_, frame) in trace.iter() {
        match frame {
            Ok(frame) => frames.push(frame),
            Err(_) => errors += 1,
        }
    }
    (frames, errors)
}
