//! The command line.

mod exports;
mod habits;
mod pictures;
mod query;
mod stacks;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use exports::Exports;
pub use habits::Habits;
pub use pictures::Pictures;
pub use query::{Query, Views};
pub use stacks::StackOutputs;

const EXAMPLES: &str = "\
Examples:
  pfreport run.pft                               what happened, on one screen
  pfreport run.pft --by path,cause -n 5          the five costliest files and why they fault
  pfreport run.pft --by region --sort max_ns     the regions with the longest single fault
  pfreport run.pft --by phase,cause              what happens between the marks of a recording
  pfreport run.pft --advice                      what to change, with the evidence
  pfreport run.pft --patterns                    sequential or random, again and again, how large
  pfreport run.pft --csv | head                  every fault, one per line
  pfreport run.pft --by pid,class --csv=out.csv  a grouped table for other tools
  pfreport run.pft --by function,cause           which code faults, and why
  pfreport run.pft --histogram                   how long faults took, on the terminal
  pfreport run.pft --heatmap                     which addresses faulted when, on the terminal
  pfreport run.pft --png=pictures                latency, timeline, regions, heatmap, working set
  pfreport run.pft --svg --theme dark            the same for a web page
  pfreport run.pft --html                        a page for a browser, with a timeline to zoom
  pfreport run.pft --flamegraph                  stall time by call chain, for a browser
  ssh HOST cat run.pft | pfreport -              a trace from elsewhere

Columns for --by:
  trace phase time_ns wall_time latency_ns class cause failure slow access mode proc pid tid comm
  cpu addr page_size_bytes nth attempts region region_kind path file_offset perms dev inode
  map_confidence ip module function source object callchain build_id node
Columns for --sort: those of --by, and
  faults major pages touched_bytes stall_ns p50_ns p90_ns p99_ns max_ns

Exit status:
  0  done
  1  failed
  2  wrong usage, or an output that exists or may not be replaced
  3  done, but the trace is damaged or incomplete, or records were lost, unreadable or do not add up
     to the kernel's counts";

/// Reports where page faults happen, what they cost and why.
///
/// Reads traces that pfrecord wrote, on any machine and without privileges. Without options it prints
/// a summary of one screen; its last line, `Summary: major=… minor=… cow=…`, is for scripts: numbers, or
/// `unrecorded` or `unknown`.
#[derive(Debug, Clone, Parser)]
#[command(name = "pfreport", version, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do other than report
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Trace files; `-` reads standard input
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,

    /// Which faults, and how they are grouped.
    #[command(flatten)]
    pub query: Query,

    /// Texts other than the summary.
    #[command(flatten)]
    pub views: Views,

    /// Files for other programs.
    #[command(flatten)]
    pub exports: Exports,

    /// Pictures.
    #[command(flatten)]
    pub pictures: Pictures,

    /// Call stacks.
    #[command(flatten)]
    pub stacks: StackOutputs,

    /// What all reports have in common.
    #[command(flatten)]
    pub habits: Habits,
}

/// What the program does other than report.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Compare runs before and after a change
    Diff(crate::diff::Arguments),
    /// Show what a trace is, without reading its faults
    Info(crate::info::Arguments),
    /// Show the frames of a trace as they are stored
    Dump(crate::dump::Arguments),
}

impl Arguments {
    /// The same with `-` as the name of an output understood as standard output.
    #[must_use]
    pub fn with_dashes(mut self) -> Self {
        self.exports.with_dashes();
        self.stacks.with_dashes();
        self
    }
}

/// Understands `-` as standard output.
fn with_dash(output: &mut Option<Option<PathBuf>>) {
    if output.as_ref().is_some_and(|file| file.as_deref() == Some(std::path::Path::new("-"))) {
        *output = Some(None);
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, EXAMPLES};
    use crate::field::Field;
    use crate::group::MEASURES;
    use clap::{CommandFactory as _, Parser as _};
    use std::path::PathBuf;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_breaks_lines_where_they_are_written() {
        let help = Arguments::command().render_long_help().to_string();
        assert!(help.contains(EXAMPLES), "{help}");
    }

    #[test]
    fn optional_values_take_an_equals_sign_only() {
        for words in [["pfreport", "--csv", "run.pft"], ["pfreport", "run.pft", "--csv"]] {
            let arguments = Arguments::try_parse_from(words).unwrap();
            assert_eq!(arguments.traces, [PathBuf::from("run.pft")]);
            assert_eq!(arguments.exports.csv, Some(None));
        }
        let words = ["pfreport", "run.pft", "--csv=-", "--folded=-"];
        let arguments = Arguments::try_parse_from(words).unwrap().with_dashes();
        assert_eq!((arguments.exports.csv, arguments.stacks.folded), (Some(None), Some(None)));
        let arguments = Arguments::try_parse_from(["pfreport", "run.pft", "--csv=a.csv"]).unwrap();
        let arguments = arguments.with_dashes();
        assert_eq!(arguments.exports.csv, Some(Some(PathBuf::from("a.csv"))));
    }

    #[test]
    fn the_help_names_every_column() {
        let words: Vec<&str> = EXAMPLES.split_whitespace().collect();
        for name in Field::ALL.iter().map(|field| field.name()).chain(MEASURES) {
            assert!(words.contains(&name), "{name}");
        }
    }
}
