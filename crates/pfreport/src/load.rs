//! A trace, read and analysed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::{Path, PathBuf};

use pfmodel::table::Analysis;
use pfmodel::{Options, Recording, analyse};
use pft::keys::fact;
use pft::record::{FaultBatch, Frame, MarkRecord, OomRecord, TraceHeader};
use pft::{Damage, Limits};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::error::Error;
use crate::input;
use crate::join::join;
use crate::select::Selected;
use crate::summary;
use crate::text::printable;

/// Everything a report draws on.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// File name of the trace, fit to print; of several `run.pft and 2 more`.
    pub name: String,
    /// Path as given, of several traces that of the first.
    pub path: PathBuf,
    /// Header of the file, of the first one.
    pub header: TraceHeader,
    /// Facts about machine and recording, by their dotted names.
    pub facts: BTreeMap<String, String>,
    /// The last ledger: what recorder and kernel counted, by dotted names. Empty when the file has none.
    pub ledger: BTreeMap<String, u64>,
    /// What is wrong with the file, one sentence each. Empty for a sound one.
    pub damage: Vec<String>,
    /// What this program left out although nothing is wrong with it.
    pub notes: Vec<String>,
    /// Beginnings of phases, in order of time.
    pub marks: Vec<Mark>,
    /// Processes that the kernel killed because memory ran out, in order of time.
    pub oom: Vec<OomRecord>,
    /// The fault table and what it refers to.
    pub analysis: Analysis,
    /// The traces that all this is made of, in their order on the axis of time: one, or several that
    /// follow each other there.
    pub members: Vec<Member>,
    /// What the faults were selected by; none if these are all.
    pub selection: Option<Selected>,
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
    /// Why it does not hold everything that happened and was asked for, in a few words each.
    pub flaws: Vec<&'static str>,
}

impl Member {
    /// Its span on the axis of time of all traces, nanoseconds.
    #[must_use]
    pub const fn span_ns(&self) -> Range<u64> {
        self.offset_ns..self.offset_ns.saturating_add(self.duration_ns)
    }
}

/// The moment at which a phase begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When, nanoseconds since the start of the trace (saturating: never negative).
    pub time_ns: u64,
    /// Name of the phase, fit to print.
    pub name: String,
}

/// The path that stands for standard input.
pub const STDIN: &str = "-";

impl Loaded {
    /// Reads a trace, on all cores, and analyses it. What is damaged is left out and listed in
    /// [`Loaded::damage`]. The path [`STDIN`] reads standard input, into memory.
    ///
    /// # Errors
    /// As [`input::open`].
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let trace = input::open(path, &Limits::default())?;
        let frames: Vec<_> = trace.frames().par_iter().map(|info| trace.read(info)).collect();

        let mut parts = Parts::new(trace.header().clone());
        let mut damage = Vec::new();
        for frame in frames {
            match frame {
                Ok(frame) => parts.add(frame),
                Err(error) => damage.push(with_sources(&error)),
            }
        }
        let (left_out, broken): (Vec<&Damage>, Vec<&Damage>) = trace
            .damage()
            .iter()
            .partition(|damage| matches!(damage, Damage::UnknownFrames { .. }));
        damage.extend(broken.iter().map(ToString::to_string));

