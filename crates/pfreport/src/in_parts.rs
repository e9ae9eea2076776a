//! Reports on traces that are larger than memory.

use std::io::Write;

use crate::cli::Arguments;
use crate::csv;
use crate::error::Error;
use crate::load::{Loaded, Request};
use crate::output::create;
use crate::run::{Outcome, warn};
use crate::text::printable_path;

/// Whether the command line asks for nothing but the rows of one trace that is too large to be read as a whole.
/// Other reports need all rows at once.
///
/// # Errors
/// As [`Loaded::fits`].
pub fn serve(arguments: &Arguments, request: &Request<'_>) -> Result<bool, Error> {
    let [path] = &*arguments.traces else { return Ok(false) };
    let others = !arguments.query.by.is_empty()
        || arguments.views.patterns
        || arguments.stacks.flamegraph.is_some()
        || arguments.stacks.folded.is_some()
        || arguments.pictures.png.is_some();
    // Standard input cannot be read again, and is in memory anyway.
    let is_stdin = path == std::path::Path::new(crate::load::STDIN);
    let rows_only = arguments.exports.csv.is_some() && !others && !is_stdin;
    Ok(rows_only && !Loaded::fits(path, request)?)
}

/// Writes the rows as CSV, a part at a time.
///
/// # Errors
/// As [`csv::write_faults`] and [`Loaded::open_in_parts`].
pub fn write_csv(
    arguments: &Arguments,
    request: &Request<'_>,
    out: &mut impl Write,
    warnings: &mut impl Write,
) -> Result<Outcome, Error> {
    let Some(trace) = arguments.traces.first() else { return Ok(Outcome::Whole) };
    let loaded = match arguments.exports.csv.as_ref().and_then(Option::as_ref) {
        Some(file) => {
            let inputs = arguments.traces.iter().map(|path| &**path);
            let loaded = write_parts(trace, request, create(file, inputs, arguments.habits.force)?)
                .map_err(|error| error.at(file))?;
            writeln!(out, "{}", printable_path(file))?;
            loaded
        }
        None => write_parts(trace, request, &mut *out)?,
    };
    out.flush()?;
    if loaded.is_whole() {
        return Ok(Outcome::Whole);
    }
    warn(&loaded, warnings)?;
    Ok(Outcome::Partial)
}

fn write_parts(
    trace: &std::path::Path,
    request: &Request<'_>,
    mut out: impl Write,
) -> Result<Loaded, Error> {
    let mut is_first = true;
    let loaded = Loaded::open_in_parts(trace, request, |part| {
        if std::mem::take(&mut is_first) {
            csv::write_faults(part, &mut out)
        } else {
            csv::append_faults(part, &mut out)
        }
    })?;
    out.flush()?;
    Ok(loaded)
}
