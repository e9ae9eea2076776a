//! Faults as rows, on their way into a trace.

use pft::record::{FaultColumns, LATENCY_UNKNOWN, NODE_UNKNOWN};

use crate::sample::Sample;

/// A fault as it goes into the trace; the row form of `pft::record::FaultColumns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultRow {
    /// Time of the first entry.
    pub time_ns: u64,
    /// First entry to completion.
    pub latency_ns: u64,
    /// Address.
    pub addr: u64,
    /// Instruction pointer.
    pub ip: u64,
    /// Process.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// `pft::record::flags`.
    pub flags: u32,
    /// Entries.
    pub attempts: u32,
    /// Its callers, among those that were appended with its batch; nowhere else do they mean anything.
    pub chain: ChainSpan,
    /// NUMA node of the page, or `pft::record::NODE_UNKNOWN`.
    pub node: u8,
}

impl Default for FaultRow {
    /// Of a fault of which nothing is known.
    #[inline]
    fn default() -> Self {
        Self {
            time_ns: 0,
            latency_ns: LATENCY_UNKNOWN,
            addr: 0,
            ip: 0,
            pid: 0,
            tid: 0,
            flags: 0,
            attempts: 1,
            chain: ChainSpan::default(),
            node: NODE_UNKNOWN,
        }
    }
}

/// Where the callers of a fault are among those of its batch: those in the kernel, then those in user
/// space. By default there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainSpan {
    /// The first one.
    pub start: u32,
    /// How many are in the kernel: the faulting instruction and return addresses; 0 in user mode.
    pub kernel: u16,
    /// How many are in user space: the faulting instruction in user mode, and return addresses.
    pub user: u16,
    /// Behind the last one there may be more.
    pub cut: bool,
}

impl ChainSpan {
    /// Whether there are no callers.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.kernel == 0 && self.user == 0
    }
}

impl FaultRow {
    /// A fault of which one sample is known.
    #[inline]
    pub(crate) fn begun(sample: &Sample, flags: u32) -> Self {
        Self {
            time_ns: sample.time_ns,
            addr: sample.addr,
            ip: sample.ip,
            pid: sample.pid,
            tid: sample.tid,
            flags,
            ..Self::default()
        }
    }
}

/// The columns of rows that are in order of entry. `chain_ids` has the numbers of their call chains, or is
/// empty if there are none.
#[must_use]
pub fn columns(rows: &[FaultRow], chain_ids: &[u32]) -> FaultColumns {
    let has_chains = chain_ids.iter().any(|&id| id != 0);
    let nodes = rows.iter().any(|row| row.node != NODE_UNKNOWN);
    FaultColumns {
        time_ns: rows.iter().map(|row| row.time_ns).collect(),
        latency_ns: rows.iter().map(|row| row.latency_ns).collect(),
        addr: rows.iter().map(|row| row.addr).collect(),
        ip: rows.iter().map(|row| row.ip).collect(),
        pid: rows.iter().map(|row| row.pid).collect(),
        tid: rows.iter().map(|row| row.tid).collect(),
        flags: rows.iter().map(|row| row.flags).collect(),
        attempts: rows.iter().map(|row| row.attempts).collect(),
        node: if nodes { rows.iter().map(|row| row.node).collect() } else { Vec::new() },
        call_chain: if has_chains { chain_ids.to_vec() } else { Vec::new() },
    }
}
