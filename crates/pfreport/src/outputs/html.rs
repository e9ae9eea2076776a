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
use std::path::PathBuf;

use crate::error::Error;
use crate::files::destination::Destination;
use crate::load::Loaded;

/// Rows of each list of processes, regions, …, and half as many functions, where nothing else was asked for.
pub const ROWS: usize = 50;

/// Writes the page where it is asked for, else as `<trace>.html` into the working directory; returns the path of a file.
///
/// # Errors
/// Those of [`Destination::check`] before anything is worked out, and of [`Destination::write`]; [`Error::Table`];
/// [`Error::Picture`].
pub fn export(
    loaded: &Loaded,
    asked: Option<&Destination>,
    (top, force): (usize, bool),
    out: &mut impl Write,
) -> Result<Option<PathBuf>, Error> {
    let destination = loaded.output(asked, ".html");
    destination.check(loaded.inputs(), force)?;
    let page = page::page(loaded, top)?;
    destination.write(loaded.inputs(), force, out, |out| Ok(out.write_all(page.as_bytes())?))
}

#[cfg(test)]
mod tests;
