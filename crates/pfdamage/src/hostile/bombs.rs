//! Small files that become large.

use pft::MAX_RAW_BYTES;
use pft::record::{
    CallRecord, CgroupRecord, Fact, LedgerEntry, LostBy, LostRecord, MarkRecord, OomRecord,
    StackPointerRecord, TaskKind, TaskRecord,
};

use super::{BASE, Named, Recording, START_NS, map, task, vma};
use crate::forge::{Archive, Forged, file};
use crate::{code_samples, samples, traces};

pub const ALL: &[Named] = &[
    ("a bomb of each kind", |_| bombs(1)),
    ("many bombs of each kind", |rows| bombs(rows / 2_000)),
    ("frames of faults that take a hundred bytes", small_faults),
    ("an index of absurd lengths", |_| absurd_index()),
    ("facts by the million", |rows| facts(rows, "label.x", "")),
    ("facts with a value of megabytes", |_| facts(4, "label.x", &"x".repeat(4 << 20))),
    ("facts of different names", different_facts),
    ("marks by the million", |rows| marks(rows, b"")),
    ("marks of long names", |rows| marks(rows / 1_000, &[b'\x1b'; 10_000])),
    ("control groups by the million", |rows| cgroups(rows, b"")),
    ("control groups of long names", |rows| cgroups(rows / 1_000, &[b'/'; 10_000])),
    ("victims by the million", victims),
    ("losses by the million", losses),
    ("losses of all numbers", |_| all_losses()),
    ("system calls by the million", calls),
    ("stack pointers by the million", stack_pointers),
    ("threads that are present by the million", present),
    ("map records by the million", maps),
    ("a snapshot of a million mappings", |rows| snapshots(rows, 1)),
    ("many snapshots of many mappings", |rows| snapshots(rows / 20, 20)),
    ("a ledger of a million lines", ledger),
    ("frames twice, and of other places", |_| repeated()),
    ("garbage with markers", markers),
];

fn forged(frames: impl Iterator<Item = (u16, u32, Vec<u8>)>) -> Vec<u8> {
    let frame = |(sequence, (kind, rows, archive)): (u64, (u16, u32, Vec<u8>))| {
        let stored = zstd::bulk::compress(&archive, 1).unwrap();
        Forged { sequence, ..Forged::new(kind, rows, archive.len()) }.frame(&stored)
    };
    file(&(0..).zip(frames).map(frame).collect::<Vec<_>>())
}

/// As many zeros as a frame may hold, compressed, `times` times as each kind.
fn bombs(times: usize) -> Vec<u8> {
    let archive = vec![0; MAX_RAW_BYTES as usize];
    let stored = zstd::bulk::compress(&archive, 1).unwrap();
    let kinds = (0..times).flat_map(|_| (1..=16).chain([32]));
    let frame = |(sequence, kind)| {
        Forged { sequence, ..Forged::new(kind, 0, archive.len()) }.frame(&stored)
    };
    file(&(0..).zip(kinds).map(frame).collect::<Vec<_>>())
}

/// Frames of 65,536 faults that are all the same.
fn small_faults(rows: usize) -> Vec<u8> {
    let columns: Vec<u8> = [(1, 0), (2, 0), (3, 1_000), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0)]
        .iter()
        .flat_map(|&(id, base): &(u32, u64)| {
            Archive::default().u64s(&[base]).u32s(&[0, 0x100 + id]).0
        })
        .collect();
    let archive = Archive::default().u64s(&[0x40_0000]).u64s(&[0x7f00]).u32s(&[1, 1]);
    let archive = archive.bytes(&columns);
    let end = archive.0.len();
    let archive = archive.u32s(&[0, 65_536]).vec(0, 1).vec(8, 1).vec(24, 8).vec(end, 0);
    forged((0..rows.div_ceil(50_000)).map(|_| (5, 65_536, archive.0.clone())))
}

