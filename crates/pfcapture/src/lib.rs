//! Captures page faults with perf_event_open(2).
//!
//! Per CPU one ring buffer; per target thread an entry event and completion events, paired by
//! thread into faults with their latency; address-space changes in band and from `/proc/PID/maps`.
//! [`record`] is the whole way from the first event to the closed file.

mod attach;
mod batch;
mod calibrate;
mod cgroups;
pub mod check;
mod clock;
mod config;
mod counts;
mod drain;
mod end;
mod error;
mod event;
mod explain;
#[cfg(feature = "internals")]
pub mod fuzzing;
mod host;
#[cfg(feature = "internals")]
pub mod hot_loops;
mod known_ranges;
mod launch;
mod live;
pub mod marks;
mod page_nodes;
mod parse;
mod permission;
mod precedence;
pub mod privileges;
mod processes;
#[cfg(any(test, feature = "internals"))]
#[cfg_attr(not(test), expect(dead_code, reason = "most of it is for tests"))]
mod raw_records;
mod ring;
mod session;
mod sightings;
mod snapshot;
mod stack_pointers;
mod stat;
mod store;
mod sys;
mod targets;
mod tracepoint;
mod user_regs;
mod whom;

pub use batch::{ChainSpan, FaultRow, FaultRows, StackCounts, UserRegs, UserStack};
pub use config::{CallGraph, Config, Flight, Output, Selection, Target};
pub use counts::Counts;
pub use end::{End, catch_window_signal};
pub use error::Error;
pub use event::{Abilities, EventKind};
pub use explain::{
    CodeMapping, Explain, Explained, Limits, MappedCode, Named, Place, Unwind, Wanted, WantedModule,
};
pub use live::{Happenings, Live, LiveEnd, Settled, Skipped};
pub use session::{Helpers, News, Recorded, Started, Windows, record};
pub use stat::{
    Counting, Faults, Finished, Interval, ProcessFaults, Processes, Progress, Tally, TargetFaults,
    stat,
};
pub use store::{DumpReason, Dumped, create_file, open_device};
pub use sys::read_own_memory;
pub use targets::EventCount;
pub use tracepoint::PageFaultTracepoint;
