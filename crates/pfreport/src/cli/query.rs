//! Which faults, how they are grouped, and what is said about them.

use std::time::Duration;

use clap::Args;

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

    /// Rows of each list, half as many of functions [default: 10; with --html 50, with --by 20, with --by
    /// and --csv all]
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
    /// In which order faults walk through each mapping: a table, with --csv as CSV
    #[arg(long, conflicts_with = "by")]
    pub patterns: bool,

    /// What to change and why, with all evidence
    #[arg(long, conflicts_with_all = ["by", "patterns", "csv"])]
    pub advice: bool,
}
