//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

use crate::load::STDIN;
use crate::stacks::Weight;
use crate::text::printable_path;

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
    /// Nothing to report on.
    #[error("no trace was given")]
    NoTrace,
    /// A column that the table does not have.
    #[error("no column `{name}`; the columns are {}", known.join(", "))]
    UnknownColumn {
        /// As asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// What `--where` has is no condition on the columns.
    #[error("wrong condition: {reason}; the columns are {}", known.join(", "))]
    Condition {
        /// What is wrong with it, fit to print.
        reason: String,
        /// The columns there are.
        known: Vec<String>,
    },
    /// A process that is not in the trace.
    #[error("no process {pid} in the trace; there are {}{}", pids(known), and_more(*more))]
    UnknownPid {
        /// As asked for.
        pid: u32,
        /// Some that are there.
        known: Vec<u32>,
        /// How many others there are.
        more: usize,
    },
    /// A stretch of time that ends before it begins.
    #[error("no time is from {from} to {to}")]
    EmptyWindow {
        /// Its beginning.
        from: String,
        /// Its end.
        to: String,
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
    #[error("{} and {} would both go to standard output; give one of them a file", outputs[0], outputs[1])]
    OneOutput {
        /// What would.
        outputs: [String; 2],
    },
    /// A binary format for a terminal.
    #[error(
        "{option} is no text for a terminal; give it a file ({option}=FILE) or another program"
    )]
    Terminal {
        /// The option.
        option: String,
    },
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

fn pids(known: &[u32]) -> String {
    known.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" and {more} more") }
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
