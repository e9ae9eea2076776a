//! A trace, read and analysed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pfmodel::table::Analysis;
use pfmodel::{Options, Recording, analyse};
use pft::keys::{fact, ledger};
use pft::record::{FaultBatch, Frame, TraceHeader};
use pft::{Damage, Trace};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::error::Error;
use crate::text::printable;

/// Everything a report draws on.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// File name of the trace, fit to print.
    pub name: String,
    /// Path as given.
    pub path: PathBuf,
    /// Header of the file.
    pub header: TraceHeader,
    /// Facts about machine and recording, by their dotted names.
    pub facts: BTreeMap<String, String>,
    /// The last ledger: what recorder and kernel counted, by dotted names. Empty when the file has none.
    pub ledger: BTreeMap<String, u64>,
    /// What is wrong with the file, one sentence each. Empty for a sound one.
    pub damage: Vec<String>,
    /// What this program left out although nothing is wrong with it.
    pub notes: Vec<String>,
    /// The fault table and what it refers to.
    pub analysis: Analysis,
}

impl Loaded {
    /// Reads a trace, on all cores, and analyses it. What is damaged is left out and listed in
    /// [`Loaded::damage`].
    ///
    /// # Errors
    /// [`Error::Open`] when the file cannot be opened, [`Error::Trace`] when it is no trace or of an unsupported version.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let fail = |source| Error::Trace { path: path.to_owned(), source };
        let trace = Trace::open(path).map_err(|error| match error {
            // It names the path as well.
            pft::Error::Open { source, .. } => Error::Open { path: path.to_owned(), source },
            other => fail(other),
        })?;
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
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            name: printable(name.as_encoded_bytes()),
            path: path.to_owned(),
            header,
            facts,
            ledger,
            damage,
            notes: left_out.iter().map(ToString::to_string).collect(),
            analysis,
        })
    }

    /// A fact, if recorded.
    #[must_use]
    pub fn fact(&self, key: &str) -> Option<&str> {
        self.facts.get(key).map(String::as_str)
    }

    /// A count of the ledger, if recorded.
    #[must_use]
    pub fn counted(&self, key: &str) -> Option<u64> {
        self.ledger.get(key).copied()
    }

    /// Records lost, by the last ledger: of faults, and of mappings or tasks. Losses at the very end
    /// of a recording appear nowhere else.
    #[must_use]
    pub fn lost_records(&self) -> (u64, u64) {
        let lost = |key| self.counted(key).unwrap_or(0);
        let faults = [
            ledger::PAGE_FAULTS_LOST,
            ledger::MINOR_FAULTS_LOST,
            ledger::MAJOR_FAULTS_LOST,
            ledger::TRACEPOINT_USER_LOST,
            ledger::TRACEPOINT_KERNEL_LOST,
            ledger::DROPPED_RECORDER,
        ];
        let faults = faults.into_iter().map(lost).fold(0, u64::saturating_add);
        (faults, lost(ledger::SIDEBAND_LOST))
    }

    /// What was captured and lost against what the kernel counted, by the last ledger.
    #[must_use]
    pub fn balances(&self) -> Vec<Balance> {
        let balance = |name, [captured, duplicates, lost]: [&str; 3], kernel| {
            let kernel = self.counted(kernel)?;
            let terms = [captured, duplicates, lost].map(|key| self.counted(key).unwrap_or(0));
            let ours = terms.into_iter().fold(0, u64::saturating_add);
            Some(Balance { name, ours, kernel })
        };
        let minor =
            [ledger::CAPTURED_MINOR, ledger::CAPTURED_DUPLICATES_MINOR, ledger::MINOR_FAULTS_LOST];
        let major =
            [ledger::CAPTURED_MAJOR, ledger::CAPTURED_DUPLICATES_MAJOR, ledger::MAJOR_FAULTS_LOST];
        let balances = [
            balance("minor", minor, ledger::MINOR_FAULTS_COUNT),
            balance("major", major, ledger::MAJOR_FAULTS_COUNT),
        ];
        balances.into_iter().flatten().collect()
    }

    /// Whether the closing ledger accounts for every fault that the kernel counted. Ledgers before the
    /// end are read while faults go on and say nothing.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        !self.analysis.exactness.complete
            || self.balances().iter().all(|balance| balance.ours == balance.kernel)
    }

    /// Records that the recorder could not parse, by the last ledger.
    #[must_use]
    pub fn unparsed(&self) -> u64 {
        self.counted(ledger::CAPTURED_UNPARSED).unwrap_or(0)
    }

    /// Whether everything that happened is in the table: the file is sound, the recording ended in
    /// order, nothing was lost, and the counts agree with the kernel's.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let exactness = &self.analysis.exactness;
        self.damage.is_empty()
            && exactness.complete
            && exactness.losses.is_empty()
            && self.lost_records() == (0, 0)
            && self.unparsed() == 0
            && self.is_balanced()
    }
}

/// Completions of one kind, as the recorder accounts for them and as the kernel counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// `minor` or `major`.
    pub name: &'static str,
    /// Captured, received twice or lost.
    pub ours: u64,
    /// Counted by the kernel.
    pub kernel: u64,
}

/// The records of a trace, gathered from its frames in order.
struct Parts {
    recording: Recording,
    faults: Vec<FaultBatch>,
}

impl Parts {
    const fn new(header: TraceHeader) -> Self {
        let recording = Recording {
            header,
            facts: Vec::new(),
            tasks: Vec::new(),
            maps: Vec::new(),
            calls: Vec::new(),
            snapshots: Vec::new(),
            lost: Vec::new(),
            checkpoint: None,
        };
        Self { recording, faults: Vec::new() }
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
