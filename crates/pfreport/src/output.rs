//! Where output goes: new files, or standard output.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use crate::error::Error;

/// Refuses a file that output must not replace: a trace being read, under whatever name; anything
/// that exists unless `force` says so; and with it, what is no regular file.
///
/// # Errors
/// [`Error::IsInput`], [`Error::Exists`] or [`Error::Irregular`].
pub fn check<'a>(
    path: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
    force: bool,
) -> Result<(), Error> {
    // What cannot be looked at is left to the attempt to open it.
    let Ok(found) = fs::metadata(path) else {
        return Ok(());
    };
    let path_buf = path.to_owned();
    let is_input = |input: &Path| {
        fs::metadata(input).is_ok_and(|input_found| is_same((path, &found), (input, &input_found)))
    };
    if inputs.into_iter().any(is_input) {
        Err(Error::IsInput { path: path_buf })
    } else if !force {
        Err(Error::Exists { path: path_buf })
    } else if !found.is_file() {
        Err(Error::Irregular { path: path_buf })
    } else {
        Ok(())
    }
}

#[cfg(unix)]
fn is_same((_, a): (&Path, &Metadata), (_, b): (&Path, &Metadata)) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_same((a, _): (&Path, &Metadata), (b, _): (&Path, &Metadata)) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Creates a file for output. Nothing is overwritten unless `force` says so, and never one of `inputs`.
///
/// # Errors
/// Those of [`check`], or [`Error::Write`] when the system refuses.
pub fn create<'a>(
    path: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
    force: bool,
) -> Result<File, Error> {
    check(path, inputs, force)?;
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(path).map_err(|source| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::AlreadyExists {
            Error::Exists { path }
        } else {
            Error::Write { path, source }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::create;
    use crate::error::Error;

    #[test]
    fn overwrites_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let input = folder.path().join("run.pft");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(create(&path, [&*input], false), Err(Error::Exists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        create(&path, [&*input], true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        let nowhere = folder.path().join("none/out.csv");
        assert!(matches!(create(&nowhere, [&*input], false), Err(Error::Write { .. })));
        assert!(matches!(create(folder.path(), [&*input], true), Err(Error::Irregular { .. })));
    }

    #[test]
    fn never_overwrites_the_input() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("run.pft");
        fs::write(&input, "trace").unwrap();
        let link = folder.path().join("link");
        fs::hard_link(&input, &link).unwrap();
        for path in [&input, &link, &folder.path().join("./run.pft")] {
            assert!(matches!(create(path, [&*input], true), Err(Error::IsInput { .. })));
        }
        assert_eq!(fs::read_to_string(&input).unwrap(), "trace");
    }
}
