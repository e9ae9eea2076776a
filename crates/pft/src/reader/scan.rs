//! The list of frames without an index: from header to header, and past damage to the next marker.

use std::ops::Range;

use super::source::Source;
use super::{Damage, Located};
use crate::error::Result;
use crate::frame::{FRAME_HEADER_BYTES, FrameHeader, SYNC_MARKER};
use crate::layout::{Seed, TRAILER_BYTES, TRAILER_MAGIC, Trailer};

const HEADER_BYTES: u64 = FRAME_HEADER_BYTES as u64;
/// Bytes read at a time in search of a marker.
const SEARCH_BYTES: u64 = 64 << 10;

/// What lies in a file.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Frames in the order of the file.
    pub frames: Vec<Located>,
    /// Frames whose payload is cut short, with how much of them is there.
    pub torn: Vec<(Located, u64)>,
}

/// Lists the frames in `range` in file order. What is no frame is reported.
///
/// # Errors
/// [`crate::Error::Read`].
pub(super) fn scan(
    source: &Source,
    seed: &Seed,
    range: Range<u64>,
    damage: &mut Vec<Damage>,
) -> Result<Scanned> {
    let Scanned { mut frames, mut torn } = Scanned::default();
    let mut at = range.start;
    // A frame that has lost bytes reaches into the next one. So where no frame begins at the end of
    // the last one, the search starts right behind the header of that.
    let mut search_from = range.start;
    while at != range.end {
        if let Some(header) = header_at(source, seed, at, range.end)? {
            let frame = Located { offset: at, header };
            frames.push(frame);
            search_from = at + HEADER_BYTES;
            at = frame.end();
            continue;
        }
        if trailer_at(source, seed, at, range.end)? {
            // Something was appended to a closed trace.
            at += TRAILER_BYTES as u64;
            search_from = at;
            continue;
        }
        let found = find_header(source, seed, search_from..range.end)?;
        let next = found.unwrap_or(range.end);
        if next < at {
            if let Some(broken) = frames.pop() {
                damage.push(broken_frame(&broken, found, next));
                torn.push((broken, next - broken.offset));
            }
        } else if found.is_none() {
            damage.extend(rest(source, at, next)?);
        } else {
            damage.push(Damage::Skipped { offset: at, bytes: next - at });
        }
        at = next;
        search_from = next;
    }
    Ok(Scanned { frames, torn })
}

/// The last frame reaches beyond `next`, which is the next frame or, if there is none, the end.
fn broken_frame(broken: &Located, found: Option<u64>, next: u64) -> Damage {
    match found {
        Some(next_offset) => Damage::BrokenFrame {
            offset: broken.offset,
            sequence: broken.header.sequence,
            next_offset,
        },
        None => Damage::Truncated {
            offset: broken.offset,
            found_bytes: next - broken.offset,
            frame_bytes: Some(broken.header.frame_bytes()),
        },
    }
}

fn header_at(source: &Source, seed: &Seed, at: u64, end: u64) -> Result<Option<FrameHeader>> {
    if at > end || end - at < HEADER_BYTES {
        return Ok(None);
    }
    let bytes = source.read(at, HEADER_BYTES)?;
    Ok(FrameHeader::parse(&bytes, seed))
}

fn trailer_at(source: &Source, seed: &Seed, at: u64, end: u64) -> Result<bool> {
    if at > end || end - at < TRAILER_BYTES as u64 {
        return Ok(false);
    }
    let bytes = source.read(at, TRAILER_BYTES as u64)?;
    Ok(Trailer::parse(&bytes, seed).is_some())
}

/// What to say of the bytes from `at` to the end, in which no frame begins.
fn rest(source: &Source, at: u64, end: u64) -> Result<Option<Damage>> {
    let found_bytes = end - at;
    let start = source.read(at, found_bytes.min(SYNC_MARKER.len() as u64))?;
    if found_bytes < HEADER_BYTES && SYNC_MARKER.starts_with(&start) {
        return Ok(Some(Damage::Truncated { offset: at, found_bytes, frame_bytes: None }));
    }
    if found_bytes < TRAILER_BYTES as u64 && TRAILER_MAGIC.starts_with(&start) {
        // Nothing is missing but the trailer, which is reported already.
        return Ok(None);
    }
    Ok(Some(Damage::Skipped { offset: at, bytes: found_bytes }))
}

/// First valid frame header that begins in `range`.
fn find_header(source: &Source, seed: &Seed, range: Range<u64>) -> Result<Option<u64>> {
    let mut at = range.start;
    while range.end.saturating_sub(at) >= HEADER_BYTES {
        let bytes = source.read(at, SEARCH_BYTES.min(range.end - at))?;
        let first = SYNC_MARKER.first().copied().unwrap_or_default();
        let starts = bytes.len() + 1 - FRAME_HEADER_BYTES;
        for (n, &byte) in bytes.iter().enumerate().take(starts) {
            let candidate = || FrameHeader::parse(bytes.get(n..)?, seed);
            if byte == first && candidate().is_some() {
                return Ok(Some(at + n as u64));
            }
        }
        at += starts as u64;
    }
    Ok(None)
}
