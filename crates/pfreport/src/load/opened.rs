//! A trace whose records have been read, and its faults not yet.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use pfmodel::table::Analysis;
use pfmodel::{Recording, Wanted, analyse_in_order};
use pft::keys::fact;
use pft::record::{Frame, MarkRecord, OomRecord, TraceHeader};
use pft::{Damage, FrameInfo, FrameKind, Trace};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::faults::{FaultFrames, Troubles};
use super::request::{Reach, ReadStats, Request};
use super::{Loaded, Mark, Member, STDIN, base_name, memory};
use crate::error::Error;
use crate::text::{printable, with_sources};

/// A trace whose records have been read, and its faults not yet.
pub(super) struct Opened {
    path: PathBuf,
    trace: Trace,
    pub recording: Recording,
    troubles: Troubles,
    marks: Vec<MarkRecord>,
    oom: Vec<OomRecord>,
    /// Which faults get a row, since the start of the trace.
    pub window_ns: Option<Range<u64>>,
    reach: Reach,
    /// The recording lasted at least until then, on its clock.
    until_ns: u64,
}

impl Opened {
    /// Opens a trace and reads everything but its faults.
    ///
    /// # Errors
    /// As [`Loaded::open`].
    pub(super) fn new(path: &Path, request: &Request<'_>) -> Result<Self, Error> {
        let trace = open(path)?;
        let others: Vec<&FrameInfo> =
            trace.frames().iter().filter(|info| info.kind != FrameKind::Faults).collect();
        let frames: Vec<_> =
            others.par_iter().map(|info| (info.offset, trace.read(info))).collect();
        let header = trace.header().clone();
        let mut opened = Self {
            path: path.to_owned(),
            recording: Recording::new(header),
            troubles: Troubles::new(),
            marks: Vec::new(),
            oom: Vec::new(),
            window_ns: None,
            reach: request.reach,
            until_ns: trace.frames().iter().map(|info| info.last_ns).max().unwrap_or(0),
            trace,
        };
        for (offset, frame) in frames {
            match frame {
                Ok(frame) => opened.add(frame),
                Err(error) => {
                    opened.troubles.insert(offset, with_sources(&error));
                }
            }
        }
        let start_ns = opened.recording.header.start_ns;
        opened.window_ns = request.window_ns(opened.until_ns.saturating_sub(start_ns));
        // A thread of which records were lost is known by its faults from the first on.
        let until_ns = opened.on_clock().map_or(u64::MAX, |window| window.end);
        let loses = opened.recording.lost.iter().any(|lost| lost.after_ns < until_ns);
        if loses || !opened.troubles.is_empty() {
            opened.reach = opened.reach.max(Reach::Start);
        }
        Ok(opened)
    }

    fn add(&mut self, frame: Frame) {
        let recording = &mut self.recording;
        match frame {
            Frame::Host(facts) => recording.facts.extend(facts),
            Frame::Tasks(tasks) => recording.tasks.extend(tasks),
            Frame::Maps(maps) => recording.maps.extend(maps),
            Frame::Snapshot(snapshot) => recording.snapshots.push(snapshot),
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

    /// The window on the clock of the trace. What began before the trace is at its start.
    pub(super) fn on_clock(&self) -> Option<Range<u64>> {
        let start_ns = self.recording.header.start_ns;
        self.window_ns.as_ref().map(|window| {
            let from_ns = if window.start == 0 { 0 } else { start_ns.saturating_add(window.start) };
            from_ns..start_ns.saturating_add(window.end)
        })
    }

    /// Its faults, as far as they are to be read.
    pub(super) fn faults(&self) -> FaultFrames<'_> {
        FaultFrames::new(&self.trace, self.reach, self.on_clock().as_ref())
    }

    /// What the analysis is to give.
    pub(super) fn wanted(&self, faults: &FaultFrames<'_>, request: &Request<'_>) -> Wanted {
        let slow_threshold_ns = match request.options.slow_threshold_ns {
            Some(threshold_ns) => threshold_ns,
            None if self.reach == Reach::Window && self.window_ns.is_some() => u64::MAX,
            None => faults.slow_threshold_ns(),
        };
        Wanted { slow_threshold_ns, rows_ns: self.window_ns.clone(), until_ns: self.until_ns }
    }

    /// Reads and analyses the faults.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(super) fn load(mut self, request: &Request<'_>) -> Result<Loaded, Error> {
        let faults = self.faults();
        memory::check(&faults, self.on_clock().as_ref(), request.memory_bytes)?;
        let wanted = self.wanted(&faults, request);
        let header = self.recording.header.clone();
        let about = self.about();
        let total = faults.rows();
        let recording = std::mem::replace(&mut self.recording, Recording::new(header));
        let faults = self.faults_again(faults);
        let analysis = std::thread::scope(|scope| {
            analyse_in_order(recording, faults.ahead(scope, request, (0, total)), &wanted)
        });
        let read = faults.read();
        let troubles = faults.into_troubles();
        Ok(self.loaded(about, analysis, read, troubles))
    }
}
