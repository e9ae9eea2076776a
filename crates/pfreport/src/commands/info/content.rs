//! What headers and small frames of a trace say.

use std::collections::BTreeMap;
use std::path::Path;

use pft::keys::fact;
use pft::record::{Checkpoint, Frame, GapReason, GapRecord, TraceHeader};
use pft::{Damage, FrameInfo, FrameKind, Limits, Trace};

use crate::error::Error;
use crate::figures::accounts::{DAMAGED, NOT_ENDED};
use crate::figures::gaps;
use crate::files::input;
use crate::load::Mark;
use crate::print::text::{printable, printable_path};

/// Decoded size of all frames that are looked into, bytes: a sound trace has a few kilobytes of them.
const BUDGET_BYTES: u64 = 256 << 20;

/// What is known of a trace without its faults. All names are fit to print.
#[derive(Debug, Clone)]
pub struct Content {
    /// File name.
    pub name: String,
    /// Path as given.
    pub path: String,
    pub header: TraceHeader,
    /// Major and minor version of the format.
    pub version: (u16, u16),
    /// Length of the file.
    pub file_bytes: u64,
    /// From the start to the last thing that headers tell of.
    pub duration_ns: u64,
    /// By kind, in the order of their numbers.
    pub frames: Vec<Kind>,
    /// Facts but labels, by key.
    pub facts: BTreeMap<String, String>,
    /// Labels, by name.
    pub labels: BTreeMap<String, String>,
    /// In order of time.
    pub marks: Vec<Mark>,
    /// The last one that is there.
    pub checkpoint: Option<Checkpoint>,
    /// What is wrong, one sentence each.
    pub damage: Vec<String>,
    /// What the file does not hold any more, as far as that is known without reading its faults.
    pub gaps: Vec<GapRecord>,
    /// What newer programs wrote.
    pub notes: Vec<String>,
}

/// All frames of one kind and version.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub kind: FrameKind,
    pub version: u16,
    pub frames: u64,
    pub rows: u64,
    /// In the file, headers included.
    pub stored_bytes: u64,
    /// Decompressed.
    pub raw_bytes: u64,
    /// Earliest and latest time since the start of the trace, of frames with times.
    pub times_ns: Option<(u64, u64)>,
}

