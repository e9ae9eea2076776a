//! The file as a whole: header, trailer, and that frames fill what lies between them in their order.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::Notes;
use super::finding::{Findings, Place};
use super::rule::Rule;
use crate::error::Result;
use crate::frame::{FrameKind, SYNC_MARKER};
use crate::layout::{
    FILE_HEADER_BYTES, MAJOR_VERSION, MINOR_VERSION, Seed, TRAILER_BYTES, TRAILER_MAGIC, Trailer,
};
use crate::reader::{Damage, Located, Trace, disorder};

/// Clocks of traces: `CLOCK_MONOTONIC` of recorded ones, any that perf may have of imported ones.
const CLOCKS: [u32; 6] = [1, 0, 4, 7, 11, u32::MAX];
/// Unknown kinds that are told one by one.
const MOST_KINDS: usize = 20;

/// Whether a newer program wrote it, which may use fields that are reserved here.
pub(super) fn is_newer(trace: &Trace) -> bool {
    trace.minor_version() > MINOR_VERSION
}

/// Checks the file header.
pub(super) fn header(trace: &Trace, findings: &mut Findings, notes: &mut Notes) -> Result<()> {
    if is_newer(trace) {
        let minor = trace.minor_version();
        notes.push(format!(
            "the format is version {MAJOR_VERSION}.{minor}, newer than {MAJOR_VERSION}.\
             {MINOR_VERSION}, which this program knows: what was added since is not checked"
        ));
        return Ok(());
    }
    let place = Place::at(0);
    let clock = trace.header().clock_id;
    if !CLOCKS.contains(&clock) {
        findings.add(Rule::FileHeader, place, || format!("the clock is {clock}, which is none"));
    }
    if trace.read_bytes(56, 4)?.iter().any(|&byte| byte != 0) {
        let what = || "the reserved field at 56 is not 0".to_owned();
        findings.add(Rule::Reserved, place, what);
    }
    Ok(())
}

/// Checks the end of the file; where the index is to begin by the trailer.
pub(super) fn trailer(trace: &Trace, findings: &mut Findings) -> Result<Option<u64>> {
    let at = trace.body().end;
    if at == trace.file_bytes() {
        let what = || "the file does not end with a trailer: it was cut or not closed".to_owned();
        findings.add(Rule::Closed, Place::at(at), what);
        return Ok(None);
    }
    let place = Place::at(at);
    let bytes = trace.read_bytes(at, TRAILER_BYTES as u64)?;
    let Some(trailer) = Trailer::parse(&bytes, &Seed::new(&trace.header().uuid)) else {
        return Ok(None);
    };
    let (said, found) = (trailer.file_bytes, trace.file_bytes());
    if said != found {
        let what = || format!("the trailer says that the file has {said} bytes; it has {found}");
        findings.add(Rule::Trailer, place, what);
    }
    let is_reserved_used = bytes.get(24..28).is_some_and(|field| field != [0; 4]);
    if is_reserved_used && !is_newer(trace) {
        findings.add(Rule::Reserved, place, || "the reserved field at 24 is not 0".to_owned());
    }
    Ok(Some(trailer.index_offset))
}

/// Checks that the frames fill the file. `found` is what the walk from frame to frame found wrong.
pub(super) fn gaps(
    trace: &Trace,
    frames: &[Located],
    found: &[Damage],
    findings: &mut Findings,
) -> Result<()> {
    let broken = found.iter().filter_map(|damage| match damage {
        Damage::BrokenFrame { offset, .. } | Damage::Truncated { offset, .. } => {
            Some((*offset, damage))
        }
        _ => None,
    });
    let broken = broken.collect();
    let body = trace.body();
    let mut end = body.start;
    let starts = frames.iter().map(|frame| (frame.offset, frame.end()));
    for (start, behind) in starts.chain([(body.end, body.end)]) {
        if start > end {
            between(trace, end..start, &broken, findings)?;
        }
        end = behind;
    }
    Ok(())
}

