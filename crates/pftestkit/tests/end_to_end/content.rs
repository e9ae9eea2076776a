//! What the frames of a trace say by themselves, without the model.

use std::path::Path;

use pft::Trace;
use pft::keys::ledger;
use pft::record::{Checkpoint, Frame, LostRecord, OomRecord, Outcome, flags};

/// What a trace says.
pub struct Content {
    facts: Vec<(String, String)>,
    pub latencies_ns: Vec<u64>,
    /// Faults that the kernel completed; others may be under way when the recording ends.
    pub completed: u64,
    pub victims: Vec<OomRecord>,
    pub losses: Vec<LostRecord>,
    pub start_ns: u64,
    pub last: Checkpoint,
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
            facts: Vec::new(),
            latencies_ns: Vec::new(),
            completed: 0,
            victims: Vec::new(),
            losses: Vec::new(),
            start_ns: trace.header().start_ns,
            last: Checkpoint::default(),
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
                }
                Frame::Oom(victims) => content.victims.extend(victims),
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
}
