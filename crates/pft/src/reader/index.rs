//! The list of frames from the index at the end of the file.

use super::holes::is_index;
use super::source::Source;
use super::{Limits, Located};
use crate::archive::{ArchivedIndexRow, ArchivedIndexV1, access};
use crate::compression::decompress;
use crate::decoder::index_rows;
use crate::error::Result;
use crate::frame::{CODEC_ZSTD, FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::layout::{Seed, TRAILER_BYTES, Trailer};

/// Bytes of an index beside its rows, at most: what is longer would be decompressed for nothing.
const MAX_SLACK_BYTES: u64 = 64;

/// What is wrong with an index.
type Checked<T> = std::result::Result<T, &'static str>;

/// Frames by the index to which `trailer` leads, or what is wrong with it. An index counts only if its
/// frames fill the file from `first_frame` to the index without gaps.
///
/// # Errors
/// [`crate::Error::Read`].
pub(super) fn load(
    source: &Source,
    seed: &Seed,
    first_frame: u64,
    trailer: Trailer,
    limits: &Limits,
) -> Result<Checked<Vec<Located>>> {
    let index_end = source.bytes() - TRAILER_BYTES as u64;
    if trailer.file_bytes != source.bytes() {
        return Ok(Err("the file has not the length that it was written with"));
    }
    if trailer.index_offset < first_frame {
        return Ok(Err("it lies outside the file"));
    }
    let mut list = List {
        frames: Vec::new(),
        end: first_frame,
        index_offset: trailer.index_offset,
        max_frames: limits.decoded_bytes / size_of::<Located>() as u64,
    };
    let mut at = trailer.index_offset;
    let mut first: Option<FrameHeader> = None;
    loop {
        let header = match header_at(source, seed, at, index_end)? {
            Ok(header) => header,
            Err(what) => return Ok(Err(what)),
        };
        let first = *first.get_or_insert(header);
        let part = header.sequence.wrapping_sub(first.sequence);
        if u64::from(header.part) != part || header.parts != first.parts {
            return Ok(Err("a part of it is missing"));
        }
        let payload_offset = at + FRAME_HEADER_BYTES as u64;
        let stored = source.read(payload_offset, header.stored_bytes.into())?;
        if seed.checksum(&stored) != header.payload_crc {
            return Ok(Err("it is damaged"));
        }
        if let Err(what) = list.extend(&stored, &header) {
            return Ok(Err(what));
        }
        at += header.frame_bytes();
        if header.part + 1 == header.parts {
            return Ok(list.finish(at == index_end, first.sequence));
        }
    }
}

/// The headers of frames that were written, by an index that lies in the file but does not fit it any more; by
/// sequence number. Empty unless all of it is there.
///
/// # Errors
/// [`crate::Error::Read`].
pub(super) fn written(
    source: &Source,
    seed: &Seed,
    located: &[Located],
    limits: &Limits,
) -> Result<Vec<FrameHeader>> {
    let is_index = |frame: &&Located| is_index(&frame.header) && frame.header.codec == CODEC_ZSTD;
    let max_frames = limits.decoded_bytes / size_of::<Located>() as u64;
    let mut headers: Vec<FrameHeader> = Vec::new();
    let mut first_sequence = None;
    for frame in located.iter().filter(is_index) {
        let header = &frame.header;
        let first = *first_sequence.get_or_insert(header.sequence);
        let stored =
            source.read(frame.offset + FRAME_HEADER_BYTES as u64, header.stored_bytes.into())?;
        let is_next = header.sequence.wrapping_sub(first) == u64::from(header.part)
            && seed.checksum(&stored) == header.payload_crc;
        let Ok(archive) = decompress(&stored, header.raw_bytes) else { return Ok(Vec::new()) };
        let Ok(archive) = access::<ArchivedIndexV1>(&archive) else { return Ok(Vec::new()) };
        let before = headers.len() as u64;
        if !is_next || before.saturating_add(archive.rows.len() as u64) > max_frames {
            return Ok(Vec::new());
        }
        headers.extend(index_rows(archive, before).map(|(_, header)| header));
        if header.part + 1 == header.parts {
            break;
        }
    }
    let is_whole = first_sequence == Some(headers.len() as u64)
        && headers.iter().all(FrameHeader::within_bounds);
    Ok(if is_whole { headers } else { Vec::new() })
}

/// Header of an index frame that begins at `at` and ends before `end`.
fn header_at(source: &Source, seed: &Seed, at: u64, end: u64) -> Result<Checked<FrameHeader>> {
    let none = "there is no index frame where it should be";
    if end.saturating_sub(at) < FRAME_HEADER_BYTES as u64 {
        return Ok(Err(none));
    }
    let bytes = source.read(at, FRAME_HEADER_BYTES as u64)?;
    let header = FrameHeader::parse(&bytes, seed).filter(|header| {
        FrameKind::known(header.kind, header.version) == Some(FrameKind::Index)
            && header.codec == CODEC_ZSTD
            && header.frame_bytes() <= end - at
    });
    Ok(header.ok_or(none))
}

/// The frames listed so far.
struct List {
    frames: Vec<Located>,
    /// Where the last of them ends.
    end: u64,
    index_offset: u64,
    max_frames: u64,
}

impl List {
    /// Adds one part of the index, each frame right behind the one before.
    fn extend(&mut self, stored: &[u8], header: &FrameHeader) -> Checked<()> {
        let rows_bytes = u64::from(header.rows) * size_of::<ArchivedIndexRow>() as u64;
        if u64::from(header.raw_bytes) > rows_bytes + MAX_SLACK_BYTES {
            return Err("it contradicts itself");
        }
        let archive = decompress(stored, header.raw_bytes)?;
        let archive = access::<ArchivedIndexV1>(&archive)?;
        if archive.rows.len() != header.rows as usize {
            return Err("it contradicts itself");
        }
        for (offset, header) in index_rows(archive, self.frames.len() as u64) {
            let frame = Located { offset, header };
            // Bounds the list as well: a frame takes space in the file.
            if offset != self.end || frame.end() > self.index_offset || !header.within_bounds() {
                return Err("it contradicts itself");
            }
            if self.frames.len() as u64 == self.max_frames {
                return Err("it exceeds the memory limit");
            }
            self.end = frame.end();
            self.frames.push(frame);
        }
        Ok(())
    }

    fn finish(self, at_end: bool, sequence: u64) -> Checked<Vec<Located>> {
        if at_end && self.end == self.index_offset && self.frames.len() as u64 == sequence {
            Ok(self.frames)
        } else {
            Err("it does not list all frames")
        }
    }
}
