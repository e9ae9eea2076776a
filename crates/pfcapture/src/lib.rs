//! Captures page faults with perf_event_open(2).
//!
//! Per CPU one ring buffer; per target thread an entry event and completion events, paired by
//! thread into faults with their latency; address-space changes in band and from `/proc/PID/maps`.
//! [`record`] is the whole way from the first event to the closed file.
//!
//! # The way of a recording
//!
//! | module | what it does |
//! |---|---|
//! | `config` | what is to be recorded, of whom, and where to |
//! | `targets` | from that to processes, threads and control groups; starting the command, attaching, the events on each CPU |
//! | `event` | which events there are on this kernel, with which attributes; fields of tracepoints |
//! | `ring`, `parse` | records of all rings in order of time, read where they lie |
//! | `drain` | what the records mean: faults paired, tasks and maps passed on, losses noted |
//! | `snapshot` | `/proc/PID/maps`, read on a thread of its own |
//! | `store` | the thread that encodes, compresses and writes; the window of a flight recorder |
//! | `explain` | what was hit, and the files that name it |
//! | `session` | all of it together, from the first event to the closing checkpoint |
//! | `live`, `marks` | what is handed out, and what is taken, while a recording goes on |
//! | `counts` | what was seen, set against the kernel's own figures |
//! | `system` | clocks, facts about the machine, what this user may do, and giving it up |
//! | `sys` | the system calls that need `unsafe`; nothing else has any |
//!
//! [`stat()`] counts without recording, and [`check`] tries what could be recorded.

pub mod check;
mod config;
mod counts;
mod drain;
mod error;
mod event;
mod explain;
#[cfg(feature = "internals")]
pub mod internals;
mod live;
pub mod marks;
mod parse;
mod ring;
mod session;
mod snapshot;
mod stat;
mod store;
mod sys;
mod system;
mod targets;

pub use config::{CallGraph, Config, Flight, Output, Selection, Target};
pub use counts::Counts;
pub use drain::batch::{ChainSpan, FaultRow, FaultRows, StackCounts, UserRegs, UserStack};
pub use error::Error;
pub use event::tracepoint::PageFaultTracepoint;
pub use event::{Abilities, EventKind};
pub use explain::{
    CodeMapping, Explain, Explained, Limits, MappedCode, Named, Place, Unwind, Wanted, WantedModule,
};
pub use live::{Happenings, Live, LiveEnd, Settled, Skipped};
pub use session::end::{End, catch_window_signal};
pub use session::{Helpers, News, Recorded, Started, Windows, record};
pub use stat::{
    Counting, Faults, Finished, Interval, ProcessFaults, Processes, Progress, Tally, TargetFaults,
    stat,
};
pub use store::{DumpReason, Dumped, create_file, open_device};
pub use sys::read_own_memory;
pub use system::privileges;
pub use targets::EventCount;
