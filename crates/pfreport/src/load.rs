//! A trace, read and analysed.

mod faults;
pub(crate) mod join;
mod memory;
mod opened;
mod parts;
pub(crate) mod progress;
mod request;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pfmodel::Options;
use pfmodel::table::Analysis;
use pft::keys::fact;
use pft::record::{GapRecord, OomRecord, TraceHeader};

use crate::error::Error;
use crate::files::destination::Destination;
use crate::files::input::{STDIN, base_name, read_from};
use crate::load::join::join;
use crate::select::Selected;
pub use memory::{check_bytes, default_bytes, kept_rows, stretch_rows};
pub use request::{Progress, Reach, ReadStats, Request};

/// Everything a report draws on.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// File name of the trace, fit to print; of several `run.pft and 2 more`.
    pub name: String,
    /// Path as given, of several traces that of the first.
    pub path: PathBuf,
    /// Header of the file; of several that of the first, with the smallest pages of all.
    pub header: TraceHeader,
    /// Facts about machine and recording, by their dotted names; of several traces those that all agree on,
    /// and what one of them left out.
    pub facts: BTreeMap<String, String>,
    /// The last ledger: what recorder and kernel counted, by dotted names. Empty when the file has none; of
    /// several traces sums of what all of them counted.
    pub ledger: BTreeMap<String, u64>,
    /// What is wrong with the file, one sentence each. Empty for a sound one.
    pub damage: Vec<String>,
    /// What the file does not hold any more, in order of time: what is damaged now, and what the file says that it
    /// lost before it was recovered. On the clock of [`Loaded::header`], as [`Loaded::oom`].
    pub gaps: Vec<GapRecord>,
    /// What this program left out although nothing is wrong with it.
    pub notes: Vec<String>,
    /// Beginnings of phases, in order of time.
    pub marks: Vec<Mark>,
    /// Processes that the kernel killed because memory ran out, in order of time: on the clock of
    /// [`Loaded::header`], which for several traces goes on along their axis.
    pub oom: Vec<OomRecord>,
    /// The fault table and what it refers to.
    pub analysis: Analysis,
    /// The traces that all this is made of, in their order on the axis of time: one, or several that
    /// follow each other there.
    pub members: Vec<Member>,
    /// What the faults were selected by; none if these are all.
    pub selection: Option<Selected>,
    /// How much of the files was read.
    pub read: ReadStats,
}

/// One of the traces that are reported on together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// File name, fit to print.
    pub name: String,
    /// Path as given.
    pub path: PathBuf,
    /// What was recorded, fit to print.
    pub target: String,
    /// Where it begins on the axis of time of all of them: its times are that much less than those of
    /// [`Loaded::analysis`], nanoseconds.
    pub offset_ns: u64,
    /// Its start as calendar time, nanoseconds since 1970, UTC.
    pub start_realtime_ns: u64,
    /// Its length, nanoseconds.
    pub duration_ns: u64,
    /// Its rows in the fault table.
    pub rows: Range<usize>,
    /// When faults were recorded, on that axis: all of it, or what is left after a delay.
    pub recorded_ns: Range<u64>,
    /// The part of its own time that was asked for when it was read, nanoseconds since its start. What shares of
    /// its length come to is settled then, before its faults tell how long the last of them took.
    pub window_ns: Option<Range<u64>>,
    /// Why it does not hold everything that happened and was asked for, in a few words each.
    pub flaws: Vec<&'static str>,
    /// Whether its wall clock is known.
    pub has_wall_clock: bool,
}

impl Member {
    /// Its start on the wall clock, nanoseconds since the Unix epoch, if that is known.
    #[must_use]
    pub fn wall_start_ns(&self) -> Option<u64> {
        self.has_wall_clock.then_some(self.start_realtime_ns)
    }

    /// Its span on the axis of time of all traces, nanoseconds.
    #[must_use]
    pub const fn span_ns(&self) -> Range<u64> {
        self.offset_ns..self.offset_ns.saturating_add(self.duration_ns)
    }
}

/// The moment at which a phase begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When, on the axis of time of [`Loaded::analysis`], nanoseconds (saturating: never negative).
    pub time_ns: u64,
    /// Name of the phase, fit to print.
    pub name: String,
}

impl Loaded {
    /// Reads a trace, on all cores, and analyses it. What is damaged is left out and listed in
    /// [`Loaded::damage`]. The path [`STDIN`] reads standard input, into memory.
    ///
    /// # Errors
    /// As [`crate::files::input::open`].
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::open_with(path, &Request::from(*options))
    }

    /// Reads what is asked for of a trace: the frames of a window of time, or all.
    ///
    /// # Errors
    /// As [`Loaded::open`]; [`Error::Memory`] for more faults than the memory asked for holds.
    pub fn open_with(path: &Path, request: &Request<'_>) -> Result<Self, Error> {
        opened::Opened::new(path, request)?.load(request)
    }

    /// Reads what is asked for of one trace, or of several as one.
    ///
    /// # Errors
    /// As [`Loaded::open_with`].
    pub fn open_all(paths: &[PathBuf], request: &Request<'_>) -> Result<Self, Error> {
        let loaded = paths.iter().map(|path| Self::open_with(path, request));
        join(loaded.collect::<Result<_, _>>()?).ok_or(Error::NoTrace)
    }

    /// The last of [`Loaded::marks`] at or before a moment, of the trace that the moment belongs to.
    #[must_use]
    pub fn mark_at(&self, time_ns: u64) -> Option<u32> {
        let begun = self.marks.partition_point(|mark| mark.time_ns <= time_ns);
        let last = begun.checked_sub(1)?;
        let traces = self.members.partition_point(|member| member.offset_ns <= time_ns);
        let since_ns = self.members.get(traces.checked_sub(1)?)?.offset_ns;
        self.marks.get(last).filter(|mark| mark.time_ns >= since_ns)?;
        u32::try_from(last).ok()
    }

    /// The name of an output file that was given none: the file name of the trace, of several that of
    /// the first and how many more there are (`run.pft+2`), and an ending.
    #[must_use]
    pub fn output_name(&self, ending: &str) -> PathBuf {
        let mut name = base_name(&self.path).to_owned();
        if self.are_several() {
            name.push(format!("+{}", self.members.len() - 1));
        }
        name.push(ending);
        name.into()
    }

    /// Where an output goes: as asked for, else into the file of that name.
    #[must_use]
    pub fn output(&self, asked: Option<&Destination>, ending: &str) -> Destination {
        asked.cloned().unwrap_or_else(|| Destination::File(self.output_name(ending)))
    }

    /// The files that are read, which output must not replace.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.members.iter().map(|member| read_from(&member.path))
    }

    /// The number of the trace that a row comes from, in [`Loaded::members`].
    #[must_use]
    pub fn member_of(&self, row: usize) -> usize {
        self.members.partition_point(|member| member.rows.end <= row)
    }

    /// Whether these are several traces.
    #[must_use]
    pub fn are_several(&self) -> bool {
        self.members.len() > 1
    }

    /// Whether a trace came from standard input, which cannot be read again.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        self.members.iter().any(|member| member.path == Path::new(STDIN))
    }

    /// A fact, if recorded.
    #[must_use]
    pub fn fact(&self, key: &str) -> Option<&str> {
        self.facts.get(key).map(String::as_str)
    }

    /// The start on the wall clock, nanoseconds since the Unix epoch, if that is known.
    #[must_use]
    pub fn wall_start_ns(&self) -> Option<u64> {
        let is_known = self.fact(fact::CAPTURE_WALL_CLOCK) != Some("no");
        is_known.then_some(self.header.start_realtime_ns)
    }
}
