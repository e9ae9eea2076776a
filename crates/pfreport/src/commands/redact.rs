//! A trace that can be shared: the same faults without names.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use pfredact::{Checked, Level, Options, Plan, Summary};
use pft::{Limits, Trace};

use crate::cli::Overwrite;
use crate::error::Error;
use crate::files::destination::Destination;
use crate::files::input;
use crate::files::new_file::NewFile;
use crate::print::layout::Layout;
use crate::print::text::{printable, printable_path};
use crate::print::units::{bytes, count, counted, counted_as};
use crate::run::Outcome;

/// What `pfreport redact` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Trace file; `-` reads standard input
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,

    /// The trace to write; `-` writes to standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(value_parser = Destination::parser(), required_unless_present = "dry_run")]
    pub output: Option<Destination>,

    /// How much to remove: names, paths, arguments, symbols or all, each more than those before it
    #[arg(short, long, value_name = "LEVEL", default_value = Level::Symbols.name(), value_parser = level())]
    pub level: Level,

    /// List every text that would stay, and what would be left of others, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// What stays and goes beyond the rules.
    #[command(flatten)]
    pub wishes: Wishes,

    /// Whether a file that exists is replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
}

/// What stays and goes beyond the rules.
#[derive(Debug, Clone, Default, Args)]
pub struct Wishes {
    /// See to it that this word occurs nowhere, in whatever case of A to Z; may be repeated
    #[arg(long, value_name = "WORD", value_parser = word)]
    pub hide: Vec<String>,

    /// Take the content of this folder for public, like /usr/lib; may be repeated
    #[arg(long, value_name = "FOLDER", value_parser = folder, value_hint = ValueHint::DirPath)]
    pub keep: Vec<String>,

    /// Make the same pseudonyms in every trace that is redacted with this text, so that `diff` can match
    /// them; whoever knows it can check guesses, so make it long and keep it
    #[arg(long, value_name = "TEXT")]
    pub seed: Option<String>,
}

impl Wishes {
    /// The options of a redaction.
    #[must_use]
    pub fn options(&self, level: Level) -> Options {
        Options { level, seed: self.seed.clone(), hide: self.hide.clone(), keep: self.keep.clone() }
    }
}

const EXAMPLES: &str = "\
The output has the same faults, so every report says the same of it, with pseudonyms (x7k2m9pq)
where names were: one for each name, wherever it occurs. Endings such as .so.6 and .db, and how
deep a file lies, stay. Each level removes what those before it do, and:

  names      names of users (from paths in /home and the like) and of the host, wherever they
             occur; user ids; the time of day and the uuid; where the kernel put address spaces
             and itself
  paths      names of files and folders outside of the system's own (/usr/lib, /usr/bin, …);
             inode and device numbers
  arguments  the command line, labels, marks, the control group; names of threads, of memory and
             of memfd
  symbols    [default] functions, variables, source files, sections and build ids of whatever does
             not belong to the system; code made at run time, kernel modules, BPF programs
  all        names of the system's files and functions too, the kernel's version, process ids

What stays: sizes, counts, times since the start and offsets in files. These can still identify a
program to somebody who has it. Read what --dry-run lists before sharing, and hide what the rules
cannot know: names of products installed below /usr, for example.

Before the output gets its name it is read again: every text and every byte of it, decompressed,
is searched for every name that had to go. If one is there, nothing is written. What is a word of
public names too (bin, boxed) cannot be searched for, and is listed.

Examples:
  pfreport redact run.pft -o share.pft
  pfreport redact run.pft --dry-run | less                  what would stay
  pfreport redact run.pft -o - | ssh HOST 'cat > share.pft'
  pfreport redact run.pft -o share.pft --hide acme          no `acme` anywhere, in whatever case
  pfreport redact run.pft -o share.pft --keep /opt/jdk      names in there are public
  pfreport redact run.pft -o share.pft --level all
  for run in a b; do pfreport redact $run.pft -o $run.share.pft --seed \"$SECRET\"; done

Exit codes: 0 done; 1 failed: a damaged trace, or a name that would remain; 2 not possible as
asked; 3 done, but what this version does not know was left out.";

