//! Frames that are undamaged but break a rule of the format are refused, each for its reason.

use pft::record::Frame;
use pft::{Error, Trace};

use crate::forge::{Archive, Forged, archive_frame, decode_only, file, refusal};

const TASKS: u16 = 2;
const FAULTS: u16 = 5;
const LOST: u16 = 6;

/// A Faults archive with one thread, one instruction pointer and these columns.
pub fn faults_archive(rows: u32, columns: &[(u64, u32, [u8; 4])], data: &[u8]) -> Vec<u8> {
    let mut archive = Archive::default().u64s(&[0x1000]).u64s(&[7]).u32s(&[100, 101]);
    for (base, bytes, tags) in columns {
        archive = archive.u64s(&[*base]).u32s(&[*bytes]).bytes(tags);
    }
    archive = archive.bytes(data);
    while archive.0.len() % 4 != 0 {
        archive = archive.bytes(&[0]);
    }
    archive
        .u32s(&[3, rows])
        .vec(0, 1)
        .vec(8, 1)
        .vec(24, columns.len() as u32)
        .vec(24 + 16 * columns.len(), data.len() as u32)
        .0
}

/// Eight columns without bytes: rows that are all equal.
pub fn constant_columns() -> Vec<(u64, u32, [u8; 4])> {
    let column = |id: u8, encoding: u8| (0, 0, [id, encoding, 0, 0]);
    vec![
        column(1, 1),
        column(2, 1),
        column(3, 2),
        column(4, 1),
        column(5, 3),
        column(6, 1),
        column(7, 1),
        column(8, 1),
    ]
}

fn edited(edit: impl FnOnce(&mut Vec<(u64, u32, [u8; 4])>)) -> &'static str {
    let mut columns = constant_columns();
    edit(&mut columns);
    refusal(archive_frame(FAULTS, 2, &faults_archive(2, &columns, &[0; 2])))
}

#[test]
fn a_faults_frame_by_the_specification_decodes() {
    let archive = faults_archive(2, &constant_columns(), &[]);
    let Ok(Frame::Faults(batch)) = decode_only(archive_frame(FAULTS, 2, &archive)) else {
        panic!("not a Faults frame");
    };
    assert_eq!(batch.cpu, 3);
    assert_eq!(batch.columns.addr, [0x7000; 2]);
    assert_eq!(batch.columns.ip, [0x1000; 2]);
    assert_eq!(batch.columns.tid, [101; 2]);
    assert_eq!(batch.columns.latency_ns, [u64::MAX; 2]);
}

#[test]
fn times_count_from_the_end_of_the_fault_before() {
    let times = |latency: u64| {
        let mut columns = constant_columns();
        // Zigzag: 3 ns after the base, and 2 ns before the first fault ends.
        columns[2] = (1000, 2, [3, 4, 1, 0]);
        columns[3].0 = latency;
        let archive = faults_archive(2, &columns, &[6, 3]);
        match decode_only(archive_frame(FAULTS, 2, &archive)) {
            Ok(Frame::Faults(batch)) => batch.columns.time_ns,
            other => panic!("{other:?}"),
        }
    };
    // The latency plus 1; 0 is unknown.
    assert_eq!(times(101), [1003, 1101]);
    assert_eq!(times(0), [1003, 1001]);
}

#[test]
fn columns_that_break_a_rule_are_refused() {
    let with_bytes =
        |index: usize, tags: [u8; 4]| move |columns: &mut Vec<_>| columns[index] = (0, 2, tags);
    let with_base = |index: usize, base: u64| {
        move |columns: &mut Vec<(u64, u32, [u8; 4])>| {
            columns[index].0 = base;
            columns[7].1 = 2;
            columns[7].2[2] = 1;
        }
    };
    assert_eq!(edited(|_| {}), "the columns are shorter than their data");
    assert_eq!(edited(|c| c[0].1 = 3), "the columns are longer than their data");
    assert_eq!(edited(with_bytes(0, [1, 1, 2, 0])), "a column has a wrong length");
    assert_eq!(edited(with_bytes(0, [1, 1, 9, 0])), "a column has a wrong length");
    assert_eq!(edited(with_bytes(0, [2, 1, 1, 0])), "a column occurs twice");
    assert_eq!(edited(with_bytes(0, [9, 1, 1, 0])), "a column is missing");
    assert_eq!(edited(with_bytes(0, [1, 9, 1, 0])), "a column has an unknown encoding");
    for encoding in [3, 4] {
        let refused = edited(with_bytes(0, [1, encoding, 1, 0]));
        assert_eq!(refused, "a column has an encoding that it cannot have");
    }
    assert_eq!(edited(with_base(0, 1)), "a row refers to no thread");
    assert_eq!(edited(with_base(1, 1)), "a row refers to no instruction pointer");
    assert_eq!(edited(with_base(5, 4096)), "an address lies outside its page");
    assert_eq!(edited(with_base(6, 1 << 32)), "a value exceeds 32 bits");
}

#[test]
fn a_page_beyond_the_address_space_is_refused() {
    let mut archive = faults_archive(2, &constant_columns(), &[]);
    archive[8..16].copy_from_slice(&(1u64 << 52).to_le_bytes());
    assert_eq!(
        refusal(archive_frame(FAULTS, 2, &archive)),
        "a page number exceeds the address space"
    );
}

#[test]
fn row_counts_are_bounded() {
    let archive = faults_archive(65_537, &constant_columns(), &[]);
    assert_eq!(refusal(archive_frame(FAULTS, 65_537, &archive)), "the frame has too many rows");
    assert_eq!(
        refusal(archive_frame(FAULTS, 65_536, &archive)),
        "the number of rows differs from the frame header"
    );
    // A length that the archive cannot hold.
    let archive = Archive::default().vec(0, u32::MAX).0;
    assert_eq!(refusal(archive_frame(LOST, 1 << 20, &archive)), "the archive is invalid");
}

#[test]
fn no_bytes_are_named_twice() {
    let task =
        |archive: Archive, offset, len| archive.u64s(&[5]).u32s(&[0, 1, 1, 0, 0, offset, len, 0]);
    let two = |second, text: &[u8]| {
        let rows = task(task(Archive::default(), 0, 4), second, 4);
        rows.bytes(text).vec(0, 2).vec(80, text.len() as u32).0
    };
    assert!(decode_only(archive_frame(TASKS, 2, &two(4, b"abcdefgh"))).is_ok());
    for second in [0, 3, 5] {
        assert_eq!(
            refusal(archive_frame(TASKS, 2, &two(second, b"abcdefgh"))),
            "a string is not behind the one before"
        );
    }
    assert_eq!(
        refusal(archive_frame(TASKS, 2, &two(4, b"abcd"))),
        "a string reaches behind the text"
    );
    assert_eq!(
        refusal(archive_frame(TASKS, 2, &two(4, b"abcdefghijkl"))),
        "the text is longer than its strings"
    );
}

#[test]
fn parts_of_a_kind_without_parts_are_refused() {
    let stored = zstd::bulk::compress(&[0; 8], 1).unwrap();
    let frame = |sequence, part| {
        Forged { sequence, part, parts: 2, ..Forged::new(LOST, 0, 8) }.frame(&stored)
    };
    let trace = Trace::from_bytes(file(&[frame(0, 0), frame(1, 1)])).unwrap();
    assert!(matches!(
        trace.read(&trace.frames()[0]),
        Err(Error::FrameInvalid { what: "this kind of frame has no parts", .. })
    ));
}
