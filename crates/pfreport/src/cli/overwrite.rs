//! Whether files that exist are replaced.

use clap::Args;
use clap::builder::Resettable::Reset;

/// Whether files that exist are replaced.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Overwrite {
    /// Replace output files that exist
    #[arg(short, long, help_heading = Reset)]
    pub force: bool,
}
