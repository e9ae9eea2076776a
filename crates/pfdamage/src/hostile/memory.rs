//! Mappings that overlap, that are reversed or end where they begin, and calls on all of memory.

use pft::record::{CallKind, CallRecord, MapRecord, Snapshot, SnapshotReason};

use super::{BASE, Fault, Named, ODD, PAGE, Recording, START_NS, map, vma};

pub const ALL: &[Named] = &[
    ("mappings that all overlap", nested),
    ("mappings one over the other", stacked),
    ("a mapping cut into pages", slices),
    ("maps of odd ranges", |_| odd_maps()),
    ("snapshots of odd ranges", |_| odd_snapshots()),
    ("snapshots of overlapping ranges", overlapping_snapshots),
    ("snapshots that contradict each other", contradicting_snapshots),
    ("calls on odd ranges", |_| odd_calls()),
    ("calls that never end", endless_calls),
    ("moves back and forth", moves),
    ("stacks by the hundred thousand", stacks),
    ("a file of many paths", paths),
];

fn faults_over(rows: usize) -> impl Iterator<Item = Fault> {
    (0..rows as u64)
        .map(|n| Fault { time_ns: START_NS + 1_000_000 + n * 10, ..Fault::nth(n * 7 % 5_000) })
}

/// Each within the one before.
fn nested(rows: usize) -> Vec<u8> {
    let n_maps = rows as u64;
    let maps = (0..n_maps).map(|n| {
        let path = if n % 2 == 0 { "/even" } else { "/odd" };
        map(START_NS + n, BASE + n * PAGE, BASE + (2 * n_maps - n) * PAGE, path)
    });
    Recording::new().maps(maps).faults(faults_over(rows / 10)).end()
}

/// Each over all of those before it, with a fault in between.
fn stacked(rows: usize) -> Vec<u8> {
    let n_maps = rows as u64 / 2;
    let maps = (0..n_maps).map(|n| {
        let path = if n % 2 == 0 { "/even" } else { "/odd" };
        map(START_NS + 10 * n, BASE + (n_maps - n) * PAGE, BASE + (n_maps + n + 1) * PAGE, path)
    });
    let faults = (0..n_maps)
        .map(|n| Fault { time_ns: START_NS + 10 * n + 5, ..Fault::nth(n_maps + n % 100) });
    Recording::new().maps(maps).faults(faults).end()
}

fn slices(rows: usize) -> Vec<u8> {
    let whole = map(START_NS, BASE, BASE + (rows as u64) * 2 * PAGE, "/whole");
    let slices = (0..rows as u64).map(|n| MapRecord {
        prot: 1,
        ..map(START_NS + 1 + n, BASE + n * 2 * PAGE, BASE + (n * 2 + 1) * PAGE, "/whole")
    });
    Recording::new().maps([whole]).maps(slices).faults(faults_over(rows / 10)).end()
}

fn odd_maps() -> Vec<u8> {
    let maps = ODD.into_iter().flat_map(|start| {
        ODD.into_iter().flat_map(move |end| {
            ODD.map(|time_ns| MapRecord {
                file_offset: u64::MAX - start,
                inode: end,
                pid: if time_ns % 2 == 0 { 100 } else { u32::MAX },
                ..map(time_ns, start, end, "[heap]")
            })
        })
    });
    let faults =
        ODD.into_iter().enumerate().map(|(n, addr)| Fault { addr, ..Fault::nth(n as u64) });
    Recording::new().maps(maps).faults(faults).end()
}

fn odd_snapshots() -> Vec<u8> {
    let mut recording = Recording::new();
    for start_ns in ODD {
        for end_ns in ODD {
            let vmas = ODD.into_iter().flat_map(|start| ODD.map(|end| vma(start, end, "[stack]")));
            let reason = SnapshotReason::Periodic;
            let snapshot = Snapshot { pid: 100, start_ns, end_ns, reason, vmas: vmas.collect() };
            let _ = recording.writer.snapshot(&snapshot);
        }
    }
    recording.some_faults().end()
}

fn overlapping_snapshots(rows: usize) -> Vec<u8> {
    let n_vmas = rows as u64 / 4;
    let vmas: Vec<_> = (0..n_vmas)
        .map(|n| {
            vma(BASE + n * 100, BASE + (2 * n_vmas - n) * PAGE, if n % 2 == 0 { "/a" } else { "" })
        })
        .collect();
    let reversed = vmas.iter().rev().cloned().collect();
    let recording = Recording::new().snapshot(START_NS, vmas).snapshot(START_NS + 10, reversed);
    recording.faults(faults_over(rows / 10)).end()
}

