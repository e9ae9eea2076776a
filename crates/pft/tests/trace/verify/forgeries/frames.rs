//! Frames whose headers, payloads or archives are not as they should be, checksums apart.

use super::Forgery;
use crate::forge::Archive;
use crate::rules::{constant_columns, faults_archive};
use crate::verify::sound::with;
use crate::verify::taken_apart::{Part, TakenApart, forged};

const HOST: u16 = 1;
const TASKS: u16 = 2;
const MAPS: u16 = 3;
const SNAPSHOT: u16 = 4;
const FAULTS: u16 = 5;
const CHECKPOINT: u16 = 7;
const CALL_CHAINS: u16 = 8;
const MODULES: u16 = 9;
const SYMBOLS: u16 = 10;
const CGROUPS: u16 = 16;
const OOM: u16 = 11;

/// The sound trace with one frame changed.
fn part(kind: u16, edit: impl FnOnce(&mut Part)) -> Vec<u8> {
    forged(&with(|_| ()), |apart| edit(apart.part(kind)))
}

/// With the payload of one frame changed, byte by byte.
fn bytes(kind: u16, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    part(kind, |part| edit(&mut part.archive))
}

/// With another payload of one frame.
fn archive(kind: u16, rows: u32, archive: Vec<u8>) -> Vec<u8> {
    part(kind, |part| {
        part.header.rows = rows;
        part.archive = archive;
    })
}

/// With a Faults frame of two equal rows, and other columns.
fn columns(edit: impl FnOnce(&mut Vec<(u64, u32, [u8; 4])>, &mut Vec<u8>)) -> Vec<u8> {
    let (mut columns, mut data) = (constant_columns(), Vec::new());
    columns[2].0 = 1_001_000;
    edit(&mut columns, &mut data);
    archive(FAULTS, 2, faults_archive(2, &columns, &data))
}

pub fn all() -> Vec<Forgery> {
    let mut all = headers();
    all.extend(payloads());
    all.extend(archives());
    all.extend(reserved());
    all.extend(snapshots());
    all
}

fn headers() -> Vec<Forgery> {
    vec![
        (
            "times of frames without times",
            part(HOST, |part| part.header.last_ns = 5),
            vec!["Host frame 0: times-none: its header says 0 to 5"],
        ),
        (
            "times of a frame without rows",
            archive_of_none(|part| part.header.first_ns = 0),
            vec!["Tasks frame 1: times-none: its header says 0 to 1000400"],
        ),
        (
            "times too narrow",
            part(TASKS, |part| part.header.first_ns += 1),
            vec!["Tasks frame 1: times-enclose: a time lies outside the range in the frame header"],
        ),
        ("times wider than needed", part(TASKS, |part| part.header.first_ns -= 1), vec![]),
        (
            "rows",
            part(MAPS, |part| part.header.rows = 1),
            vec!["Maps frame 2: row-count: the number of rows differs from the frame header"],
        ),
        (
            "parts of a list",
            forged(&with(|_| ()), |apart| {
                let mut second = apart.parts[0].clone();
                apart.parts[0].header.parts = 2;
                (second.header.part, second.header.parts) = (1, 2);
                apart.parts.insert(1, second);
                apart.renumber();
            }),
            vec![
                "Host frame 0: parts: Host frames have no parts, and it is one of 2",
                "Host frame 1: parts: Host frames have no parts, and it is one of 2",
            ],
        ),
        (
            "codec",
            part(MAPS, |part| part.header.codec = 2),
            vec!["Maps frame 2: codec: the codec is unknown"],
        ),
    ]
}

/// With a Tasks frame that has no rows.
fn archive_of_none(edit: impl FnOnce(&mut Part)) -> Vec<u8> {
    part(TASKS, |part| {
        part.header.rows = 0;
        part.archive = Archive::default().vec(0, 0).vec(0, 0).0;
        edit(part);
    })
}

