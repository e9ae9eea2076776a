//! Sound traces to be damaged.

use pft::Writer;
use pft::record::{
    CallChainRecord, CallKind, CallRecord, CgroupRecord, Checkpoint, Fact, FaultBatch,
    LATENCY_UNKNOWN, LedgerEntry, MapRecord, MarkRecord, OomRecord, Snapshot, SnapshotReason,
    StackPointerRecord, TaskKind, TaskRecord, TraceHeader, Vma, flags,
};

use crate::{code_samples, samples};

const START_NS: u64 = 1_000_000_000;
/// Faults of a frame.
const FRAME_ROWS: u64 = 500;
/// Mappings that come and go.
const AREAS: u64 = 8;
const PAGE: u64 = 4_096;
const BASE: u64 = 0x7f00_0000_0000;

/// A small trace that has frames of all kinds, and a ledger that accounts for all faults.
#[must_use]
pub fn all_kinds() -> Vec<u8> {
    busy(40)
}

/// The same of two processes with so many faults: mappings come and go between them, so that each frame matters
/// to what is said of the others.
#[must_use]
pub fn busy(faults: u64) -> Vec<u8> {
    let header = TraceHeader { start_ns: START_NS, ..samples::header() };
    let mut writer = Writer::create(Vec::new(), &header, 1).unwrap();
    writer.host(&facts()).unwrap();
    writer.tasks(&[task(START_NS, TaskKind::Present, 100, b"parent")]).unwrap();
    writer.snapshot(&snapshot(START_NS + 1, SnapshotReason::Start, 0)).unwrap();
    writer.call_chains(&call_chains()).unwrap();
    let mut counts = [0; 2];
    let mut frame = 0;
    let mut at_ns = START_NS + 10;
    let mut left = faults;
    while left > 0 {
        let rows = left.min(FRAME_ROWS).min(faults.div_ceil(3));
        left -= rows;
        changes(&mut writer, frame, at_ns);
        let mut batch = FaultBatch { cpu: (frame % 3) as u32, ..FaultBatch::default() };
        for row in 0..rows {
            push(&mut batch, frame, row, at_ns + 1_000 + row * 700, &mut counts);
        }
        writer.faults(&batch).unwrap();
        frame += 1;
        at_ns += 1_000_000;
    }
    writer.lost(&[]).unwrap();
    writer.oom(&victim(at_ns)).unwrap();
    writer.snapshot(&snapshot(at_ns, SnapshotReason::End, frame)).unwrap();
    writer.symbols(&code_samples::symbols()).unwrap();
    writer.modules(&code_samples::modules()).unwrap();
    writer.checkpoint(&checkpoint(at_ns + 1, counts)).unwrap();
    writer.finish().unwrap()
}

fn facts() -> Vec<Fact> {
    let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
    vec![
        fact("capture.calls", "yes"),
        fact("capture.error_code", "yes"),
        fact("recording.ended_by", "target"),
        fact("target.kind", "command"),
        fact("target.command", "busy"),
        fact("vm.swap_total_bytes", "0"),
    ]
}

fn task(time_ns: u64, kind: TaskKind, tid: u32, comm: &[u8]) -> TaskRecord {
    let (parent_pid, parent_tid) = if kind == TaskKind::Fork { (100, 100) } else { (0, 0) };
    TaskRecord { time_ns, kind, pid: 100, tid, parent_pid, parent_tid, comm: comm.to_vec() }
}

/// The area that a number stands for, and what is mapped there from one change on.
fn area(number: u64, change: u64) -> Vma {
    let start = BASE + number % AREAS * 0x10_0000;
    // What comes after it at the same place is another file.
    let path = match change % 3 {
        0 => Vec::new(),
        _ => format!("/srv/data-{change}").into_bytes(),
    };
    let inode = if path.is_empty() { 0 } else { change };
    Vma {
        start,
        end: start + 0x8_0000,
        prot: 3,
        shared: false,
        file_offset: 0,
        dev_major: 8,
        dev_minor: 1,
        inode,
        path,
    }
}

/// All that is mapped after so many changes: each area as the last change of it left it.
fn snapshot(time_ns: u64, reason: SnapshotReason, changes: u64) -> Snapshot {
    let last = |number: u64| (0..changes).rev().find(|change| change % AREAS == number);
    let vmas = (0..AREAS).map(|number| area(number, last(number).unwrap_or(0))).collect();
    Snapshot { pid: 100, start_ns: time_ns, end_ns: time_ns + 1, reason, vmas }
}

