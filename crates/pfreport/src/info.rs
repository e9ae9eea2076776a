//! What a trace is, told without reading its faults.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::error::Error;
use crate::layout::Layout;
use crate::run::Outcome;

/// What `pfreport info` takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// Trace files
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
}

/// Does it.
///
/// # Errors
/// Any [`Error`].
pub fn run(
    _arguments: &Arguments,
    _out: &mut impl Write,
    _warnings: &mut impl Write,
    _layout: Layout,
) -> Result<Outcome, Error> {
    Ok(Outcome::Whole)
}
