//! Damaged and hostile traces, for the tests of all that reads traces.
//!
//! [`damaged`] has a trace with every kind of damage that storage and transport do to a file: cuts, flipped
//! bits, zeroed ranges, swapped blocks. [`hostile()`] has files that somebody made to do harm, each under a name.
//! [`perf_data`] makes recordings of perf, [`golden()`] the golden traces of `testdata/`.
//! All are the same each time: what fails can be made again from its name.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what makes files for tests may fail like tests"
)]

mod damage;
mod golden;
mod hostile;
pub mod perf_data;
mod traces;

// The hand-made traces of the tests of `pft`, and what forges frames there.
#[allow(missing_docs, dead_code, reason = "shared with the tests of pft")]
#[path = "../../pft/tests/trace/code_samples.rs"]
mod code_samples;
#[allow(missing_docs, dead_code, reason = "shared with the tests of pft")]
#[path = "../../pft/tests/trace/forge.rs"]
mod forge;
#[allow(missing_docs, dead_code, reason = "shared with the tests of pft")]
#[path = "../../pft/tests/trace/samples.rs"]
mod samples;

pub use damage::{Damaged, borders, cuts, damaged, every_cut, every_flip, flips, others};
pub use golden::{GOLDEN, golden};
pub use hostile::{Hostile, hostile};
pub use traces::{all_kinds, busy};
