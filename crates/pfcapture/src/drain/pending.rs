//! Faults of one CPU's ring that wait to be stored, and what came with them.

use crate::drain::batch::FaultRows;

/// Faults of one CPU's ring that wait to be stored.
#[derive(Debug, Default)]
pub struct Pending {
    /// CPU.
    pub cpu: u32,
    /// Faults in order of completion.
    pub batch: FaultRows,
    /// The last fault that completed here.
    pub(super) completed: Option<Completed>,
    /// Time of the last record of this ring.
    pub(super) last_record_ns: u64,
}

impl Pending {
    /// Nothing waits.
    #[must_use]
    pub fn new(cpu: u32) -> Self {
        Self { cpu, ..Self::default() }
    }

    /// Whether there are at least `rows` faults, or what came with them is large.
    #[must_use]
    pub fn is_due(&self, rows: usize) -> bool {
        let FaultRows { rows: waiting, callers, stack_bytes, .. } = &self.batch;
        waiting.len() >= rows.max(1)
            || size_of_val(callers.as_slice()) + stack_bytes.len() > LARGE_BYTES
    }

    /// Gives the stacks of the batch up; returns how many.
    pub fn drop_stacks(&mut self) -> u64 {
        let dropped = self.batch.stacks.len() as u64;
        self.batch.stack_counts.dropped += dropped;
        self.batch.stacks.clear();
        self.batch.stack_bytes.clear();
        dropped
    }
}

/// A batch is stored early when more than so much came with its faults.
const LARGE_BYTES: usize = 4 << 20;

/// A fault that completed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Completed {
    pub tid: u32,
    pub addr: u64,
    /// It is the last row of the batch.
    pub kept: bool,
}
