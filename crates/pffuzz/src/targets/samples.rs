//! Small frames of every kind, to start from.

use pft::record::Frame;
use pft::{FrameKind, Trace, Writer};

use crate::forge::{self, HEADER, Says};
use crate::kinds::{KINDS, encode};
use crate::random::Source;

/// Bytes that are no repetition: a linear congruential generator.
pub fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// One frame of each kind, with rows.
pub fn frames() -> Vec<Frame> {
    let mut encoder = pft::Encoder::new(&HEADER, 1).expect("a valid header");
    let with_rows = |kind: &crate::kinds::Kind| {
        (0..1000).find_map(|seed| {
            let frame = (kind.random)(&mut Source::new(&noise(seed, 2000))).ok()?;
            let rows = encode(&mut encoder, &frame).ok()?.first()?.rows();
            (2..6).contains(&rows).then_some(frame)
        })
    };
    KINDS.iter().filter_map(with_rows).collect()
}

/// Kind, rows and archive of each frame.
pub fn archives(frames: &[Frame]) -> Vec<(FrameKind, u32, Vec<u8>)> {
    let trace = Trace::from_bytes(compressed(frames)).expect("a trace");
    let stored = |info: &pft::FrameInfo| {
        let raw = trace.read_raw(info).expect("memory can be read");
        let payload = raw.get(pft::FRAME_HEADER_BYTES..).unwrap_or_default();
        let archive = zstd::bulk::decompress(payload, info.raw_bytes as usize);
        (info.kind, info.rows as u32, archive.expect("what was compressed"))
    };
    trace.frames().iter().map(stored).collect()
}

fn compressed(frames: &[Frame]) -> Vec<u8> {
    let mut encoder = pft::Encoder::new(&HEADER, 1).expect("a valid header");
    let mut writer = Writer::create(Vec::new(), &HEADER, 1).expect("a valid header");
    for frame in frames {
        let encoded = encode(&mut encoder, frame).expect("a frame as it is encoded");
        writer.write_frames(&encoded).expect("memory can be written");
    }
    writer.finish().expect("memory can be written")
}

/// A file with these frames, not compressed, so that their bytes can be changed one by one.
pub fn file(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = forge::file_header();
    let mut sequence = 0;
    for (kind, rows, archive) in archives(frames) {
        let says = Says { sequence, ..Says::rows(kind, rows) };
        bytes.extend(forge::frame(says, &archive));
        sequence += 1;
    }
    let index_offset = bytes.len();
    let archive = super::index::archive(&bytes);
    let says = Says { sequence, last_ns: 0, ..Says::rows(FrameKind::Index, sequence as u32) };
    bytes.extend(forge::frame(says, &archive));
    bytes.extend(forge::trailer(index_offset, bytes.len()));
    bytes
}
