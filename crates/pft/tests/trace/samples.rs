//! Small traces with known contents.

use pft::record::{
    Checkpoint, Fact, FaultBatch, FaultColumns, Frame, LATENCY_UNKNOWN, LedgerEntry, LostBy,
    LostRecord, MapRecord, Snapshot, SnapshotReason, TaskKind, TaskRecord, TraceHeader, Vma,
};
use pft::{FrameInfo, Trace, Writer};

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

pub fn lost() -> Vec<LostRecord> {
    let loss =
        |by, count| LostRecord { after_ns: 1_000_500, time_ns: 1_000_600, cpu: 1, by, count };
    vec![loss(LostBy::Ring, 12), loss(LostBy::Recorder, u64::MAX)]
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

/// A trace of nine frames, and what they hold.
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
        let batches = [faults(6), faults(3)];
        let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
        writer.host(&host()).unwrap();
        writer.tasks(&tasks()).unwrap();
        writer.maps(&[map(1_000_010, b"//anon"), map(1_000_020, b"")]).unwrap();
        writer.snapshot(&snapshot(2)).unwrap();
        writer.snapshot(&snapshot(0)).unwrap();
        writer.faults(&batches[0]).unwrap();
        writer.faults(&batches[1]).unwrap();
        writer.lost(&lost()).unwrap();
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
                Frame::Faults(first),
                Frame::Faults(second),
                Frame::Lost(lost()),
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