/// What happens between two frames of faults: an area goes, another one comes there; threads come and go.
fn changes(writer: &mut Writer<Vec<u8>>, frame: u64, at_ns: u64) {
    let tid = 200 + frame as u32;
    let tasks = [
        task(at_ns, TaskKind::Fork, tid, b""),
        task(at_ns + 1, TaskKind::Comm, tid, format!("worker-{frame}").as_bytes()),
    ];
    writer.tasks(&tasks).unwrap();
    let gone = area(frame, frame);
    let call = |time_ns, kind, argument| CallRecord {
        time_ns,
        end_ns: time_ns + 5,
        pid: 100,
        tid: 100,
        kind,
        addr: gone.start,
        len_bytes: gone.end - gone.start,
        new_len_bytes: 0,
        argument,
        result: 0,
    };
    let drop = call(at_ns + 20, CallKind::Madvise, 4);
    writer.calls(&[call(at_ns + 10, CallKind::Munmap, 0), drop]).unwrap();
    let map = MapRecord {
        time_ns: at_ns + 17,
        pid: 100,
        tid: 100,
        start: gone.start,
        end: gone.end,
        file_offset: 0,
        dev_major: gone.dev_major,
        dev_minor: gone.dev_minor,
        inode: gone.inode,
        inode_generation: 0,
        prot: 3,
        flags: 2,
        path: if gone.path.is_empty() { b"//anon".to_vec() } else { gone.path },
    };
    writer.maps(&[map]).unwrap();
    writer
        .stack_pointers(&[StackPointerRecord {
            time_ns: at_ns + 30,
            pid: 100,
            tid,
            stack_pointer: BASE + 0x1000,
        }])
        .unwrap();
    let path = format!("/group {}", frame / 2).into_bytes();
    writer.cgroups(&[CgroupRecord { time_ns: at_ns + 35, pid: 100, path }]).unwrap();
    let name = format!("phase {frame}").into_bytes();
    writer.marks(&[MarkRecord { time_ns: at_ns + 40, name }]).unwrap();
}

fn call_chains() -> Vec<CallChainRecord> {
    let chain = |id, user: &[u64]| CallChainRecord {
        id,
        cut: id == 2,
        kernel: Vec::new(),
        user: user.to_vec(),
    };
    vec![chain(1, &[BASE + 0x100, BASE + 0x10_0200]), chain(2, &[BASE + 0x20_0300])]
}

/// A fault, counted: minor or major.
fn push(batch: &mut FaultBatch, frame: u64, row: u64, time_ns: u64, counts: &mut [u64; 2]) {
    let columns = &mut batch.columns;
    let major = row % 7 == 3;
    counts[usize::from(major)] += 1;
    let number = frame.wrapping_add(row);
    columns.time_ns.push(time_ns);
    columns.latency_ns.push(if row % 11 == 9 {
        LATENCY_UNKNOWN
    } else {
        500 + row * row * 2_654_435_761 % 9_000
    });
    columns.addr.push(BASE + number % AREAS * 0x10_0000 + row * 7 % 0x80 * PAGE);
    // A call chain begins where the fault is.
    columns.ip.push([BASE + 0x100 + row % 5, BASE + 0x100, BASE + 0x20_0300][row as usize % 3]);
    columns.pid.push(100);
    columns.tid.push(if row.is_multiple_of(4) { 100 } else { 200 + frame as u32 });
    let access = flags::ERROR_USER | if row.is_multiple_of(2) { flags::ERROR_WRITE } else { 0 };
    columns
        .flags
        .push(u32::from(major) | flags::ERROR_CODE_VALID | access | 12 << flags::PAGE_SHIFT_SHIFT);
    columns.attempts.push(1);
    columns.call_chain.push((row % 3) as u32);
    columns.node.push((row % 2) as u8);
}

fn victim(time_ns: u64) -> Vec<OomRecord> {
    samples::oom().into_iter().take(1).map(|victim| OomRecord { time_ns, ..victim }).collect()
}

/// A ledger that has these minor and major faults.
pub(crate) fn checkpoint(time_ns: u64, [minor, major]: [u64; 2]) -> Checkpoint {
    let entry = |key: &str, value| LedgerEntry { key: key.into(), value };
    Checkpoint {
        time_ns,
        realtime_ns: time_ns,
        boottime_ns: time_ns,
        end: true,
        ledger: vec![
            entry("captured.minor", minor),
            entry("captured.major", major),
            entry("captured.oom", 1),
            entry("event.minor-faults.count", minor),
            entry("event.minor-faults.lost", 0),
            entry("event.major-faults.count", major),
            entry("event.major-faults.lost", 0),
        ],
    }
}
