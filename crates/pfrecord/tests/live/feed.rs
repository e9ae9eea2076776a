//! A recording made by hand.

use std::path::Path;

use pfcapture::{FaultRow, Happenings, Live as _, LiveEnd, Settled, Skipped};
use pfrecord::live::{Format, Stream, Style};
use pft::record::{
    CallKind, CallRecord, Fact, LATENCY_UNKNOWN, MapRecord, MarkRecord, OomRecord, Outcome,
    TaskKind, TaskRecord, TraceHeader, flags,
};

pub const START_NS: u64 = 5_000_000_000;

pub const TEXT: Style = Style { format: Format::Text, fixed_ts: false };
pub const JSON: Style = Style { format: Format::Json, fixed_ts: false };

pub fn header() -> TraceHeader {
    TraceHeader {
        uuid: [0; 16],
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: START_NS,
        start_realtime_ns: 0,
    }
}

/// Facts of a privileged recording.
pub fn privileged() -> Vec<Fact> {
    vec![Fact { key: "capture.error_code".into(), value: "yes".into() }]
}

/// What a stream shows of these happenings, and how it ends.
pub fn shown_in(path: &Path, style: Style, facts: &[Fact], all: Vec<Happenings>) -> LiveEnd {
    let mut stream = Box::new(Stream::create(style, path, true).unwrap());
    stream.begin(&header(), facts).unwrap();
    all.into_iter().for_each(|happenings| stream.take(happenings));
    stream.finish(Skipped::default())
}

/// The same, as text.
pub fn shown(style: Style, facts: &[Fact], all: Vec<Happenings>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    let end = shown_in(&path, style, facts, all);
    assert!(end.dropped == 0 && end.error.is_none(), "{end:?}");
    std::fs::read_to_string(path).unwrap()
}

pub fn task(time: u64, kind: TaskKind, pid: u32, comm: &[u8]) -> TaskRecord {
    TaskRecord {
        time_ns: START_NS + time,
        kind,
        pid,
        tid: pid,
        parent_pid: 0,
        parent_tid: 0,
        comm: comm.to_vec(),
    }
}

/// A private mapping; a path that starts with one slash makes it a file.
pub fn map(time: u64, pid: u32, range: (u64, u64), prot: u32, path: &[u8]) -> MapRecord {
    let is_file = path.starts_with(b"/") && !path.starts_with(b"//");
    MapRecord {
        time_ns: START_NS + time,
        pid,
        tid: pid,
        start: range.0,
        end: range.1,
        file_offset: if is_file { 0x1000 } else { 0 },
        dev_major: 8,
        dev_minor: 1,
        inode: is_file.into(),
        inode_generation: 0,
        prot,
        flags: 2,
        path: path.to_vec(),
    }
}

/// A `munmap` that took `duration`.
pub fn munmap(time: u64, duration: u64, pid: u32, range: (u64, u64)) -> CallRecord {
    CallRecord {
        time_ns: START_NS + time,
        end_ns: START_NS + time + duration,
        pid,
        tid: pid,
        kind: CallKind::Munmap,
        addr: range.0,
        len_bytes: range.1 - range.0,
        new_len_bytes: 0,
        argument: 0,
        result: 0,
    }
}

/// A fault that completed after `latency`; error code `code`.
pub fn fault(time: u64, latency: u64, pid: u32, addr: u64, code: u32) -> Settled {
    let row = FaultRow {
        time_ns: START_NS + time,
        latency_ns: latency,
        addr,
        ip: 0x40_0010,
        pid,
        tid: pid,
        flags: Outcome::Minor as u32 | flags::ERROR_CODE_VALID | code << flags::ERROR_CODE_SHIFT,
        ..FaultRow::default()
    };
    Settled { cpu: 1, settled_ns: START_NS + time + latency, row }
}

/// The same with another outcome.
pub fn outcome(fault: Settled, outcome: Outcome) -> Settled {
    let flags = fault.row.flags & !flags::OUTCOME_MASK | outcome as u32;
    let completed = matches!(outcome, Outcome::Minor | Outcome::Major);
    let latency_ns = if completed { fault.row.latency_ns } else { LATENCY_UNKNOWN };
    Settled { row: FaultRow { flags, latency_ns, ..fault.row }, ..fault }
}

pub fn mark(time: u64, name: &[u8]) -> MarkRecord {
    MarkRecord { time_ns: START_NS + time, name: name.to_vec() }
}

pub fn oom(time: u64, pid: u32, comm: &[u8]) -> OomRecord {
    OomRecord {
        time_ns: START_NS + time,
        pid,
        comm: comm.to_vec(),
        by_pid: 7,
        by_tid: 8,
        total_vm_kib: Some(100),
        anon_rss_kib: None,
        file_rss_kib: None,
        shmem_rss_kib: None,
        pgtables_kib: None,
        uid: Some(1000),
        oom_score_adj: Some(-5),
    }
}

/// Two processes; names that try to leave their line; one fault of each class, and one in flight.
pub fn sample() -> Vec<Happenings> {
    let (text, data, heap) = (0x40_0000, 0x50_0000, 0x60_0000);
    let first = Happenings {
        tasks: vec![
            task(0, TaskKind::Exec, 41, b"app \"x\"\\\n"),
            task(0, TaskKind::Exec, 42, b"other"),
        ],
        maps: vec![
            map(1, 41, (text, text + 0x2000), 5, b"/bin/app"),
            map(2, 41, (data, data + 0x4000), 3, b"/srv/da\x1bta \xff"),
            map(3, 41, (heap, heap + 0x10_0000), 3, b"[heap]"),
        ],
        marks: vec![mark(1_500_000, b"load\x07")],
        faults: vec![
            // The second began before the first and took longer.
            fault(2_000, 1_424, 41, heap + 0x1018, 0x4),
            outcome(fault(1_000, 12_345_678, 41, data + 0x2468, 0x4), Outcome::Major),
        ],
        ..Happenings::default()
    };
    let second = Happenings {
        oom: vec![oom(30_000_000_000, 43, b"hog")],
        faults: vec![
            fault(20_000_000_000, 812, 41, heap + 0x1020, 0x7),
            fault(20_000_001_000, 2_000, 42, 0x7fff_1234_5678, 0x6),
            outcome(fault(20_000_002_000, 900, 41, 0x10, 0x6), Outcome::Signalled),
            outcome(fault(20_000_002_000, 900, 41, 0x10, 0x6), Outcome::InFlight),
            outcome(fault(40_000_000_000, 1_000, 41, text + 0x10, 0x14), Outcome::Minor),
        ],
        ..Happenings::default()
    };
    vec![first, second]
}
