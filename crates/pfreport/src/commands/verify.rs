//! Whether traces are, byte for byte and rule by rule, what `schemas/pft.md` says.

mod json;
mod ledger;
mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use pft::Limits;
use pft::verify::{Report, Rule, Verifier};
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use crate::error::Error;
use crate::files::input;
use crate::run::Outcome;
use ledger::Agreement;

/// What `pfreport verify` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Trace files; `-` reads standard input
    #[arg(required = true, value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub traces: Vec<PathBuf>,

    /// Findings of each rule that are shown; all are counted
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5)]
    pub top: usize,

    /// Print a JSON document instead: schemas/verify.schema.json
    #[arg(long)]
    pub json: bool,

    /// Print the rules that are checked, and the sections of schemas/pft.md that have them
    #[arg(long, exclusive = true)]
    pub rules: bool,
}

const EXAMPLES: &str = "\
Reads every byte: checksums, sequence numbers, each rule of schemas/pft.md, the index against the
frames, and the ledger against the rows of the frames and the kernel's counters. What a newer
program added is told in a note and is no finding; neither is what was lost while recording, where
the file says so.

A line a finding: the byte where the frame begins, its kind and sequence number, the row from 0,
what is wrong, and in brackets the rule and the section of schemas/pft.md. The last line of a
trace says whether it is sound. With --quiet that and the notes are left out.

Examples:
  pfreport verify run.pft                      is it sound, and if not, where
  pfreport verify -q *.pft && tar cf runs.tar *.pft
  pfreport verify -n 1000 run.pft | grep row-order
  pfreport verify --json run.pft | jq '.traces[0].findings'
  pfreport verify --rules                      what is checked

Exit codes: 0 sound; 1 failed: a file is no trace; 2 not possible as asked; 3 done, with
findings.";

/// A trace that was checked.
struct Verified {
    path: PathBuf,
    report: Report,
    agreement: Agreement,
}

impl Verified {
    fn read(path: &Path, most: usize) -> Result<Self, Error> {
        // A few frames are held at a time, whatever all would take.
        let trace = input::open(path, &Limits::new(u64::MAX))?;
        let read = |source| Error::Trace { path: path.to_owned(), source };
        let mut verifier = Verifier::new(&trace, most).map_err(read)?;
        let at_once = rayon::current_num_threads().max(1);
        for from in (0..verifier.len()).step_by(at_once) {
            let until = verifier.len().min(from + at_once);
            let examined: Vec<_> =
                (from..until).into_par_iter().map(|number| verifier.examine(number)).collect();
            for examined in examined {
                verifier.take(examined.map_err(read)?);
            }
        }
        let mut report = verifier.finish();
        let agreement = ledger::check(&mut report);
        Ok(Self { path: path.to_owned(), report, agreement })
    }

    fn is_sound(&self) -> bool {
        self.report.findings.is_empty()
    }
}

/// Does it. With `quiet`, only findings are printed.
///
/// # Errors
/// Those of [`crate::files::input::open`], when all other traces were checked; [`Error::Output`].
pub fn run(arguments: &Arguments, quiet: bool, out: &mut impl Write) -> Result<Outcome, Error> {
    if arguments.rules {
        return rules(out).map(|()| Outcome::Whole);
    }
    let mut checked = Vec::new();
    let mut failed = None;
    let mut sound = true;
    for path in &arguments.traces {
        let verified = match Verified::read(path, arguments.top) {
            Ok(verified) => verified,
            Err(error) if failed.is_none() => {
                failed = Some(error);
                continue;
            }
            // The document has what could be read.
            Err(_) if arguments.json => continue,
            Err(error) => {
                text::unreadable(path, &error, out)?;
                continue;
            }
        };
        sound &= verified.is_sound();
        if arguments.json {
            checked.push(verified);
        } else {
            text::write(&verified, quiet, out)?;
        }
    }
    if arguments.json {
        let document = serde_json::to_string_pretty(&json::document(&checked));
        writeln!(out, "{}", document.map_err(io::Error::from)?)?;
    }
    out.flush()?;
    match failed {
        Some(error) => Err(error),
        None if sound => Ok(Outcome::Whole),
        None => Ok(Outcome::Partial),
    }
}

fn rules(out: &mut impl Write) -> Result<(), Error> {
    for rule in Rule::ALL {
        writeln!(out, "{:<16} {:<12} {}", rule.word(), rule.section(), rule.says())?;
    }
    Ok(out.flush()?)
}
