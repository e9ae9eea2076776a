//! New files: nothing is replaced unless asked for, a trace being read never, none is left half written, and none
//! is for more eyes than what it was made from.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

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

/// The identity of a trace that is made here.
///
/// # Errors
/// [`Error::Random`].
pub fn random_uuid() -> Result<[u8; 16], Error> {
    let mut uuid = [0; 16];
    getrandom::fill(&mut uuid).map_err(|error| Error::Random { what: error.to_string() })?;
    Ok(uuid)
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

/// Makes a file of what `write` writes; returns its path. It appears under its name once it is whole.
///
/// # Errors
/// Those of [`NewFile::create`]; of `write`, [`Error::Output`] with the path; [`Error::Write`].
pub fn write<'a>(
    path: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
    force: bool,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let mut file = BufWriter::new(NewFile::create(path, inputs, force)?);
    write(&mut file).and_then(|()| Ok(file.flush()?)).map_err(|error| error.at(path))?;
    // Everything is flushed: what is left to take out is the file alone.
    let (file, _) = file.into_parts();
    file.keep()
}

/// A file that appears under its name once it is whole: until then it is beside it, named
/// `NAME.PID.partial`, and goes when it is dropped. What was there before stays until then. Whoever may not read
/// each of the inputs may not read it. A link in its place is replaced itself, by force, and not followed: between
/// a look at it and its use it could lead elsewhere.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    force: bool,
}

impl NewFile {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of [`check`], or [`Error::Write`] when the system refuses.
    pub fn create<'a>(
        path: &Path,
        inputs: impl IntoIterator<Item = &'a Path>,
        force: bool,
    ) -> Result<Self, Error> {
        Self::open(path, inputs, force, 0o666)
    }

    /// Begins a file that only its owner can read, as a trace is.
    ///
    /// # Errors
    /// As [`NewFile::create`].
    pub fn create_private<'a>(
        path: &Path,
        inputs: impl IntoIterator<Item = &'a Path>,
        force: bool,
    ) -> Result<Self, Error> {
        Self::open(path, inputs, force, 0o600)
    }

    fn open<'a>(
        path: &Path,
        inputs: impl IntoIterator<Item = &'a Path>,
        force: bool,
        mode: u32,
    ) -> Result<Self, Error> {
        let inputs: Vec<&Path> = inputs.into_iter().collect();
        check(path, inputs.iter().copied(), force)?;
        // A link that leads nowhere is in the way too.
        if !force && fs::symlink_metadata(path).is_ok() {
            return Err(Error::Exists { path: path.to_owned() });
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = PathBuf::from(partial);
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let file = create_for_readers_of(&inputs, &partial, mode).map_err(failed)?;
        Ok(Self { file, partial, path: path.to_owned(), force })
    }

    /// What has been written so far, to be read before it gets its name.
    ///
    /// # Errors
    /// [`Error::Write`] when the system refuses.
    pub fn written(&self) -> Result<File, Error> {
        let failed = |source| Error::Write { path: self.path.clone(), source };
        File::open(&self.partial).map_err(failed)
    }

    /// Gives the file its name, which is returned.
    ///
    /// # Errors
    /// [`Error::Exists`] if something took the name meanwhile, [`Error::Write`] when the system refuses.
    pub fn keep(self) -> Result<PathBuf, Error> {
        let failed = |source: io::Error| {
            let path = self.path.clone();
            if source.kind() == io::ErrorKind::AlreadyExists {
                Error::Exists { path }
            } else {
                Error::Write { path, source }
            }
        };
        if !self.force {
            // Nothing else can take a name that an empty file holds.
            OpenOptions::new().write(true).create_new(true).open(&self.path).map_err(failed)?;
        }
        if let Err(source) = fs::rename(&self.partial, &self.path) {
            if !self.force {
                let _ = fs::remove_file(&self.path);
            }
            return Err(failed(source));
        }
        Ok(self.path.clone())
    }
}

/// Creates a file with this mode, which nobody may read who may not read all of the inputs.
#[cfg(unix)]
fn create_for_readers_of(inputs: &[&Path], path: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};

    let found: Vec<Metadata> = inputs.iter().filter_map(|input| fs::metadata(input).ok()).collect();
    // What comes through a pipe has no readers.
    let inputs = || found.iter().filter(|input| input.is_file());
    let both = |readable: u32| readable | readable >> 1;
    let mode = inputs().fold(mode, |mode, input| mode & (0o600 | both(input.mode() & 0o044)));
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let created = file.metadata()?;
    // Members of another group are no more than others.
    if inputs().any(|input| input.gid() != created.gid()) {
        let others = created.mode() & 0o006;
        let narrower = created.mode() & (0o606 | others << 3);
        file.set_permissions(fs::Permissions::from_mode(narrower))?;
    }
    Ok(file)
}

