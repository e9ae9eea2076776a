//! A clean trace of what is left of a damaged one.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use pft::record::GapRecord;
use pft::{Damage, Limits, Recovery, Trace};

use crate::cli::Overwrite;
use crate::error::Error;
use crate::figures::gaps::sentence;
use crate::files::destination::Destination;
use crate::files::input;
use crate::files::new_file::random_uuid;
use crate::print::layout::Layout;
use crate::print::text::printable_path;
use crate::print::units::{bytes, count, counted};
use crate::run::Outcome;

/// Sentences of one sort that are printed.
const LISTED: usize = 20;

/// What `pfreport recover` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Trace file; `-` reads standard input
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,

    /// File for what is left of it; `-` writes to standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(value_parser = Destination::parser())]
    pub output: Destination,

    /// Whether a file that exists is replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
}

const EXAMPLES: &str = "\
Copies every frame that is intact, as it is, makes a new index, and writes down what is missing:
kinds, times and numbers as far as they are known. Reports on the new file say what they say of
the damaged one. Where the recording did not end in order, the new file says so too. Of a sound
file it makes an equal copy.

The file appears under its name once it is whole, readable by its owner only. Nothing can be had
of a file whose first 64 bytes are damaged: all checksums depend on them.

Examples:
  pfreport recover run.pft -o clean.pft              after a full disk, a cut transfer, a kill -9
  pfreport recover run.pft -o - | ssh HOST 'cat > clean.pft'
  pfreport dump clean.pft --kind gaps                what is missing, record by record

Exit codes: 0 done, nothing is lost; 1 failed; 2 not possible as asked; 3 done, but something is
lost.";

/// Does it. `out` takes what was kept and lost, `notes` the same where the trace itself goes to `out`.
///
/// # Errors
/// Those of [`input::open`] and [`Destination`]; [`Error::Trace`] when reading fails; [`Error::Output`];
/// [`Error::Terminal`] for a trace that would go to a terminal.
pub fn run(
    arguments: &Arguments,
    (out, notes): (&mut impl Write, &mut impl Write),
    layout: Layout,
) -> Result<Outcome, Error> {
    let Arguments { trace: path, output, overwrite } = arguments;
    let force = overwrite.force;
    let input = input::read_from(path);
    output.check_trace(input, force, layout)?;
    // One frame is held at a time, whatever all would take.
    let trace = input::open(path, &Limits::new(u64::MAX))?;
    let failed = |source| match source {
        pft::Error::Write { source, .. } => Error::Output(source),
        source => Error::Trace { path: path.clone(), source },
    };
    let recovery = Recovery::new(&trace).map_err(failed)?;
    let uuid = random_uuid()?;
    let write = |out: &mut dyn Write| recovery.write(out, uuid).map_err(failed);
    let (written, file) = output.write_trace(input, force, out, write)?;
    let place = file.as_deref().map_or_else(|| "standard output".to_owned(), printable_path);
    let lines = lines(&trace, &recovery, &format!("{} to {place}", bytes(written))).join("\n");
    match file {
        None => writeln!(notes, "{lines}")?,
        Some(_) => writeln!(out, "{lines}")?,
    }
    out.flush()?;
    let is_whole = recovery.gaps().is_empty() && recovery.earlier_gaps().is_empty();
    Ok(if is_whole { Outcome::Whole } else { Outcome::Partial })
}

/// What is said of a recovery that was `written`.
fn lines(trace: &Trace, recovery: &Recovery<'_>, written: &str) -> Vec<String> {
    let start_ns = trace.header().start_ns;
    let kept = format!(
        "{} with {}",
        counted(recovery.kept_frames(), "frame"),
        counted(recovery.kept_faults(), "fault")
    );
    let mut lines = Vec::new();
    if recovery.is_sound() {
        lines.push(format!("nothing is wrong with the file: copied {kept}, {written}"));
    } else {
        let damage = trace.damage().iter();
        let damage = damage.filter(|what| !matches!(what, Damage::UnknownFrames { .. }));
        list(&mut lines, damage.map(ToString::to_string).collect());
        list(&mut lines, sentences(recovery.gaps(), start_ns));
        lines.push(format!("kept {kept}, {written}"));
        lines.push(match recovery.gaps() {
            [] => "nothing is lost".to_owned(),
            gaps => format!("lost {}", total(gaps)),
        });
    }
    if !recovery.earlier_gaps().is_empty() {
        lines.push(format!("before that, lost {}:", total(recovery.earlier_gaps())));
        list(&mut lines, sentences(recovery.earlier_gaps(), start_ns));
    }
    lines
}

fn sentences(gaps: &[GapRecord], start_ns: u64) -> Vec<String> {
    gaps.iter().map(|gap| sentence(gap, start_ns)).collect()
}

/// The first of some sentences, and how many there are beyond.
fn list(lines: &mut Vec<String>, sentences: Vec<String>) {
    let more = sentences.len().saturating_sub(LISTED) as u64;
    lines.extend(sentences.into_iter().take(LISTED));
    if more > 0 {
        lines.push(format!("... {} more", count(more)));
    }
}

/// `at least 3 frames, 300 faults among them, 4.6 KiB`.
fn total(gaps: &[GapRecord]) -> String {
    let sum = |of: fn(&GapRecord) -> u64| gaps.iter().map(of).fold(0, u64::saturating_add);
    let is_open = gaps.iter().any(|gap| gap.frames == 0);
    let knows_faults = gaps.iter().all(|gap| gap.kind != 0);
    let bound = |is_known| if is_known { "" } else { "at least " };
    let faults = match sum(GapRecord::known_faults) {
        0 if !knows_faults => "an unknown number of faults".to_owned(),
        known => format!("{}{}", bound(knows_faults), counted(known, "fault")),
    };
    format!(
        "{}{}, {faults} among them; {} of the file were left out",
        bound(!is_open),
        counted(sum(|gap| gap.frames), "frame"),
        bytes(sum(|gap| gap.bytes)),
    )
}
