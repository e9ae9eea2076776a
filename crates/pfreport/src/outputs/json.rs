//! The summary as a document for programs (`--json`); `schemas/summary.schema.json` has the meaning of
//! each name.
//!
//! The figures are those of the summary on the screen, and worked out by the same functions. Units are in
//! the names; what is not known is null, never 0. Names from a trace are escaped as everywhere.

mod code;
mod costs;
mod exactness;
mod findings;
mod gaps;
mod recording;
#[cfg(test)]
pub mod tests;

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use crate::GENERATOR;
use crate::cli::Arguments;
use crate::error::Error;
use crate::load::Loaded;
use crate::outputs::summary::figures::Figures;
use crate::outputs::summary::{limits, phases, top::Rest};
use crate::print::text::harmless;
use crate::rows::group::Group;
pub use code::{CallChains, Function, Symbols};
pub use costs::{Cause, LongestThread, MajorReads, Phase, Process, Region, Totals};
pub use exactness::Exactness;
pub use findings::Finding;
pub use gaps::Gap;
pub use recording::{Recording, Selection, Trace, Victim};

/// Version of the document. Names may join within a version; none goes or changes its meaning, so readers pass
/// over what they do not know.
pub const SCHEMA: &str = "pft-summary/1";

/// Everything that the summary has in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Program and version that made the document.
    pub generator: String,
    /// The files.
    pub traces: Vec<Trace>,
    /// Whom, where and how.
    pub recording: Recording,
    /// What the faults were selected by; null if these are all.
    pub selection: Option<Selection>,
    /// What is wrong with the files, a sentence each.
    pub damage: Excerpt<String>,
    /// What the files do not hold any more, the first in order of time.
    pub gaps: Excerpt<Gap>,
    /// What was left out although nothing is wrong with it, a sentence each.
    pub notes: Vec<String>,
    /// What the recording could not show or was asked to leave out, a sentence each.
    pub limits: Vec<String>,
    /// How complete the trace is; null for several, each of which has its own.
    pub exactness: Option<Exactness>,
    /// Sums over all faults that are selected.
    pub totals: Totals,
    /// By class and cause, all of them, the costliest first.
    pub causes: Vec<Cause>,
    /// The costliest phases in order of time; null without marks.
    pub phases: Option<List<Phase>>,
    /// Phases without faults; null without marks.
    pub phases_without_faults: Option<u64>,
    /// The costliest processes.
    pub processes: List<Process>,
    /// The thread that was stalled longest; null if it is the only one, or no latency is known.
    pub longest_stalled_thread: Option<LongestThread>,
    /// The costliest regions and files.
    pub regions: List<Region>,
    /// What major faults wait for, the costliest first; null where faults of other classes are among those that are
    /// selected, or none is.
    pub major_reads: Option<List<MajorReads>>,
    /// The costliest functions; null where none is known.
    pub functions: Option<List<Function>>,
    /// Processes that the kernel killed because memory ran out, the first in order of time.
    pub oom: Excerpt<Victim>,
    /// Victims that were recorded and are not in the file.
    pub oom_missing: u64,
    /// What the rules of `--advice` found, the most important first.
    pub findings: Vec<Finding>,
}

/// The first entries of a list, and what the others add up to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct List<T> {
    /// The first ones.
    pub rows: Vec<T>,
    /// The others.
    pub left_out: LeftOut,
}

/// Entries of a list that are not in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// How many.
    pub rows: u64,
    /// Their faults.
    pub faults: u64,
    /// Major ones among them.
    pub major: u64,
    /// Their stall time.
    pub stall_ns: Option<u64>,
}

/// The first entries of a list, and how many are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excerpt<T> {
    /// The first ones.
    pub rows: Vec<T>,
    /// How many others there are.
    pub left_out: u64,
}

impl<T> Excerpt<T> {
    fn of(mut rows: Vec<T>, top: usize) -> Self {
        let left_out = rows.len().saturating_sub(top) as u64;
        rows.truncate(top);
        Self { rows, left_out }
    }
}

impl<T> List<T> {
    fn of<'a>(rows: Vec<T>, others: impl IntoIterator<Item = &'a Group>) -> Self {
        Self::with_rest(rows, Rest::of(others))
    }

    fn with_rest(rows: Vec<T>, rest: Rest) -> Self {
        let Rest { groups, faults, major, stall_ns } = rest;
        Self { rows, left_out: LeftOut { rows: groups, faults, major, stall_ns } }
    }
}

impl Summary {
    /// The summary with at most `top` entries of each list of processes, regions, …, and half as many
    /// functions, as on the screen.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn of(loaded: &Loaded, top: usize) -> Result<Self, Error> {
        Ok(Self::with(loaded, &Figures::of(loaded)?, top))
    }

    /// The same with figures that are there already.
    pub(crate) fn with(loaded: &Loaded, figures: &Figures, top: usize) -> Self {
        let Figures { counts, stall, cells, functions, .. } = figures;
        let texts = |texts: &[String]| texts.iter().map(|t| harmless(t)).collect();
        let phases = phases::phases(loaded, figures.phases.clone(), top);
        let victims = loaded.oom.iter().map(|victim| Victim::of(loaded, victim));
        Self {
            schema: SCHEMA,
            generator: GENERATOR.to_owned(),
            traces: recording::traces(loaded),
            recording: Recording::of(loaded),
            selection: Selection::of(loaded),
            damage: Excerpt::of(texts(&loaded.damage), top),
            gaps: Excerpt::of(Gap::all(&loaded.gaps, loaded.header.start_ns), top),
            notes: texts(&loaded.notes),
            limits: limits::lines(loaded),
            exactness: (!loaded.are_several()).then(|| Exactness::of(loaded, counts, top)),
            totals: Totals::of(loaded, figures),
            causes: costs::causes(figures),
            phases_without_faults: phases.as_ref().map(|phases| phases.idle as u64),
            phases: phases.map(|phases| costs::phases(loaded, phases)),
            processes: costs::processes(loaded, cells, stall, top),
            longest_stalled_thread: costs::longest_thread(loaded, cells),
            regions: costs::regions(cells, top),
            major_reads: costs::major_reads(loaded, figures, top),
            functions: functions.as_ref().map(|them| code::functions(them, top.div_ceil(2))),
            oom: Excerpt::of(victims.collect(), top),
            oom_missing: loaded.missing_victims(),
            findings: findings::findings(loaded),
        }
    }
}

/// Writes the summary as a JSON document if `arguments` ask for it, with `top` entries of each list; returns
/// the path of a file.
///
/// # Errors
/// Those of [`crate::files::destination::Destination::write`]; [`Error::Table`], [`Error::Write`] or [`Error::Output`].
pub fn export(
    loaded: &Loaded,
    arguments: &Arguments,
    top: usize,
    out: &mut impl Write,
) -> Result<Option<PathBuf>, Error> {
    let Some(destination) = &arguments.exports.json else {
        return Ok(None);
    };
    let force = arguments.overwrite.force;
    destination.write(loaded.inputs(), force, out, |out| write(loaded, top, out))
}

/// Writes the summary as a JSON document.
///
/// # Errors
/// [`Error::Table`] should Polars fail, [`Error::Output`] when `out` does.
pub fn write(loaded: &Loaded, top: usize, mut out: impl Write) -> Result<(), Error> {
    serde_json::to_writer_pretty(&mut out, &Summary::of(loaded, top)?)
        .map_err(|error| Error::Output(error.into()))?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}
