//! Tables as files for other programs: CSV, JSON lines, Parquet, Arrow.
//!
//! A table goes through in batches: memory does not grow with it. Each batch is encoded on a core of its own,
//! into the bytes as they will lie in the file.

mod arrays;
mod arrow;
mod csv;
mod jsonl;
mod literal;
mod outputs;
mod parquet;
#[cfg(test)]
mod tests;
mod writer;

pub use literal::{ADDRESSES, calendar_times, with_literals};
pub use outputs::{InParts, faults, frame};
pub use writer::{Format, Writer, write_batches};

/// Version of the columns, in Parquet and Arrow files under [`SCHEMA_KEY`]. Columns and words may join
/// within a version; none goes or changes its meaning.
pub const SCHEMA: &str = "pft-tables/1";

/// Where files that can carry it have [`SCHEMA`].
pub const SCHEMA_KEY: &str = "pft.schema";

/// Where they have the program that wrote them, and its version.
pub const GENERATOR_KEY: &str = "pft.generator";

/// A whole table in memory, for the tests.
#[cfg(test)]
pub fn in_memory(format: Format, frame: &polars::prelude::DataFrame) -> Vec<u8> {
    let mut writer = Writer::new(format, frame.schema(), Vec::new(), None).unwrap();
    writer.write(frame).unwrap();
    writer.finish().unwrap()
}

/// The fault table, for the tests.
#[cfg(test)]
pub fn faults_in_memory(loaded: &crate::load::Loaded) -> polars::prelude::DataFrame {
    let faults = crate::rows::faults::Faults::new(loaded, crate::rows::field::Field::ALL).unwrap();
    faults.frame(0..usize::MAX).unwrap()
}
