//! The result of the analysis: the fault table as columns, and the tables it refers to.

mod append;
pub(crate) mod builder;
mod retain;

use std::collections::TryReserveError;

use pft::record::{LATENCY_UNKNOWN, ModuleKind, ModuleState};

use crate::column::Column;
use crate::names::{Access, Cause, Class, MapConfidence, RegionKind};

/// Index that refers to nothing.
pub const NONE: u32 = u32::MAX;

/// One row per fault, in order of entry time. All columns have the same length, except `before_ns` and `node`.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FaultTable {
    /// Entry time, nanoseconds since the start of the trace; 0 if the entry was before it.
    pub time_ns: Vec<u64>,
    /// How long before the start of the trace the entry was, nanoseconds: of the first rows, which are
    /// those that began before it (0 for those of them that did not, where traces follow each other). There are
    /// some in the window of a flight recorder.
    pub before_ns: Vec<u64>,
    /// Entry to completion, the part before the start of the trace included;
    /// [`LATENCY_UNKNOWN`] when unknown.
    pub latency_ns: Vec<u64>,
    /// Class.
    pub class: Column<Class>,
    /// Cause.
    pub cause: Column<Cause>,
    /// Minor fault slower than the threshold.
    pub slow: Column<bool>,
    /// What the instruction did.
    pub access: Column<Access>,
    /// Access made in kernel mode.
    pub kernel_mode: Column<bool>,
    /// Index into [`Analysis::processes`].
    pub proc: Column<u32>,
    /// Thread id.
    pub tid: Column<u32>,
    /// Thread name at that moment, index into [`Analysis::comms`].
    pub comm: Column<u32>,
    /// CPU.
    pub cpu: Column<u16>,
    /// Faulting address.
    pub addr: Vec<u64>,
    /// Instruction pointer; of no meaning where `code` is [`NONE`].
    pub ip: Column<u64>,
    /// Bytes that the fault installed, 0 when unknown.
    pub page_size_bytes: Column<u64>,
    /// How often this page of this address space has faulted so far, 1 = first.
    pub nth: Vec<u32>,
    /// Entries that the fault took.
    pub attempts: Column<u32>,
    /// Mapping of `addr`: index into [`Analysis::mappings`], or [`NONE`].
    pub mapping: Column<u32>,
    /// Mapping of `ip`: index into [`Analysis::mappings`], or [`NONE`] (also in kernel mode).
    pub ip_mapping: Column<u32>,
    /// How sure `mapping` is.
    pub map_confidence: Column<MapConfidence>,
    /// What holds `addr`: index into [`Analysis::regions`], or [`NONE`].
    pub region: Column<u32>,
    /// What `ip` is: index into [`Analysis::locations`], where each instruction is, if only with its
    /// address; [`NONE`] where the instruction is not known.
    pub code: Column<u32>,
    /// Data object at `addr`: index into [`Analysis::objects`], or [`NONE`].
    pub object: Column<u32>,
    /// Index into [`Analysis::call_chains`], or [`NONE`].
    pub call_chain: Column<u32>,
    /// NUMA node of the page, [`NODE_UNKNOWN`](pft::record::NODE_UNKNOWN) if that is not known. Empty
    /// if it is not known of any fault.
    pub node: Vec<u8>,
}

impl FaultTable {
    /// Sets aside memory for so many rows, in the columns that differ from row to row.
    ///
    /// # Errors
    /// There is not so much.
    pub(crate) fn reserve(&mut self, rows: usize) -> Result<(), TryReserveError> {
        let Self { time_ns, latency_ns, addr, nth, .. } = self;
        for column in [time_ns, latency_ns, addr] {
            column.try_reserve_exact(rows)?;
        }
        nth.try_reserve_exact(rows)
    }

    /// Number of faults.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.time_ns.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.time_ns.is_empty()
    }

    /// How long before the start of the trace the entry of a fault was, nanoseconds; 0 if it was inside.
    #[must_use]
    #[inline]
    pub fn before_ns(&self, row: usize) -> u64 {
        self.before_ns.get(row).copied().unwrap_or(0)
    }

    /// How long a fault stalled its thread inside the trace, nanoseconds: its latency without what was
    /// before the start. `None` when unknown.
    #[must_use]
    #[inline]
    pub fn stall_ns(&self, row: usize) -> Option<u64> {
        let latency_ns = self.latency_ns.get(row).filter(|&&ns| ns != LATENCY_UNKNOWN)?;
        Some(latency_ns.saturating_sub(self.before_ns(row)))
    }

    /// The same of each fault.
    #[inline]
    pub fn stalls_ns(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        let before_ns = self.before_ns.iter().copied().chain(std::iter::repeat(0));
        let rows = self.latency_ns.iter().zip(before_ns);
        rows.map(|(&ns, before_ns)| (ns != LATENCY_UNKNOWN).then(|| ns.saturating_sub(before_ns)))
    }
}

