//! What a trace records, in plain Rust: the unit that the recorder hands to the writer and that the
//! reader hands to the model.
//!
//! Times are nanoseconds of the trace's clock (`CLOCK_MONOTONIC` of the recording machine), absolute;
//! subtract [`TraceHeader::start_ns`] for time since the start. Address ranges are half open. Names
//! and paths are bytes as the kernel gave them: not necessarily UTF-8, never fit for a terminal as is.

mod code;
mod faults;
pub mod flags;
mod gaps;

pub use code::{
    CallChainRecord, MAX_BUILD_ID_BYTES, ModuleKind, ModuleRecord, ModuleState, Section, Segment,
    StackPointerRecord, SymbolKind, SymbolRecord,
};
pub use faults::{FaultBatch, FaultColumns, LATENCY_UNKNOWN, NODE_UNKNOWN, Outcome};
pub use gaps::{FAULTS_BEHIND_NS, GapReason, GapRecord};

/// Facts about the whole trace that a reader needs before the first frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceHeader {
    /// Random identity of this trace; seeds every checksum in it.
    pub uuid: [u8; 16],
    /// Base page size of the recording machine, bytes (a power of two).
    pub page_size_bytes: u32,
    /// Clock of all times, as in `clock_gettime(2)`; 1 is `CLOCK_MONOTONIC`.
    pub clock_id: u32,
    /// The start of the recording on that clock.
    pub start_ns: u64,
    /// The same moment in nanoseconds since the Unix epoch (`CLOCK_REALTIME`).
    pub start_realtime_ns: u64,
}

impl TraceHeader {
    /// Size of the pages that an entry of the last page table but one maps, bytes: those that transparent huge
    /// pages are made of. A table fills a base page and its entries have eight bytes, as on x86-64, arm64, RISC-V and
    /// LoongArch: 2 MiB with base pages of 4 KiB, 32 MiB with 16 KiB, 512 MiB with 64 KiB. At most 16 GiB.
    #[must_use]
    pub fn huge_page_bytes(&self) -> u64 {
        let base = u64::from(self.page_size_bytes);
        (base * base / 8).clamp(base.max(1), 16 << 30)
    }
}

/// One fact about the machine, the kernel, the command line or the recorder's configuration.
///
/// Keys are dotted lower-case names listed in `schemas/pft.md` (`kernel.release`, `ring.bytes`, …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Dotted name.
    pub key: String,
    /// Value as text.
    pub value: String,
}

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TaskKind {
    /// The thread existed when the recorder first saw its process (`/proc/PID/task`).
    Present = 0,
    /// `PERF_RECORD_FORK`: a thread (same pid as the parent) or a process (another pid) was created.
    Fork = 1,
    /// `PERF_RECORD_COMM` without the exec bit: a thread changed its name.
    Comm = 2,
    /// `PERF_RECORD_COMM` with the exec bit: the process replaced its address space.
    Exec = 3,
    /// `PERF_RECORD_EXIT`.
    Exit = 4,
}

/// One change to a task (a thread or a process).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRecord {
    /// When.
    pub time_ns: u64,
    /// What happened.
    pub kind: TaskKind,
    /// Process (thread group) id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Process id of the parent; 0 unless `kind` is [`TaskKind::Fork`] or [`TaskKind::Exit`].
    pub parent_pid: u32,
    /// Thread id of the parent; 0 likewise.
    pub parent_tid: u32,
    /// Name; empty for fork and exit.
    pub comm: Vec<u8>,
}

