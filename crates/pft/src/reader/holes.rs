//! What a file lacks, by sequence number, and what is known of it.

use std::collections::BTreeMap;

use super::scan::Scanned;
use super::{Damage, FrameInfo, Located};
use crate::frame::{FrameHeader, FrameKind};
use crate::record::GapReason;

/// Frames that lie one behind the other and cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    /// Sequence number of the first.
    pub first_sequence: u64,
    /// How many; 0 if that is not known.
    pub frames: u64,
    /// What their headers say, if anything is known of that.
    pub known: Option<Known>,
    /// Bytes of the file that belong to them.
    pub bytes: u64,
    pub reason: GapReason,
}

/// What is known of lost frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub kind: u16,
    pub first_ns: u64,
    pub last_ns: u64,
    /// Rows of all of them, if known.
    pub rows: Option<u64>,
}

impl Known {
    pub(crate) fn of(header: &FrameHeader) -> Self {
        Self {
            kind: header.kind,
            first_ns: header.first_ns,
            last_ns: header.last_ns,
            rows: Some(header.rows.into()),
        }
    }
}

impl Hole {
    /// A frame, all its parts, that is in the file and of no use.
    pub(crate) fn of(info: &FrameInfo, reason: GapReason) -> Self {
        let known = Known {
            kind: info.kind as u16,
            first_ns: info.first_ns,
            last_ns: info.last_ns,
            rows: Some(info.rows),
        };
        Self {
            first_sequence: info.sequence,
            frames: info.parts.into(),
            known: Some(known),
            bytes: info.stored_bytes,
            reason,
        }
    }

    /// Parts of a record of which others are missing.
    pub(super) fn of_parts(run: &[Located]) -> Option<Self> {
        let first = run.first()?;
        Some(Self {
            first_sequence: first.header.sequence,
            frames: run.len() as u64,
            known: Some(Known {
                rows: Some(run.iter().map(|part| u64::from(part.header.rows)).sum()),
                ..Known::of(&first.header)
            }),
            bytes: run.iter().map(|part| part.header.frame_bytes()).sum(),
            reason: GapReason::Parts,
        })
    }
}

/// What a scan tells of frames that are not there: the headers of some.
#[derive(Debug, Default)]
pub(super) struct Salvage {
    /// By sequence number.
    headers: BTreeMap<u64, FrameHeader>,
    /// Bytes of them that are there.
    torn_bytes: BTreeMap<u64, u64>,
}

impl Salvage {
    /// From frames that are cut short, and the headers that an index lists.
    pub(super) fn new(torn: &[(Located, u64)], written: Vec<FrameHeader>) -> Self {
        let torn_headers = torn.iter().map(|(frame, _)| frame.header);
        Self {
            headers: written.into_iter().chain(torn_headers).map(|h| (h.sequence, h)).collect(),
            torn_bytes: torn.iter().map(|(frame, bytes)| (frame.header.sequence, *bytes)).collect(),
        }
    }

    /// Whether the index was written, of which a part is there.
    pub(super) fn has_index(&self) -> bool {
        self.torn_bytes.keys().filter_map(|torn| self.headers.get(torn)).any(is_index)
    }

    /// Behind the last frame of which anything is there.
    pub(super) fn end(&self) -> u64 {
        self.torn_bytes.last_key_value().map_or(0, |(last, _)| last.saturating_add(1))
    }

    /// The holes in the place of the frames `from..to`, which are missing between these two.
    pub(super) fn holes(
        &self,
        (before, behind): (Option<&Located>, Option<&Located>),
        (from, to): (u64, u64),
        holes: &mut Vec<Hole>,
    ) {
        // Parts lie one behind the other, so that what is next to one is the next of them.
        let parts = |frame: &FrameHeader, frames: u64| (frames > 0).then_some((*frame, frames));
        let length = to - from;
        let head = before.and_then(|Located { header, .. }| {
            parts(header, length.min(u64::from(header.parts - header.part - 1)))
        });
        let head_frames = head.map_or(0, |(_, frames)| frames);
        let tail = behind.and_then(|Located { header, .. }| {
            parts(header, (length - head_frames).min(header.part.into()))
        });
        let tail_frames = tail.map_or(0, |(_, frames)| frames);
        let of_record = |first_sequence, (header, frames): (FrameHeader, u64)| Hole {
            first_sequence,
            frames,
            known: Some(Known { rows: None, ..Known::of(&header) }),
            bytes: 0,
            reason: GapReason::Missing,
        };
        holes.extend(head.map(|record| of_record(from, record)));
        self.between(from + head_frames, to - tail_frames, holes);
        holes.extend(tail.map(|record| of_record(to - tail_frames, record)));
    }

    fn between(&self, mut from: u64, to: u64, holes: &mut Vec<Hole>) {
        let unknown = |first_sequence, frames| Hole {
            first_sequence,
            frames,
            known: None,
            bytes: 0,
            reason: GapReason::Missing,
        };
        for (&sequence, header) in self.headers.range(from..to) {
            if from < sequence {
                holes.push(unknown(from, sequence - from));
            }
            // With an index no record is lost.
            holes.extend((!is_index(header)).then(|| Hole {
                known: Some(Known::of(header)),
                bytes: self.torn_bytes.get(&sequence).copied().unwrap_or(0),
                ..unknown(sequence, 1)
            }));
            from = sequence.saturating_add(1);
        }
        if from < to {
            holes.push(unknown(from, to - from));
        }
    }
}

/// Counts bytes that are no frame to the hole behind the frame that lies before them, if there is one.
pub(super) fn count_skipped(scanned: &Scanned, damage: &[Damage], holes: &mut [Hole]) {
    for what in damage {
        let (offset, bytes) = match what {
            Damage::Skipped { offset, bytes } => (*offset, *bytes),
            Damage::Truncated { offset, found_bytes, frame_bytes: None } => (*offset, *found_bytes),
            _ => continue,
        };
        let before = scanned.frames.partition_point(|frame| frame.offset < offset);
        let before = before.checked_sub(1).and_then(|last| scanned.frames.get(last));
        let next = before.map_or(0, |frame| frame.header.sequence.saturating_add(1));
        let at = holes.partition_point(|hole| hole.first_sequence < next);
        if let Some(hole) = holes.get_mut(at).filter(|hole| hole.first_sequence == next) {
            hole.bytes = hole.bytes.saturating_add(bytes);
        }
    }
}

/// The frames behind the last one, of which nothing is known.
pub(super) fn cut(last: Option<&Located>, holes: &[Hole]) -> Hole {
    let behind_last = last.map_or(0, |frame| frame.header.sequence.saturating_add(1));
    let behind_holes = holes.last().map_or(0, |h| h.first_sequence.saturating_add(h.frames));
    Hole {
        first_sequence: behind_last.max(behind_holes),
        frames: 0,
        known: None,
        bytes: 0,
        reason: GapReason::Cut,
    }
}

/// Whether a frame is one of the index.
pub(super) fn is_index(header: &FrameHeader) -> bool {
    FrameKind::known(header.kind, header.version) == Some(FrameKind::Index)
}
