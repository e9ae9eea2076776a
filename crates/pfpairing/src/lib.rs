//! Entries and completions of page faults become faults: what recording and importing have in common.
//!
//! Samples come from perf events, in order of time. [`ThreadFaults`] pairs those of one thread,
//! [`append_callers`] takes their callers apart, [`Chains`] gives call chains their numbers, and
//! [`tracepoint`] finds the fields of tracepoints. Pure: no I/O, nothing of any system.

mod callers;
mod chains;
mod row;
mod sample;
mod thread_faults;
pub mod tracepoint;

pub use callers::{append_callers, is_marker};
pub use chains::Chains;
pub use row::{ChainSpan, FaultRow, columns};
pub use sample::Sample;
pub use thread_faults::ThreadFaults;
