//! Rules of time between frames: what lies before faults, and before checkpoints, that reach a time.
//!
//! Records that came to the recorder too late may break them. The last ledger tells whether there were any,
//! so what is found is kept until then.

use rustc_hash::FxHashMap;

use super::Notes;
use super::finding::{Findings, FrameName, Place};
use super::rule::Rule;
use crate::keys::ledger;
use crate::record::{
    CallRecord, Checkpoint, FAULTS_BEHIND_NS, FaultBatch, FaultColumns, Frame, LATENCY_UNKNOWN,
    Outcome, TaskKind, TaskRecord, flags,
};

/// Threads of which the end is kept: a file made to do harm may have any number.
const MOST_THREADS: usize = 1 << 21;

/// What the frames so far say about times of those to come.
pub(super) struct Order {
    /// Latest time of a fault.
    faults_until_ns: Option<u64>,
    /// When each thread ended last.
    ends: FxHashMap<u32, u64>,
    overflowed: bool,
    /// Latest time that the next checkpoint has to reach, and the frame that has it.
    latest: Option<(u64, FrameName)>,
    has_ended: bool,
    /// Records that came too late, by the last ledger.
    late: u64,
    found: Findings,
}

impl Order {
    /// Keeps `most` findings of each rule.
    pub(super) fn keeping(most: usize) -> Self {
        Self {
            faults_until_ns: None,
            ends: FxHashMap::default(),
            overflowed: false,
            latest: None,
            has_ended: false,
            late: 0,
            found: Findings::keeping(most),
        }
    }

    pub(super) fn check(&mut self, frame: &Frame, place: Place, findings: &mut Findings) {
        if self.has_ended {
            let what = || "it lies behind the checkpoint that closes the recording".to_owned();
            findings.add(Rule::CheckpointEnd, place, what);
        }
        match frame {
            Frame::Tasks(tasks) => {
                // Threads that are only told to be there may have been there for long.
                let told = |task: &TaskRecord| task.kind == TaskKind::Present;
                let times = tasks.iter().map(|task| (!told(task)).then_some(task.time_ns));
                self.sideband(times, place);
                self.threads(tasks);
            }
            Frame::Maps(maps) => self.sideband(maps.iter().map(|map| Some(map.time_ns)), place),
            Frame::Calls(calls) => self.calls(calls, place),
            Frame::Faults(batch) => self.faults(batch, place),
            Frame::Checkpoint(checkpoint) => self.checkpoint(checkpoint, place),
            _ => {}
        }
        if let (Some(time), Some(name)) = (latest(frame), place.frame)
            && self.latest.is_none_or(|(before, _)| before < time)
        {
            self.latest = Some((time, name));
        }
    }

    fn sideband(&mut self, times: impl Iterator<Item = Option<u64>>, place: Place) {
        let Some(until) = self.faults_until_ns else { return };
        let times = times.enumerate().filter_map(|(row, time)| Some((row, time?)));
        for (row, time) in times.filter(|&(_, time)| time <= until) {
            let what = || format!("its time is {time}, and faults up to {until} lie before it");
            self.found.add(Rule::SidebandFirst, place.row(row), what);
        }
    }

    fn threads(&mut self, tasks: &[TaskRecord]) {
        for task in tasks.iter().filter(|task| task.kind == TaskKind::Exit) {
            if self.ends.len() < MOST_THREADS || self.ends.contains_key(&task.tid) {
                let end = self.ends.entry(task.tid).or_default();
                *end = task.time_ns.max(*end);
            } else {
                self.overflowed = true;
            }
        }
    }

    fn calls(&mut self, calls: &[CallRecord], place: Place) {
        let Some(until) = self.faults_until_ns else { return };
        for (row, call) in calls.iter().enumerate() {
            let (end, what) = if call.end_ns == u64::MAX {
                // A thread that ended before the call had the same number.
                let end = self.ends.get(&call.tid).filter(|&&end| end >= call.time_ns);
                (end.copied(), "its thread ended")
            } else {
                (Some(call.end_ns), "its exit was")
            };
            if let Some(end) = end.filter(|&end| end <= until) {
                let what = || format!("{what} at {end}, and faults up to {until} lie before it");
                self.found.add(Rule::CallFirst, place.row(row), what);
            }
        }
    }

