//! Many traces as one dataset: partitioned Parquet for DuckDB, Polars, Spark and the like.
//!
//! `schemas/dataset.md` is the definition of what lies where. `folder` knows the folders, `identity` when two files
//! are the same trace, `columns` the types of columns; `input` is a trace that is to be added, `tables` writes its
//! tables, and `about` is its row in table `traces`.

mod about;
mod columns;
mod folder;
mod identity;
mod input;
mod tables;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::cli::{folder, size};
use crate::commands::redact::{Wishes, level};
use crate::error::Error;
use crate::load::default_bytes;
use crate::load::progress::Bar;
use crate::print::text::{harmless, printable_path, with_sources};
use crate::print::units::{bytes, counted, counted_as};
use crate::run::Outcome;
use folder::Dataset;
use identity::Partition;
use input::Input;
use tables::Written;

/// Version of folders and columns. Columns, tables and words may join within a version; none goes or changes its
/// meaning.
pub const SCHEMA: &str = "pft-dataset/1";

/// What `pfreport dataset` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
#[command(mut_args(|argument| match argument.get_id().as_str() {
    "hide" | "keep" | "seed" => argument.requires("redact"),
    _ => argument,
}))]
pub struct Arguments {
    /// Trace files
    #[arg(value_name = "TRACE", required = true, value_hint = ValueHint::FilePath)]
    pub traces: Vec<PathBuf>,

    /// Folder of the dataset: a new one, or one that grows
    #[arg(short, long, value_name = "DIR", value_parser = folder(), value_hint = ValueHint::DirPath)]
    pub output: PathBuf,

    /// Redact each trace on the way (names, paths, arguments, symbols or all), as `pfreport redact` does
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, require_equals = true, requires = "seed")]
    #[arg(default_missing_value = "symbols", value_parser = level())]
    pub redact: Option<pfredact::Level>,

    /// What stays and goes beyond the rules of redaction.
    #[command(flatten)]
    pub wishes: Wishes,

    /// Memory that the faults of a trace may take (2G, 500M) [default: half of what is available]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,

    /// Add traces anew that are there already
    #[arg(short, long)]
    pub force: bool,
}

const EXAMPLES: &str = "\
Every table that `pfreport run.pft --table` has, and `traces` with a row a trace, as Parquet below
DIR/TABLE/host=HOST/date=DATE/trace=UUID/. Numbers are signed and of 64 bits, words are text,
times of day are in microseconds, so that DuckDB, Polars, pandas, Spark and what else reads
Parquet agree.

A trace that is there already is passed over, so the same command may run again after each new
trace. A trace appears table by table, in `traces` last; where writing failed, the next run makes
it whole. A damaged trace is left out, with the reason; what `pfreport recover` makes of it is
taken. With --redact the same seed has to be given each time: names are then the same in all
traces.

Examples:
  pfreport dataset *.pft -o fleet                   the traces of a folder
  find /traces -name '*.pft' -print0 | xargs -0 pfreport dataset -o fleet
  pfreport dataset *.pft -o share --redact --seed \"$SECRET\"
  duckdb -c \"FROM read_parquet('fleet/traces/**', hive_partitioning = true)\"

Exit codes: 0 done; 1 failed: a full disk; 2 not possible as asked; 3 done, but traces were left
out, or records are missing from one that was added.";

/// What became of the traces so far.
#[derive(Debug, Default)]
struct Tally {
    added: u64,
    faults: u64,
    bytes: u64,
    there: u64,
    skipped: u64,
    flawed: u64,
}

/// What became of one trace.
enum Fate {
    Added(Written, Vec<String>),
    There,
}

/// Does it. `notes` takes what is said of single traces.
///
/// # Errors
/// [`Error::Dataset`] for a folder that is none; [`Error::Write`]; [`Error::Output`].
pub fn run(
    arguments: &Arguments,
    is_quiet: bool,
    (out, notes): (&mut impl Write, &mut impl Write),
) -> Result<Outcome, Error> {
    let mut dataset = Dataset::open(&arguments.output)?;
    let mut tally = Tally::default();
    let bar = Bar::of(is_quiet, "traces");
    let total = arguments.traces.len() as u64;
    for (number, path) in (0..).zip(&arguments.traces) {
        bar.iter().for_each(|bar| bar.show_of(number, total));
        let mut say = |line: String| match &bar {
            Some(bar) => bar.aside(|| writeln!(notes, "{line}")),
            None => writeln!(notes, "{line}"),
        };
        match add(path, &mut dataset, arguments) {
            Ok(Fate::There) => tally.there += 1,
            Ok(Fate::Added(written, left_out)) => {
                tally.added += 1;
                tally.faults += written.faults;
                tally.bytes += written.bytes;
                tally.flawed += u64::from(!written.is_whole || !left_out.is_empty());
                for what in left_out {
                    say(format!("note: {}: left out: {what}", printable_path(path)))?;
                }
            }
            Err(error) if error.is_of_input() => {
                tally.skipped += 1;
                let remedy = error.remedy().map_or_else(String::new, |what| format!("; {what}"));
                say(format!("skipped: {}{remedy}", harmless(&with_sources(&error))))?;
            }
            Err(error) => return Err(error),
        }
    }
    drop(bar);
    tally.write(&arguments.output, out)?;
    out.flush()?;
    Ok(if tally.skipped + tally.flawed == 0 { Outcome::Whole } else { Outcome::Partial })
}

/// Adds a trace unless it is there.
fn add(path: &Path, dataset: &mut Dataset, arguments: &Arguments) -> Result<Fate, Error> {
    let input = Input::open(path)?;
    let seed = arguments.redact.and(arguments.wishes.seed.as_deref());
    let key = identity::key(&input, seed);
    if dataset.has(&key) && !arguments.force {
        return Ok(Fate::There);
    }
    let mut staged = dataset.stage()?;
    let (input, left_out) = match arguments.redact {
        None => (input, Vec::new()),
        Some(level) => {
            let output = staged.path(Path::new("redacted.pft"));
            input.redacted(&arguments.wishes.options(level), &output)?
        }
    };
    let partition = Partition::of(&input, &key);
    let memory_bytes = arguments.memory.unwrap_or_else(default_bytes);
    let written = tables::write(&input, path, memory_bytes, &mut staged)?;
    dataset.take(staged, &partition, &key)?;
    Ok(Fate::Added(written, left_out))
}

impl Tally {
    fn write(&self, folder: &Path, out: &mut impl Write) -> Result<(), Error> {
        let added = counted(self.added, "trace");
        let mut line = format!("{}: {added} added", printable_path(folder));
        if self.added > 0 {
            let faults = counted(self.faults, "fault");
            line.push_str(&format!(" ({faults}, {})", bytes(self.bytes)));
        }
        if self.there > 0 {
            line.push_str(&format!(", {} there already", self.there));
        }
        if self.skipped > 0 {
            line.push_str(&format!(", {} skipped", self.skipped));
        }
        writeln!(out, "{line}")?;
        if self.flawed > 0 {
            let lack = counted_as(self.flawed, "trace lacks", "traces lack");
            writeln!(
                out,
                "{lack} something that happened: columns whole and flaws of table traces"
            )?;
        }
        Ok(())
    }
}
