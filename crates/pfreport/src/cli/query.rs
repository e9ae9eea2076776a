//! Which faults, how they are grouped, and what is said about them.

use std::time::Duration;

use clap::Args;
use pfmodel::names::Class;

use crate::select::{Moment, class};

/// Which faults, and how they are grouped.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which faults")]
pub struct Query {
    /// Group faults by one or several columns, the costliest group first
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    pub by: Vec<String>,

    /// Order the grouped table by this column: measures from high to low, keys upwards
    #[arg(long, value_name = "COL", requires = "by")]
    pub sort: Option<String>,

    /// Only faults of these classes: minor, major, cow, failed
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class)]
    pub class: Vec<Class>,

    /// Only faults of these processes
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub pid: Vec<u32>,

    /// Only faults since this time after the start (2s, 150ms, 10%)
    #[arg(long, value_name = "TIME")]
    pub from: Option<Moment>,

    /// Only faults before this time after the start
    #[arg(long, value_name = "TIME")]
    pub to: Option<Moment>,

    /// Only faults for which this is true, in SQL over the columns below
    ///
    /// Text is in single quotes, addresses may be hexadecimal: "class = 'major' AND latency_ns > 1e6",
    /// "path LIKE '%.gguf'", "addr >= 0x7f0000000000", "function IS NULL".
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<String>,

    /// Rows of each list, half as many of functions [default: 10; with --by 20, in files for programs all]
    #[arg(short = 'n', long, value_name = "N")]
    pub top: Option<usize>,

    /// Call a minor fault slow beyond this latency (100us, 1ms) [default: derived from the trace]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub slow_threshold: Option<Duration>,
}

/// Texts other than the summary.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Views")]
pub struct Views {
    /// In which order faults walk through each mapping: a table, or with --csv, --parquet, … for programs
    #[arg(long, conflicts_with = "by")]
    pub patterns: bool,

    /// What to change and why, with all evidence
    #[arg(long, conflicts_with_all = ["by", "patterns", "csv", "jsonl", "parquet", "arrow"])]
    pub advice: bool,
}
