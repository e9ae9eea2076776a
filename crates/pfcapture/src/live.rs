//! What a recording hands out while it goes on.

use std::io;

use pft::record::{
    CallRecord, Fact, LostRecord, MapRecord, MarkRecord, OomRecord, Snapshot, TaskRecord,
    TraceHeader,
};

use crate::drain::batch::FaultRow;

/// A fault of which is known how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// CPU of the ring in which that was seen.
    pub cpu: u32,
    /// Time of the record that shows it: the completion; of a fault without one the signal, the next
    /// fault of the thread, its end, or the end of the recording.
    pub settled_ns: u64,
    /// The fault.
    pub row: FaultRow,
}

/// What happened since the last time.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Happenings {
    /// Task changes, in order of time.
    pub tasks: Vec<TaskRecord>,
    /// Map changes, in order of time.
    pub maps: Vec<MapRecord>,
    /// System calls that change address spaces, in order of their end.
    pub calls: Vec<CallRecord>,
    /// Snapshots that have come in.
    pub snapshots: Vec<Snapshot>,
    /// Losses, in order of time.
    pub lost: Vec<LostRecord>,
    /// Marks, in order of time.
    pub marks: Vec<MarkRecord>,
    /// Victims of the OOM killer, in order of time.
    pub oom: Vec<OomRecord>,
    /// Faults of all CPUs, in the order in which they were settled.
    pub faults: Vec<Settled>,
}

/// Faults that were captured and handed to nobody, because they were served faster than asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Minor faults.
    pub minor: u64,
    /// Major faults.
    pub major: u64,
}

/// What a stream came to.
#[derive(Debug, Default)]
pub struct LiveEnd {
    /// Faults that were not shown because whoever shows them fell behind.
    pub dropped: u64,
    /// Whoever read has gone, and was not told the rest. That is no error.
    pub reader_gone: bool,
    /// Why nothing more was shown after some point.
    pub error: Option<io::Error>,
}

/// Whoever is told of faults while the recording goes on.
pub trait Live: Send {
    /// The recording begins. Of the facts those are needed that say what is recorded.
    ///
    /// # Errors
    /// It cannot be shown.
    fn begin(&mut self, header: &TraceHeader, facts: &[Fact]) -> io::Result<()>;

    /// Takes what happened. Never waits: when more comes than can be shown, faults are dropped and
    /// counted.
    fn take(&mut self, happenings: Happenings);

    /// Whether nothing more can be shown. Never waits.
    fn is_over(&self) -> bool;

    /// The recording is over. Waits for what was taken to be shown, as long as that makes progress.
    fn finish(self: Box<Self>, skipped: Skipped) -> LiveEnd;
}