fn contradicting_snapshots(rows: usize) -> Vec<u8> {
    let n_vmas = rows as u64 / 20;
    let mut recording = Recording::new();
    for time in 0..20 {
        let path = if time % 2 == 0 { "/a" } else { "/b" };
        let vmas = (0..n_vmas).map(|n| vma(BASE + n * PAGE, BASE + (n + 1) * PAGE, path)).collect();
        recording = recording.snapshot(START_NS + time * 1_000_000, vmas);
        let faults = (0..100)
            .map(|n| Fault { time_ns: START_NS + time * 1_000_000 + 500 + n, ..Fault::nth(n) });
        recording = recording.faults(faults);
    }
    recording.end()
}

fn call(time_ns: u64, kind: CallKind, (addr, len_bytes): (u64, u64)) -> CallRecord {
    CallRecord {
        time_ns,
        end_ns: time_ns.saturating_add(5),
        pid: 100,
        tid: 100,
        kind,
        addr,
        len_bytes,
        new_len_bytes: 0,
        argument: if kind == CallKind::Madvise { 4 } else { 1 },
        result: 0,
    }
}

fn odd_calls() -> Vec<u8> {
    let kinds = [CallKind::Munmap, CallKind::Mremap, CallKind::Madvise];
    let calls = kinds.into_iter().flat_map(|kind| {
        ODD.into_iter().flat_map(move |addr| {
            ODD.map(|len_bytes| CallRecord {
                new_len_bytes: u64::MAX - len_bytes,
                result: (addr ^ 0x5555) as i64,
                argument: (addr ^ len_bytes) as u32,
                ..call(START_NS + addr % 97, kind, (addr, len_bytes))
            })
        })
    });
    let mut calls: Vec<_> = calls.collect();
    calls.sort_by_key(|call| call.time_ns);
    let maps = (0..40).map(|n| map(START_NS + n, BASE + n * PAGE, BASE + (n + 1) * PAGE, "/x"));
    let recording = Recording::new().maps(maps);
    recording.records(calls, |writer, calls| writer.calls(calls)).some_faults().end()
}

fn endless_calls(rows: usize) -> Vec<u8> {
    let calls = (0..rows as u64).map(|n| CallRecord {
        end_ns: u64::MAX,
        tid: n as u32,
        ..call(START_NS + n, CallKind::Munmap, (BASE + n % 5_000 * PAGE, PAGE))
    });
    let recording = Recording::new().maps([map(START_NS, BASE, BASE + (1 << 30), "/x")]);
    let recording = recording.records(calls, |writer, calls| writer.calls(calls));
    recording.faults(faults_over(rows / 10)).end()
}

fn moves(rows: usize) -> Vec<u8> {
    let calls = (0..rows as u64).map(|n| {
        let (from, to) = (BASE + n % 2 * (1 << 40), BASE + (n + 1) % 2 * (1 << 40));
        CallRecord {
            new_len_bytes: 1 << 30,
            result: to as i64,
            ..call(START_NS + n * 10, CallKind::Mremap, (from, 1 << 30))
        }
    });
    let maps = (0..rows as u64 / 4).map(|n| {
        map(START_NS, BASE + n * PAGE, BASE + (n + 1) * PAGE, if n % 2 == 0 { "/a" } else { "/b" })
    });
    let recording = Recording::new().maps(maps);
    let recording = recording.records(calls, |writer, calls| writer.calls(calls));
    recording.faults(faults_over(rows / 10)).end()
}

fn stacks(rows: usize) -> Vec<u8> {
    let maps = (0..rows as u64).map(|n| MapRecord {
        prot: if n % 2 == 0 { 0 } else { 3 },
        ..map(
            START_NS,
            BASE + n * PAGE,
            BASE + (n + 1) * PAGE,
            if n % 3 == 0 { "[stack]" } else { "//anon" },
        )
    });
    let pointers = (0..rows as u64).map(|n| pft::record::StackPointerRecord {
        time_ns: START_NS + n,
        pid: 100,
        tid: 100 + n as u32 % 1_000,
        stack_pointer: BASE + n * PAGE + 8,
    });
    let recording = Recording::new().maps(maps);
    let recording = recording.records(pointers, |writer, all| writer.stack_pointers(all));
    recording.faults(faults_over(rows / 10)).end()
}

fn paths(rows: usize) -> Vec<u8> {
    let maps = (0..rows as u64).map(|n| {
        map(START_NS + n, BASE + n * PAGE, BASE + (n + 1) * PAGE, &format!("/srv/\u{202e}{n}"))
    });
    let faults =
        (0..rows as u64).map(|n| Fault { time_ns: START_NS + 1_000_000 + n, ..Fault::nth(n) });
    Recording::new().maps(maps).faults(faults).end()
}
