//! Reports on traces that are larger than memory.

use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::DataFrame;

use crate::cli::Arguments;
use crate::error::Error;
use crate::export::InParts;
use crate::faults::Unnamed;
use crate::field::Field;
use crate::group::{Measures, Tally};
use crate::input::can_be_read_again;
use crate::load::{Loaded, Request};
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
/// Those of [`crate::export::faults`], [`Loaded::open_in_parts`] and [`Selection::apply`].
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