/// What lies in a range and is no frame. `broken` frames are known by where they begin.
fn between(
    trace: &Trace,
    range: Range<u64>,
    broken: &FxHashMap<u64, &Damage>,
    findings: &mut Findings,
) -> Result<()> {
    let (from, bytes) = (range.start, range.end - range.start);
    let place = Place::at(from);
    if let Some(broken) = broken.get(&from) {
        findings.add(Rule::Cut, place, || broken.to_string());
        return Ok(());
    }
    let start = trace.read_bytes(from, bytes.min(TRAILER_BYTES as u64))?;
    let (rule, what) = if start.starts_with(&SYNC_MARKER) {
        (Rule::FrameHeader, "they begin with a sync marker, but with no valid frame header")
    } else if Trailer::parse(&start, &Seed::new(&trace.header().uuid)).is_some() {
        (Rule::Gap, "they begin with a trailer, which should be the end of the file")
    } else if bytes < TRAILER_BYTES as u64
        && TRAILER_MAGIC.starts_with(start.get(..8).unwrap_or(&start))
    {
        (Rule::Cut, "they are the start of a trailer")
    } else {
        (Rule::Gap, "they belong to nothing")
    };
    findings.add(rule, place, || format!("{bytes} bytes are no frame: {what}"));
    Ok(())
}

/// Checks sequence numbers and parts. `by_sequence` is each number's first frame.
pub(super) fn order(
    frames: &[Located],
    by_sequence: &[Located],
    findings: &mut Findings,
    notes: &mut Notes,
) {
    let mut kinds = 0_usize;
    for damage in disorder(frames) {
        let offset_of = |wanted: u64| {
            let at = by_sequence.binary_search_by_key(&wanted, |frame| frame.header.sequence);
            let frame = at.ok().and_then(|at| by_sequence.get(at));
            frame.map_or(Place::FILE, Place::frame)
        };
        let (rule, place) = match damage {
            Damage::Repeated { offset, .. } | Damage::OutOfOrder { offset, .. } => {
                (Rule::Sequence, Place::at(offset))
            }
            Damage::MissingFrames { first_sequence, count } => {
                let behind = first_sequence.checked_add(count);
                (Rule::Sequence, behind.map_or(Place::FILE, offset_of))
            }
            Damage::IncompleteParts { sequence, .. } => (Rule::Parts, offset_of(sequence)),
            unknown => {
                kinds += 1;
                if kinds <= MOST_KINDS {
                    notes.push(unknown.to_string());
                }
                continue;
            }
        };
        findings.add(rule, place, || damage.to_string());
    }
    if let Some(beyond) = kinds.checked_sub(MOST_KINDS).filter(|&beyond| beyond > 0) {
        notes.push(format!("frames of {beyond} more unknown kinds and versions were skipped"));
    }
}

/// Checks that one index lies behind all other frames, where the trailer says.
pub(super) fn index_place(frames: &[Located], index_at: Option<u64>, findings: &mut Findings) {
    let is_index =
        |frame: &&Located| known(frame) == Some(FrameKind::Index) && frame.header.part == 0;
    let mut firsts = frames.iter().filter(is_index);
    let first = firsts.next();
    for again in firsts {
        let what = || "this is a second index".to_owned();
        findings.add(Rule::Index, Place::frame(again), what);
    }
    let behind = frames.iter().skip_while(|frame| known(frame) != Some(FrameKind::Index));
    if let Some(frame) = behind.skip(1).find(|frame| known(frame) != Some(FrameKind::Index)) {
        let what = || "it lies behind the index".to_owned();
        findings.add(Rule::Index, Place::frame(frame), what);
    }
    let Some(index_at) = index_at else {
        return;
    };
    let found = first.map(|frame| frame.offset);
    if found.is_some_and(|found| found != index_at) || found.is_none() {
        let found = found.map_or("there is none".to_owned(), |at| format!("it is at byte {at}"));
        let what = || format!("the trailer says that the index is at byte {index_at}; {found}");
        findings.add(Rule::Trailer, Place::FILE, what);
    }
}

pub(super) fn known(frame: &Located) -> Option<FrameKind> {
    FrameKind::known(frame.header.kind, frame.header.version)
}

// The reserved field that is looked at lies in the part of the header that every version has.
const _: () = assert!(FILE_HEADER_BYTES >= 60);
