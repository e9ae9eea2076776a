//! Which faults, how they are grouped, and what is said about them.

use std::time::Duration;

use clap::{ArgGroup, Args};
use pfmodel::Options;
use pfmodel::names::Class;

use crate::rows::tables::Table;
use crate::select::{Moment, class};

/// Which faults, and how they are grouped.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which faults")]
#[command(group(ArgGroup::new("listing").args(["by", "table"]).multiple(true)))]
pub struct Query {
    /// Group faults by one or several columns, the costliest group first
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    pub by: Vec<String>,

    /// Order that table by this column: measures, sizes and counts from high to low, others upwards
    #[arg(long, value_name = "COL", requires = "listing")]
    pub sort: Option<String>,

    /// Print another table: faults, processes, threads, mappings, modules, callchains, losses, oom, marks,
    /// ledger, facts
    #[arg(long, value_name = "NAME", value_parser = Table::parse)]
    pub table: Option<Table>,

    /// Ask the tables in SQL: "SELECT region, SUM(latency_ns) AS stall_ns FROM faults GROUP BY region"
    ///
    /// Polars' SQL over all tables; --where and the other filters narrow `faults`. Numbers are plain.
    #[arg(long, value_name = "QUERY")]
    pub sql: Option<String>,

    /// Only faults of these classes: minor, major, cow, failed, unknown
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

    /// Rows of each list, half as many of functions [default: 10; with --html 50; of tables 20, of exported ones and --events all]
    #[arg(short = 'n', long, value_name = "N")]
    pub top: Option<usize>,

    /// Call a minor fault slow beyond this latency (100us, 1ms) [default: derived from the trace]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub slow_threshold: Option<Duration>,
}

/// What `--slow-threshold` asks of the analysis.
#[must_use]
pub fn analysis_options(slow_threshold: Option<Duration>) -> Options {
    let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    slow_threshold.map_or_else(Options::default, |limit| Options::with_slow_threshold_ns(ns(limit)))
}

/// Texts other than the summary.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Views")]
pub struct Views {
    /// In which order faults walk through each mapping: a table, or with --csv, --parquet, … for programs
    #[arg(long)]
    pub patterns: bool,

    /// What to change and why, with all evidence
    #[arg(long)]
    pub advice: bool,
}
