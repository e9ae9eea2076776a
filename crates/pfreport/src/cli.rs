//! The command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Parser};

use crate::stacks::Weight;

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
  pfreport run.pft --png=pictures                latency, timeline, regions, heatmap
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
/// Reads a trace that pfrecord wrote, on any machine and without privileges. Without options it prints
/// a summary of one screen; its last line, `Summary: major=… minor=… cow=…`, is for scripts: numbers, or
/// `unrecorded` or `unknown`.
#[derive(Debug, Clone, Parser)]
#[command(name = "pfreport", version, after_help = EXAMPLES)]
#[command(group(ArgGroup::new("stacks").args(["flamegraph", "folded"]).multiple(true)))]
pub struct Arguments {
    /// Trace file; `-` reads standard input
    pub trace: PathBuf,

    /// Group faults by one or several columns, the costliest group first
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    pub by: Vec<String>,

    /// Order the grouped table by this column: measures from high to low, keys upwards
    #[arg(long, value_name = "COL", requires = "by")]
    pub sort: Option<String>,

    /// Rows of each list, half as many of functions [default: 10; with --by 20, with --by and --csv all]
    #[arg(short = 'n', long, value_name = "N")]
    pub top: Option<usize>,

    /// In which order faults walk through each mapping: a table, with --csv as CSV
    #[arg(long, conflicts_with = "by")]
    pub patterns: bool,

    /// What to change and why, with all evidence
    #[arg(long, conflicts_with_all = ["by", "patterns", "csv"])]
    pub advice: bool,

    /// Write every fault, or with --by the grouped table, as CSV [default: to standard output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub csv: Option<Option<PathBuf>>,

    /// Draw pictures TRACE.{latency,timeline,regions,heatmap}.png [default: in the working directory]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub png: Option<Option<PathBuf>>,

    /// Draw a flame graph, an SVG file for a browser [default: TRACE.flamegraph.svg in the working directory]
    ///
    /// Process, callers, class and cause, memory: from the bottom to the top. Faults without a call chain
    /// are in it with module and function, under `[no call chain]`.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub flamegraph: Option<Option<PathBuf>>,

    /// Write the stacks of that picture as text, `frame;frame;frame WEIGHT` [default: to standard output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub folded: Option<Option<PathBuf>>,

    /// What the width of a stack stands for [default: stall, or faults where no latency is known]
    #[arg(long, value_name = "WHAT", requires = "stacks")]
    pub weight: Option<Weight>,

    /// Call a minor fault slow beyond this latency (100us, 1ms) [default: derived from the trace]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub slow_threshold: Option<Duration>,

    /// Replace output files that exist
    #[arg(short, long)]
    pub force: bool,
}

impl Arguments {
    /// The same with `-` as the name of an output understood as standard output.
    #[must_use]
    pub fn with_dashes(mut self) -> Self {
        for output in [&mut self.csv, &mut self.folded] {
            if output.as_ref().is_some_and(|file| file.as_deref() == Some(Path::new("-"))) {
                *output = Some(None);
            }
        }
        self
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
            assert_eq!(arguments.trace, PathBuf::from("run.pft"));
            assert_eq!(arguments.csv, Some(None));
        }
        let words = ["pfreport", "run.pft", "--csv=-", "--folded=-"];
        let arguments = Arguments::try_parse_from(words).unwrap().with_dashes();
        assert_eq!((arguments.csv, arguments.folded), (Some(None), Some(None)));
        let arguments = Arguments::try_parse_from(["pfreport", "run.pft", "--csv=a.csv"]).unwrap();
        let arguments = arguments.with_dashes();
        assert_eq!(arguments.csv, Some(Some(PathBuf::from("a.csv"))));
    }

    #[test]
    fn the_help_names_every_column() {
        let words: Vec<&str> = EXAMPLES.split_whitespace().collect();
        for name in Field::ALL.iter().map(|field| field.name()).chain(MEASURES) {
            assert!(words.contains(&name), "{name}");
        }
    }
}