/// A process: a pid from when it was first seen; a pid that is used again is another process.
/// An `exec` keeps the process and replaces its address space.
#[derive(Debug, Clone)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Parent, index into [`Analysis::processes`], or [`NONE`].
    pub parent: u32,
    /// Last name of its main thread, index into [`Analysis::comms`].
    pub comm: u32,
    /// First seen, nanoseconds since the start of the trace.
    pub first_seen_ns: u64,
    /// Exit of its last thread, if recorded.
    pub exit_ns: Option<u64>,
    /// Control groups that it was in: since when, nanoseconds since the start of the trace, and which, index into
    /// [`Analysis::cgroups`]. The first one counts for the time before, too. Empty if none is known.
    pub cgroups: Vec<(u64, u32)>,
}

/// A thread and its life inside the recording.
#[derive(Debug, Clone)]
pub struct Thread {
    /// Process, index into [`Analysis::processes`].
    pub proc: u32,
    /// Thread id.
    pub tid: u32,
    /// Created, or the start of the recording, or first seen; nanoseconds since the start of the trace.
    pub from_ns: u64,
    /// Exit, or the end of the recording.
    pub to_ns: u64,
}

/// A mapping over a stretch of time: what a VMA was called and covered between two moments.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Process, index into [`Analysis::processes`].
    pub proc: u32,
    /// First address.
    pub start: u64,
    /// First address behind the range.
    pub end: u64,
    /// `PROT_READ` 1, `PROT_WRITE` 2, `PROT_EXEC` 4.
    pub prot: u32,
    /// Shared (`s`) rather than private (`p`).
    pub shared: bool,
    /// Offset of `start` in the file.
    pub file_offset: u64,
    /// Device of the file.
    pub dev: (u32, u32),
    /// Inode, 0 for anonymous memory.
    pub inode: u64,
    /// Path or the kernel's name; empty for unnamed anonymous memory. Bytes as recorded.
    pub path: Vec<u8>,
    /// Kind of region.
    pub kind: RegionKind,
    /// What tables print for the mapping as a whole: `libc.so.6`, `[heap]`, `[stack]`, `[anon]`,
    /// `model.gguf`, …. Its parts may be other regions: see [`FaultTable::region`].
    pub region: Vec<u8>,
    /// Known since, nanoseconds since the start of the trace.
    pub valid_from_ns: u64,
    /// Replaced, unmapped or gone at; the end of the trace otherwise.
    pub valid_to_ns: u64,
    /// Last moment at which evidence showed the mapping in place.
    pub confirmed_ns: u64,
    /// Whether the trace saw the mapping being made (rather than finding it in a snapshot).
    pub seen_from_start: bool,
    /// Module of the file, or the vdso: index into [`Analysis::modules`], or [`NONE`].
    pub module: u32,
}

/// A part of memory as tables name it: the section of a module, the heap, a file, ….
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Region {
    /// Kind.
    pub kind: RegionKind,
    /// What tables print: `libc.so.6 .text`, `[heap]`, `thread stack`, `model.gguf`, …. Bytes as
    /// recorded.
    pub label: Vec<u8>,
}

/// Something that holds code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// What it is.
    pub kind: ModuleKind,
    /// How much the recorder could find out about it.
    pub state: ModuleState,
    /// Path as recorded, or `[kernel]`, `[vdso]`.
    pub path: Vec<u8>,
    /// Build id, bytes; empty if it has none or it is not known.
    pub build_id: Vec<u8>,
}

