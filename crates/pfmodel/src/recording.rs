//! What goes into the analysis.

use pft::keys::fact;
use pft::record::{
    CallChainRecord, CallRecord, CgroupRecord, Checkpoint, Fact, Frame, GapRecord, LostRecord,
    MapRecord, ModuleRecord, Snapshot, StackPointerRecord, SymbolRecord, TaskRecord, TraceHeader,
};

/// Everything that a trace holds except the faults. The lists may be in any order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recording {
    /// Clocks and page size.
    pub header: TraceHeader,
    /// Facts about machine and recording. Of two with one key the later counts.
    pub facts: Vec<Fact>,
    /// Threads and processes.
    pub tasks: Vec<TaskRecord>,
    /// Changes of address spaces, as the kernel reported them.
    pub maps: Vec<MapRecord>,
    /// System calls that changed address spaces without a record in `maps`.
    pub calls: Vec<CallRecord>,
    /// Address spaces as `/proc` showed them.
    pub snapshots: Vec<Snapshot>,
    /// Losses.
    pub lost: Vec<LostRecord>,
    /// What the file does not hold any more. Faults of which this is known later come as [`crate::Batch::Lost`].
    pub gaps: Vec<GapRecord>,
    /// Modules.
    pub modules: Vec<ModuleRecord>,
    /// Symbols of modules; those of one address from the innermost function outwards.
    pub symbols: Vec<SymbolRecord>,
    /// Call chains.
    pub call_chains: Vec<CallChainRecord>,
    /// Where the stacks of threads are.
    pub stack_pointers: Vec<StackPointerRecord>,
    /// Control groups of processes.
    pub cgroups: Vec<CgroupRecord>,
    /// The last checkpoint.
    pub checkpoint: Option<Checkpoint>,
}

impl Recording {
    /// A recording of nothing.
    #[must_use]
    pub const fn new(header: TraceHeader) -> Self {
        Self {
            header,
            facts: Vec::new(),
            tasks: Vec::new(),
            maps: Vec::new(),
            calls: Vec::new(),
            snapshots: Vec::new(),
            lost: Vec::new(),
            gaps: Vec::new(),
            modules: Vec::new(),
            symbols: Vec::new(),
            call_chains: Vec::new(),
            stack_pointers: Vec::new(),
            cgroups: Vec::new(),
            checkpoint: None,
        }
    }

    /// Takes what a frame holds. Gives back the frames that are not part of a recording: faults, which the analysis
    /// gets beside it, marks, victims of the OOM killer, and kinds that this crate does not know.
    pub fn add(&mut self, frame: Frame) -> Option<Frame> {
        match frame {
            Frame::Host(facts) => self.facts.extend(facts),
            Frame::Tasks(tasks) => self.tasks.extend(tasks),
            Frame::Maps(maps) => self.maps.extend(maps),
            Frame::Calls(calls) => self.calls.extend(calls),
            Frame::Snapshot(snapshot) => self.snapshots.push(snapshot),
            Frame::Lost(lost) => self.lost.extend(lost),
            Frame::Gaps(gaps) => self.gaps.extend(gaps),
            Frame::Modules(modules) => self.modules.extend(modules),
            Frame::Symbols(symbols) => self.symbols.extend(symbols),
            Frame::CallChains(chains) => self.call_chains.extend(chains),
            Frame::StackPointers(pointers) => self.stack_pointers.extend(pointers),
            Frame::Cgroups(cgroups) => self.cgroups.extend(cgroups),
            Frame::Checkpoint(checkpoint) => self.checkpoint = Some(checkpoint),
            other => return Some(other),
        }
        None
    }

    /// Soft limit on the stack, if it was recorded and is not unlimited.
    pub(crate) fn stack_limit_bytes(&self) -> Option<u64> {
        self.fact("rlimit.stack_bytes")?.parse().ok()
    }

    /// Whether the recorder says that it recorded error codes.
    pub(crate) fn has_error_code(&self) -> bool {
        self.fact("capture.error_code") == Some("yes")
    }

    /// Whether the recorder says that it recorded faults in kernel mode.
    pub(crate) fn has_kernel_mode(&self) -> bool {
        self.fact("capture.kernel_mode") == Some("yes")
    }

    /// Whether the recorder says that it recorded the calls that unmap, move and drop memory.
    pub(crate) fn has_calls(&self) -> bool {
        self.fact(fact::CAPTURE_CALLS) == Some("yes")
    }

    /// Whether the recorder says that there was no swap space, each time that it says anything of it.
    pub(crate) fn has_no_swap(&self) -> bool {
        let facts = self.facts.iter().filter(|fact| fact.key == fact::VM_SWAP_TOTAL_BYTES);
        let mut sizes = facts.map(|fact| fact.value.trim()).peekable();
        sizes.peek().is_some() && sizes.all(|size| size == "0")
    }

    /// Whether faults of the targets were left out of the trace on request, at any time.
    pub(crate) fn lacks_faults(&self) -> bool {
        self.fact(fact::CAPTURE_MAJOR_ONLY) == Some("yes")
            || self.lacks_completions()
            || self.fact(fact::CAPTURE_MIN_LATENCY_NS).is_some()
    }

    /// Whether completions of some faults, or of all, were not recorded: then an entry without one is a fault of
    /// which nothing else is known.
    pub(crate) fn lacks_completions(&self) -> bool {
        self.fact(fact::CAPTURE_COMPLETIONS).is_some_and(|which| which != "all")
    }

    /// When the first faults were recorded, if not from the start.
    pub(crate) fn begins_ns(&self) -> Option<u64> {
        let delay_ns: u64 = self.fact(fact::CAPTURE_DELAY_NS)?.parse().ok()?;
        Some(self.header.start_ns.saturating_add(delay_ns))
    }

    fn fact(&self, key: &str) -> Option<&str> {
        self.facts.iter().rev().find(|fact| fact.key == key).map(|fact| fact.value.trim())
    }
}

/// Choices of the reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Latency beyond which a minor fault counts as slow, nanoseconds. Without one it is derived from
    /// the trace: twenty times the median latency of its minor faults, and at least 20 µs.
    pub slow_threshold_ns: Option<u64>,
}

impl Options {
    /// Minor faults that took longer than so many nanoseconds count as slow.
    #[must_use]
    pub const fn with_slow_threshold_ns(slow_threshold_ns: u64) -> Self {
        Self { slow_threshold_ns: Some(slow_threshold_ns) }
    }
}
