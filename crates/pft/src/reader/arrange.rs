//! Frame headers, in whatever state the file is, to the list of frames that a caller sees.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::holes::{Hole, Salvage, is_index};
use super::{Damage, FrameInfo, Limits, Located};
use crate::frame::FrameKind;
use crate::record::GapReason;

/// What a caller sees of a file.
#[derive(Debug, Default)]
pub(super) struct Arranged {
    /// Frames that can be decoded, in order of sequence.
    pub frames: Vec<FrameInfo>,
    /// Frames of kinds or versions that are not known, likewise.
    pub unknown: Vec<Located>,
    /// What is not there, likewise.
    pub holes: Vec<Hole>,
    /// The frame with the highest number, the index included.
    pub last: Option<Located>,
    /// The index was behind all others: it tells how many there were.
    pub ends_with_index: bool,
}

/// Sorts, drops repetitions, joins parts, leaves out what is unknown, incomplete or too much; reports
/// each of it.
pub(super) fn arrange(
    located: Vec<Located>,
    salvage: &Salvage,
    limits: &Limits,
    damage: &mut Vec<Damage>,
) -> Arranged {
    let located = in_sequence(located, damage);
    let mut arranged = Arranged {
        last: located.last().copied(),
        ends_with_index: salvage.has_index()
            || located.last().is_some_and(|last| is_index(&last.header)),
        ..Arranged::default()
    };
    let Arranged { frames, unknown: others, holes, .. } = &mut arranged;
    missing(&located, salvage, holes, damage);
    let mut unknown = BTreeMap::new();
    let mut rest = located.as_slice();
    while let Some(first) = rest.first() {
        let (run, behind) = rest.split_at(run_length(rest));
        rest = behind;
        let (kind, version) = (first.header.kind, first.header.version);
        match (FrameKind::known(kind, version), group(run)) {
            (None, _) => {
                if is_whole(run) {
                    others.extend_from_slice(run);
                } else {
                    holes.extend(Hole::of_parts(run));
                }
                *unknown.entry((kind, version)).or_insert(0) += run.len() as u64;
            }
            (Some(FrameKind::Index), _) => {}
            (Some(_), Some(frame)) => frames.push(frame),
            (Some(kind), None) => {
                holes.extend(Hole::of_parts(run));
                damage.push(Damage::IncompleteParts {
                    kind,
                    sequence: first.header.sequence,
                    found: run.len() as u16,
                    parts: first.header.parts,
                });
            }
        }
    }
    for ((kind, version), count) in unknown {
        damage.push(Damage::UnknownFrames { kind, version, count });
    }
    within_budget(frames, holes, limits, damage);
    holes.sort_by_key(|hole| hole.first_sequence);
    arranged
}

fn in_sequence(located: Vec<Located>, damage: &mut Vec<Damage>) -> Vec<Located> {
    let mut seen = FxHashSet::default();
    let mut highest = 0;
    let mut kept: Vec<Located> = Vec::with_capacity(located.len());
    for frame in located {
        let (offset, sequence) = (frame.offset, frame.header.sequence);
        if !seen.insert(sequence) {
            damage.push(Damage::Repeated { offset, sequence });
            continue;
        }
        if sequence < highest {
            damage.push(Damage::OutOfOrder { offset, sequence });
        }
        highest = highest.max(sequence);
        kept.push(frame);
    }
    kept.sort_by_key(|frame| frame.header.sequence);
    kept
}

fn missing(
    located: &[Located],
    salvage: &Salvage,
    holes: &mut Vec<Hole>,
    damage: &mut Vec<Damage>,
) {
    let mut expected = 0;
    let mut before = None;
    for frame in located {
        let sequence = frame.header.sequence;
        if sequence > expected {
            damage.push(Damage::MissingFrames {
                first_sequence: expected,
                count: sequence - expected,
            });
            salvage.holes((before, Some(frame)), (expected, sequence), holes);
        }
        expected = sequence.saturating_add(1);
        before = Some(frame);
    }
    let end = salvage.end();
    if expected < end {
        salvage.holes((before, None), (expected, end), holes);
        // Of the last one a part is there, and reported.
        let count = end - 1 - expected;
        if count > 0 {
            damage.push(Damage::MissingFrames { first_sequence: expected, count });
        }
    }
}

/// How many of the frames at the start of `located`, which is not empty, are parts of one record.
fn run_length(located: &[Located]) -> usize {
    let mut pairs = located.iter().zip(located.iter().skip(1));
    let run = pairs.position(|(a, b)| !continues(a, b));
    run.map_or(located.len(), |last| last + 1)
}

/// Whether `b` is the part behind `a`.
fn continues(a: &Located, b: &Located) -> bool {
    let (x, y) = (&a.header, &b.header);
    (x.kind, x.version, x.parts) == (y.kind, y.version, y.parts)
        && (x.first_ns, x.last_ns) == (y.first_ns, y.last_ns)
        && x.part.checked_add(1) == Some(y.part)
        && x.sequence.checked_add(1) == Some(y.sequence)
        && a.end() == b.offset
}

/// Whether these are all parts of one record.
fn is_whole(run: &[Located]) -> bool {
    run.first().is_some_and(|first| {
        first.header.part == 0
            && run.len() == usize::from(first.header.parts)
            && run.iter().zip(run.iter().skip(1)).all(|(a, b)| continues(a, b))
    })
}

/// One frame of all its parts, if `run` is that.
fn group(run: &[Located]) -> Option<FrameInfo> {
    let (first, last) = (run.first()?, run.last()?);
    let header = &first.header;
    if !is_whole(run) {
        return None;
    }
    Some(FrameInfo {
        offset: first.offset,
        kind: FrameKind::known(header.kind, header.version)?,
        version: header.version,
        sequence: header.sequence,
        parts: header.parts,
        rows: run.iter().map(|part| u64::from(part.header.rows)).sum(),
        first_ns: header.first_ns,
        last_ns: header.last_ns,
        stored_bytes: last.end() - first.offset,
        raw_bytes: run.iter().map(|part| u64::from(part.header.raw_bytes)).sum(),
    })
}

fn within_budget(
    frames: &mut Vec<FrameInfo>,
    holes: &mut Vec<Hole>,
    limits: &Limits,
    damage: &mut Vec<Damage>,
) {
    let mut decoded_bytes = 0u64;
    let within = frames.iter().position(|frame| {
        decoded_bytes = decoded_bytes.saturating_add(frame.decoded_bytes());
        decoded_bytes > limits.decoded_bytes
    });
    if let Some(within) = within {
        damage.push(Damage::OverBudget {
            frames: (frames.len() - within) as u64,
            limit_bytes: limits.decoded_bytes,
        });
        let left_out = frames.drain(within..);
        holes.extend(left_out.map(|info| Hole::of(&info, GapReason::Missing)));
    }
}
