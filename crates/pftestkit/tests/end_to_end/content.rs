//! What the frames of a trace say by themselves, without the model.

use std::collections::BTreeSet;
use std::path::Path;

use pft::Trace;
use pft::keys::{fact, ledger};
use pft::record::{
    Checkpoint, Frame, LostRecord, OomRecord, Outcome, SnapshotReason, TaskKind, flags,
};

/// What a trace says.
pub struct Content {
    /// Start of the trace, `CLOCK_MONOTONIC`.
    pub start_ns: u64,
    pub facts: Vec<(String, String)>,
    pub latencies_ns: Vec<u64>,
    /// Faults that the kernel completed; others may be under way when the recording ends.
    pub completed: u64,
    pub victims: Vec<OomRecord>,
    pub losses: Vec<LostRecord>,
    /// When each snapshot at the end began.
    pub end_snapshots_ns: Vec<u64>,
    pub last: Checkpoint,
    /// Parent and child of each process that was seen being created.
    pub forks: Vec<(u32, u32)>,
    /// Processes with faults.
    pub pids: BTreeSet<u32>,
}

impl Content {
    /// Reads a trace that must be complete.
    pub fn open(path: &Path) -> Self {
        Self::of(&Trace::open(path).unwrap())
    }

    /// Reads a trace that must be complete.
    pub fn of(trace: &Trace) -> Self {
        assert!(trace.is_complete(), "{:?}", trace.damage());
        let mut content = Self {
            start_ns: trace.header().start_ns,
            facts: Vec::new(),
            latencies_ns: Vec::new(),
            completed: 0,
            victims: Vec::new(),
            losses: Vec::new(),
            end_snapshots_ns: Vec::new(),
            last: Checkpoint::default(),
            forks: Vec::new(),
            pids: BTreeSet::new(),
        };
        for (_, frame) in trace.iter() {
            match frame.unwrap() {
                Frame::Host(facts) => {
                    content.facts.extend(facts.into_iter().map(|fact| (fact.key, fact.value)));
                }
                Frame::Faults(batch) => {
                    let outcomes =
                        batch.columns.flags.iter().map(|bits| bits & flags::OUTCOME_MASK);
                    let completed = [Outcome::Minor as u32, Outcome::Major as u32];
                    content.completed += outcomes.filter(|o| completed.contains(o)).count() as u64;
                    content.latencies_ns.extend(batch.columns.latency_ns);
                    content.pids.extend(batch.columns.pid);
                }
                Frame::Tasks(tasks) => {
                    let created = tasks
                        .iter()
                        .filter(|task| task.kind == TaskKind::Fork && task.pid != task.parent_pid);
                    content.forks.extend(created.map(|task| (task.parent_pid, task.pid)));
                }
                Frame::Oom(victims) => content.victims.extend(victims),
                Frame::Snapshot(snapshot) if snapshot.reason == SnapshotReason::End => {
                    content.end_snapshots_ns.push(snapshot.start_ns);
                }
                Frame::Lost(losses) => content.losses.extend(losses),
                Frame::Checkpoint(checkpoint) => content.last = checkpoint,
                _ => {}
            }
        }
        assert!(content.last.end);
        content
    }

    pub fn fact(&self, key: &str) -> Option<&str> {
        self.facts.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Whether the machine had swap space at some time.
    pub fn had_swap(&self) -> bool {
        self.facts.iter().any(|(key, bytes)| key == fact::VM_SWAP_TOTAL_BYTES && bytes != "0")
    }

    pub fn count(&self, key: &str) -> Option<u64> {
        self.last.ledger.iter().find(|entry| entry.key == key).map(|entry| entry.value)
    }

    /// Counts together; those that the ledger does not have are nought.
    pub fn sum(&self, keys: &[&str]) -> u64 {
        keys.iter().filter_map(|key| self.count(key)).sum()
    }

    pub fn captured(&self) -> u64 {
        self.sum(&[ledger::CAPTURED_MINOR, ledger::CAPTURED_MAJOR])
    }

    /// The kernel's counts of completed faults are what was captured, left out and lost.
    pub fn assert_reconciled(&self) {
        let count = |key: &str| self.count(key).unwrap_or(0);
        for (class, event) in [
            ("minor", (ledger::MINOR_FAULTS_COUNT, ledger::MINOR_FAULTS_LOST)),
            ("major", (ledger::MAJOR_FAULTS_COUNT, ledger::MAJOR_FAULTS_LOST)),
        ] {
            let parts = ["", "duplicates.", "filtered.", "own."];
            let parts = parts.map(|part| count(&format!("captured.{part}{class}")));
            let unrecorded = count(&format!("counted.unrecorded.{class}"));
            let sum = parts.iter().sum::<u64>() + unrecorded + count(event.1);
            assert_eq!(sum, count(event.0), "{class}: {:?}", self.last.ledger);
        }
    }
}
