//! What this kernel and user can capture, why the rest cannot be, and the commands that change it.
//!
//! Three steps: [`Machine::read`] notes what the system tells, [`Trials::run`] tries on this process
//! what a recording would do, [`judge`] draws the conclusions.

mod judge;
mod machine;
mod refusal;
pub(crate) mod remedy;
#[cfg(test)]
mod tests;
mod trials;

pub use judge::judge;
pub use machine::{Capability, CgroupFolder, Machine, Tracefs};
pub use trials::{Foreign, Ring, TracepointTrial, Trial, Trials};

/// Something that a user may want of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wish {
    /// The faults of one's own processes.
    OwnProcesses,
    /// Those of other users' processes.
    OtherUsers,
    /// Faults of system calls that touch user memory.
    KernelMode,
    /// The hardware error code: reads and writes, copy-on-write.
    ErrorCodes,
    /// Accesses that end in SIGSEGV or SIGBUS, proven by the signal.
    FailedAccesses,
    /// What each fault cost.
    Latency,
    /// How many records the kernel dropped, exactly.
    LossCounts,
    /// Which page size a fault installed.
    PageSizes,
    /// All processes at once.
    SystemWide,
    /// The processes of a control group.
    Cgroups,
    /// Victims of the OOM killer.
    OomKills,
    /// munmap, mremap and madvise as they happen.
    ExactMappings,
    /// Ring buffers of full size.
    FullRings,
}

impl Wish {
    /// In a few words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OwnProcesses => "own processes",
            Self::OtherUsers => "other users' processes",
            Self::KernelMode => "kernel-mode faults",
            Self::ErrorCodes => "reads and writes, copy-on-write",
            Self::FailedAccesses => "failed accesses",
            Self::Latency => "latency",
            Self::LossCounts => "exact loss counts",
            Self::PageSizes => "page sizes",
            Self::SystemWide => "the whole system (-a)",
            Self::Cgroups => "control groups (-G)",
            Self::OomKills => "OOM kills",
            Self::ExactMappings => "exact mappings",
            Self::FullRings => "full ring buffers",
        }
    }
}

/// Whether a wish can be fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// In full.
    Yes,
    /// In part.
    Partly,
    /// Not at all.
    No,
    /// It could not be found out.
    Unknown,
}

/// A wish and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What is wished.
    pub wish: Wish,
    /// Whether it can be had.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// What makes it possible: commands, all needed unless one begins with `or: `.
    pub enable: Vec<String>,
}