/// The name of a level.
pub fn level() -> impl clap::builder::TypedValueParser<Value = Level> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(Level::ALL.map(Level::name)).try_map(|word| word.parse())
}

/// A word that can be hidden.
fn word(word: &str) -> Result<String, String> {
    if word.len() < 3 {
        return Err("shorter than 3 bytes, which are in other words by chance".to_owned());
    }
    Ok(word.to_owned())
}

/// A folder of which everything can be public.
fn folder(folder: &str) -> Result<String, String> {
    if folder.starts_with('/') && !folder.trim_matches('/').is_empty() {
        return Ok(folder.to_owned());
    }
    Err("not a path from the root: /opt/jdk".to_owned())
}

/// Does it. `out` takes what was done, `notes` what to think of, and both where the trace itself goes to `out`; a list
/// for reading has both.
///
/// # Errors
/// Those of [`crate::files::input::open`] and [`Destination`]; [`Error::Redact`] for a damaged trace, and when something
/// that has to go would remain; [`Error::Output`]; [`Error::Terminal`] for a trace that would go to a terminal.
pub fn run(
    arguments: &Arguments,
    (out, notes): (&mut impl Write, &mut impl Write),
    layout: Layout,
) -> Result<Outcome, Error> {
    let path = &arguments.trace;
    let force = arguments.overwrite.force;
    let source = input::read_from(path);
    let output = arguments.output.as_ref().filter(|_| !arguments.dry_run);
    // Checked before minutes may pass.
    if let Some(output) = output {
        output.check_trace(source, force, layout)?;
    }
    // Only one frame at a time is in memory.
    let limits = Limits::new(u64::MAX);
    let trace = input::open(path, &limits)?;
    let options = arguments.wishes.options(arguments.level);
    let failed = |source| Error::Redact { path: path.clone(), source };
    let mut plan = Plan::new(&trace, &options).map_err(failed)?;
    match output {
        None => {
            list(&plan, &trace, out, failed)?;
            numbers(arguments.level, plan.summary(), out)?;
            remarks(plan.summary(), usize::MAX, out)?;
        }
        Some(output) => {
            let (checked, done): (Checked, &mut dyn Write) = match output {
                Destination::Stdout => (write_to(&mut plan, &trace, out, failed)?, &mut *notes),
                Destination::File(file) => {
                    let (written, checked) =
                        write(&mut plan, (&trace, source), (file, force), failed)?;
                    writeln!(out, "{}", printable_path(&written))?;
                    (checked, &mut *out)
                }
            };
            numbers(arguments.level, plan.summary(), done)?;
            let strings = counted(checked.strings, "string");
            writeln!(done, "checked: {strings} in {}, none remains", bytes(checked.bytes))?;
            remarks(plan.summary(), MOST_WORDS, notes)?;
        }
    }
    out.flush()?;
    let is_whole = plan.summary().left_out.is_empty();
    Ok(if is_whole { Outcome::Whole } else { Outcome::Partial })
}

/// Writes what redaction makes of a trace to a file of its own, and nothing if something would remain. Returns what
/// was left out because its meaning is not known.
///
/// # Errors
/// [`Error::Redact`]; those of [`NewFile`].
pub fn file(
    (trace, path): (&Trace, &Path),
    options: &Options,
    output: &Path,
) -> Result<Vec<String>, Error> {
    let failed = |source| Error::Redact { path: path.to_owned(), source };
    let mut plan = Plan::new(trace, options).map_err(failed)?;
    write(&mut plan, (trace, path), (output, false), failed)?;
    Ok(plan.summary().left_out.clone())
}

/// Writes the output and reads it again; it has its name once nothing was found in it.
fn write(
    plan: &mut Plan,
    (trace, input): (&Trace, &Path),
    (path, force): (&Path, bool),
    failed: impl Fn(pfredact::Error) -> Error,
) -> Result<(PathBuf, Checked), Error> {
    let file = NewFile::create_private(path, [input], force)?;
    let mut file = BufWriter::new(file);
    plan.write(trace, &mut file).map_err(&failed)?;
    file.flush().map_err(|source| Error::Write { path: path.to_owned(), source })?;
    let (file, _) = file.into_parts();
    let checked = check(plan, file.written()?).map_err(&failed)?;
    Ok((file.keep()?, checked))
}

