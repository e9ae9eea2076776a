//! The lines of a trace.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use pft::{
    Damage, FILE_HEADER_BYTES, FrameInfo, FrameKind, Limits, RawFrame, TRAILER_BYTES, Trace,
};

use super::{Arguments, records};
use crate::error::Error;
use crate::files::input;
use crate::print::text::{harmless, printable_path};

/// Decoded size of a frame that is looked into, bytes: only forged ones exceed it.
const FRAME_BYTES: u64 = 1 << 30;

/// What there is to say about a trace, in the order of the file.
pub struct Listing<'a> {
    path: PathBuf,
    arguments: &'a Arguments,
    trace: Trace,
    frames: Vec<RawFrame>,
    /// By where they lie, and those of the whole file.
    damage: Vec<(Option<u64>, Damage)>,
    /// Whether something is wrong.
    damaged: bool,
    /// What frames may still take once decoded, all together: a small file may hold so many that it would take hours.
    left_bytes: u64,
}

impl<'a> Listing<'a> {
    /// Walks through a trace.
    ///
    /// # Errors
    /// As [`input::open`]; [`Error::Trace`] when reading fails.
    pub fn open(path: &Path, arguments: &'a Arguments) -> Result<Self, Error> {
        // One frame is held at a time, whatever all would take.
        let trace = input::open(path, &Limits::new(u64::MAX))?;
        let read = |source| Error::Trace { path: path.to_owned(), source };
        let (frames, found) = trace.scan().map_err(read)?;
        let mut damage: Vec<Damage> = trace.damage().to_vec();
        damage.extend(found.into_iter().filter(|found| !trace.damage().contains(found)));
        damage.retain(|damage| !matches!(damage, Damage::UnknownFrames { .. }));
        let mut damage: Vec<_> = damage.into_iter().map(|what| (offset(&what), what)).collect();
        damage.sort_by_key(|(offset, _)| offset.unwrap_or(u64::MAX));
        let damaged = !damage.is_empty();
        let left_bytes = Limits::of_file(trace.file_bytes()).decoded_bytes;
        Ok(Self { path: path.to_owned(), arguments, trace, frames, damage, damaged, left_bytes })
    }

    /// Writes all lines; whether nothing is wrong.
    ///
    /// # Errors
    /// [`Error::Output`], or [`Error::Trace`] when reading fails.
    pub fn write(mut self, out: &mut impl Write) -> Result<bool, Error> {
        let Self { trace, .. } = &self;
        let header = trace.header();
        writeln!(
            out,
            "{}: format {}.{}, {} bytes, page size {}, clock {}, start {} ns, {} ns since 1970",
            printable_path(&self.path),
            pft::MAJOR_VERSION,
            trace.minor_version(),
            trace.file_bytes(),
            header.page_size_bytes,
            header.clock_id,
            header.start_ns,
            header.start_realtime_ns,
        )?;
        let columns = Columns::of(trace, &self.frames);
        columns.heading(out)?;
        columns.whole(out, 0, "header", trace.body().start.max(FILE_HEADER_BYTES as u64))?;
        let frames = std::mem::take(&mut self.frames);
        let wholes = self.trace.frames().iter().map(|info| (info.offset, *info)).collect();
        let mut damage = std::mem::take(&mut self.damage).into_iter().peekable();
        let mut shown = 0_u64;
        for frame in &frames {
            while let Some((_, what)) =
                damage.next_if(|(at, _)| at.is_some_and(|at| at < frame.offset))
            {
                writeln!(out, "! {what}")?;
            }
            if self.is_wanted(frame) {
                self.frame(out, &columns, frame, &wholes)?;
                shown += 1;
            }
            while let Some((_, what)) = damage.next_if(|(at, _)| *at == Some(frame.offset)) {
                writeln!(out, "! {what}")?;
            }
        }
        for (_, what) in damage {
            writeln!(out, "! {what}")?;
        }
        if shown == 0 && !frames.is_empty() {
            writeln!(out, "none of the {} frames is of this number and kind", frames.len())?;
        }
        let end = self.trace.body().end;
        if end < self.trace.file_bytes() {
            columns.whole(out, end, "trailer", TRAILER_BYTES as u64)?;
        }
        Ok(!self.damaged)
    }

    fn is_wanted(&self, frame: &RawFrame) -> bool {
        let Arguments { frame: sequences, kind: kinds, .. } = self.arguments;
        (sequences.is_empty() || sequences.contains(&frame.sequence))
            && (kinds.is_empty() || kinds.contains(&frame.kind))
    }

