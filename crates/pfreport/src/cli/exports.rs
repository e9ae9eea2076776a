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

    /// Write the summary as one HTML page, with pictures and a timeline [default: TRACE.html in the working
    /// directory]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub html: Option<Option<PathBuf>>,
}

impl Exports {
    /// `-` as standard output.
    pub(super) fn with_dashes(&mut self) {
        with_dash(&mut self.csv);
    }
}