/// The same for standard output, which gets nothing before that: until then all is in a file that has no name.
fn write_to(
    plan: &mut Plan,
    trace: &Trace,
    out: &mut impl Write,
    failed: impl Fn(pfredact::Error) -> Error,
) -> Result<Checked, Error> {
    let unwritable = |source| Error::Write { path: std::env::temp_dir(), source };
    let mut file = BufWriter::new(tempfile::tempfile().map_err(unwritable)?);
    plan.write(trace, &mut file).map_err(&failed)?;
    file.flush().map_err(unwritable)?;
    let (mut file, _) = file.into_parts();
    let checked = check(plan, file.try_clone().map_err(unwritable)?).map_err(&failed)?;
    file.rewind().map_err(unwritable)?;
    io::copy(&mut file, out)?;
    Ok(checked)
}

/// Reads what was written.
fn check(plan: &Plan, written: File) -> Result<Checked, pfredact::Error> {
    let limits = Limits::new(u64::MAX);
    let output = Trace::from_reader(written, &limits).map_err(pfredact::Error::Trace)?;
    plan.check(&output)
}

/// A line for each text that stays, and for what is left of others.
fn list(
    plan: &Plan,
    trace: &Trace,
    out: &mut impl Write,
    failed: impl Fn(pfredact::Error) -> Error,
) -> Result<(), Error> {
    let stays = plan.stays(trace).map_err(failed)?;
    writeln!(out, "{:>9}  {:<17}  what stays", "times", "where")?;
    for stay in &stays {
        writeln!(out, "{:>9}  {:<17}  {}", count(stay.count), stay.from, printable(&stay.text))?;
    }
    writeln!(out)?;
    Ok(())
}

/// With more stretches of memory, one could reckon where each was: they share one map, which keeps their order.
const MANY_STRETCHES: u64 = 1000;

/// Words of a note, at most, where not everything is listed.
const MOST_WORDS: usize = 10;

/// What was done, in numbers.
fn numbers(level: Level, summary: &Summary, out: &mut dyn Write) -> Result<(), Error> {
    let kinds = ["of users and hosts", "of files", "of arguments", "of code", "of the system"];
    let shown = summary.words.iter().zip(kinds).filter(|(words, _)| **words > 0);
    let shown: Vec<String> =
        shown.map(|(words, kind)| format!("{} {kind}", count(*words))).collect();
    let shown = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") };
    writeln!(out, "redacted: level {level}; words replaced: {shown}")?;
    let (islands, stay) = summary.islands;
    let islands = counted_as(islands, "stretch", "stretches");
    let were = if stay == 1 { "it was" } else { "they were" };
    writeln!(out, "addresses: {islands} of memory, {} where {were}", count(stay))?;
    for line in &summary.left_out {
        writeln!(out, "left out: {line}")?;
    }
    Ok(())
}

/// What the rules could not settle, with up to `most` words each.
fn remarks(summary: &Summary, most: usize, out: &mut impl Write) -> Result<(), Error> {
    if summary.islands.0 > MANY_STRETCHES {
        writeln!(
            out,
            "note: with so many stretches their order tells where each lay, to a few bits, which matters \
             while the programs still run"
        )?;
    }
    let listed = |words: &[Vec<u8>]| {
        let shown: Vec<String> = words.iter().take(most).map(|word| printable(word)).collect();
        let more = words.len().saturating_sub(shown.len());
        let more = if more > 0 {
            format!(" and {more} more (--dry-run lists all)")
        } else {
            String::new()
        };
        shown.join(", ") + &more
    };
    if !summary.common.is_empty() {
        let words = listed(&summary.common);
        writeln!(
            out,
            "note: common names, replaced only where they name a user or the host: {words}"
        )?;
    }
    if !summary.public_too.is_empty() {
        let words = listed(&summary.public_too);
        writeln!(out, "note: words of public names too, which stay in those: {words}")?;
    }
    Ok(())
}