    fn frame(
        &mut self,
        out: &mut impl Write,
        columns: &Columns,
        frame: &RawFrame,
        wholes: &HashMap<u64, FrameInfo>,
    ) -> Result<(), Error> {
        let read = |source| Error::Trace { path: self.path.clone(), source };
        let known = FrameKind::known(frame.kind, frame.version);
        if !self.trace.is_intact(frame).map_err(read)? {
            self.damaged = true;
            return Ok(columns.frame(out, frame, "wrong checksum of the payload")?);
        }
        let whole = wholes.get(&frame.offset);
        let before = self.left_bytes;
        self.left_bytes = before.saturating_sub(whole.map_or(0, FrameInfo::decoded_bytes));
        let mut records = None;
        let state = match (known, whole) {
            (None, _) => Ok("ok, of an unknown kind"),
            (Some(_), Some(info)) if info.decoded_bytes() > FRAME_BYTES.min(before) => {
                Err("too large to be decoded".to_owned())
            }
            (Some(_), Some(info)) => match self.trace.read(info) {
                Ok(decoded) => {
                    records = Some(decoded);
                    Ok("ok")
                }
                Err(error @ (pft::Error::Read { .. } | pft::Error::Open { .. })) => {
                    return Err(read(error));
                }
                Err(error) => Err(invalid(&error)),
            },
            // The index, and further parts of a record.
            (Some(FrameKind::Index), None) => Ok("ok"),
            (Some(_), None) if frame.part > 0 => Ok("ok"),
            // What is wrong is among the damage.
            (Some(_), None) => Err("left out".to_owned()),
        };
        self.damaged |= state.is_err();
        columns.frame(out, frame, state.as_ref().map_or_else(|wrong| wrong.as_str(), |&ok| ok))?;
        let Arguments { rows, frame: sequences, kind, top, .. } = self.arguments;
        if let Some(records) =
            records.filter(|_| *rows || !sequences.is_empty() || !kind.is_empty())
        {
            records::write(out, &records, top.unwrap_or(u64::MAX))?;
        }
        Ok(())
    }
}

/// What is wrong with a frame whose place the line tells already.
fn invalid(error: &pft::Error) -> String {
    match error {
        pft::Error::FrameInvalid { what, .. } => format!("invalid: {what}"),
        pft::Error::FrameChecksum { part, .. } => format!("wrong checksum of the {part} of a part"),
        other => harmless(&other.to_string()),
    }
}

/// Where damage lies, if it has a place.
fn offset(damage: &Damage) -> Option<u64> {
    match damage {
        Damage::Truncated { offset, .. }
        | Damage::Skipped { offset, .. }
        | Damage::BrokenFrame { offset, .. }
        | Damage::Repeated { offset, .. }
        | Damage::OutOfOrder { offset, .. } => Some(*offset),
        _ => None,
    }
}

/// Widths that fit all frames of a trace.
struct Columns {
    start_ns: u64,
    offset: usize,
    sequence: usize,
    rows: usize,
    time: usize,
}

/// Columns of the longest name of a kind.
const KIND: usize = 13;
/// Columns of a length in bytes.
const BYTES: usize = 8;
/// Columns of `part/parts`.
const PART: usize = 5;

impl Columns {
    fn of(trace: &Trace, frames: &[RawFrame]) -> Self {
        let start_ns = trace.header().start_ns;
        let most = |value: fn(&RawFrame) -> u64| frames.iter().map(value).max().unwrap_or(0);
        let digits = |number: u64| number.to_string().len();
        let last_ns = most(|frame| frame.last_ns).saturating_sub(start_ns);
        Self {
            start_ns,
            offset: digits(trace.file_bytes()).max("offset".len()),
            sequence: digits(most(|frame| frame.sequence)).max("seq".len()),
            rows: digits(most(|frame| frame.rows.into())).max("rows".len()),
            time: digits(last_ns / 1_000_000_000) + 10,
        }
    }

    fn heading(&self, out: &mut impl Write) -> std::io::Result<()> {
        let Self { offset, sequence, rows, time, .. } = self;
        writeln!(
            out,
            "{:>offset$} {:<KIND$} v {:>sequence$} {:>PART$} {:>rows$} {:>time$} {:>time$} {:>BYTES$} \
             {:>BYTES$} state",
            "offset", "kind", "seq", "part", "rows", "first/s", "last/s", "stored", "raw"
        )
    }

    fn frame(&self, out: &mut impl Write, frame: &RawFrame, state: &str) -> std::io::Result<()> {
        let Self { offset, sequence, rows, time, .. } = self;
        let kind = match FrameKind::known(frame.kind, frame.version) {
            Some(kind) => kind.to_string(),
            None => format!("unknown {}", frame.kind),
        };
        let moment = |ns: u64| match frame.last_ns {
            0 => "-".to_owned(),
            _ => self.seconds(ns),
        };
        writeln!(
            out,
            "{:>offset$} {kind:<KIND$} {} {:>sequence$} {:>PART$} {:>rows$} {:>time$} {:>time$} \
             {:>BYTES$} {:>BYTES$} {state}",
            frame.offset,
            frame.version,
            frame.sequence,
            format!("{}/{}", u32::from(frame.part) + 1, frame.parts),
            frame.rows,
            moment(frame.first_ns),
            moment(frame.last_ns),
            frame.stored_bytes,
            frame.raw_bytes,
        )
    }

    /// The line of what is no frame.
    fn whole(&self, out: &mut impl Write, at: u64, what: &str, length: u64) -> std::io::Result<()> {
        let Self { offset, sequence, rows, time, .. } = self;
        let stored = KIND + 3 + sequence + 1 + PART + 1 + rows + 1 + time + 1 + time + 1 + BYTES;
        writeln!(out, "{at:>offset$} {what}{length:>rest$}", rest = stored - what.len())
    }

    /// `0.000012345`, since the start of the trace.
    fn seconds(&self, ns: u64) -> String {
        let (sign, ns) = match ns.checked_sub(self.start_ns) {
            Some(ns) => ("", ns),
            None => ("-", self.start_ns - ns),
        };
        format!("{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}