fn payloads() -> Vec<Forgery> {
    vec![
        (
            "two zstd frames",
            part(MAPS, |part| part.behind_payload = zstd::bulk::compress(b"more", 1).unwrap()),
            vec!["Maps frame 2: zstd: the payload is not exactly one zstd frame"],
        ),
        (
            "a text that is no UTF-8",
            bytes(HOST, |archive| {
                let at = archive.windows(7).position(|bytes| bytes == b"z\xc3\xbcrich").unwrap();
                archive[at + 1] = 0xff;
            }),
            vec!["Host frame 0: utf-8: a string is not UTF-8"],
        ),
        (
            "strings",
            bytes(TASKS, |archive| archive[28] ^= 1),
            vec!["Tasks frame 1: strings: a string is not behind the one before"],
        ),
        (
            "a kind of task",
            bytes(TASKS, |archive| archive[8] = 5),
            vec!["Tasks frame 1: enumerated: a task record has an unknown kind"],
        ),
        (
            "a chain without number",
            bytes(CALL_CHAINS, |archive| archive[0] = 0),
            vec!["CallChains frame 4: chain-row: a call chain has the number 0"],
        ),
        (
            "a segment too many",
            bytes(MODULES, |archive| archive[32] += 1),
            vec!["Modules frame 11: module-row: the rows count more than there is"],
        ),
        (
            "a row without thread",
            columns(|columns, _| columns[0].0 = 1),
            vec!["Faults frame 5: dictionary: a row refers to no thread"],
        ),
        (
            "an address outside its page",
            columns(|columns, _| columns[5].0 = 4096),
            vec!["Faults frame 5: fault-value: an address lies outside its page"],
        ),
        (
            "a missing column",
            columns(|columns, _| columns.retain(|(_, _, tags)| tags[0] != 4)),
            vec!["Faults frame 5: columns: a column is missing"],
        ),
        ("an unknown column", columns(|columns, _| columns.push((9, 0, [77, 9, 0, 0]))), vec![]),
        (
            "an unknown column of a wrong length",
            columns(|columns, data| {
                columns.push((0, 3, [77, 9, 1, 0]));
                data.extend([0; 3]);
            }),
            vec!["Faults frame 5: columns: column 77 has 3 bytes for 2 rows with a width of 1"],
        ),
        (
            "a base without use",
            columns(|columns, _| columns[4].0 = 1),
            vec![
                "Faults frame 5: columns: column 5 has the base 1, which its encoding does not use",
            ],
        ),
    ]
}

fn archives() -> Vec<Forgery> {
    // Two marks without names, in the order of fields or otherwise.
    let marks = |text_at: usize, rows_at: usize, length: usize| {
        let mark = |archive: Archive| archive.u64s(&[1_000_800]).u32s(&[0, 0]);
        let mut archive = Archive::default();
        while archive.0.len() < rows_at {
            archive = archive.bytes(&[0]);
        }
        archive = mark(archive);
        while archive.0.len() < length {
            archive = archive.bytes(&[0]);
        }
        archive.vec(rows_at, 1).vec(text_at, 0).0
    };
    let with_marks = |bytes| archive(12, 1, bytes);
    vec![
        ("marks", with_marks(marks(16, 0, 16)), vec![]),
        (
            "more padding than needed before a vector",
            with_marks(marks(24, 8, 24)),
            vec![
                "Marks frame 8: padding: vector 0 of the root begins at 8 of the payload instead of 0",
            ],
        ),
        (
            "more padding than needed before the root",
            with_marks(marks(16, 0, 20)),
            vec!["Marks frame 8: padding: the root begins at 20 of the payload instead of 16"],
        ),
        (
            "a vector that lies before the one before it",
            with_marks(marks(0, 0, 16)),
            vec!["Marks frame 8: archive: the archive is invalid"],
        ),
        (
            "padding that is not 0",
            bytes(TASKS, |archive| {
                let root = archive.len() - 16;
                assert_eq!(archive[root - 1], 0);
                archive[root - 1] = 1;
            }),
            vec![
                "Tasks frame 1: padding: the padding before the root, at 226 of the payload, is not 0",
            ],
        ),
        (
            "a vector outside of the payload",
            bytes(TASKS, |archive| {
                let at = archive.len() - 4;
                archive[at + 3] = 0x7f;
            }),
            vec!["Tasks frame 1: archive: the archive is invalid"],
        ),
    ]
}

