//! A line a fault.

use clap::Args;

/// A line a fault.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Views")]
pub struct Events {
    /// A line a fault, `[ts] CLASS ADDR REGION LATENCY`, in order of time; -n N for the first N
    #[arg(long)]
    pub events: bool,

    /// With --events: print nothing that differs between two runs of a static, single-threaded program
    ///
    /// The n-th line's time is n milliseconds, there are no latencies, processes are numbered as they
    /// appear, and addresses count from the start of their file or mapping: what pfrecord --live
    /// --fixed-ts prints, but for names and bounds of memory that were only known later. Two runs give
    /// the same bytes if the program does the same each time and its files are in memory; `pfrecord
    /// --no-aslr` helps others.
    #[arg(long, requires = "events")]
    pub fixed_ts: bool,
}
