//! Where traces come from: files, or standard input.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use pft::{Limits, Trace};

use crate::error::{Error, Foreign};
use crate::print::text::printable;

/// The path that stands for standard input.
pub const STDIN: &str = "-";

/// Bytes that tell what a file is that is no trace.
const START_BYTES: u64 = 16;

/// The file name of a path; `stdin` for standard input.
#[must_use]
pub fn base_name(path: &Path) -> &OsStr {
    if path == Path::new(STDIN) {
        return OsStr::new("stdin");
    }
    path.file_name().unwrap_or(path.as_os_str())
}

/// The same, fit to print.
#[must_use]
pub fn name(path: &Path) -> String {
    printable(base_name(path).as_encoded_bytes())
}

/// The file that is read, which output must not replace.
#[must_use]
pub fn read_from(path: &Path) -> &Path {
    if path == Path::new(STDIN) { Path::new("/dev/stdin") } else { path }
}

/// Whether a trace can be opened a second time: not standard input, nor a pipe such as `<(ssh HOST cat run.pft)`.
#[must_use]
pub fn can_be_read_again(path: &Path) -> bool {
    // What cannot be looked at is left to the attempt to open it.
    path != Path::new(STDIN) && std::fs::metadata(path).map_or(true, |found| found.is_file())
}

/// Opens a trace. The path [`STDIN`] reads standard input, into memory; so are pipes.
///
/// # Errors
/// [`Error::Open`] when the file cannot be opened, or standard input not read; [`Error::Foreign`] when it
/// is known to be something else; [`Error::Trace`] when it is no trace or of an unsupported version.
pub fn open(path: &Path, limits: &Limits) -> Result<Trace, Error> {
    let open = |source| Error::Open { path: path.to_owned(), source };
    let trace_error = |source| Error::Trace { path: path.to_owned(), source };
    let mut start = Vec::new();
    let trace = if path == Path::new(STDIN) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(open)?;
        start.extend(bytes.iter().take(START_BYTES as usize));
        Trace::from_reader(io::Cursor::new(bytes), limits)
    } else {
        let mut file = File::open(path).map_err(open)?;
        if file.metadata().is_ok_and(|found| found.is_dir()) {
            return Err(open(io::ErrorKind::IsADirectory.into()));
        }
        if can_be_read_again(path) {
            file.by_ref().take(START_BYTES).read_to_end(&mut start).map_err(open)?;
            Trace::from_reader(file, limits)
        } else {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(open)?;
            start.extend(bytes.iter().take(START_BYTES as usize));
            Trace::from_reader(io::Cursor::new(bytes), limits)
        }
    };
    trace.map_err(|error| match (error, Foreign::of(&start)) {
        (pft::Error::NotATrace, Some(what)) => Error::Foreign { path: path.to_owned(), what },
        (source, _) => trace_error(source),
    })
}
