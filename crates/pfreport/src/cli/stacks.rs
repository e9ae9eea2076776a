//! Call stacks.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::with_dash;
use crate::stacks::Weight;

/// Call stacks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Call stacks")]
#[command(group(ArgGroup::new("stacks").args(["flamegraph", "folded"]).multiple(true)))]
pub struct StackOutputs {
    /// Draw a flame graph, an SVG file for a browser [default: TRACE.flamegraph.svg in the working directory]
    ///
    /// Process, callers, class and cause, memory: from the bottom to the top. Faults without a call chain
    /// are in it with module and function, under `[no call chain]`.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub flamegraph: Option<Option<PathBuf>>,

    /// Write the stacks of that picture as text, `frame;frame;frame WEIGHT` [default: to standard output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub folded: Option<Option<PathBuf>>,

    /// What the width of a stack stands for [default: stall, or faults where no latency is known]
    #[arg(long, value_name = "WHAT", requires = "stacks")]
    pub weight: Option<Weight>,
}

impl StackOutputs {
    /// `-` as standard output.
    pub(super) fn with_dashes(&mut self) {
        with_dash(&mut self.folded);
    }
}
