//! What a trace is, told without reading its faults.

mod content;
mod json;
mod text;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::error::Error;
use crate::print::layout::Layout;
use crate::run::Outcome;
use content::Content;

/// What `pfreport info` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Trace files; `-` reads standard input
    #[arg(required = true, value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub traces: Vec<PathBuf>,

    /// Print a JSON document instead: schemas/info.schema.json
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Only frame headers are read, and the small frames of facts, marks and counts: this is fast
whatever the size of the trace, and says nothing about damage inside of other frames (pfreport
verify checks all).

Examples:
  pfreport info run.pft                 what was recorded, where, how much of it
  pfreport info *.pft | less            several traces
  pfreport info --json run.pft | jq '.traces[0].facts'

Exit codes: 0 done; 1 failed; 2 not possible as asked; 3 done, but a trace is damaged or its
recording did not end in order.";

/// Does it.
///
/// # Errors
/// Those of [`crate::files::input::open`], and [`Error::Output`].
pub fn run(arguments: &Arguments, out: &mut impl Write, layout: Layout) -> Result<Outcome, Error> {
    let mut contents = Vec::new();
    for (n, path) in arguments.traces.iter().enumerate() {
        let content = Content::read(path)?;
        if !arguments.json {
            out.write_all(if n > 0 { b"\n" } else { b"" })?;
            out.write_all(text::render(&content, layout).as_bytes())?;
        }
        contents.push(content);
    }
    if arguments.json {
        let document = serde_json::to_string_pretty(&json::document(&contents));
        writeln!(out, "{}", document.map_err(io::Error::from)?)?;
    }
    out.flush()?;
    let whole = contents.iter().all(Content::is_whole);
    Ok(if whole { Outcome::Whole } else { Outcome::Partial })
}
