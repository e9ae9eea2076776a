//! What frames hold, counted for comparison with the ledger.

use crate::keys::fact;
use crate::record::{Checkpoint, Fact, FaultBatch, Frame, LostBy, Outcome, SnapshotReason, flags};

/// Longest value of a fact that is kept.
const MOST_VALUE_BYTES: usize = 4096;

/// Rows of all frames that could be read, by what they say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Faults.
    pub faults: u64,
    /// Of these, by the number of their [`Outcome`]; the last one has no meaning.
    pub outcomes: [u64; 8],
    /// Completed faults that took more than one entry.
    pub interrupted: u64,
    /// Completions without their entry.
    pub without_entry: u64,
    /// Faults with negative latency.
    pub negative_latency: u64,
    /// Faults that have a call chain.
    pub with_chain: u64,
    /// Call chains that differ in number; `None` where there were too many to keep track of.
    pub chains: Option<u64>,
    /// Of these, those that were cut short.
    pub cut_chains: u64,
    /// System calls.
    pub calls: u64,
    /// Victims of the OOM killer.
    pub oom: u64,
    /// Snapshots of all of a process.
    pub snapshots: u64,
    /// Answers about single addresses.
    pub queries: u64,
    /// Records that the recorder dropped, by Lost frames.
    pub lost_by_recorder: u64,
    /// Records that the kernel dropped, by Lost frames.
    pub lost_by_kernel: u64,
    /// Facts with keys of the page: the last value of each that is no longer than 4096 bytes.
    pub facts: std::collections::BTreeMap<String, String>,
    /// The last checkpoint.
    pub checkpoint: Option<Checkpoint>,
}

impl Counts {
    /// Faults with this outcome.
    #[must_use]
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome as usize).copied().unwrap_or(0)
    }

    /// The value of a fact, if recorded.
    #[must_use]
    pub fn fact(&self, key: &str) -> Option<&str> {
        self.facts.get(key).map(String::as_str)
    }

    /// Adds a part of a record, or all of it.
    pub(super) fn add(&mut self, frame: Frame, is_first_part: bool) {
        match frame {
            Frame::Host(facts) => {
                for Fact { key, value } in facts {
                    // Others, labels among them, may be as many and as long as anybody likes.
                    let is_known = fact::ALL.iter().any(|(known, _)| *known == key);
                    if is_known && value.len() <= MOST_VALUE_BYTES {
                        self.facts.insert(key, value);
                    }
                }
            }
            Frame::Faults(batch) => self.add_faults(&batch),
            Frame::Calls(calls) => self.calls += calls.len() as u64,
            Frame::Oom(victims) => self.oom += victims.len() as u64,
            Frame::Snapshot(snapshot) if is_first_part => match snapshot.reason {
                SnapshotReason::Query => self.queries += 1,
                _ => self.snapshots += 1,
            },
            Frame::Lost(losses) => {
                for loss in losses {
                    let sum = match loss.by {
                        LostBy::Ring => &mut self.lost_by_kernel,
                        LostBy::Recorder => &mut self.lost_by_recorder,
                    };
                    *sum = sum.saturating_add(loss.count);
                }
            }
            Frame::Checkpoint(checkpoint) => self.checkpoint = Some(checkpoint),
            _ => {}
        }
    }

    fn add_faults(&mut self, batch: &FaultBatch) {
        let columns = &batch.columns;
        self.faults += columns.len() as u64;
        self.with_chain += columns.call_chain.iter().filter(|&&id| id != 0).count() as u64;
        for (&flags, &attempts) in columns.flags.iter().zip(&columns.attempts) {
            let outcome = Outcome::of(flags);
            if let Some(count) = outcome.and_then(|one| self.outcomes.get_mut(one as usize)) {
                *count += 1;
            }
            let is_completed = outcome.is_some_and(Outcome::is_completed);
            self.interrupted += u64::from(is_completed && attempts > 1);
            self.without_entry += u64::from(flags & flags::NO_ENTRY != 0);
            self.negative_latency += u64::from(flags & flags::NEGATIVE_LATENCY != 0);
        }
    }
}
