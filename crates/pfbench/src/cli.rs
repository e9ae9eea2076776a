//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measure what recording and reporting cost, beside perf and bpftrace. Programs that are to be compared run in turn,
/// once in each round, and figures are medians of the rounds.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// What to measure [default: everything but `long`]
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// Rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=101))]
    pub runs: u32,
    /// A hundredth of the faults: whether everything runs, not what it costs
    #[arg(long, conflicts_with = "check")]
    pub smoke: bool,
    /// Fail where a goal is not met
    #[arg(long)]
    pub check: bool,
    /// Write all figures as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write all tables as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Draw the cost of recording as SVG (needs section `cost`)
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Folder for traces: on a disk, not in memory
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    pub dir: PathBuf,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// What a fault costs the program that is recorded
    Cost,
    /// Whether records are lost where every CPU faults at full speed
    Loss,
    /// What the recorder itself takes: CPU time and memory
    Own,
    /// Bytes per fault
    Size,
    /// How fast reports are
    Report,
    /// Whether costs per fault grow with faults, mappings and threads
    Growth,
    /// A hundred million faults in two gigabytes of memory: ten minutes
    Long,
}

impl Arguments {
    /// What to measure, in order.
    pub fn sections(&self) -> Vec<Section> {
        let all = Section::value_variants();
        let wanted = |section: &&Section| match self.sections.as_slice() {
            [] => **section != Section::Long,
            named => named.contains(section),
        };
        all.iter().filter(wanted).copied().collect()
    }
}
