//! Pictures.

use std::path::PathBuf;

use clap::Args;

/// Pictures.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Pictures")]
pub struct Pictures {
    /// Draw pictures TRACE.{latency,timeline,regions,heatmap}.png [default: in the working directory]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub png: Option<Option<PathBuf>>,
}