impl Content {
    /// Reads frame headers, and the frames of facts and marks and the last checkpoint.
    ///
    /// # Errors
    /// As [`input::open`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        // Few frames are held, whatever all would take.
        let trace = input::open(path, &Limits::new(u64::MAX))?;
        let header = trace.header().clone();
        let start_ns = header.start_ns;
        let (notes, damage): (Vec<&Damage>, Vec<&Damage>) =
            trace.damage().iter().partition(|what| matches!(what, Damage::UnknownFrames { .. }));
        let last_ns = trace.frames().iter().map(|info| info.last_ns).max().unwrap_or(0);
        let mut content = Self {
            name: input::name(path),
            path: printable_path(path),
            version: (pft::MAJOR_VERSION, trace.minor_version()),
            file_bytes: trace.file_bytes(),
            duration_ns: 0,
            frames: kinds(trace.frames(), start_ns),
            facts: BTreeMap::new(),
            labels: BTreeMap::new(),
            marks: Vec::new(),
            checkpoint: None,
            damage: damage.iter().map(ToString::to_string).collect(),
            gaps: Vec::new(),
            notes: notes.iter().map(ToString::to_string).collect(),
            header,
        };
        content.read_small_frames(&trace);
        let known = content.gaps.iter().map(|gap| gap.before_ns).filter(|&ns| ns != u64::MAX);
        let last_ns = known.chain([last_ns]).max().unwrap_or(0);
        content.duration_ns = last_ns.saturating_sub(start_ns);
        Ok(content)
    }

    fn read_small_frames(&mut self, trace: &Trace) {
        let mut budget = BUDGET_BYTES;
        let mut unusable = Vec::new();
        let mut read = |info: &FrameInfo, damage: &mut Vec<String>| -> Option<Frame> {
            let Some(left) = budget.checked_sub(info.decoded_bytes()) else {
                damage
                    .push(format!("{} frame {} is too large to be read", info.kind, info.sequence));
                return None;
            };
            budget = left;
            let failed = |error: pft::Error| {
                damage.push(error.to_string());
                unusable.push((*info, GapReason::of(&error)));
            };
            trace.read(info).map_err(failed).ok()
        };
        let mut recorded = Vec::new();
        for info in trace.frames() {
            let wanted = matches!(info.kind, FrameKind::Host | FrameKind::Marks | FrameKind::Gaps);
            match wanted.then(|| read(info, &mut self.damage)).flatten() {
                Some(Frame::Host(facts)) => {
                    for fact in facts {
                        let value = printable(fact.value.as_bytes());
                        match fact.key.strip_prefix(fact::LABEL_PREFIX) {
                            Some(label) => self.labels.insert(printable(label.as_bytes()), value),
                            None => self.facts.insert(printable(fact.key.as_bytes()), value),
                        };
                    }
                }
                Some(Frame::Gaps(gaps)) => recorded.extend(gaps),
                Some(Frame::Marks(marks)) => self.marks.extend(marks.iter().map(|mark| Mark {
                    time_ns: mark.time_ns.saturating_sub(self.header.start_ns),
                    name: printable(&mark.name),
                })),
                _ => {}
            }
        }
        self.marks.sort_by_key(|mark| mark.time_ns);
        let checkpoints = trace.frames().iter().rev();
        for info in checkpoints.filter(|info| info.kind == FrameKind::Checkpoint) {
            if let Some(Frame::Checkpoint(checkpoint)) = read(info, &mut self.damage) {
                self.checkpoint = Some(checkpoint);
                break;
            }
        }
        let start_ns = self.header.start_ns;
        self.damage.extend(recorded.iter().map(|gap| gaps::sentence(gap, start_ns)));
        self.gaps = [recorded, trace.gaps(&unusable)].concat();
        self.gaps.sort_by_key(|gap| (gap.after_ns, gap.before_ns));
    }

    /// Whether the recording ended in order.
    pub fn ended(&self) -> bool {
        self.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.end)
    }

    /// Whether nothing is known to be missing.
    pub fn is_whole(&self) -> bool {
        self.flaws().is_empty()
    }

    /// Why something is, as far as frame headers and counts tell.
    pub fn flaws(&self) -> Vec<&'static str> {
        let found = [(!self.damage.is_empty(), DAMAGED), (!self.ended(), NOT_ENDED)];
        found.into_iter().filter_map(|(holds, flaw)| holds.then_some(flaw)).collect()
    }

    /// The ledger of the last checkpoint, by key.
    pub fn ledger(&self) -> BTreeMap<String, u64> {
        let entries = self.checkpoint.iter().flat_map(|checkpoint| &checkpoint.ledger);
        entries.map(|entry| (printable(entry.key.as_bytes()), entry.value)).collect()
    }

    /// The identity of the trace as 32 digits in groups.
    pub fn uuid(&self) -> String {
        let mut out = String::new();
        for (n, byte) in self.header.uuid.iter().enumerate() {
            out.push_str(if matches!(n, 4 | 6 | 8 | 10) { "-" } else { "" });
            out.push_str(&format!("{byte:02x}"));
        }
        out
    }
}

fn kinds(frames: &[FrameInfo], start_ns: u64) -> Vec<Kind> {
    let mut kinds: BTreeMap<(FrameKind, u16), Kind> = BTreeMap::new();
    for info in frames {
        let kind = kinds.entry((info.kind, info.version)).or_insert(Kind {
            kind: info.kind,
            version: info.version,
            frames: 0,
            rows: 0,
            stored_bytes: 0,
            raw_bytes: 0,
            times_ns: None,
        });
        kind.frames += 1;
        kind.rows = kind.rows.saturating_add(info.rows);
        kind.stored_bytes = kind.stored_bytes.saturating_add(info.stored_bytes);
        kind.raw_bytes = kind.raw_bytes.saturating_add(info.raw_bytes);
        if info.last_ns > 0 {
            let first = info.first_ns.saturating_sub(start_ns);
            let last = info.last_ns.saturating_sub(start_ns);
            let (from, to) = kind.times_ns.unwrap_or((first, last));
            kind.times_ns = Some((from.min(first), to.max(last)));
        }
    }
    kinds.into_values().collect()
}
