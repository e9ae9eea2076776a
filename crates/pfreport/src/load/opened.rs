//! A trace whose records have been read, and its faults not yet.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pfmodel::table::Analysis;
use pfmodel::{Recording, Wanted, analyse_in_order};
use pft::keys::fact;
use pft::record::{Frame, GapReason, GapRecord, MarkRecord, OomRecord, TraceHeader};
use pft::{Damage, FrameKind, Limits, Trace};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::faults::{FaultFrames, Troubles, trouble};
use super::request::{Reach, ReadStats, Request};
use super::{Loaded, Mark, Member, memory};
use crate::error::Error;
use crate::figures::gaps;
use crate::figures::target::target;
use crate::files::input;
use crate::print::text::printable;

/// A trace whose records have been read, and its faults not yet.
pub(super) struct Opened {
    pub trace: Trace,
    pub about: About,
    pub recording: Recording,
    pub scope: Scope,
}

/// Which faults are to be read.
pub(super) struct Scope {
    reach: Reach,
    /// Which faults get a row, since the start of the trace.
    rows_ns: Option<Range<u64>>,
    /// The same on the clock of the trace.
    pub window_ns: Option<Range<u64>>,
    /// The recording lasted at least until then, on its clock.
    until_ns: u64,
    /// What the file lacks.
    gaps: Vec<GapRecord>,
}

/// What a trace tells beside its faults.
pub(super) struct About {
    path: PathBuf,
    troubles: Troubles,
    /// What the file says that it lost.
    recorded_gaps: Vec<GapRecord>,
    /// That, and what is lost of it now beside faults.
    gaps: Vec<GapRecord>,
    /// What was left out to save memory.
    too_many: Option<String>,
    marks: Vec<MarkRecord>,
    oom: Vec<OomRecord>,
    header: TraceHeader,
    facts: BTreeMap<String, String>,
    ledger: BTreeMap<String, u64>,
}

impl Opened {
    /// Opens a trace and reads everything but its faults.
    ///
    /// # Errors
    /// As [`Loaded::open`].
    pub(super) fn new(path: &Path, request: &Request<'_>) -> Result<Self, Error> {
        let trace = input::open(path, &Limits::default())?;
        let (others, too_many) = memory::records(&trace, request.memory_bytes);
        let frames: Vec<_> = others.par_iter().map(|&info| (info, trace.read(info))).collect();
        let header = trace.header().clone();
        let mut recording = Recording::new(header.clone());
        let mut about = About {
            path: path.to_owned(),
            troubles: Troubles::new(),
            recorded_gaps: Vec::new(),
            gaps: Vec::new(),
            too_many: too_many.as_ref().map(|(_, damage)| damage.to_string()),
            marks: Vec::new(),
            oom: Vec::new(),
            header,
            facts: BTreeMap::new(),
            ledger: BTreeMap::new(),
        };
        let too_many = too_many.into_iter().flat_map(|(frames, _)| frames);
        let mut unusable: Vec<_> = too_many.map(|info| (info, GapReason::Missing)).collect();
        for (info, frame) in frames {
            match frame {
                Ok(frame) => about.add(recording.add(frame)),
                Err(error) => {
                    about.troubles.insert(info.offset, trouble(info, &error));
                    unusable.push((*info, GapReason::of(&error)));
                }
            }
        }
        about.recorded_gaps.clone_from(&recording.gaps);
        recording.gaps.extend(trace.gaps(&unusable));
        about.gaps.clone_from(&recording.gaps);
        let facts = recording.facts.iter().map(|fact| (fact.key.clone(), fact.value.clone()));
        about.facts = facts.collect();
        let ledger = recording.checkpoint.iter().flat_map(|checkpoint| &checkpoint.ledger);
        about.ledger = ledger.map(|entry| (entry.key.clone(), entry.value)).collect();
        let scope = Scope::new(&trace, &recording, &about, request);
        Ok(Self { trace, about, recording, scope })
    }

    /// Reads and analyses the faults.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(super) fn load(self, request: &Request<'_>) -> Result<Loaded, Error> {
        let Self { trace, about, recording, scope } = self;
        let faults = scope.faults(&trace);
        memory::check(&about.path, &faults, &scope, request.memory_bytes)?;
        let mut wanted = scope.wanted(&faults, request, true);
        wanted.expected_rows =
            usize::try_from(faults.rows_meeting(scope.window_ns.as_ref())).unwrap_or(0);
        let total = faults.rows();
        let analysis = std::thread::scope(|threads| {
            analyse_in_order(recording, faults.ahead(threads, request, (0, total)), &wanted)
        });
        let mut loaded = about.loaded(&trace, &scope, analysis);
        loaded.note_reading(faults);
        Ok(loaded)
    }
}

