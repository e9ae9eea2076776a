//! What can go wrong.

mod foreign;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

pub use foreign::Foreign;

use crate::files::input::STDIN;
use crate::outputs::stacks::Weight;
use crate::print::text::{printable_path, shell_word};
use crate::print::units::{bytes, counted};

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
    /// It is no trace but something that is known.
    #[error("cannot read {}: this is {what}, not a pft trace", input(path))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: Foreign,
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
    /// A trace does not fit into the memory that a report may take.
    #[error(
        "{}: {} would take some {}, and {} are allowed",
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
    /// A trace that is to be compared does not.
    #[error(transparent)]
    MemoryOfDiff(Box<Self>),
    /// A column that the table does not have.
    #[error("no column `{name}`{}; the columns are {}", alike(name, known), known.join(", "))]
    UnknownColumn {
        /// As asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A word that a column never has.
    #[error(
        "column `{column}` is never '{word}'{}; its words are {}",
        alike(&word.to_lowercase(), known), known.join(", ")
    )]
    UnknownWord {
        /// The column.
        column: &'static str,
        /// As asked for, fit to print.
        word: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// What `--where` has is no condition on the columns.
    #[error("wrong condition: {reason}; the columns are {}", known.join(", "))]
    Condition {
        /// What is wrong with it, fit to print.
        reason: String,
        /// The columns there are.
        known: Vec<String>,
    },
    /// What `--sql` has is no query over the tables.
    #[error("wrong query: {reason}; {known}")]
    Query {
        /// What is wrong with it, fit to print.
        reason: String,
        /// The tables there are, or the columns of those that are asked.
        known: String,
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
    #[error("{} exists", printable_path(path))]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Output would replace the trace that is being read.
    #[error("{} is the trace being read", printable_path(path))]
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
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {what}")]
    Random {
        /// What it says.
        what: String,
    },
    /// Polars refused an operation.
    #[error("cannot compute the table")]
    Table(#[from] polars::error::PolarsError),
    /// Two outputs for standard output.
    #[error("{} and {} would both go to standard output", outputs[0], outputs[1])]
    OneOutput {
        /// What would.
        outputs: [String; 2],
    },
    /// A binary format for a terminal.
    #[error("{option} is no text for a terminal")]
    Terminal {
        /// The option.
        option: String,
    },
    /// Not the traces that a comparison takes.
    #[error("cannot compare {}", counted(*given as u64, "trace"))]
    Sides {
        /// Traces without a side.
        given: usize,
    },
    /// Two traces from one input.
    #[error("standard input is one trace")]
    StdinTwice,
    /// An option where only traces are expected.
    #[error("{} stands behind `--`, among the traces", printable_path(word))]
    OptionBehind {
        /// The option.
        word: PathBuf,
    },
    /// A condition about something that a run does not tell.
    #[error("cannot judge `{condition}`: {metric} is not known of {trace}")]
    NotJudged {
        /// The condition.
        condition: String,
        /// What is not known.
        metric: &'static str,
        /// The trace, fit to print.
        trace: String,
    },
    /// A flame graph of nothing.
    #[error("no flame graph: {}", no_weight(*weight))]
    NoWeight {
        /// What none of the faults has.
        weight: Weight,
    },
    /// A trace that is not whole where only whole ones are taken.
    #[error("{} is damaged: {what}", input(path))]
    Damaged {
        /// The trace.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A folder that cannot take traces.
    #[error("{} is no dataset to add to: {reason}", printable_path(path))]
    Dataset {
        /// The folder.
        path: PathBuf,
        /// Why, fit to print.
        reason: String,
    },
    /// A trace cannot be redacted.
    #[error("cannot redact {}", input(path))]
    Redact {
        /// The trace.
        path: PathBuf,
        /// Why.
        source: pfredact::Error,
    },
    /// What perf recorded cannot be imported.
    #[error("cannot import {}", input(path))]
    Import {
        /// The recording.
        path: PathBuf,
        /// Why.
        source: pfimport::Error,
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
        Weight::Stall => "the trace has no fault of known latency",
        Weight::Bytes => "the trace has no fault of known size",
    }
}

/// Least likeness of two names of which one may be meant by the other.
const ALIKE: f64 = 0.7;

/// The name that was probably meant, in words.
fn alike(name: &str, known: &[impl AsRef<str>]) -> String {
    let likeness = |known: &&str| strsim::jaro_winkler(name, known);
    let best = known.iter().map(AsRef::as_ref).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match best.filter(|best| likeness(best) >= ALIKE) {
        Some(best) => format!(", perhaps `{best}`"),
        None => String::new(),
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

    /// The error of reading a trace that is compared as a whole.
    #[must_use]
    pub fn of_diff(self) -> Self {
        match self {
            error @ Self::Memory { .. } => Self::MemoryOfDiff(Box::new(error)),
            other => other,
        }
    }

    /// The exit code: 2 for what is not possible as asked, 1 for what failed on the way. Whoever closed
    /// the output has seen enough: 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::UnknownColumn { .. }
            | Self::UnknownWord { .. }
            | Self::Exists { .. }
            | Self::IsInput { .. }
            | Self::Irregular { .. }
            | Self::Condition { .. }
            | Self::Query { .. }
            | Self::UnknownPid { .. }
            | Self::EmptyWindow { .. }
            | Self::OneOutput { .. }
            | Self::Terminal { .. }
            | Self::Sides { .. }
            | Self::StdinTwice
            | Self::OptionBehind { .. }
            | Self::Dataset { .. }
            | Self::NotJudged { .. } => 2,
            Self::Import { source, .. } if source.is_unfit() => 2,
            Self::Open { source, .. } | Self::Write { source, .. } if is_wrong_place(source) => 2,
            _ => 1,
        }
    }

    /// Whether the reason lies in a trace, so that others may do.
    #[must_use]
    pub const fn is_of_input(&self) -> bool {
        matches!(
            self,
            Self::Trace { .. }
                | Self::Foreign { .. }
                | Self::Open { .. }
                | Self::Damaged { .. }
                | Self::Memory { .. }
                | Self::Redact { .. }
        )
    }

    /// What to do about it, mostly a command.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let record = |path: &Path| {
            let named = path.extension().is_some_and(|ending| ending == "pft");
            let path = if named { shell_word(path) } else { "run.pft".to_owned() };
            format!("record one with: pfrecord -o {path} -- COMMAND")
        };
        let remedy = match self {
            Self::Open { path, source } => match source.kind() {
                io::ErrorKind::NotFound if path.as_os_str() == "help" => {
                    "options and examples: pfreport --help".to_owned()
                }
                io::ErrorKind::NotFound => match as_output(path) {
                    Some(option) => format!("an output has an equals sign: {option}"),
                    None => record(path),
                },
                io::ErrorKind::PermissionDenied => {
                    let path = shell_word(path);
                    format!("traces are for their owner only: sudo pfreport {path}")
                }
                io::ErrorKind::IsADirectory => {
                    format!("name the traces in it: pfreport {}/*.pft", shell_word(path))
                }
                _ => return None,
            },
            Self::Import { source, .. } => return source.remedy(),
            Self::Foreign { path, what } => what.remedy(&input(path)),
            Self::Trace { source: pft::Error::NotATrace, .. } => record(Path::new("run.pft")),
            Self::Trace { source: pft::Error::UnsupportedMajor { .. }, .. } => format!(
                "this is pfreport {}: install the version that recorded it, or a later one",
                env!("CARGO_PKG_VERSION")
            ),
            Self::Trace {
                source: pft::Error::HeaderTruncated { .. } | pft::Error::HeaderDamaged,
                ..
            } => "without its header a trace cannot be read: copy it again from where it was recorded"
                .to_owned(),
            Self::Exists { .. } => "use -f to replace it".to_owned(),
            Self::IsInput { .. } | Self::Irregular { .. } => {
                "name another file for the output".to_owned()
            }
            Self::Write { path, source } => match source.kind() {
                io::ErrorKind::NotFound => {
                    let folder = path.parent().unwrap_or(path);
                    format!("make the folder first: mkdir -p {}", shell_word(folder))
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "name a file in a folder of yours".to_owned()
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "make room, or name a file elsewhere; what is there is not whole".to_owned()
                }
                _ => return None,
            },
            Self::OneOutput { .. } => "give one of them a file".to_owned(),
            Self::Terminal { option } => {
                format!("give it a file ({option}=FILE) or another program")
            }
            Self::Memory { .. } => {
                "of one trace in a file the summary, groups and exports of faults come in parts; for anything else \
                 narrow the faults by --from and --to, --where, --class or --pid, or allow more with --memory"
                    .to_owned()
            }
            Self::MemoryOfDiff(_) => {
                "allow more with --memory, or compare what pfreport says of each, which comes in parts".to_owned()
            }
            Self::Sides { .. } => {
                "give two traces, or several runs a side: pfreport diff A1 A2 -- B1 B2".to_owned()
            }
            Self::StdinTwice => "name a file for the other".to_owned(),
            Self::OptionBehind { .. } => "options go before it".to_owned(),
            Self::NotJudged { .. } => "judge something else, or record it as well".to_owned(),
            Self::Redact { source: pfredact::Error::Damaged { .. }, path } => {
                format!("make it whole first: pfreport recover {} -o WHOLE.pft", input(path))
            }
            Self::Redact { source: pfredact::Error::Remains(found), .. } => match found.asked {
                true => "nothing was written; hide a longer word".to_owned(),
                false => "nothing was written; try --level all".to_owned(),
            },
            Self::Damaged { path, .. } => {
                format!("make it whole first: pfreport recover {} -o WHOLE.pft", input(path))
            }
            Self::Dataset { .. } => "name a new folder".to_owned(),
            Self::NoWeight { weight: Weight::Stall | Weight::Bytes } => {
                "--weight faults counts them".to_owned()
            }
            _ => return None,
        };
        Some(remedy)
    }
}

/// The option that was perhaps meant by a trace that is called like an output.
fn as_output(path: &Path) -> Option<String> {
    let ending = path.extension()?.to_str()?;
    let known = ["csv", "jsonl", "parquet", "arrow", "json", "html"];
    known.contains(&ending).then(|| format!("--{ending}={}", shell_word(path)))
}

/// Whether a file is not where it was said to be, or not for this user.
fn is_wrong_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
    )
}