    fn faults(&mut self, batch: &FaultBatch, place: Place) {
        let columns = &batch.columns;
        if let Some(until) = self.faults_until_ns {
            for row in 0..columns.len() {
                let over = over(columns, row);
                let over = over.filter(|over| over.saturating_add(FAULTS_BEHIND_NS) <= until);
                if let Some(over) = over {
                    let what =
                        || format!("it was over at {over}, and faults up to {until} lie before it");
                    self.found.add(Rule::FaultFirst, place.row(row), what);
                }
            }
        }
        self.faults_until_ns = self.faults_until_ns.max(columns.time_ns.iter().copied().max());
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint, place: Place) {
        let time = checkpoint.time_ns;
        if let Some((latest, name)) = self.latest.filter(|&(latest, _)| latest > time) {
            let what = || format!("its time is {time}, and {name} before it has the time {latest}");
            self.found.add(Rule::CheckpointTime, place, what);
        }
        self.has_ended |= checkpoint.end;
        let late = checkpoint.ledger.iter().find(|line| line.key == ledger::CAPTURED_OUT_OF_ORDER);
        self.late = late.map_or(0, |line| line.value);
    }

    /// Adds what was found, when all frames were taken. Where the ledger of the end is missing because
    /// the file `is_doubtful`, it cannot be told from records that came too late.
    pub(super) fn tell(self, is_doubtful: bool, findings: &mut Findings, notes: &mut Notes) {
        let total = self.found.total();
        if self.overflowed {
            notes.push(format!(
                "not checked: of the threads only {MOST_THREADS} were compared with calls that did not end"
            ));
        }
        if total == 0 {
            return;
        }
        let times = if total == 1 { "once".to_owned() } else { format!("{total} times") };
        if self.late > 0 {
            notes.push(format!(
                "not checked: records lie behind later ones {times}, and {} reached the recorder too late",
                self.late
            ));
        } else if is_doubtful && !self.has_ended {
            notes.push(format!(
                "not checked: records lie behind later ones {times}; the ledger of the end, which tells \
                 whether they reached the recorder too late, is missing"
            ));
        } else {
            findings.append(self.found);
        }
    }
}

/// The latest time of a frame that the next checkpoint has to reach.
fn latest(frame: &Frame) -> Option<u64> {
    match frame {
        Frame::Tasks(rows) => rows.iter().map(|row| row.time_ns).max(),
        Frame::Maps(rows) => rows.iter().map(|row| row.time_ns).max(),
        Frame::Faults(batch) => batch.columns.time_ns.iter().copied().max(),
        Frame::Lost(rows) => rows.iter().map(|row| row.time_ns).max(),
        Frame::Oom(rows) => rows.iter().map(|row| row.time_ns).max(),
        Frame::Marks(rows) => rows.iter().map(|row| row.time_ns).max(),
        // Exits of calls, stack pointers, which have the time of completions, and control groups, which are
        // read with snapshots, may be later.
        Frame::Calls(rows) => rows.iter().map(|row| row.time_ns).max(),
        Frame::Checkpoint(checkpoint) => Some(checkpoint.time_ns),
        _ => None,
    }
}

/// When a fault was over at the latest, if that is known.
fn over(columns: &FaultColumns, row: usize) -> Option<u64> {
    let (&time, &flags) = (columns.time_ns.get(row)?, columns.flags.get(row)?);
    if flags & (flags::NO_ENTRY | flags::NEGATIVE_LATENCY) != 0 {
        return Some(time);
    }
    let is_over = Outcome::of(flags).is_some_and(Outcome::is_completed);
    let latency = columns.latency_ns.get(row).filter(|&&latency| latency != LATENCY_UNKNOWN)?;
    is_over.then(|| time.saturating_add(*latency))
}