/// One change of an address space that the kernel reported in band (`PERF_RECORD_MMAP2`): mmap,
/// mprotect, brk, or an extension of a stack.
///
/// The kernel reports the whole VMA after merging, so the range may reach over older mappings.
/// `munmap` and `mremap` send no such record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapRecord {
    /// When.
    pub time_ns: u64,
    /// Process whose address space changed.
    pub pid: u32,
    /// Thread that changed it.
    pub tid: u32,
    /// First address.
    pub start: u64,
    /// First address behind the range.
    pub end: u64,
    /// Offset of `start` in the file, bytes; meaningless for anonymous memory.
    pub file_offset: u64,
    /// Device of the file, major number.
    pub dev_major: u32,
    /// Device of the file, minor number.
    pub dev_minor: u32,
    /// Inode of the file, 0 for anonymous memory.
    pub inode: u64,
    /// Generation of the inode.
    pub inode_generation: u64,
    /// `PROT_READ` 1, `PROT_WRITE` 2, `PROT_EXEC` 4.
    pub prot: u32,
    /// `MAP_SHARED` 1, `MAP_PRIVATE` 2, … as in `mmap(2)`.
    pub flags: u32,
    /// Path, or the kernel's name: `//anon`, `[heap]`, `[stack]`, `[vdso]`, `/memfd:… (deleted)`, ….
    pub path: Vec<u8>,
}

/// Why a snapshot of `/proc/PID/maps` was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum SnapshotReason {
    /// The recording began, or the process was first seen.
    Start = 0,
    /// The process called `execve(2)`.
    Exec = 1,
    /// Records about maps or tasks were lost.
    Loss = 2,
    /// A fault hit an address that no known mapping holds.
    UnknownAddress = 3,
    /// The interval passed.
    Periodic = 4,
    /// The recording ended.
    End = 5,
    /// Only the mapping that holds one address was asked for (`PROCMAP_QUERY`): nothing is said about
    /// the addresses outside of the mappings listed.
    Query = 6,
}

/// A system call that changes an address space without a [`MapRecord`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum CallKind {
    /// `munmap(2)`.
    Munmap = 0,
    /// `mremap(2)`.
    Mremap = 1,
    /// `madvise(2)`; only advice that drops pages is recorded.
    Madvise = 2,
}

/// One system call of [`CallKind`] (`syscalls:sys_enter_…` and `sys_exit_…`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Entry of the call.
    pub time_ns: u64,
    /// Its exit; [`u64::MAX`] if that was not seen.
    pub end_ns: u64,
    /// Process whose address space it changes.
    pub pid: u32,
    /// Thread that calls.
    pub tid: u32,
    /// Which call.
    pub kind: CallKind,
    /// First address.
    pub addr: u64,
    /// Length in bytes as given; of `mremap`, the old length.
    pub len_bytes: u64,
    /// New length of `mremap`, bytes; 0 otherwise.
    pub new_len_bytes: u64,
    /// Flags of `mremap`, advice of `madvise`; 0 otherwise.
    pub argument: u32,
    /// What it returned: 0 or, of `mremap`, the new address; a negative errno on failure.
    /// Meaningless unless `end_ns` is known.
    pub result: i64,
}

/// One line of `/proc/PID/maps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vma {
    /// First address.
    pub start: u64,
    /// First address behind the range.
    pub end: u64,
    /// `PROT_READ` 1, `PROT_WRITE` 2, `PROT_EXEC` 4.
    pub prot: u32,
    /// Whether writes go to the file (`s`) or to private copies (`p`).
    pub shared: bool,
    /// Offset of `start` in the file, bytes.
    pub file_offset: u64,
    /// Device of the file, major number.
    pub dev_major: u32,
    /// Device of the file, minor number.
    pub dev_minor: u32,
    /// Inode of the file, 0 for anonymous memory.
    pub inode: u64,
    /// Path or the kernel's name; empty for unnamed anonymous memory.
    pub path: Vec<u8>,
}

/// All of `/proc/PID/maps`, read between two moments; with [`SnapshotReason::Query`] a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Process.
    pub pid: u32,
    /// Reading began.
    pub start_ns: u64,
    /// Reading ended.
    pub end_ns: u64,
    /// Why it was taken.
    pub reason: SnapshotReason,
    /// In address order.
    pub vmas: Vec<Vma>,
}

/// Who dropped records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LostBy {
    /// The kernel: the ring was full. Faults and records of maps and tasks share the ring; the ledger
    /// tells how many of each.
    Ring = 0,
    /// The recorder: encoding or writing could not keep up; only faults are dropped this way.
    Recorder = 1,
}

