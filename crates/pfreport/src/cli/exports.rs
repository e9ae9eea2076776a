//! Files for other programs.

use std::path::PathBuf;

use clap::Args;

use super::with_dash;

/// Files for other programs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Exports")]
pub struct Exports {
    /// Write every fault, or with --by the grouped table, as CSV [default: to standard output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub csv: Option<Option<PathBuf>>,
}

impl Exports {
    /// `-` as standard output.
    pub(super) fn with_dashes(&mut self) {
        with_dash(&mut self.csv);
    }
}
