//! What to record, of whom, and where to.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Whom to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The command of [`Config::command`], from its first instruction.
    Command,
    /// Running processes, with all their threads and whatever they create later.
    Processes(Vec<u32>),
    /// Single threads, without what they create.
    Threads(Vec<u32>),
    /// Every task of the machine.
    System,
    /// The tasks of a control group: its folder.
    Cgroup(PathBuf),
}

impl Target {
    /// Whether whole processes are recorded, with whatever they create, and nothing else.
    #[must_use]
    pub const fn is_processes(&self) -> bool {
        matches!(self, Self::Command | Self::Processes(_))
    }

    /// As the trace has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Processes(_) => "processes",
            Self::Threads(_) => "threads",
            Self::System => "system",
            Self::Cgroup(_) => "cgroup",
        }
    }
}

/// Which faults to record, and what of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Major faults only.
    pub major_only: bool,
    /// No faults in kernel mode.
    pub user_only: bool,
    /// Entries too: latency, error code, interrupted and failed accesses. Without them there is one
    /// sample a fault.
    pub latency: bool,
    /// Faults that were served faster are counted, not stored; nanoseconds.
    pub min_latency_ns: u64,
    /// Call chains, if they are wanted.
    pub call_graph: Option<CallGraph>,
    /// NUMA nodes of the pages too, for which physical addresses are read and not stored.
    pub page_nodes: bool,
}

/// How call chains are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallGraph {
    /// The kernel follows frame pointers, for every fault.
    FramePointers,
    /// Registers and a copy of the stack are recorded, and unwound afterwards: of every major fault, and
    /// of some of the minor ones.
    Stacks {
        /// How much of a stack is copied, bytes: a multiple of 8, at most [`CallGraph::MAX_STACK_BYTES`].
        bytes: u32,
        /// One minor fault of so many, counted on each thread and CPU; 0 for none.
        share: u32,
    },
}

impl CallGraph {
    /// Copied of a stack at most: a record has 64 KiB.
    pub const MAX_STACK_BYTES: u32 = 65_528;
    /// Copied of a stack by default.
    pub const STACK_BYTES: u32 = 16 << 10;
    /// Minor faults of which one has its stack copied by default.
    pub const STACK_SHARE: u32 = 128;
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            major_only: false,
            user_only: false,
            latency: true,
            min_latency_ns: 0,
            call_graph: None,
            page_nodes: false,
        }
    }
}

/// Where the trace goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Output {
    /// A file named after the target.
    #[default]
    Named,
    /// This file.
    File(PathBuf),
    /// Standard output.
    Stdout,
    /// Nowhere: the faults are only shown as they happen.
    None,
}

/// The last seconds are kept in memory and written when something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flight {
    /// At least this much is kept.
    pub window: Duration,
    /// A fault slower than this makes the window be written.
    pub trigger_latency: Option<Duration>,
}

/// How to record.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whom.
    pub target: Target,
    /// Started when all is ready; with [`Target::System`] and [`Target::Cgroup`] the recording ends
    /// with it.
    pub command: Vec<OsString>,
    /// Start the command without randomised addresses.
    pub no_aslr: bool,
    /// Record the processes that targets create.
    pub follow: bool,
    /// Which faults.
    pub selection: Selection,
    /// The trace.
    pub output: Output,
    /// Replace an existing file.
    pub overwrite: bool,
    /// End after this long.
    pub duration: Option<Duration>,
    /// Faults are recorded from this time after the start.
    pub delay: Duration,
    /// End when the trace has this size.
    pub max_bytes: Option<u64>,
    /// Keep the last seconds only.
    pub flight: Option<Flight>,
    /// Ring buffer wanted for each CPU.
    pub ring_bytes: Option<usize>,
    /// Interval between snapshots of a process that faults.
    pub maps_interval: Duration,
    /// Level of compression.
    pub level: i32,
    /// Labels of the trace, name and value.
    pub labels: Vec<(String, String)>,
    /// The commit that the recording program was built from, if that is known.
    pub commit: Option<&'static str>,
}
