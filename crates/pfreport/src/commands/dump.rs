//! The frames of a trace as they are stored, for people who debug the format.

mod line;
mod listing;
mod records;

use std::io::Write;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueHint};
use pft::FrameKind;

use crate::error::Error;
use crate::run::Outcome;
use listing::Listing;

/// What `pfreport dump` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
#[command(group(ArgGroup::new("records").args(["rows", "frame", "kind"]).multiple(true)))]
pub struct Arguments {
    /// Trace files; `-` reads standard input
    #[arg(required = true, value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub traces: Vec<PathBuf>,

    /// Show the records of each frame too, one a line: `key=value …`
    #[arg(long)]
    pub rows: bool,

    /// Only the frame with this sequence number, with its records; may be repeated
    #[arg(long, value_name = "N")]
    pub frame: Vec<u64>,

    /// Only frames of this kind (faults, marks, snapshot, …), or with this number, with their records
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: Vec<u16>,

    /// Records of each frame that are shown [default: all]
    #[arg(short = 'n', long, value_name = "N", requires = "records")]
    pub top: Option<u64>,
}

const EXAMPLES: &str = "\
A line a frame, in the order of the file: where it begins, what it is, its sequence number and
part, its rows, its first and last time in seconds since the start, its length in the file
without its header of 64 bytes and decompressed, and in what state it is. Payloads are read and
checked. Lines that begin with `!` say what is wrong. The layout of the file is in schemas/pft.md.

In records, times are nanoseconds of the trace's clock, as stored; what a terminal would obey is
shown as \\x1b or \\u{202e}, a backslash as \\\\; values with spaces stand in quotes.

Examples:
  pfreport dump run.pft                        every frame
  pfreport dump run.pft --kind marks           the marks
  pfreport dump run.pft --frame 17 -n 5        five records of a frame
  pfreport dump run.pft --rows | grep pid=42   everything that names a process

Exit codes: 0 done; 1 failed; 2 not possible as asked; 3 done, but a trace is damaged.";

/// The number of a kind, by its name or as a number.
fn kind(word: &str) -> Result<u16, String> {
    let names = || (0..=u16::MAX).take(64).filter_map(|number| FrameKind::known(number, 1));
    let named = names().find(|kind| kind.to_string().eq_ignore_ascii_case(word));
    named.map(|kind| kind as u16).or_else(|| word.parse().ok()).ok_or_else(|| {
        let names: Vec<String> = names().map(|kind| kind.to_string().to_lowercase()).collect();
        format!("the kinds are {}", names.join(", "))
    })
}

/// Does it.
///
/// # Errors
/// Those of [`crate::files::input::open`]; [`Error::Trace`] when reading fails; [`Error::Output`].
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Outcome, Error> {
    let mut whole = true;
    for (n, path) in arguments.traces.iter().enumerate() {
        if n > 0 {
            writeln!(out)?;
        }
        whole &= Listing::open(path, arguments)?.write(out)?;
    }
    out.flush()?;
    Ok(if whole { Outcome::Whole } else { Outcome::Partial })
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn kinds_have_names_and_numbers() {
        assert_eq!(kind("faults"), Ok(5));
        assert_eq!(kind("CallChains"), Ok(8));
        assert_eq!(kind("index"), Ok(32));
        assert_eq!(kind("4711"), Ok(4711));
        let known = kind("fault").unwrap_err();
        assert!(known.starts_with("the kinds are host, tasks, maps, ") && known.ends_with("index"));
    }
}
