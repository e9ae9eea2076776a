//! Files made to do harm: nothing panics, nothing is allocated beyond its bounds.

use std::sync::LazyLock;

use pft::record::Frame;
use pft::{Damage, Error, Limits, MAX_RAW_BYTES, Trace};
use proptest::prelude::*;

use crate::forge::{Archive, Forged, archive_frame, crc, decode_only, file, refusal};
use crate::rules::{constant_columns, faults_archive};
use crate::samples::{Sample, decoded};

const TASKS: u16 = 2;
const FAULTS: u16 = 5;
const LOST: u16 = 6;
const INDEX: u16 = 32;

#[test]
fn many_small_frames_of_many_rows_stop_at_the_budget() {
    let archive = faults_archive(65_536, &constant_columns(), &[]);
    let stored = zstd::bulk::compress(&archive, 1).unwrap();
    let frame = |sequence| {
        let forged = Forged { sequence, ..Forged::new(FAULTS, 65_536, archive.len()) };
        forged.frame(&stored)
    };
    let frames: Vec<_> = (0..1000).map(frame).collect();
    let limits = Limits::new(10 << 20);
    let reader = std::io::Cursor::new(file(&frames));
    let trace = Trace::from_reader(reader, &limits).unwrap();
    // 53 bytes a row: 3.3 MiB and a little a frame.
    assert_eq!(trace.frames().len(), 3);
    assert_eq!(
        trace.damage(),
        [Damage::NoIndex, Damage::OverBudget { frames: 997, limit_bytes: 10 << 20 }]
    );
    assert_eq!(decoded(&trace).1, 0);
}

#[test]
fn no_more_is_taken_than_the_length_of_a_file_justifies() {
    let archive = faults_archive(65_536, &constant_columns(), &[]);
    let stored = zstd::bulk::compress(&archive, 1).unwrap();
    let frame =
        |sequence| Forged { sequence, ..Forged::new(FAULTS, 65_536, archive.len()) }.frame(&stored);
    let bytes = file(&(0..1000).map(frame).collect::<Vec<_>>());
    let limit_bytes = (256 << 20) + 1024 * bytes.len() as u64;
    let trace = Trace::from_bytes(bytes.clone()).unwrap();
    let each = trace.frames()[0].decoded_bytes();
    let kept = limit_bytes / each;
    assert!(kept < 250, "{kept}");
    assert_eq!(trace.frames().len() as u64, kept);
    assert_eq!(trace.damage()[1], Damage::OverBudget { frames: 1000 - kept, limit_bytes });
    // Those who hold one frame at a time take them all.
    let unlimited = Limits::new(u64::MAX);
    let trace = Trace::from_reader(std::io::Cursor::new(bytes), &unlimited).unwrap();
    assert_eq!(trace.frames().len(), 1000);
}

#[test]
fn an_index_larger_than_its_rows_is_not_decompressed() {
    let sample = Sample::new();
    let stored = zstd::bulk::compress(&vec![0; MAX_RAW_BYTES as usize], 1).unwrap();
    let index = Forged { sequence: 16, ..Forged::new(INDEX, 0, MAX_RAW_BYTES as usize) };
    let trace = Trace::from_bytes(closed_by(&sample, &index.frame(&stored))).unwrap();
    assert_eq!(trace.damage()[0], Damage::IndexUnusable { what: "it contradicts itself" });
    assert_eq!(decoded(&trace).0, sample.frames);
}

