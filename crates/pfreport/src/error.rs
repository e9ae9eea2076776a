//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

use crate::load::STDIN;
use crate::stacks::Weight;
use crate::text::printable_path;
use crate::units::{bytes, counted};

/// Failure of a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The trace cannot be read at all. Damage inside a trace is no error: see [`crate::load::Loaded::damage`].
    #[error("cannot read {}", input(path))]
    Trace {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pft::Error,
    },
    /// The trace cannot be opened.
    #[error("cannot read {}", input(path))]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A trace does not fit into the memory that a report may take.
    #[error(
        "{}: {} would take some {}, and {} are allowed; narrow them by --from and --to, --where, --class or --pid, or \
         allow more with --memory",
        input(path), counted(*rows, "fault"), bytes(*needed_bytes), bytes(*limit_bytes)
    )]
    Memory {
        /// The trace.
        path: PathBuf,
        /// Faults that were asked for, at most.
        rows: u64,
        /// What they take, by estimate.
        needed_bytes: u64,
        /// What is allowed.
        limit_bytes: u64,
    },
    /// A column that the table does not have.
    #[error("no column `{name}`; the columns are {}", known.join(", "))]
    UnknownColumn {
        /// As asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// An output file exists already.
    #[error("{} exists; use -f to replace it", printable_path(path))]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Output would replace the trace that is being read.
    #[error("{} is the trace being read; name another file for the output", printable_path(path))]
    IsInput {
        /// The output file.
        path: PathBuf,
    },
    /// Output would replace a device, a pipe or a directory.
    #[error("{} is not a regular file and cannot be replaced", printable_path(path))]
    Irregular {
        /// The output file.
        path: PathBuf,
    },
    /// An output file cannot be written.
    #[error("cannot write {}", printable_path(path))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The output cannot be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    /// Polars refused an operation.
    #[error("cannot compute the table")]
    Table(#[from] polars::error::PolarsError),
    /// Two outputs for standard output.
    #[error("a table and folded stacks would both go to standard output; use --folded=FILE")]
    OneOutput,
    /// A flame graph of nothing.
    #[error("no flame graph: {}", no_weight(*weight))]
    NoWeight {
        /// What none of the faults has.
        weight: Weight,
    },
    /// A picture cannot be drawn.
    #[error("cannot draw {}: {reason}", printable_path(path))]
    Picture {
        /// Where it should have gone.
        path: PathBuf,
        /// What the drawing library said.
        reason: String,
    },
}

/// The trace as messages name it.
fn input(path: &Path) -> String {
    if path == Path::new(STDIN) { "standard input".to_owned() } else { printable_path(path) }
}

const fn no_weight(weight: Weight) -> &'static str {
    match weight {
        Weight::Faults => "the trace has no faults",
        Weight::Stall => "the trace has no fault of known latency; --weight faults counts them",
        Weight::Bytes => "the trace has no fault of known size; --weight faults counts them",
    }
}

impl Error {
    /// The error with the path of the file whose writing failed.
    #[must_use]
    pub fn at(self, path: &Path) -> Self {
        match self {
            Self::Output(source) => Self::Write { path: path.to_owned(), source },
            other => other,
        }
    }
}
