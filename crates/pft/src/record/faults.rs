//! Faults as columns.

/// What became of a fault. Stored in the low bits of [`FaultColumns::flags`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Outcome {
    /// The kernel completed it and counted a minor fault (`PERF_COUNT_SW_PAGE_FAULTS_MIN`).
    Minor = 0,
    /// The kernel completed it and counted a major fault (`PERF_COUNT_SW_PAGE_FAULTS_MAJ`).
    Major = 1,
    /// It never completed: the thread's next record is the entry of a fault elsewhere. Either it
    /// failed (invalid access, `EFAULT`) or the thread gave up waiting; the model decides.
    Abandoned = 2,
    /// The thread ended before it completed.
    ThreadExited = 3,
    /// The recording ended before it completed.
    InFlight = 4,
    /// Records of this thread may have been lost between entry and now: nothing can be said.
    Unknown = 5,
    /// The kernel sent the thread the signal of a failed access (`SIGSEGV`, `SIGBUS`) instead of
    /// completing it; [`SIGNAL_SHIFT`](super::flags::SIGNAL_SHIFT) has the number.
    Signalled = 6,
}

impl Outcome {
    /// What [`FaultColumns::flags`] say became of a fault; `None` for a number without a meaning.
    #[must_use]
    #[inline]
    pub const fn of(fault_flags: u32) -> Option<Self> {
        match fault_flags & super::flags::OUTCOME_MASK {
            0 => Some(Self::Minor),
            1 => Some(Self::Major),
            2 => Some(Self::Abandoned),
            3 => Some(Self::ThreadExited),
            4 => Some(Self::InFlight),
            5 => Some(Self::Unknown),
            6 => Some(Self::Signalled),
            _ => None,
        }
    }

    /// Whether the kernel completed the fault.
    #[must_use]
    #[inline]
    pub const fn is_completed(self) -> bool {
        matches!(self, Self::Minor | Self::Major)
    }
}

/// Value of [`FaultColumns::latency_ns`] that means "unknown".
pub const LATENCY_UNKNOWN: u64 = u64::MAX;

/// Value of [`FaultColumns::node`] that means "unknown".
pub const NODE_UNKNOWN: u8 = u8::MAX;

/// Faults as columns of equal length, in order of `time_ns`, all seen in the ring of one CPU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultColumns {
    /// Entry time of the first attempt (completion time with [`NO_ENTRY`](super::flags::NO_ENTRY)).
    pub time_ns: Vec<u64>,
    /// First entry to completion, or [`LATENCY_UNKNOWN`].
    pub latency_ns: Vec<u64>,
    /// Faulting address.
    pub addr: Vec<u64>,
    /// Instruction pointer (a kernel address for kernel-mode faults).
    pub ip: Vec<u64>,
    /// Process id.
    pub pid: Vec<u32>,
    /// Thread id.
    pub tid: Vec<u32>,
    /// See [`flags`](super::flags).
    pub flags: Vec<u32>,
    /// Entries that this fault took; more than 1 when waits were interrupted.
    pub attempts: Vec<u32>,
    /// [`CallChainRecord::id`](super::CallChainRecord::id), 0 for none. Empty if no fault of the batch has one.
    pub call_chain: Vec<u32>,
    /// NUMA node of the page that the fault installed, [`NODE_UNKNOWN`] if that is not known. Empty if
    /// it is not known of any fault of the batch.
    pub node: Vec<u8>,
}

impl FaultColumns {
    /// Number of faults.
    #[must_use]
    pub fn len(&self) -> usize {
        self.time_ns.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.time_ns.is_empty()
    }
}

/// A batch of faults of one CPU's ring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultBatch {
    /// CPU that completed the faults (or saw the entry, where none completed).
    pub cpu: u32,
    /// The faults.
    pub columns: FaultColumns,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_the_low_bits_of_the_flags() {
        let known: Vec<Option<u8>> =
            (0..8).map(|bits| Outcome::of(bits | !7).map(|outcome| outcome as u8)).collect();
        assert_eq!(known, [Some(0), Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), None]);
        let completed: Vec<u32> =
            (0..8).filter(|&bits| Outcome::of(bits).is_some_and(Outcome::is_completed)).collect();
        assert_eq!(completed, [0, 1]);
    }
}
