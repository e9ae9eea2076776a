//! The walk from header to header, which takes no account of the index.

use pft::{Damage, FrameKind, Trace};

use crate::samples::Sample;

#[test]
fn the_walk_finds_what_the_index_lists_and_the_index() {
    let sample = Sample::new();
    let trace = Trace::from_bytes(sample.bytes.clone()).unwrap();
    assert_eq!((trace.minor_version(), trace.file_bytes()), (0, sample.bytes.len() as u64));
    assert_eq!(trace.body(), 64..sample.bytes.len() as u64 - 32);
    let (frames, damage) = trace.scan().unwrap();
    assert_eq!(damage, []);
    let (index, listed) = frames.split_last().unwrap();
    assert_eq!((index.kind, index.offset), (FrameKind::Index as u16, sample.index_offset as u64));
    assert_eq!(listed.len(), sample.infos.len());
    for (raw, info) in listed.iter().zip(&sample.infos) {
        let found = (raw.offset, raw.kind, raw.sequence, u64::from(raw.rows));
        assert_eq!(found, (info.offset, info.kind as u16, info.sequence, info.rows));
        assert_eq!(u64::from(raw.stored_bytes) + 64, info.stored_bytes);
        assert!(trace.is_intact(raw).unwrap());
    }
}

#[test]
fn a_wrong_payload_and_a_repeated_frame_are_seen() {
    let sample = Sample::new();
    let mut bytes = sample.bytes.clone();
    let again = sample.frame_bytes(1).to_vec();
    bytes.splice(sample.index_offset..sample.index_offset, again);
    bytes[sample.infos[2].offset as usize + 64] ^= 1;
    let trace = Trace::from_bytes(bytes).unwrap();
    let (frames, damage) = trace.scan().unwrap();
    assert_eq!(damage, []);
    let repeated = sample.index_offset as u64;
    assert!(trace.damage().contains(&Damage::Repeated { offset: repeated, sequence: 1 }));
    assert_eq!(frames.iter().filter(|frame| frame.sequence == 1).count(), 2);
    let wrong: Vec<u64> = frames
        .iter()
        .filter(|frame| !trace.is_intact(frame).unwrap())
        .map(|frame| frame.sequence)
        .collect();
    assert_eq!(wrong, [2]);
}
