//! What one record of an event tells of a fault.

/// One sample of a fault event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Process.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// Time of the sample.
    pub time_ns: u64,
    /// Faulting address.
    pub addr: u64,
    /// Instruction pointer, 0 where the event does not carry it.
    pub ip: u64,
    /// Page size installed, 0 where not known.
    pub page_size_bytes: u64,
    /// x86 error code, from the tracepoints.
    pub error_code: Option<u64>,
    /// Signal of a failed access: sent by the kernel, not by a process. 0 otherwise.
    pub fault_signal: u8,
    /// Taken in kernel mode. Says nothing for the tracepoints, which always run there.
    pub kernel_mode: bool,
}