        let recording = parts.recording;
        let facts = recording.facts.iter().map(|fact| (fact.key.clone(), fact.value.clone()));
        let ledger = recording.checkpoint.iter().flat_map(|checkpoint| &checkpoint.ledger);
        let facts: BTreeMap<String, String> = facts.collect();
        let ledger = ledger.map(|entry| (entry.key.clone(), entry.value)).collect();
        let header = recording.header.clone();
        let mut analysis = analyse(recording, parts.faults, options);
        // A trace without faults shows neither error codes nor kernel mode, whatever was recorded.
        let recorded = |key| facts.get(key).is_some_and(|value| value == "yes");
        analysis.exactness.error_code |= recorded(fact::CAPTURE_ERROR_CODE);
        analysis.exactness.kernel_mode |= recorded(fact::CAPTURE_KERNEL_MODE);
        let mut oom = parts.oom;
        oom.sort_by_key(|victim| victim.time_ns);
        let member = Member {
            name: printable(base_name(path).as_encoded_bytes()),
            path: path.to_owned(),
            target: String::new(),
            offset_ns: 0,
            start_realtime_ns: header.start_realtime_ns,
            duration_ns: analysis.duration_ns,
            rows: 0..analysis.faults.len(),
            recorded_ns: 0..analysis.duration_ns,
            flaws: Vec::new(),
        };
        let mut loaded = Self {
            name: member.name.clone(),
            path: path.to_owned(),
            marks: marks(parts.marks, header.start_ns),
            oom,
            header,
            facts,
            ledger,
            damage,
            notes: left_out.iter().map(ToString::to_string).collect(),
            analysis,
            members: vec![member],
            selection: None,
        };
        let since_ns = loaded.recorded_since_ns();
        let flaws = loaded.flaws();
        let target = summary::target(&loaded);
        for member in &mut loaded.members {
            member.recorded_ns.start = since_ns;
            member.flaws.clone_from(&flaws);
            member.target.clone_from(&target);
        }
        Ok(loaded)
    }

    /// Reads one trace, or several as one.
    ///
    /// # Errors
    /// As [`Loaded::open`].
    pub fn open_all(paths: &[PathBuf], options: &Options) -> Result<Self, Error> {
        let loaded: Vec<Self> =
            paths.iter().map(|path| Self::open(path, options)).collect::<Result<_, _>>()?;
        join(loaded).ok_or(Error::NoTrace)
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

    /// What names of output files begin with: the file name of the trace, of several that of
    /// the first and how many more there are: `run.pft+2`.
    #[must_use]
    pub fn base_name(&self) -> OsString {
        let mut name = base_name(&self.path).to_owned();
        if self.are_several() {
            name.push(format!("+{}", self.members.len() - 1));
        }
        name
    }

    /// The files that are read, which output must not replace.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.members.iter().map(|member| {
            if member.path == Path::new(STDIN) { Path::new("/dev/stdin") } else { &*member.path }
        })
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
}

fn base_name(path: &Path) -> &OsStr {
    if path == Path::new(STDIN) {
        return OsStr::new("stdin");
    }
    path.file_name().unwrap_or(path.as_os_str())
}

/// Marks in order of time, with times since the start of the trace.
fn marks(mut records: Vec<MarkRecord>, start_ns: u64) -> Vec<Mark> {
    records.sort_by_key(|mark| mark.time_ns);
    let mark = |record: MarkRecord| Mark {
        time_ns: record.time_ns.saturating_sub(start_ns),
        name: printable(&record.name),
    };
    records.into_iter().map(mark).collect()
}

/// The records of a trace, gathered from its frames in order.
struct Parts {
    recording: Recording,
    faults: Vec<FaultBatch>,
    marks: Vec<MarkRecord>,
    oom: Vec<OomRecord>,
}

impl Parts {
    const fn new(header: TraceHeader) -> Self {
        Self {
            recording: Recording::new(header),
            faults: Vec::new(),
            marks: Vec::new(),
            oom: Vec::new(),
        }
    }

    fn add(&mut self, frame: Frame) {
        let recording = &mut self.recording;
        match frame {
            Frame::Host(facts) => recording.facts.extend(facts),
            Frame::Tasks(tasks) => recording.tasks.extend(tasks),
            Frame::Maps(maps) => recording.maps.extend(maps),
            Frame::Snapshot(snapshot) => recording.snapshots.push(snapshot),
            Frame::Faults(batch) => self.faults.push(batch),
            Frame::Lost(lost) => recording.lost.extend(lost),
            Frame::Checkpoint(checkpoint) => recording.checkpoint = Some(checkpoint),
            Frame::Calls(calls) => recording.calls.extend(calls),
            Frame::Modules(modules) => recording.modules.extend(modules),
            Frame::Symbols(symbols) => recording.symbols.extend(symbols),
            Frame::CallChains(chains) => recording.call_chains.extend(chains),
            Frame::StackPointers(pointers) => recording.stack_pointers.extend(pointers),
            Frame::Oom(victims) => self.oom.extend(victims),
            Frame::Marks(marks) => self.marks.extend(marks),
            // Kinds that this program does not know are reported by the reader.
            _ => {}
        }
    }
}

/// An error and its causes in one line.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