/// The same where there are no modes: the file gets the permissions that its folder hands on.
#[cfg(not(unix))]
fn create_for_readers_of(_inputs: &[&Path], path: &Path, _mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // It is not there once it has its name.
        let _ = fs::remove_file(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::{NewFile, write};
    use crate::error::Error;

    #[test]
    fn overwrites_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let input = folder.path().join("run.pft");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(NewFile::create(&path, [&*input], false), Err(Error::Exists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        write(&path, [&*input], true, |out| Ok(out.write_all(b"new")?)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        let nowhere = folder.path().join("none/out.csv");
        assert!(matches!(NewFile::create(&nowhere, [&*input], false), Err(Error::Write { .. })));
        assert!(matches!(
            NewFile::create(folder.path(), [&*input], true),
            Err(Error::Irregular { .. })
        ));
    }

    /// The names in a folder.
    fn names(folder: &std::path::Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let mut file = NewFile::create(&path, [], false).unwrap();
        file.write_all(b"whole").unwrap();
        let partial = format!("out.csv.{}.partial", std::process::id());
        assert_eq!(names(folder.path()), [partial]);
        assert_eq!(file.keep().unwrap(), path);
        assert_eq!(names(folder.path()), ["out.csv"]);
        assert!(matches!(NewFile::create(&path, [], false), Err(Error::Exists { .. })));

        let mut file = NewFile::create(&path, [], true).unwrap();
        file.write_all(b"given up").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), ["out.csv"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        NewFile::create(&path, [], true).unwrap().keep().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_name_that_was_taken_meanwhile_stays_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let file = NewFile::create(&path, [], false).unwrap();
        fs::write(&path, "of another").unwrap();
        assert!(matches!(file.keep(), Err(Error::Exists { .. })));
        assert_eq!(names(folder.path()), ["out.csv"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "of another");
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_its_owners() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pft");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        NewFile::create_private(&path, [], false).unwrap().keep().unwrap();
        assert_eq!(mode(), 0o600);
        // Also where it replaces one that others can read.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        NewFile::create_private(&path, [], true).unwrap().keep().unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "before").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(matches!(NewFile::create(&link, [], false), Err(Error::Exists { .. })));
        let mut new = NewFile::create(&link, [], true).unwrap();
        new.write_all(b"new").unwrap();
        // Nothing lies where the link leads, not for a moment.
        assert_eq!(names(folder.path()).len(), 3);
        new.keep().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "before");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
        assert_eq!(fs::read_to_string(&link).unwrap(), "new");
        // Nor where it leads nowhere.
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(folder.path().join("none"), &link).unwrap();
        assert!(matches!(NewFile::create(&link, [], false), Err(Error::Exists { .. })));
        NewFile::create(&link, [], true).unwrap().keep().unwrap();
        assert_eq!(names(folder.path()), ["file", "link"]);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_reads_what_was_made_of_a_file_that_he_may_not_read() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, mode| {
            let path = folder.path().join(name);
            fs::write(&path, "trace").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let (private, open) = (make("private", 0o600), make("open", 0o644));
        let mode = |name: &str, inputs: &[&std::path::Path]| {
            let out = folder.path().join(name);
            NewFile::create(&out, inputs.iter().copied(), false).unwrap().keep().unwrap();
            fs::metadata(&out).unwrap().mode() & 0o777
        };
        // What a file gets here that is made of nothing.
        let usual = mode("of nothing", &[]);
        assert_eq!(mode("of private", &[&private]), 0o600);
        assert_eq!(mode("of open", &[&open]), usual);
        assert_eq!(mode("of both", &[&open, &private]), 0o600);
        let group = make("group", 0o640);
        assert_eq!(mode("of group", &[&group]), usual & 0o660);
        // As root only: the same of a group that is not one's own.
        if std::os::unix::fs::chown(&group, None, Some(12_345)).is_ok() {
            assert_eq!(mode("of another group", &[&group]), 0o600);
        }
    }

    #[test]
    fn never_overwrites_the_input() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("run.pft");
        fs::write(&input, "trace").unwrap();
        let link = folder.path().join("link");
        fs::hard_link(&input, &link).unwrap();
        for path in [&input, &link, &folder.path().join("./run.pft")] {
            assert!(matches!(NewFile::create(path, [&*input], true), Err(Error::IsInput { .. })));
        }
        assert_eq!(fs::read_to_string(&input).unwrap(), "trace");
    }
}
