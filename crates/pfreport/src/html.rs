//! The summary as one HTML page that needs nothing else: no network, no other file.
//!
//! All that is to be read is in the page when it is made; its scripts only sort tables and zoom the
//! timeline. Text reaches the page through `maud`, which escapes it, and the page allows no script, style
//! or request but its own: what a trace contains can be shown, not run.

mod page;
mod parts;
mod policy;
mod table;
mod timeline;

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::load::Loaded;
use crate::output::{self, check};

/// Rows of each list of processes, regions, …, and half as many functions, where nothing else was asked for.
pub const ROWS: usize = 50;

/// Writes the page to `out`.
///
/// # Errors
/// [`Error::Output`]; [`Error::Table`]; [`Error::Picture`].
pub fn write_to(loaded: &Loaded, top: usize, out: &mut impl Write) -> Result<(), Error> {
    Ok(out.write_all(page::page(loaded, top)?.as_bytes())?)
}

/// Writes the page to `path`, or as `<trace>.html` into the working directory; returns its path.
///
/// # Errors
/// Those of [`check`] before anything is worked out; [`Error::Write`]; [`Error::Table`];
/// [`Error::Picture`].
pub fn write(
    loaded: &Loaded,
    path: Option<&Path>,
    top: usize,
    force: bool,
) -> Result<PathBuf, Error> {
    let path = path.map_or_else(|| loaded.output_name(".html"), Path::to_owned);
    check(&path, loaded.inputs(), force)?;
    let page = page::page(loaded, top)?;
    output::write(&path, loaded.inputs(), force, |out| Ok(out.write_all(page.as_bytes())?))
}

#[cfg(test)]
mod tests;