/// Records that were dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRecord {
    /// The losses lie after this moment …
    pub after_ns: u64,
    /// … and before this one.
    pub time_ns: u64,
    /// Ring in which they would have been.
    pub cpu: u32,
    /// Who dropped them.
    pub by: LostBy,
    /// How many records.
    pub count: u64,
}

/// A process that the kernel killed because memory ran out (`oom:mark_victim`). What the kernel's
/// tracepoint does not tell is `None`; in the file the largest `u64`, the largest `u32` and the
/// smallest `i32` stand for that, so that these values themselves are read as `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OomRecord {
    /// When it was chosen.
    pub time_ns: u64,
    /// Process id of the victim.
    pub pid: u32,
    /// Its name; empty where the kernel does not tell.
    pub comm: Vec<u8>,
    /// Process of the task that ran out of memory; not necessarily the victim.
    pub by_pid: u32,
    /// Its thread.
    pub by_tid: u32,
    /// Address space of the victim, KiB.
    pub total_vm_kib: Option<u64>,
    /// Its resident anonymous memory, KiB.
    pub anon_rss_kib: Option<u64>,
    /// Its resident file pages, KiB.
    pub file_rss_kib: Option<u64>,
    /// Its resident shared memory, KiB.
    pub shmem_rss_kib: Option<u64>,
    /// Its page tables, KiB.
    pub pgtables_kib: Option<u64>,
    /// Its user.
    pub uid: Option<u32>,
    /// Its `/proc/PID/oom_score_adj`.
    pub oom_score_adj: Option<i32>,
}

/// A mark set by `pfrecord mark`: a new phase begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkRecord {
    /// When.
    pub time_ns: u64,
    /// Name of the phase that begins.
    pub name: Vec<u8>,
}

/// In which control group a process was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupRecord {
    /// When.
    pub time_ns: u64,
    /// Process id.
    pub pid: u32,
    /// Path as in `/proc/PID/cgroup`: of the hierarchy that limits memory, below the root of the recorder's
    /// cgroup namespace (`/../…` beside it).
    pub path: Vec<u8>,
}

/// One line of the ledger: what was counted so far. Keys are listed in `schemas/pft.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Dotted name (`event.minor-faults.count`, `captured.faults`, …).
    pub key: String,
    /// Count.
    pub value: u64,
}

/// A checkpoint: the three clocks read together, and the ledger at that moment. Later checkpoints
/// replace earlier ones; the one with `end` closes the recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The trace's clock.
    pub time_ns: u64,
    /// `CLOCK_REALTIME`.
    pub realtime_ns: u64,
    /// `CLOCK_BOOTTIME`.
    pub boottime_ns: u64,
    /// Whether the recording ended here in order.
    pub end: bool,
    /// The ledger.
    pub ledger: Vec<LedgerEntry>,
}

/// One decoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// Facts about machine and recording.
    Host(Vec<Fact>),
    /// Task changes in time order.
    Tasks(Vec<TaskRecord>),
    /// Address-space changes in time order.
    Maps(Vec<MapRecord>),
    /// One snapshot.
    Snapshot(Snapshot),
    /// Faults.
    Faults(FaultBatch),
    /// Losses.
    Lost(Vec<LostRecord>),
    /// Clocks and ledger.
    Checkpoint(Checkpoint),
    /// Victims of the OOM killer in time order.
    Oom(Vec<OomRecord>),
    /// Marks in time order.
    Marks(Vec<MarkRecord>),
    /// System calls that change address spaces, in order of their entry.
    Calls(Vec<CallRecord>),
    /// Call chains.
    CallChains(Vec<CallChainRecord>),
    /// Modules.
    Modules(Vec<ModuleRecord>),
    /// Symbols.
    Symbols(Vec<SymbolRecord>),
    /// Stack pointers in time order.
    StackPointers(Vec<StackPointerRecord>),
    /// What the file does not hold any more.
    Gaps(Vec<GapRecord>),
    /// Control groups of processes in time order.
    Cgroups(Vec<CgroupRecord>),
}
