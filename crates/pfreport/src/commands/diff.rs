//! Comparison of runs before and after a change.
//!
//! Each trace is read, reduced to what matters (`digest`) and let go. Parts of the runs are matched by
//! names that do not depend on process ids and addresses (`comparison`); what else differs between the
//! runs is said first (`doubts`). Several runs a side tell changes from noise (`change`).

mod blind;
mod change;
mod comparison;
mod condition;
mod digest;
mod doubts;
mod json;
mod metric;
mod setting;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, ValueHint};

use crate::cli::{analysis_options, size};
use crate::error::Error;
use crate::files::input::STDIN;
use crate::load::{Loaded, Request, default_bytes};
use crate::print::layout::Layout;
use crate::run::Outcome;
use comparison::Comparison;
use condition::{Condition, Verdict};
use digest::Digest;
use metric::{Metric, OF_PARTS};
use text::Style;

const USAGE: &str = "pfreport diff [OPTIONS] BASE NEW
       pfreport diff [OPTIONS] BASE... -- NEW...";

const MORE: &str = "\
Examples:
  pfreport diff before.pft after.pft               what changed, the largest effect first
  pfreport diff a1.pft a2.pft -- b1.pft b2.pft     several runs a side tell noise from change
  pfreport diff a.pft b.pft --metrics p50,p99,max  latencies, part by part
  pfreport diff a.pft b.pft --fail-if 'stall > +10%' --fail-if 'major > 1000' --brief
                                                   in CI

Conditions for --fail-if: METRIC, one of > >= < <=, and a limit:
  stall > +10%    the change, in percent of the base (of a base of 0, any increase is more)
  stall > +5ms    the change itself: with a sign
  stall > 2s      the new value: without a sign
Of several runs a side the medians are judged, whatever their noise. Metrics:
  stall faults major minor cow failed touched pages p50 p90 p99 max length
  stall/s faults/s major/s
Times need a unit (ns us ms s min h), sizes as well (B KiB MiB GiB TiB).

Noise: a change is within the noise (~) where the lowest to the highest value of the runs of one
side overlap with those of the other.

Exit codes:
  0  done; no condition holds
  1  failed
  2  wrong usage, or a condition about something that was not recorded
  3  done, but a trace is damaged or incomplete, or records were lost
  4  a condition of --fail-if holds (also where it would be 3)";

/// Rows of each table.
const ROWS: usize = 10;

/// What `pfreport diff` takes.
#[derive(Debug, Clone, Args)]
#[command(override_usage = USAGE, after_help = MORE)]
pub struct Arguments {
    /// The traces before and after a change; with --, those before it
    #[arg(required = true, value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub traces: Vec<PathBuf>,

    /// The traces after it
    #[arg(last = true, value_name = "NEW", value_hint = ValueHint::FilePath)]
    pub new: Vec<PathBuf>,

    /// Exit with status 4 if this holds: 'stall > +10%', 'faults > +1000', 'p99 > 2ms'
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<Condition>,

    /// What the tables show, those first that changed most in the first of these [default: stall,faults; p50,p99,max by class and cause]
    #[arg(long, value_name = "METRIC", value_delimiter = ',', value_parser = metrics())]
    #[arg(conflicts_with = "brief")]
    metrics: Vec<Metric>,

    /// Rows of each table [default: 10; with --json all]
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "brief")]
    pub top: Option<usize>,

    /// Call minor faults slow beyond this latency (100us, 1ms) in all traces [default: derived from each trace]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub slow_threshold: Option<Duration>,

    /// Leave out the tables: only doubts, the verdict and conditions
    #[arg(long)]
    pub brief: bool,

    /// Print a document for programs (schemas/diff.schema.json)
    #[arg(long, conflicts_with_all = ["brief", "metrics"])]
    pub json: bool,

    /// Memory that the faults of a trace may take (2G, 500M) [default: half of what is available]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
}

fn metrics() -> impl clap::builder::TypedValueParser<Value = Metric> {
    PossibleValuesParser::new(OF_PARTS.map(Metric::name))
        .try_map(|name| Metric::parse(&name).ok_or("no such metric"))
}

/// Does it. Conditions that cannot be judged are an error only after the comparison was written.
///
/// # Errors
/// Any [`Error`].
pub fn run(arguments: &Arguments, out: &mut impl Write, layout: Layout) -> Result<Outcome, Error> {
    let (base, new) = sides(arguments)?;
    let mut request = Request::from(analysis_options(arguments.slow_threshold));
    // One trace is held at a time.
    request.memory_bytes = Some(arguments.memory.unwrap_or_else(default_bytes));
    let digests = |paths: &[PathBuf]| {
        let digests = paths
            .iter()
            .map(|path| Digest::of(Loaded::open_with(path, &request).map_err(Error::of_diff)?));
        digests.collect::<Result<Vec<_>, Error>>()
    };
    let comparison = Comparison::of(digests(base)?, digests(new)?);
    let (verdicts, failures) = judge(&arguments.fail_if, &comparison);
    if arguments.json {
        let document = json::render(&comparison, &verdicts, arguments.top);
        writeln!(out, "{}", document.map_err(std::io::Error::from)?)?;
    } else {
        let top = arguments.top.unwrap_or(ROWS);
        let style = Style { top, metrics: &arguments.metrics, brief: arguments.brief, layout };
        out.write_all(text::render(&comparison, &verdicts, style).as_bytes())?;
    }
    out.flush()?;
    failures.map_or_else(|| Ok(outcome(&comparison, &verdicts)), Err)
}

/// The traces before and after the change.
fn sides(arguments: &Arguments) -> Result<(&[PathBuf], &[PathBuf]), Error> {
    let all = arguments.traces.iter().chain(&arguments.new);
    if all.filter(|path| *path == Path::new(STDIN)).count() > 1 {
        return Err(Error::StdinTwice);
    }
    // Behind `--` clap takes everything for a file.
    let is_option = |path: &&PathBuf| {
        let bytes = path.as_os_str().as_encoded_bytes();
        bytes.len() > 1 && bytes.starts_with(b"-")
    };
    if let Some(word) = arguments.new.iter().find(is_option) {
        return Err(Error::OptionBehind { word: word.clone() });
    }
    match (&arguments.traces[..], &arguments.new[..]) {
        ([base, new], []) => Ok((std::slice::from_ref(base), std::slice::from_ref(new))),
        (traces, []) => Err(Error::Sides { given: traces.len() }),
        sides => Ok(sides),
    }
}

/// What became of each condition, and the first that cannot be judged.
fn judge(conditions: &[Condition], comparison: &Comparison) -> (Vec<Verdict>, Option<Error>) {
    let mut verdicts = Vec::new();
    let mut failure = None;
    for condition in conditions {
        match condition.judge(comparison) {
            Ok(verdict) => verdicts.push(verdict),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    (verdicts, failure)
}

fn outcome(comparison: &Comparison, verdicts: &[Verdict]) -> Outcome {
    if verdicts.iter().any(|verdict| verdict.holds) {
        Outcome::Failed
    } else if comparison.runs().any(|run| !run.flaws.is_empty()) {
        Outcome::Partial
    } else {
        Outcome::Whole
    }
}

#[cfg(test)]
mod tests;
