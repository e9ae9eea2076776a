//! Call stacks.

use clap::ValueHint::FilePath;
use clap::{ArgGroup, Args};

use crate::files::destination::{Destination, STDOUT};
use crate::outputs::stacks::Weight;

/// Call stacks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Call stacks")]
#[command(group(ArgGroup::new("stacks").args(["flamegraph", "folded", "pprof", "firefox"]).multiple(true)))]
pub struct StackOutputs {
    /// Draw a flame graph, an SVG file for a browser [default: TRACE.flamegraph.svg in the working directory]
    ///
    /// Process, callers, class and cause, memory: from the bottom to the top. Faults without a call chain
    /// are in it with module and function, under `[no call chain]`. `-` is standard output.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath)]
    pub flamegraph: Option<Option<Destination>>,

    /// Write the stacks of that picture as text, `frame;frame;frame WEIGHT` [default: to standard output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath, default_missing_value = STDOUT)]
    pub folded: Option<Destination>,

    /// Write a profile for pprof, Parca, Pyroscope [default: TRACE.pb.gz in the working directory]
    ///
    /// Faults, stall time and installed bytes of each stack; class, cause, region and process as tags:
    /// `go tool pprof -http=: run.pft.pb.gz`. `-` is standard output.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath)]
    pub pprof: Option<Option<Destination>>,

    /// Write a profile for the Firefox Profiler [default: TRACE.firefox.json.gz in the working directory]
    ///
    /// Stacks over time by thread, the costliest faults as markers. The page <https://profiler.firefox.com>
    /// shows it in the browser and sends it nowhere. `-` is standard output.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath)]
    pub firefox: Option<Option<Destination>>,

    /// What a stack weighs [default: stall, or faults where no latency is known]
    ///
    /// A profile for pprof has all three; this one is shown first.
    #[arg(long, value_name = "WHAT", requires = "stacks")]
    pub weight: Option<Weight>,
}

impl StackOutputs {
    /// Whether any of them is asked for.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.flamegraph.is_some()
            || self.folded.is_some()
            || self.pprof.is_some()
            || self.firefox.is_some()
    }

    /// The options of those that go to standard output, and whether they are binary.
    pub fn on_stdout(&self) -> impl Iterator<Item = (String, bool)> {
        let outputs = [
            ("--flamegraph", false, self.flamegraph.as_ref().and_then(Option::as_ref)),
            ("--folded", false, self.folded.as_ref()),
            ("--pprof", true, self.pprof.as_ref().and_then(Option::as_ref)),
            ("--firefox", true, self.firefox.as_ref().and_then(Option::as_ref)),
        ];
        let on_stdout =
            outputs.into_iter().filter(|(.., output)| *output == Some(&Destination::Stdout));
        on_stdout.map(|(option, is_binary, _)| (option.to_owned(), is_binary))
    }
}
