//! What all reports have in common.

use clap::Args;

/// What all reports have in common.
#[derive(Debug, Clone, Default, Args)]
pub struct Habits {
    /// Replace output files that exist
    #[arg(short, long, global = true)]
    pub force: bool,
}
