//! What all reports have in common.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Resettable::Reset;
use clap::builder::{PathBufValueParser, TypedValueParser as _};
use clap::{Args, ColorChoice, ValueEnum as _};

/// What all reports have in common.
#[derive(Debug, Clone, Args)]
pub struct Habits {
    /// Replace output files that exist
    #[arg(short, long, help_heading = Reset)]
    pub force: bool,

    /// Print errors only: no progress, notes or warnings; exit codes stay
    #[arg(short, long, global = true, help_heading = Reset)]
    pub quiet: bool,

    /// Colours: auto (on a terminal, unless NO_COLOR is set), always, never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(global = true, help_heading = Reset, hide_default_value = true)]
    pub color: ColorChoice,

    /// Memory that faults may take (2G, 500M) [default: half of what is available]
    ///
    /// Of more faults the summary is counted, rows written, groups made and queries answered a part at a time, which takes
    /// longer, and so is any report on faults chosen by time, class, process or condition that fit; other reports end with an
    /// error. The diagnosis is then of the costliest stretch of time, and says so. The program itself takes some 256 MiB
    /// more, groups what their pages and latencies take, and a query what SQL makes of the columns that it names.
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = Reset)]
    pub memory: Option<u64>,
}

impl Default for Habits {
    fn default() -> Self {
        Self { force: false, quiet: false, color: ColorChoice::Auto, memory: None }
    }
}

/// What commands with one output file have in common.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Overwrite {
    /// Replace the output if it exists
    #[arg(short, long)]
    pub force: bool,
}

/// The path of an output that cannot be standard output.
pub fn place() -> impl clap::builder::TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str() == "-" {
        true => {
            Err("this output cannot go to standard output: name a place (./- for one called so)")
        }
        false => Ok(path),
    })
}

/// What words say about colours before they are understood: help and errors have some too.
pub(super) fn color_of(words: &[OsString]) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    for (n, word) in words.iter().enumerate() {
        let value = match word.to_str() {
            Some("--") => break,
            Some("--color") => words.get(n + 1).and_then(|next| next.to_str()),
            Some(word) => word.strip_prefix("--color="),
            None => None,
        };
        if let Some(chosen) = value.and_then(|value| ColorChoice::from_str(value, false).ok()) {
            choice = chosen;
        }
    }
    choice
}

/// A size with a suffix in binary units, as tables print them.
pub fn size(text: &str) -> Result<u64, String> {
    parse_size::Config::new().with_binary().parse_size(text).map_err(|error| {
        format!("{error}; a size is a number, with K, M or G behind it if you like")
    })
}
