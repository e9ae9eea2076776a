//! Files for traces: never over another one, unless that was asked for.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::Error;

/// Whether the file can be created, as far as can be told without doing so: before a command is
/// started for nothing.
///
/// # Errors
/// As [`create`].
pub fn check(path: &Path, overwrite: bool) -> Result<(), Error> {
    match path.symlink_metadata().map(|meta| meta.file_type()) {
        Ok(kind) if !kind.is_file() && !kind.is_symlink() => {
            return Err(Error::OutputNotRegular { path: path.to_owned() });
        }
        Ok(_) if !overwrite => return Err(Error::OutputExists { path: path.to_owned() }),
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    rustix::fs::access(folder.unwrap_or(Path::new(".")), rustix::fs::Access::WRITE_OK)
        .map_err(|error| Error::Output { path: path.to_owned(), source: error.into() })
}

/// Creates the file, readable by its owner only.
///
/// # Errors
/// [`Error::OutputExists`] unless `overwrite`; [`Error::OutputNotRegular`]; [`Error::Output`].
pub fn create(path: &Path, overwrite: bool) -> Result<File, Error> {
    let refused = |source| Error::Output { path: path.to_owned(), source };
    check(path, overwrite)?;
    if overwrite {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(refused(error));
            }
            _ => {}
        }
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Error::OutputExists { path: path.to_owned() },
            _ => refused(error),
        }
    })
}
