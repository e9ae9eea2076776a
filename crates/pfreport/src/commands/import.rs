//! A trace of what perf recorded.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use pfimport::{Imported, Options, PerfData};

use crate::cli::Overwrite;
use crate::error::Error;
use crate::files::destination::Destination;
use crate::files::input::{self, STDIN};
use crate::files::new_file::random_uuid;
use crate::print::layout::Layout;
use crate::print::text::{printable, printable_path};
use crate::print::units::{count, counted};
use crate::run::Outcome;

/// Names of events that are listed.
const LISTED: usize = 5;

/// What `pfreport import` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// What `perf record` wrote; `-` reads standard input
    #[arg(value_name = "PERF.DATA", value_hint = ValueHint::FilePath)]
    pub input: PathBuf,

    /// The trace to write; `-` writes to standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(value_parser = Destination::parser())]
    pub output: Destination,

    /// Whether a file that exists is replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
}

const EXAMPLES: &str = "\
Makes a trace of the page faults in a recording of perf, of which all reports work. The recording
needs every fault (-c 1) and its address (-d). What it has besides decides what is known:

  page-faults,minor-faults,major-faults   latency of each fault, and whether it was major
  minor-faults,major-faults               the same without latency
  exceptions:page_fault_user              reads and writes; beside the two above latency, alone
                                          neither latency nor class (`unknown`)

With -k CLOCK_MONOTONIC the time of day is known, with -g call chains are. perf does not record
what is unmapped, nor names of functions. Better in all of this: pfrecord. More: docs/import.md

Examples:
  perf record -e page-faults,minor-faults,major-faults -c 1 -d -k CLOCK_MONOTONIC -- COMMAND
  pfreport import perf.data -o run.pft && pfreport run.pft
  perf record -e exceptions:page_fault_user,minor-faults,major-faults -c 1 -d -g -p PID
  ssh HOST perf record -o - -e minor-faults,major-faults -c 1 -d COMMAND |
    pfreport import - -o run.pft

Exit codes: 0 done; 1 failed; 2 not possible as asked, or not with what was recorded; 3 done, but
perf lost records, or the recording is cut or damaged.";

/// Does it. `out` takes what was imported, `notes` what is missing, and all where the trace itself goes to `out`.
///
/// # Errors
/// [`Error::Open`]; those of [`Destination`]; [`Error::Import`]; [`Error::Output`]; [`Error::Terminal`] for a trace that
/// would go to a terminal.
pub fn run(
    arguments: &Arguments,
    (out, notes): (&mut impl Write, &mut impl Write),
    layout: Layout,
) -> Result<Outcome, Error> {
    let Arguments { input: path, output, overwrite } = arguments;
    let force = overwrite.force;
    let source = input::read_from(path);
    output.check_trace(source, force, layout)?;
    let failed = |source| match source {
        pfimport::Error::Write(pft::Error::Write { source, .. }) => Error::Output(source),
        pfimport::Error::Read(source) => Error::Open { path: path.clone(), source },
        source => Error::Import { path: path.clone(), source },
    };
    let options = Options { uuid: random_uuid()? };
    let write = |out: &mut dyn Write| import(path, out, &options, failed);
    let (imported, file) = output.write_trace(source, force, out, write)?;
    match file {
        None => writeln!(notes, "{}", told(&imported))?,
        Some(path) => writeln!(out, "{}, to {}", told(&imported), printable_path(&path))?,
    }
    for line in missing(&imported) {
        writeln!(notes, "{line}")?;
    }
    out.flush()?;
    Ok(if imported.is_whole() { Outcome::Whole } else { Outcome::Partial })
}

fn import(
    path: &Path,
    output: &mut dyn Write,
    options: &Options,
    failed: impl Fn(pfimport::Error) -> Error,
) -> Result<Imported, Error> {
    let open = |source| Error::Open { path: path.to_owned(), source };
    let imported = if path == Path::new(STDIN) {
        PerfData::stream(io::stdin().lock())
            .and_then(|data| pfimport::import(data, output, options))
            .map_err(&failed)?
    } else {
        let file = File::open(path).map_err(open)?;
        let found = file.metadata().map_err(open)?;
        if found.is_dir() {
            return Err(open(io::ErrorKind::IsADirectory.into()));
        }
        if input::can_be_read_again(path) {
            PerfData::open(file).and_then(|data| pfimport::import(data, output, options))
        } else {
            PerfData::stream(file).and_then(|data| pfimport::import(data, output, options))
        }
        .map_err(&failed)?
    };
    Ok(imported.0)
}

/// What was imported.
fn told(imported: &Imported) -> String {
    let (minor, major) = imported.completed;
    let (_, has_completions) = imported.recorded;
    let classes = match has_completions {
        true => format!(" ({} minor, {} major)", count(minor), count(major)),
        false => String::new(),
    };
    format!("imported {}{classes}", counted(imported.faults, "fault"))
}

/// What is missing, and what is not known, a line each.
fn missing(imported: &Imported) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(what) = imported.cut {
        lines.push(format!("warning: {what}: the trace ends where the records do"));
    }
    if imported.lost > 0 {
        lines.push(format!(
            "warning: perf lost {}; a larger ring helps: perf record -m 16M",
            counted(imported.lost, "record")
        ));
    }
    if imported.unparsed > 0 {
        lines.push(format!(
            "warning: {} could not be understood",
            counted(imported.unparsed, "record")
        ));
    }
    if imported.late > 0 {
        lines.push(format!(
            "note: {} came late: faults around them may be paired wrongly",
            counted(imported.late, "record")
        ));
    }
    if let Some(event) = &imported.repeated {
        let event = printable(event.as_bytes());
        lines.push(format!("warning: {event} was recorded twice: its faults may count twice"));
    }
    if imported.mappings_dropped > 0 {
        lines.push(format!(
            "warning: {} from before the recording found no room: faults there have no region",
            counted(imported.mappings_dropped, "mapping")
        ));
    }
    if imported.foreign > 0 {
        lines.push(format!(
            "note: left out {} without a process",
            counted(imported.foreign, "record")
        ));
    }
    let (others, names) = &imported.others;
    if *others > 0 {
        let more = names.len().saturating_sub(LISTED);
        let mut names: Vec<String> =
            names.iter().take(LISTED).map(|name| printable(name.as_bytes())).collect();
        if more > 0 {
            names.push(format!("{more} more"));
        }
        let samples = counted(*others, "sample");
        lines.push(format!("note: left out {samples} of other events: {}", names.join(", ")));
    }
    match imported.recorded {
        (_, false) => lines.push(
            "note: only entries of faults were recorded: neither classes nor latencies are known; \
             add -e minor-faults,major-faults"
                .to_owned(),
        ),
        (false, _) => lines.push(
            "note: entries of faults were not recorded: latencies are not known; add -e page-faults"
                .to_owned(),
        ),
        _ => {}
    }
    if !imported.data_mappings {
        lines.push(
            "note: mappings of data were not recorded: memory without code is not known; add -d"
                .to_owned(),
        );
    }
    if !imported.wall_clock {
        lines.push("note: the time of day is not known; add -k CLOCK_MONOTONIC".to_owned());
    }
    lines
}
