//! What the command line asks for, done.

use std::io::{self, Write};
use std::path::Path;

use pfmodel::Options;

use crate::accounts::LostRecords;
use crate::advice;
use crate::by;
use crate::cli::{Arguments, Command};
use crate::csv;
use crate::diff;
use crate::dump;
use crate::error::Error;
use crate::field::Field;
use crate::in_parts;
use crate::info;
use crate::layout::Layout;
use crate::load::{Loaded, Request, default_bytes};
use crate::output::create;
use crate::pattern;
use crate::picture;
use crate::progress::Bar;
use crate::scope::Scope;
use crate::stacks;
use crate::summary::{self, Style};
use crate::text::printable_path;

/// How a report that could be made ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The trace holds everything that happened.
    Whole,
    /// The trace is damaged or incomplete, or records were lost.
    Partial,
}

/// Rows of each list of the summary.
const SUMMARY_ROWS: usize = 10;
/// Rows of a grouped table on a screen.
const GROUP_ROWS: usize = 20;

/// Makes the reports that `arguments` ask for. `out` takes what goes to standard output, `warnings`
/// what an export leaves out.
///
/// # Errors
/// Any [`Error`].
pub fn run(
    arguments: &Arguments,
    out: &mut impl Write,
    warnings: &mut impl Write,
    layout: Layout,
) -> Result<Outcome, Error> {
    match &arguments.command {
        Some(Command::Diff(arguments)) => diff::run(arguments, out, warnings, layout),
        Some(Command::Info(arguments)) => info::run(arguments, out, warnings, layout),
        Some(Command::Dump(arguments)) => dump::run(arguments, out, warnings, layout),
        None => report(arguments, out, warnings, layout),
    }
}

fn report(
    arguments: &Arguments,
    out: &mut impl Write,
    warnings: &mut impl Write,
    layout: Layout,
) -> Result<Outcome, Error> {
    let keys = keys(&arguments.query.by)?;
    let csv_on_stdout = arguments.exports.csv == Some(None);
    let views = !keys.is_empty() || arguments.views.patterns || arguments.views.advice;
    let table_on_stdout = csv_on_stdout || arguments.exports.csv.is_none() && views;
    if table_on_stdout && arguments.stacks.folded == Some(None) {
        return Err(Error::OneOutput);
    }
    let slow_threshold_ns = arguments.query.slow_threshold;
    let slow_threshold_ns =
        slow_threshold_ns.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let options = Options { slow_threshold_ns };
    let memory_bytes = arguments.habits.memory.unwrap_or_else(default_bytes);
    let bar = Bar::new(false);
    let tell = |progress| bar.iter().for_each(|bar| bar.show(progress));
    let mut request = Request::from(options).telling(tell);
    request.memory_bytes = Some(memory_bytes);
    if in_parts::serve(arguments, &request)? {
        return in_parts::write_csv(arguments, &request, out, warnings);
    }
    let loaded = Loaded::open_all_with(&arguments.traces, &request)?;
    drop(request);
    drop(bar);

    let has_stacks = arguments.stacks.flamegraph.is_some() || arguments.stacks.folded.is_some();
    let exports = arguments.exports.csv.is_some() || arguments.pictures.png.is_some() || has_stacks;
    let mut written = stacks::export(&loaded, arguments, out, warnings)?;
    if let Some(file) = &arguments.exports.csv {
        match file {
            Some(path) => {
                export(
                    &loaded,
                    &keys,
                    arguments,
                    create(path, loaded.inputs(), arguments.habits.force)?,
                )
                .map_err(|error| error.at(path))?;
                written.push(path.clone());
            }
            None => export(&loaded, &keys, arguments, &mut *out)?,
        }
    } else if !keys.is_empty() {
        let groups = by::table(&loaded, &keys, arguments.query.sort.as_deref(), None)?;
        let top = arguments.query.top.unwrap_or(GROUP_ROWS);
        out.write_all(by::render(&loaded, &groups, &keys, top, layout.table_width)?.as_bytes())?;
        if let Some(caveat) = Scope::of(&loaded).caveat(loaded.skipped()) {
            writeln!(out, "  {caveat}")?;
        }
    }
    if arguments.views.patterns && arguments.exports.csv.is_none() {
        let top = arguments.query.top.unwrap_or(GROUP_ROWS);
        out.write_all(pattern::render(&loaded, top, layout.table_width).as_bytes())?;
    }
    if arguments.views.advice {
        out.write_all(advice::render(&loaded, layout).as_bytes())?;
    }
    if let Some(folder) = &arguments.pictures.png {
        let folder = folder.as_deref().unwrap_or(Path::new("."));
        written.extend(picture::draw(&loaded, folder, arguments.habits.force)?);
    }
    if !exports && !views {
        let style = Style { top: arguments.query.top.unwrap_or(SUMMARY_ROWS), layout };
        out.write_all(summary::render(&loaded, style)?.as_bytes())?;
    }
    let data_on_stdout = csv_on_stdout || arguments.stacks.folded == Some(None);
    for path in written.iter().filter(|_| !data_on_stdout) {
        writeln!(out, "{}", printable_path(path))?;
    }
    out.flush()?;

    if loaded.is_whole() {
        return Ok(Outcome::Whole);
    }
    if exports || views {
        warn(&loaded, warnings)?;
    }
    Ok(Outcome::Partial)
}

/// The columns of `--by`, each once.
fn keys(names: &[String]) -> Result<Vec<Field>, Error> {
    let mut keys = Vec::new();
    for name in names {
        let field = Field::parse(name)?;
        if !keys.contains(&field) {
            keys.push(field);
        }
    }
    Ok(keys)
}

fn export(
    loaded: &Loaded,
    keys: &[Field],
    arguments: &Arguments,
    out: impl Write,
) -> Result<(), Error> {
    if arguments.views.patterns {
        return csv::write_frame(&pattern::table(loaded, arguments.query.top)?, out);
    }
    if keys.is_empty() {
        return csv::write_faults(loaded, out);
    }
    let groups = by::table(loaded, keys, arguments.query.sort.as_deref(), arguments.query.top)?;
    csv::write_frame(&by::with_chains(loaded, groups)?, out)
}

/// One line that says why an export is not the whole story.
pub fn warn(loaded: &Loaded, out: &mut impl Write) -> io::Result<()> {
    let mut reasons = Vec::new();
    if !loaded.damage.is_empty() {
        reasons.push("the file is damaged");
    }
    if !loaded.analysis.exactness.complete {
        reasons.push("the recording did not end in order");
    }
    if !loaded.analysis.exactness.losses.is_empty()
        || loaded.lost_records() != LostRecords::default()
    {
        reasons.push("records were lost while recording");
    }
    if loaded.unparsed() > 0 {
        reasons.push("records could not be parsed");
    }
    if loaded.unwatched_cpus() > 0 {
        reasons.push("a CPU was not watched");
    }
    if loaded.missing_victims() > 0 {
        reasons.push("victims of the OOM killer are missing");
    }
    if !loaded.is_balanced() {
        reasons.push("the counts differ from the kernel's");
    }
    let reasons = reasons.join(", ");
    if loaded.is_stdin() {
        return writeln!(out, "warning: {reasons}; details: the summary, without options");
    }
    writeln!(out, "warning: {reasons}; details: pfreport {}", printable_path(&loaded.path))
}
