//! One fault as it was recorded.

use pft::record::flags;

/// One fault as recorded: a row of [`pft::record::FaultColumns`], and the CPU of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Entry time of the first attempt.
    pub time_ns: u64,
    /// First entry to completion, or [`pft::record::LATENCY_UNKNOWN`].
    pub latency_ns: u64,
    /// Faulting address.
    pub addr: u64,
    /// Instruction pointer; see [`Fault::knows_ip`].
    pub ip: u64,
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// See [`pft::record::flags`].
    pub flags: u32,
    /// Entries that it took.
    pub attempts: u32,
    /// CPU.
    pub cpu: u32,
}

impl Fault {
    /// Whether `ip` is an instruction: a fault whose entry was not recorded may have none, which is 0.
    #[must_use]
    pub const fn knows_ip(&self) -> bool {
        self.ip != 0 || self.flags & flags::NO_ENTRY == 0
    }
}

/// A fault, and what was recorded beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordedFault {
    pub fault: Fault,
    /// [`pft::record::CallChainRecord::id`], 0 for none.
    pub call_chain: u32,
    /// NUMA node of the page, or [`pft::record::NODE_UNKNOWN`].
    pub node: u8,
}
