//! The list of frames at the end of a file.

use pft::{Damage, FrameKind, Trace};

use super::samples;
use crate::forge::{self, Says};

/// Bytes before the end of the archive at which the number of rows lies.
const ROWS_FROM_END: usize = 4;

/// The archive of an index behind a few frames; the last byte says where the trailer claims it to begin.
///
/// Whatever it holds: an index that counts lists exactly the frames that lie in the file, and no frame that
/// is listed lies outside of the body.
pub fn run(bytes: &[u8]) {
    let Some((&shift, archive)) = bytes.split_last() else { return };
    let mut file = body();
    let (trailing, sequence) = (file.len(), FRAMES as u64);
    let at = archive.len().checked_sub(ROWS_FROM_END);
    let rows =
        at.and_then(|at| archive.get(at..)?.first_chunk()).map_or(0, |n| u32::from_le_bytes(*n));
    let says = Says { sequence, last_ns: 0, ..Says::rows(FrameKind::Index, rows) };
    file.extend(forge::frame(says, archive));
    let index_offset = trailing.wrapping_add_signed(isize::from(shift.cast_signed()) * 8);
    file.extend(forge::trailer(index_offset, file.len()));

    let trace = Trace::from_bytes(file).expect("the file header is valid");
    let body = trace.body();
    let inside = |info: &pft::FrameInfo| {
        info.offset >= body.start && info.offset + info.stored_bytes <= body.end
    };
    assert!(trace.frames().iter().all(inside));
    for (_, frame) in trace.iter() {
        let _ = frame;
    }
    let unusable = |damage: &Damage| matches!(damage, Damage::IndexUnusable { .. });
    if trace.damage().iter().any(unusable) {
        // Then the file was searched.
        assert_eq!(trace.frames().len(), FRAMES);
    } else {
        let (raw, _) = trace.scan().expect("memory can be read");
        let mut listed = trace.frames().iter();
        assert!(listed.all(|info| raw.iter().any(|frame| frame.offset == info.offset)));
    }
}

/// Frames in front of the index.
const FRAMES: usize = 3;

fn body() -> Vec<u8> {
    let mut bytes = forge::file_header();
    for sequence in 0..FRAMES as u64 {
        let says = Says { sequence, ..Says::rows(FrameKind::Host, 0) };
        bytes.extend(forge::frame(says, &forge::no_facts()));
    }
    bytes
}

/// The archive of the index of a file that ends where the index begins.
pub fn archive(file: &[u8]) -> Vec<u8> {
    let trace = Trace::from_bytes(file.to_vec()).expect("a trace");
    let (frames, _) = trace.scan().expect("memory can be read");
    let mut archive = Vec::new();
    for frame in &frames {
        for value in [frame.offset, frame.first_ns, frame.last_ns] {
            archive.extend(value.to_le_bytes());
        }
        for value in [frame.rows, frame.stored_bytes, frame.raw_bytes, frame.payload_crc] {
            archive.extend(value.to_le_bytes());
        }
        for value in [frame.kind, frame.version, frame.codec, frame.part, frame.parts, 0, 0, 0] {
            archive.extend(value.to_le_bytes());
        }
    }
    let distance = -(archive.len() as i32);
    archive.extend(distance.to_le_bytes());
    archive.extend((frames.len() as u32).to_le_bytes());
    archive
}

pub fn seeds() -> Vec<Vec<u8>> {
    let right = [&archive(&body())[..], &[0]].concat();
    let elsewhere = [&archive(&body())[..], &[0xff]].concat();
    let long = [&archive(&samples::file(&samples::frames()))[..], &[0]].concat();
    vec![right, elsewhere, long]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_an_index_that_counts() {
        let mut file = body();
        let offset = file.len();
        let says = Says { sequence: 3, last_ns: 0, ..Says::rows(FrameKind::Index, 3) };
        file.extend(forge::frame(says, &archive(&body())));
        file.extend(forge::trailer(offset, file.len()));
        let trace = Trace::from_bytes(file).unwrap();
        assert!(trace.is_complete(), "{:?}", trace.damage());
    }
}