/// An index whose entries claim all there can be.
fn absurd_index() -> Vec<u8> {
    let entry = Archive::default().u64s(&[64, 0, u64::MAX]).u32s(&[1 << 20, 1 << 24, 1 << 24, 0]);
    let entry = entry.u32s(&[0x0001_0005, 1, 1, 0]).0;
    let archive = Archive::default().bytes(&entry.repeat(100_000)).vec(0, 100_000).0;
    let stored = zstd::bulk::compress(&archive, 1).unwrap();
    let index = Forged::new(32, 100_000, archive.len()).frame(&stored);
    let mut bytes = file(&[index]);
    let length = bytes.len() as u64 + 32;
    let trailer = Archive::default().bytes(b"\x89PFTEND\n").u64s(&[64, length]).u32s(&[0]).0;
    bytes.extend(&trailer);
    bytes.extend(crate::forge::crc(&trailer).to_le_bytes());
    bytes
}

fn facts(rows: usize, key: &str, value: &str) -> Vec<u8> {
    let fact = Fact { key: key.into(), value: value.into() };
    let mut recording = Recording::new();
    if value.is_empty() {
        recording = recording.records(vec![fact; rows], |writer, facts| writer.host(facts));
    } else {
        (0..rows).for_each(|_| recording.writer.host(std::slice::from_ref(&fact)).unwrap());
    }
    recording.some_faults().end()
}

fn different_facts(rows: usize) -> Vec<u8> {
    let fact = |n| Fact { key: format!("label.{n}"), value: format!("{n}") };
    let facts = (0..rows).map(fact);
    Recording::new().records(facts, |writer, facts| writer.host(facts)).some_faults().end()
}

fn marks(rows: usize, name: &[u8]) -> Vec<u8> {
    let mark = |n| MarkRecord { time_ns: START_NS + n as u64, name: name.to_vec() };
    let mut recording = Recording::new();
    for frame in (0..rows).collect::<Vec<_>>().chunks(1_000_000 / (name.len() + 20)) {
        let marks: Vec<_> = frame.iter().map(|&n| mark(n)).collect();
        recording.writer.marks(&marks).unwrap();
    }
    recording.some_faults().end()
}

fn cgroups(rows: usize, path: &[u8]) -> Vec<u8> {
    let seen = |n: usize| CgroupRecord {
        time_ns: START_NS + n as u64,
        pid: n as u32 % 70_000,
        path: [path, n.to_string().as_bytes()].concat(),
    };
    let mut recording = Recording::new();
    for frame in (0..rows).collect::<Vec<_>>().chunks(1_000_000 / (path.len() + 20)) {
        let cgroups: Vec<_> = frame.iter().map(|&n| seen(n)).collect();
        recording.writer.cgroups(&cgroups).unwrap();
    }
    recording.some_faults().end()
}

fn victims(rows: usize) -> Vec<u8> {
    let victim = samples::oom().remove(0);
    let victims = (0..rows).map(|n| OomRecord { time_ns: START_NS + n as u64, ..victim.clone() });
    Recording::new().records(victims, |writer, oom| writer.oom(oom)).some_faults().end()
}

fn losses(rows: usize) -> Vec<u8> {
    let loss = |n| LostRecord {
        after_ns: START_NS + n as u64,
        time_ns: START_NS + 2 * n as u64,
        cpu: n as u32,
        by: LostBy::Ring,
        count: u64::MAX / 2,
    };
    let losses = (0..rows).map(loss);
    Recording::new().records(losses, |writer, lost| writer.lost(lost)).some_faults().end()
}

fn all_losses() -> Vec<u8> {
    let each = || super::ODD.into_iter();
    let losses = each().flat_map(|after_ns| {
        each().map(move |time_ns| LostRecord {
            after_ns,
            time_ns,
            cpu: u32::MAX,
            by: if after_ns % 2 == 0 { LostBy::Ring } else { LostBy::Recorder },
            count: u64::MAX,
        })
    });
    Recording::new().records(losses, |writer, lost| writer.lost(lost)).some_faults().end()
}