fn reserved() -> Vec<Forgery> {
    let column = {
        let archive = TakenApart::of(&with(|_| ())).part(FAULTS).archive.clone();
        // The first column has number 1 and encoding 1.
        let of_columns = archive.windows(3).position(|tags| tags == [1, 1, 1]).unwrap();
        of_columns + 3
    };
    vec![
        (
            "reserved in tasks",
            bytes(TASKS, |archive| archive[40 + 36] = 1),
            vec!["Tasks frame 1, row 1: reserved: the reserved field at 36 is not 0"],
        ),
        (
            "reserved in columns",
            bytes(FAULTS, |archive| archive[column] = 1),
            vec!["Faults frame 5, row 0: reserved: the reserved field at 15 is not 0"],
        ),
        (
            "reserved in checkpoints",
            bytes(CHECKPOINT, |archive| {
                let root = archive.len() - 48;
                archive[root + 31] = 1;
            }),
            vec!["Checkpoint frame 14: reserved: the reserved field at 28 is not 0"],
        ),
        (
            "reserved in victims",
            bytes(OOM, |archive| archive[77] = 1),
            vec!["Oom frame 7, row 0: reserved: the reserved field at 76 is not 0"],
        ),
        (
            "reserved in segments",
            bytes(MODULES, |archive| {
                let segments = 56 * crate::code_samples::modules().len();
                archive[segments + 40 + 39] = 1;
            }),
            vec!["Modules frame 11, row 1: reserved: the reserved field at 36 is not 0"],
        ),
        (
            "reserved in symbols",
            bytes(SYMBOLS, |archive| archive[44] = 1),
            vec!["Symbols frame 12, row 0: reserved: the reserved field at 44 is not 0"],
        ),
        (
            "reserved in control groups",
            bytes(CGROUPS, |archive| archive[24 + 23] = 1),
            vec!["Cgroups frame 13, row 1: reserved: the reserved field at 20 is not 0"],
        ),
    ]
}

/// Snapshots in two parts, of which the second one is changed.
fn snapshots() -> Vec<Forgery> {
    let parts = |edit: fn(&mut Part)| {
        forged(&with(|_| ()), |apart| {
            let mut second = apart.part(SNAPSHOT).clone();
            apart.part(SNAPSHOT).header.parts = 2;
            (second.header.part, second.header.parts) = (1, 2);
            // The mappings of the first part end at 5000.
            for row in 0..3 {
                second.archive[56 * row + 1] += 0x60;
                second.archive[56 * row + 9] += 0x60;
            }
            edit(&mut second);
            let at = apart.parts.iter().position(|part| part.header.kind == SNAPSHOT).unwrap();
            apart.parts.insert(at + 1, second);
            apart.renumber();
        })
    };
    vec![
        ("two parts", parts(|_| ()), vec![]),
        (
            "parts of two snapshots",
            parts(|part| {
                let root = part.archive.len() - 40;
                part.archive[root + 16] += 1;
            }),
            vec!["Snapshot frame 4: parts: it belongs to another snapshot than the part before"],
        ),
        (
            "parts in disorder",
            parts(|part| {
                part.archive[1] -= 0x21;
                part.archive[9] -= 0x21;
            }),
            vec![
                "Snapshot frame 4, row 0: snapshot-order: it begins at 0x3f00, where the one before ends at 0x5000",
            ],
        ),
        (
            "a missing part",
            parts(|part| part.header.part = 0),
            vec![
                "Snapshot frame 3: parts: Snapshot frame 3 is incomplete and was left out: 1 of 2 parts are there",
                "Snapshot frame 4: parts: Snapshot frame 4 is incomplete and was left out: 1 of 2 parts are there",
            ],
        ),
    ]
}
