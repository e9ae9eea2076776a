//! The perf events of a recording and their attributes.

mod attributes;
mod plan;
pub(crate) mod tracepoint;
pub(crate) mod user_regs;

use pft::record::CallKind;

use crate::event::tracepoint::{
    CallTracepoints, OomTracepoint, PageFaultTracepoint, SignalTracepoint,
};

pub use attributes::{Start, probe_attr, ring_owner_attr, target_attr};
pub use plan::{Follow, Plan};

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// `PERF_COUNT_SW_PAGE_FAULTS_MIN`: a fault completed, counted as minor.
    Minor,
    /// `PERF_COUNT_SW_PAGE_FAULTS_MAJ`: a fault completed, counted as major.
    Major,
    /// `PERF_COUNT_SW_PAGE_FAULTS_MIN` once more, of which on each thread and CPU only one of so many
    /// makes a sample: where the thread's stack is, and a copy of it where that is wanted.
    Stack,
    /// `exceptions:page_fault_user`: entry of a user-mode fault, with error code.
    EntryUser,
    /// `exceptions:page_fault_kernel`: a kernel-mode exception, with error code. It becomes the entry
    /// of a fault only when [`EventKind::Entry`] follows: it fires under `pagefault_disable` too.
    EntryKernel,
    /// `PERF_COUNT_SW_PAGE_FAULTS`: entry of a fault. With the tracepoints, kernel mode only.
    Entry,
    /// `signal:signal_generate`: tells a failed access from a wait that was given up.
    Signal,
    /// `syscalls:sys_enter_…` of a call that changes the address space without a map record.
    CallEntry(CallKind),
    /// Its `syscalls:sys_exit_…`.
    CallExit(CallKind),
    /// `syscalls:sys_enter_set_robust_list`: glibc calls it first thing on a thread's own stack, so it
    /// tells where that is. Other C libraries do not, and bring no sample.
    ThreadStart,
    /// Dummy: maps, names, tasks. On its own so that its losses do not count as a fault event's.
    Sideband,
    /// `oom:mark_victim`, on CPUs: it fires in the task that ran out of memory, not in the victim.
    Oom,
}

impl EventKind {
    /// The kinds that follow a target, in the order in which they are opened: completions first, so
    /// that a fault which is under way never looks as if it did not complete; the sideband last, so
    /// that an announced thread carries all events.
    ///
    /// Of two events that count the same the kernel serves the one that was opened last first, and both
    /// from one description of the sample, which grows by what each asks for (measured, Linux 6.18).
    /// So the one that asks for more is opened before the other.
    pub const FOLLOWING: [Self; 15] = [
        Self::Stack,
        Self::Minor,
        Self::Major,
        Self::EntryUser,
        Self::EntryKernel,
        Self::Entry,
        Self::Signal,
        Self::CallExit(CallKind::Munmap),
        Self::CallExit(CallKind::Mremap),
        Self::CallExit(CallKind::Madvise),
        Self::CallEntry(CallKind::Munmap),
        Self::CallEntry(CallKind::Mremap),
        Self::CallEntry(CallKind::Madvise),
        Self::ThreadStart,
        Self::Sideband,
    ];

    /// Name in messages and in the ledger.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minor => "minor-faults",
            Self::Major => "major-faults",
            Self::Stack => "stacks",
            Self::EntryUser => "tracepoint-user",
            Self::EntryKernel => "tracepoint-kernel",
            Self::Entry => "page-faults",
            Self::Signal => "signal",
            Self::CallEntry(_) | Self::CallExit(_) => "calls",
            Self::ThreadStart => "thread-starts",
            Self::Sideband => "sideband",
            Self::Oom => "oom",
        }
    }

    /// A number of its own.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Minor => 0,
            Self::Major => 1,
            Self::EntryUser => 2,
            Self::EntryKernel => 3,
            Self::Entry => 4,
            Self::Signal => 5,
            Self::Sideband => 6,
            Self::Oom => 7,
            Self::Stack => 24,
            Self::ThreadStart => 25,
            Self::CallEntry(call) => 8 + call as u32,
            Self::CallExit(call) => 16 + call as u32,
        }
    }

    /// Whether it tells of the entry of a fault.
    #[must_use]
    pub const fn is_entry(self) -> bool {
        matches!(self, Self::EntryUser | Self::EntryKernel | Self::Entry)
    }

    /// Whether it tells of faults, as against what is needed to understand them.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        !matches!(
            self,
            Self::CallEntry(_) | Self::CallExit(_) | Self::ThreadStart | Self::Sideband | Self::Oom
        )
    }
}

/// What kernel and privileges allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Kernel-mode faults can be seen.
    pub kernel_mode: bool,
    /// The page-fault tracepoints serve as entry events.
    pub tracepoints: Option<(PageFaultTracepoint, PageFaultTracepoint)>,
    /// The signal tracepoint tells which accesses failed.
    pub signals: Option<SignalTracepoint>,
    /// The system calls that change address spaces without a map record can be seen.
    pub calls: Option<CallTracepoints>,
    /// `config` of [`EventKind::ThreadStart`], where it can be opened.
    pub thread_starts: Option<u64>,
    /// Victims of the OOM killer can be seen.
    pub oom: Option<OomTracepoint>,
    /// `PERF_FORMAT_LOST` (Linux 6.0).
    pub lost_counts: bool,
    /// `PERF_SAMPLE_DATA_PAGE_SIZE` (Linux 5.11).
    pub page_size: bool,
    /// `attr.inherit_thread` (Linux 5.13).
    pub inherit_thread: bool,
    /// `PERF_SAMPLE_REGS_USER`, on an architecture whose registers are known here.
    pub user_regs: bool,
}
