//! What can go wrong when a test starts a workload or reads its output.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A line of the workload's output lacks a field, or a field cannot be read.
    #[error("field `{key}` is missing or malformed in `{line}`")]
    Field {
        /// The line.
        line: String,
        /// Key of the field.
        key: &'static str,
    },
    /// The workload could not be started.
    #[error("cannot start {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Talking to the workload failed.
    #[error("lost contact with the workload")]
    Talk(#[from] io::Error),
    /// The workload ended before it printed this line.
    #[error("the workload ended without `{expected}`; it printed: {output}")]
    Ended {
        /// First word of the line.
        expected: &'static str,
        /// What it printed instead.
        output: String,
    },
    /// The workload failed.
    #[error("the workload failed ({status}); it printed: {output}")]
    Failed {
        /// Its exit status.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
}
