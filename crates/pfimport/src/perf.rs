//! The format of `perf.data` (`tools/perf/Documentation/perf.data-file-format.txt` of Linux): nothing here knows
//! about page faults.

pub mod attr;
pub mod bytes;
pub mod features;
mod file;
pub mod layouts;
pub mod order;
pub mod record;
pub mod sample;
mod stream;
pub mod tracing;

pub use file::{PerfData, is_perf_data};
