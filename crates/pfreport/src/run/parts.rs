//! Reports on traces that are larger than memory.

use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::DataFrame;

use crate::cli::Arguments;
use crate::error::Error;
use crate::files::input::can_be_read_again;
use crate::load::{Loaded, Request, check_bytes, kept_rows, stretch_rows};
use crate::outputs::export::InParts;
use crate::outputs::summary::figures::Counting;
use crate::outputs::summary::kept::Kept;
use crate::outputs::summary::stretch::{Choice, diagnosis};
use crate::outputs::summary::{self, Style};
use crate::rows::faults::{Faults, Unnamed};
use crate::rows::field::Field;
use crate::rows::group::{Measures, Tally};
use crate::rows::sql::{Query, for_sql};
use crate::select::Selection;

/// The trace that is too large to be read as a whole, if it is a single one. Standard input and pipes cannot be read
/// again, and are in memory anyway.
///
/// # Errors
/// As [`Loaded::fits`].
pub fn too_large<'a>(
    arguments: &'a Arguments,
    request: &Request<'_>,
) -> Result<Option<&'a Path>, Error> {
    match &*arguments.traces {
        [trace] if can_be_read_again(trace) && !Loaded::fits(trace, request)? => Ok(Some(trace)),
        _ => Ok(None),
    }
}

/// Writes the rows that are asked for in all formats, a part at a time. Returns the trace without rows, and the paths
/// of files.
///
/// # Errors
/// Those of [`crate::outputs::export::faults`], [`Loaded::open_in_parts`] and [`Selection::apply`].
pub fn export_rows(
    trace: &Path,
    request: &Request<'_>,
    selection: &Selection,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<(Loaded, Vec<PathBuf>), Error> {
    let mut rows = InParts::new(arguments, out);
    let loaded = Loaded::open_in_parts(trace, request, |part| {
        selection.apply(part)?;
        rows.write(part)
    })?;
    Ok((loaded, rows.finish()?))
}

/// Keeps the columns of the rows that a query looks at, from one part after the other. Returns the trace without rows,
/// and the query over these columns.
///
/// # Errors
/// Those of [`Loaded::open_in_parts`] and [`Selection::apply`]; [`Error::Table`]; [`Error::Memory`] if the columns
/// are too large as well.
pub fn query(
    trace: &Path,
    request: &Request<'_>,
    selection: &Selection,
    query: Query,
) -> Result<(Loaded, Query), Error> {
    let fields = query.fields();
    let mut kept = DataFrame::default();
    let loaded = Loaded::open_in_parts(trace, request, |part| {
        if fields.is_empty() {
            return Ok(());
        }
        selection.apply(part)?;
        let rows = for_sql(&Faults::new(part, &fields)?.frame(0..usize::MAX)?)?;
        if kept.width() == 0 {
            kept = rows;
        } else {
            kept.vstack_mut_owned(rows)?;
        }
        let (rows, bytes) = (kept.height() as u64, kept.estimated_size() as u64);
        check_bytes(trace, rows, bytes, request.memory_bytes)
    })?;
    Ok((loaded, if fields.is_empty() { query } else { query.over(kept) }))
}

/// The summary, whose figures are counted a part at a time. Returns the trace without rows, and the text.
///
/// # Errors
/// Those of [`Loaded::open_in_parts`] and [`Selection::apply`]; [`Error::Table`].
pub fn summary(
    trace: &Path,
    request: &Request<'_>,
    choice: Choice<'_>,
    style: Style,
) -> Result<(Loaded, String), Error> {
    let limit_bytes = request.memory_bytes.unwrap_or(u64::MAX);
    let stretch_rows = stretch_rows(limit_bytes);
    // All faults are too many.
    let most_rows = match choice.selection.is_everything() {
        true => stretch_rows,
        false => kept_rows(limit_bytes).max(stretch_rows),
    };
    let mut counting = Counting::default();
    let mut kept = Kept::new(stretch_rows, most_rows);
    let mut loaded = Loaded::open_in_parts(trace, request, |part| {
        choice.selection.apply(part)?;
        counting.add(part)?;
        kept.add(std::mem::take(&mut part.analysis.faults));
        Ok(())
    })?;
    let figures = counting.finish()?;
    let diagnosis = diagnosis(&mut loaded, &figures, kept.finish(), choice)?;
    let text = summary::text(&loaded, &figures, diagnosis, style);
    Ok((loaded, text))
}

/// Groups the rows that are asked for, a part at a time. Returns the trace without rows, and the groups.
///
/// # Errors
/// Those of [`Loaded::open_in_parts`] and [`Selection::apply`]; [`Error::Table`].
pub fn group(
    trace: &Path,
    request: &Request<'_>,
    selection: &Selection,
    keys: &[Field],
) -> Result<(Loaded, DataFrame), Error> {
    let measures = Measures { pages: true, percentiles: true };
    let mut groups = Tally::new(keys, measures, Unnamed::Place);
    let loaded = Loaded::open_in_parts(trace, request, |part| {
        selection.apply(part)?;
        groups.add(part)
    })?;
    Ok((loaded, groups.finish()?))
}