impl Scope {
    fn new(trace: &Trace, recording: &Recording, about: &About, request: &Request<'_>) -> Self {
        let start_ns = recording.header.start_ns;
        let known = about.gaps.iter().map(|gap| gap.before_ns).filter(|&ns| ns != u64::MAX);
        let times = trace.frames().iter().map(|info| info.last_ns).chain(known);
        let until_ns = times.max().unwrap_or(0).max(start_ns);
        let rows_ns = request.window_ns(until_ns - start_ns);
        let window_ns = rows_ns.as_ref().map(|window| {
            // What began before the trace is at its start.
            let from_ns = if window.start == 0 { 0 } else { start_ns.saturating_add(window.start) };
            from_ns..start_ns.saturating_add(window.end)
        });
        let mut reach = if window_ns.is_some() { request.reach } else { Reach::Whole };
        // A thread of which records are missing is known by its faults, from the first on.
        let end_ns = window_ns.as_ref().map_or(u64::MAX, |window| window.end);
        let loses = recording.lost.iter().any(|lost| lost.after_ns < end_ns);
        if loses || !about.gaps.is_empty() || !trace.is_complete() {
            reach = reach.max(Reach::Start);
        }
        Self { reach, rows_ns, window_ns, until_ns, gaps: about.gaps.clone() }
    }

    /// The faults that are to be read.
    pub(super) fn faults<'a>(&self, trace: &'a Trace) -> FaultFrames<'a> {
        FaultFrames::new(trace, self.reach, self.window_ns.as_ref())
    }

    /// What the analysis is to give, in one walk over the faults or in two.
    pub(super) fn wanted(
        &self,
        faults: &FaultFrames<'_>,
        request: &Request<'_>,
        is_one_walk: bool,
    ) -> Wanted {
        let slow_threshold_ns = match request.options.slow_threshold_ns {
            Some(threshold_ns) => threshold_ns,
            None if self.reach == Reach::Window => u64::MAX,
            None => faults.slow_threshold_ns(is_one_walk, &self.gaps),
        };
        let mut all = Wanted::all(slow_threshold_ns);
        all.rows_ns.clone_from(&self.rows_ns);
        all.until_ns = self.until_ns;
        all
    }
}

impl About {
    /// Takes what is no part of a recording.
    fn add(&mut self, frame: Option<Frame>) {
        match frame {
            Some(Frame::Oom(victims)) => self.oom.extend(victims),
            Some(Frame::Marks(marks)) => self.marks.extend(marks),
            // Kinds that this program does not know are reported by the reader.
            _ => {}
        }
    }

    /// The trace with these faults. [`Loaded::note_reading`] is still to come.
    pub(super) fn loaded(self, trace: &Trace, scope: &Scope, analysis: Analysis) -> Loaded {
        let (left_out, broken): (Vec<&Damage>, Vec<&Damage>) = trace
            .damage()
            .iter()
            .partition(|damage| matches!(damage, Damage::UnknownFrames { .. }));
        let start_ns = self.header.start_ns;
        let recorded_gaps = self.recorded_gaps.iter().map(|gap| gaps::sentence(gap, start_ns));
        let mut oom = self.oom;
        oom.sort_by_key(|victim| victim.time_ns);
        let member = Member {
            name: input::name(&self.path),
            path: self.path.clone(),
            offset_ns: 0,
            start_realtime_ns: self.header.start_realtime_ns,
            duration_ns: analysis.duration_ns,
            rows: 0..analysis.faults.len(),
            target: String::new(),
            recorded_ns: 0..analysis.duration_ns,
            window_ns: scope.rows_ns.clone(),
            flaws: Vec::new(),
            has_wall_clock: self
                .facts
                .get(fact::CAPTURE_WALL_CLOCK)
                .is_none_or(|known| known != "no"),
        };
        let fault_frames =
            trace.frames().iter().filter(|info| info.kind == FrameKind::Faults).count() as u64;
        let others = trace.frames().iter().filter(|info| info.kind != FrameKind::Faults);
        let bytes_read = others.map(|info| info.stored_bytes).fold(0, u64::saturating_add);
        Loaded {
            name: member.name.clone(),
            path: self.path,
            marks: marks(self.marks, self.header.start_ns),
            oom,
            header: self.header,
            facts: self.facts,
            ledger: self.ledger,
            damage: self
                .troubles
                .into_values()
                .map(|(what, _)| what)
                .chain(self.too_many)
                .chain(broken.iter().map(ToString::to_string))
                .chain(recorded_gaps)
                .collect(),
            gaps: self.gaps,
            notes: left_out.iter().map(ToString::to_string).collect(),
            analysis,
            members: vec![member],
            selection: None,
            read: ReadStats {
                fault_frames,
                fault_frames_read: 0,
                bytes_read,
                window_ns: scope.rows_ns.clone(),
                is_whole: scope.reach == Reach::Whole,
            },
        }
    }
}

impl Loaded {
    /// Notes what the faults were read from, and what was wrong there.
    pub(super) fn note_reading(&mut self, faults: FaultFrames<'_>) {
        let (frames, bytes) = faults.read();
        self.read.fault_frames_read += frames;
        self.read.bytes_read += bytes;
        let (mut damage, gaps): (Vec<String>, Vec<GapRecord>) =
            faults.into_troubles().into_values().unzip();
        damage.append(&mut self.damage);
        self.damage = damage;
        self.gaps.extend(gaps);
        self.gaps.sort_by_key(|gap| (gap.after_ns, gap.before_ns));
        let since_ns = self.recorded_since_ns();
        let flaws = self.flaws();
        let target = target(self);
        for member in &mut self.members {
            member.recorded_ns = since_ns..member.duration_ns;
            member.flaws.clone_from(&flaws);
            member.target.clone_from(&target);
        }
    }
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