fn calls(rows: usize) -> Vec<u8> {
    let call = samples::calls().remove(2);
    let calls = (0..rows as u64).map(|n| CallRecord {
        time_ns: START_NS + n,
        end_ns: START_NS + 10 * n,
        addr: BASE,
        len_bytes: u64::MAX,
        ..call.clone()
    });
    let whole = map(START_NS, 0, 1 << 47, "/whole");
    let recording = Recording::new().maps([whole]);
    recording.records(calls, |writer, calls| writer.calls(calls)).some_faults().end()
}

fn stack_pointers(rows: usize) -> Vec<u8> {
    let pointer = |n: u64| StackPointerRecord {
        time_ns: START_NS + n,
        pid: 100,
        tid: n as u32,
        stack_pointer: BASE + n,
    };
    let pointers = (0..rows as u64).map(pointer);
    let recording = Recording::new().maps([map(START_NS, 0, 1 << 47, "[stack]")]);
    recording.records(pointers, |writer, all| writer.stack_pointers(all)).some_faults().end()
}

fn present(rows: usize) -> Vec<u8> {
    let present = task(START_NS, TaskKind::Present, 100, 0);
    let tasks = (0..rows as u32).map(|tid| TaskRecord { tid, ..present.clone() });
    Recording::new().tasks(tasks).some_faults().end()
}

fn maps(rows: usize) -> Vec<u8> {
    let maps = (0..rows as u64)
        .map(|n| map(START_NS + n, BASE + n * 8_192, BASE + n * 8_192 + 4_096, "/x"));
    Recording::new().maps(maps).some_faults().end()
}

fn snapshots(rows: usize, times: u64) -> Vec<u8> {
    let vmas: Vec<_> =
        (0..rows as u64).map(|n| vma(BASE + n * 8_192, BASE + n * 8_192 + 4_096, "/x")).collect();
    let mut recording = Recording::new();
    for n in 0..times {
        recording = recording.snapshot(START_NS + n, vmas.clone());
    }
    recording.some_faults().end()
}

fn ledger(rows: usize) -> Vec<u8> {
    let mut checkpoint = traces::checkpoint(START_NS, [0; 2]);
    let entry = |n| LedgerEntry { key: format!("k{n}"), value: u64::MAX };
    // More do not fit into one frame.
    checkpoint.ledger = (0..rows.min(80_000)).map(entry).collect();
    let mut recording = Recording::new().some_faults();
    recording.writer.checkpoint(&checkpoint).unwrap();
    recording.writer.finish().unwrap()
}

/// All frames of a trace twice, then in reverse, then those of parts that belong to others.
fn repeated() -> Vec<u8> {
    let sample = samples::Sample::new();
    let mut bytes = sample.unclosed();
    for times in 0..200 {
        for n in 0..sample.infos.len() {
            let n = if times % 2 == 0 { n } else { sample.infos.len() - 1 - n };
            bytes.extend(sample.frame_bytes(n));
        }
    }
    let lost = zstd::bulk::compress(&[0; 8], 1).unwrap();
    for part in 0..2_000 {
        let forged =
            Forged { sequence: u64::MAX - part, part: 7, parts: 9, ..Forged::new(4, 0, 8) };
        bytes.extend(forged.frame(&lost));
    }
    assert!(!code_samples::symbols().is_empty());
    bytes
}

/// Markers, and headers of frames that are as long as can be.
fn markers(rows: usize) -> Vec<u8> {
    let mut bytes = file(&[]);
    let headers = (0..rows as u64 / 10).flat_map(|sequence| {
        let forged = Forged { sequence, ..Forged::new(5, 1, 1 << 24) };
        forged.frame_of_length(&[0; 1], 1 << 24)
    });
    bytes.extend(headers);
    bytes.extend(b"\xf7PFFRM\n\x9c".repeat(rows));
    bytes
}