/// A place in code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Index into [`Analysis::modules`], or [`NONE`].
    pub module: u32,
    /// What tables print for the module: base name of the file, `[kernel]`, `[jit]`, …; without a module
    /// that of the mapping; empty if there was none.
    pub module_label: Vec<u8>,
    /// Address in the module: as its segments count where they are known, else its offset in the file, also
    /// of a file that is no module; the absolute address where there is no file. Of a caller it is that
    /// of the byte before its return address, which belongs to the call.
    pub address: u64,
    /// Functions at this place: the innermost inlined one first. Empty if none is known.
    pub functions: Vec<Function>,
}

/// A function at some [`Location`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Demangled name. Bytes as recorded.
    pub name: Vec<u8>,
    /// Source file; empty if not known.
    pub file: Vec<u8>,
    /// Line in it; 0 if not known.
    pub line: u32,
}

/// A chain of callers. The same chain as recorded may be several of these, where processes have different
/// modules at its addresses, or one process had at different times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallChain {
    /// Indices into [`Analysis::locations`], innermost first: of the kernel's part.
    pub kernel: Vec<u32>,
    /// Of the part in user space.
    pub user: Vec<u32>,
    /// Whether it may go on behind its last caller.
    pub cut: bool,
}

/// A variable of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Index into [`Analysis::modules`].
    pub module: u32,
    /// Demangled name. Bytes as recorded.
    pub name: Vec<u8>,
    /// First address, as the segments of the module count.
    pub address: u64,
    /// Size, bytes.
    pub size_bytes: u64,
}

/// What the report says about completeness. Every count is of records or faults as named.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Exactness {
    /// Faults in the table (failed ones included).
    pub faults: u64,
    /// How many of them are of each class, in the order of [`Class::ALL`].
    pub classes: [u64; Class::ALL.len()],
    /// Records that the kernel or the recorder dropped, with their time spans, from the Lost frames.
    pub losses: Vec<Loss>,
    /// Entries whose thread was still waiting when it exited or the recording ended; not in the table.
    pub in_flight: u64,
    /// Entries without completion of which nothing can be said (records lost, or no rule applies); not
    /// in the table.
    pub unresolved: u64,
    /// Completions without entry: in the table, latency unknown.
    pub without_entry: u64,
    /// Faults whose latency came out negative (clocks of two CPUs): in the table, latency unknown.
    pub negative_latency: u64,
    /// Faults that took more than one entry (interrupted waits).
    pub interrupted: u64,
    /// Rows that came with a call chain.
    pub with_call_chain: u64,
    /// Those of them whose chain is not in the trace: its frame was lost or damaged.
    pub lost_call_chains: u64,
    /// Rows whose mapping is exact, inferred, unknown.
    pub map_confidence: [u64; 3],
    /// Whether the hardware error code was recorded: without it cow cannot be told from minor.
    pub error_code: bool,
    /// Whether kernel-mode faults were recorded.
    pub kernel_mode: bool,
    /// Whether the recording ended in order (a closing checkpoint exists).
    pub complete: bool,
}

/// A stretch of time in which records were lost, nanoseconds since the start of the trace.
#[derive(Debug, Clone)]
pub struct Loss {
    /// After.
    pub from_ns: u64,
    /// Before.
    pub to_ns: u64,
    /// CPU.
    pub cpu: u32,
    /// Dropped by the recorder rather than by the kernel.
    pub by_recorder: bool,
    /// Records.
    pub count: u64,
}

/// Everything the model worked out.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Analysis {
    /// The faults.
    pub faults: FaultTable,
    /// Processes, in order of first sight.
    pub processes: Vec<Process>,
    /// Threads, in order of first sight.
    pub threads: Vec<Thread>,
    /// Mappings, in order of discovery.
    pub mappings: Vec<Mapping>,
    /// Names of threads. Bytes as recorded.
    pub comms: Vec<Vec<u8>>,
    /// Paths of control groups. Bytes as recorded.
    pub cgroups: Vec<Vec<u8>>,
    /// Parts of memory.
    pub regions: Vec<Region>,
    /// Modules.
    pub modules: Vec<Module>,
    /// Places in code.
    pub locations: Vec<Location>,
    /// Call chains.
    pub call_chains: Vec<CallChain>,
    /// Data objects.
    pub objects: Vec<Object>,
    /// Completeness.
    pub exactness: Exactness,
    /// Threshold beyond which a minor fault is `slow`, nanoseconds.
    pub slow_threshold_ns: u64,
    /// Length of the recording, nanoseconds: from its start to the last thing recorded.
    pub duration_ns: u64,
}
