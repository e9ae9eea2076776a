//! Traces, and the program run on them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use pft::Writer;
use pft::record::{
    Checkpoint, FaultBatch, LedgerEntry, LostBy, LostRecord, Snapshot, SnapshotReason, TaskKind,
    TaskRecord, TraceHeader, Vma, flags,
};
use tempfile::TempDir;

pub const SECOND: u64 = 1_000_000_000;
pub const START: u64 = 100 * SECOND;
pub const HEAP: u64 = 0x5555_0000_0000;
pub const FILE: u64 = 0x7f00_0000_0000;

/// A folder with a trace in it.
pub struct Scene {
    folder: TempDir,
    pub trace: PathBuf,
}

impl Scene {
    /// A process that touched `touched` pages of its heap and read two pages of a file from disk.
    pub fn new(touched: u64) -> Self {
        Self::with(touched, true, 0)
    }

    pub fn with(touched: u64, ends: bool, lost: u64) -> Self {
        Self::of(&trace_bytes(touched, ends, lost, |_| ()))
    }

    /// A folder with a trace of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("run.pft");
        fs::write(&trace, bytes).unwrap();
        Self { folder, trace }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program in the folder.
    pub fn run(&self, words: &[&str]) -> Output {
        program().current_dir(self.folder.path()).args(words).output().unwrap()
    }
}

pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pfreport"))
}

/// A trace; `more` is written before the faults.
pub fn trace_bytes(
    touched: u64,
    ends: bool,
    lost: u64,
    more: impl FnOnce(&mut Writer<Vec<u8>>),
) -> Vec<u8> {
    recording(3, touched, ends, lost, more)
}

/// The same; recordings of another number are others.
pub fn recording(
    number: u8,
    touched: u64,
    ends: bool,
    lost: u64,
    more: impl FnOnce(&mut Writer<Vec<u8>>),
) -> Vec<u8> {
    let header = TraceHeader {
        uuid: [number; 16],
        page_size_bytes: 4_096,
        clock_id: 1,
        start_ns: START,
        start_realtime_ns: 1_795_178_096 * SECOND,
    };
    let mut writer = Writer::create(Vec::new(), &header, 1).unwrap();
    let task = TaskRecord {
        time_ns: START,
        kind: TaskKind::Present,
        pid: 4_242,
        tid: 4_242,
        parent_pid: 0,
        parent_tid: 0,
        comm: b"\x1b[2Jevil,\"name\"".to_vec(),
    };
    writer.tasks(&[task]).unwrap();
    let vma = |start, inode, path: &str| Vma {
        start,
        end: start + 0x4000_0000,
        prot: 3,
        shared: false,
        file_offset: 0,
        dev_major: 0,
        dev_minor: 0,
        inode,
        path: path.as_bytes().to_vec(),
    };
    let snapshot = |time_ns, reason| Snapshot {
        pid: 4_242,
        start_ns: time_ns,
        end_ns: time_ns,
        reason,
        vmas: vec![vma(HEAP, 0, "[heap]"), vma(FILE, 7, "/srv/\u{9b}31m\u{202e}data.bin")],
    };
    writer.snapshot(&snapshot(START, SnapshotReason::Start)).unwrap();
    more(&mut writer);
    let mut batch = FaultBatch::default();
    for i in 0..touched {
        push(&mut batch, START + 1_000 + i * 1_000, HEAP + i * 4_096, false);
        if batch.columns.len() == 10_000 {
            writer.faults(&std::mem::take(&mut batch)).unwrap();
        }
    }
    for i in 0..2 {
        push(&mut batch, START + SECOND + i * 1_000_000, FILE + i * 4_096, true);
    }
    writer.faults(&batch).unwrap();
    if lost > 0 {
        let (after_ns, time_ns) = (START + 5_000, START + 6_000);
        let record = LostRecord { after_ns, time_ns, cpu: 0, by: LostBy::Ring, count: lost };
        writer.lost(&[record]).unwrap();
    }
    writer.snapshot(&snapshot(START + 2 * SECOND, SnapshotReason::End)).unwrap();
    let entry = |key: &str, value| LedgerEntry { key: key.to_owned(), value };
    let ledger = vec![
        entry("captured.major", 2),
        entry("captured.minor", touched),
        entry("event.major-faults.count", 2),
        entry("event.minor-faults.count", touched + lost),
        entry("event.minor-faults.lost", lost),
    ];
    let time_ns = START + 2 * SECOND;
    let checkpoint = Checkpoint { time_ns, end: ends, ledger, ..Checkpoint::default() };
    writer.checkpoint(&checkpoint).unwrap();
    writer.finish().unwrap()
}

pub fn push(batch: &mut FaultBatch, time_ns: u64, addr: u64, major: bool) {
    let columns = &mut batch.columns;
    columns.time_ns.push(time_ns);
    columns.latency_ns.push(if major { 100_000 } else { 700 });
    columns.addr.push(addr);
    columns.ip.push(0x40_1000);
    columns.pid.push(4_242);
    columns.tid.push(4_242);
    let access = flags::ERROR_USER | if major { 0 } else { flags::ERROR_WRITE };
    let size = 12 << flags::PAGE_SHIFT_SHIFT;
    columns.flags.push(u32::from(major) | flags::ERROR_CODE_VALID | access | size);
    columns.attempts.push(1);
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Nothing that a terminal would obey.
pub fn assert_harmless(bytes: &[u8]) {
    let is_harmful =
        |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    assert_eq!(text(bytes).find(is_harmful), None, "{}", text(bytes));
}