#[test]
fn decompression_bombs_are_refused() {
    let gigabyte = {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.set_pledged_src_size(Some(1 << 30)).unwrap();
        let mut zeros = std::io::Read::take(std::io::repeat(0), 1 << 30);
        std::io::copy(&mut zeros, &mut encoder).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(
        refusal(Forged::new(TASKS, 0, MAX_RAW_BYTES as usize).frame(&gigabyte)),
        "the zstd content size differs from the frame header"
    );
    let zeros = zstd::bulk::compress(&vec![0; MAX_RAW_BYTES as usize], 1).unwrap();
    assert_eq!(
        refusal(Forged::new(TASKS, 1, MAX_RAW_BYTES as usize).frame(&zeros)),
        "the archive is invalid"
    );
    assert_eq!(
        refusal(Forged::new(TASKS, 1, MAX_RAW_BYTES as usize - 1).frame(&zeros)),
        "the zstd content size differs from the frame header"
    );
}

#[test]
fn headers_with_absurd_lengths_are_no_frames() {
    let stored = [0; 8];
    let forged = Forged::new(TASKS, 0, 8);
    let above_cap = Forged { raw_bytes: MAX_RAW_BYTES + 1, ..forged };
    for frame in [
        forged.frame_of_length(&stored, u32::MAX),
        forged.frame_of_length(&stored, 0),
        above_cap.frame(&stored),
        Forged { rows: u32::MAX, ..forged }.frame(&stored),
        Forged { part: 1, ..forged }.frame(&stored),
        Forged { parts: 0, ..forged }.frame(&stored),
    ] {
        let bytes = frame.len() as u64;
        let trace = Trace::from_bytes(file(&[frame])).unwrap();
        assert_eq!(trace.frames(), []);
        assert_eq!(trace.damage(), [Damage::NoIndex, Damage::Skipped { offset: 64, bytes }]);
    }
}

#[test]
fn a_length_beyond_the_file_is_a_cut() {
    let frame = Forged::new(TASKS, 0, 8).frame_of_length(&[0; 8], MAX_RAW_BYTES);
    let trace = Trace::from_bytes(file(&[frame])).unwrap();
    assert_eq!(
        trace.damage(),
        [
            Damage::NoIndex,
            Damage::Truncated {
                offset: 64,
                found_bytes: 72,
                frame_bytes: Some(64 + u64::from(MAX_RAW_BYTES))
            }
        ]
    );
}

#[test]
fn unknown_kinds_versions_and_codecs() {
    let stored = zstd::bulk::compress(&[0; 8], 1).unwrap();
    let known = Forged::new(LOST, 0, 8);
    let frames = [
        known.frame(&stored),
        Forged { kind: 63, sequence: 1, ..known }.frame(&stored),
        Forged { version: 2, sequence: 2, ..known }.frame(&stored),
        Forged { kind: 63, sequence: 3, ..known }.frame(&stored),
        Forged { codec: 2, sequence: 4, ..known }.frame(&stored),
    ];
    let trace = Trace::from_bytes(file(&frames)).unwrap();
    let unknown = |kind, version, count| Damage::UnknownFrames { kind, version, count };
    assert_eq!(trace.damage(), [Damage::NoIndex, unknown(6, 2, 1), unknown(63, 1, 2)]);
    assert_eq!(trace.frames().len(), 2);
    assert_eq!(trace.read(&trace.frames()[0]).unwrap(), Frame::Lost(vec![]));
    assert!(matches!(
        trace.read(&trace.frames()[1]),
        Err(Error::FrameInvalid { what: "the codec is unknown", .. })
    ));
}

#[test]
fn sequence_numbers_at_their_end() {
    let stored = zstd::bulk::compress(&[0; 8], 1).unwrap();
    let frame = |sequence, part, parts| {
        Forged { sequence, part, parts, ..Forged::new(LOST, 0, 8) }.frame(&stored)
    };
    let frames = [frame(u64::MAX, 0, 2), frame(u64::MAX, 1, 2), frame(0, 0, 1)];
    let trace = Trace::from_bytes(file(&frames)).unwrap();
    assert_eq!(trace.frames().len(), 1);
    assert!(
        trace.damage().contains(&Damage::MissingFrames { first_sequence: 1, count: u64::MAX - 1 })
    );
}

/// The frames of the sample, an index frame, and a trailer that leads to it.
fn closed_by(sample: &Sample, index: &[u8]) -> Vec<u8> {
    let mut bytes = sample.unclosed();
    let index_offset = bytes.len() as u64;
    bytes.extend(index);
    let file_bytes = bytes.len() as u64 + 32;
    let mut trailer = b"\x89PFTEND\n".to_vec();
    trailer.extend(index_offset.to_le_bytes());
    trailer.extend(file_bytes.to_le_bytes());
    trailer.extend([0; 4]);
    let crc = crc(&trailer);
    trailer.extend(crc.to_le_bytes());
    bytes.extend(trailer);
    bytes
}

#[test]
fn an_index_that_lies_is_not_used() {
    let sample = Sample::new();
    let entry = |offset: u64, stored: u32| {
        let archive = Archive::default().u64s(&[offset, 0, 0]).u32s(&[1, stored, 9, 0]);
        archive.u32s(&[0x0001_0005, 1, 1, 0]).0
    };
    let index = |rows: &[Vec<u8>], sequence| {
        let archive = Archive::default().bytes(&rows.concat());
        let archive = archive.vec(0, rows.len() as u32).0;
        let stored = zstd::bulk::compress(&archive, 1).unwrap();
        let forged = Forged::new(INDEX, rows.len() as u32, archive.len());
        Forged { sequence, ..forged }.frame(&stored)
    };
    let all = (sample.index_offset - 128) as u32;
    // One entry for everything is a list of one frame that cannot be decoded; the others are lies.
    let believed = Trace::from_bytes(closed_by(&sample, &index(&[entry(64, all)], 1))).unwrap();
    assert_eq!(believed.damage(), []);
    assert_eq!(decoded(&believed), (vec![], 1));
    for (rows, sequence, what) in [
        (vec![], 9, "it does not list all frames"),
        (vec![entry(64, all)], 9, "it does not list all frames"),
        (vec![entry(64, all - 1)], 1, "it does not list all frames"),
        (vec![entry(64, all + 1)], 1, "it contradicts itself"),
        (vec![entry(64, 0)], 1, "it contradicts itself"),
        (vec![entry(65, all - 1)], 1, "it contradicts itself"),
        (vec![entry(64, 1); 2], 2, "it contradicts itself"),
        (vec![entry(64, 1); 100_000], 100_000, "it contradicts itself"),
    ] {
        let trace = Trace::from_bytes(closed_by(&sample, &index(&rows, sequence))).unwrap();
        assert_eq!(trace.damage()[0], Damage::IndexUnusable { what });
        assert_eq!(decoded(&trace).0, sample.frames);
    }
}

/// The archives of the sample: kind, rows, bytes.
static ARCHIVES: LazyLock<Vec<(u16, u32, Vec<u8>)>> = LazyLock::new(|| {
    let sample = Sample::new();
    let archive = |n: usize| {
        let info = &sample.infos[n];
        let stored = &sample.frame_bytes(n)[64..];
        let raw = zstd::bulk::decompress(stored, info.raw_bytes as usize).unwrap();
        (info.kind as u16, info.rows as u32, raw)
    };
    (0..sample.infos.len()).map(archive).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(Trace::from_bytes(bytes.clone()).is_err());
        let mut behind_header = file(&[]);
        behind_header.extend(&bytes);
        let trace = Trace::from_bytes(behind_header).unwrap();
        prop_assert!(trace.frames().is_empty());
    }

    #[test]
    fn arbitrary_archives_never_panic(
        kind in 1..16u16,
        rows in 0..20u32,
        archive in prop::collection::vec(any::<u8>(), 1..400),
    ) {
        let _ = decode_only(archive_frame(kind, rows, &archive));
    }

    #[test]
    fn changed_archives_never_panic(
        which in 0..16usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (kind, rows, mut archive) = ARCHIVES[which].clone();
        for (at, byte) in changes {
            let at = at.index(archive.len());
            archive[at] = byte;
        }
        let _ = decode_only(archive_frame(kind, rows, &archive));
    }
}
