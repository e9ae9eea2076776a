//! Files for traces and live lines: never over another one, unless that was asked for, and never through a link.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, open, openat, statat, unlinkat};

use crate::Error;

/// Whether the file can be created, as far as can be told without doing so: before a command is
/// started for nothing.
///
/// # Errors
/// As [`create`].
pub fn check(path: &Path, overwrite: bool) -> Result<(), Error> {
    let parent = parent_of(path);
    look(path, &folder(path)?, overwrite)?;
    rustix::fs::access(parent, rustix::fs::Access::WRITE_OK)
        .map_err(|error| Error::output(path, error.into()))
}

/// Creates the file, readable by its owner only. What bears the name goes first; a link goes itself, and not what
/// it leads to. All of this happens in one folder, whatever is put in its place meanwhile.
///
/// # Errors
/// [`Error::OutputExists`] unless `overwrite`; [`Error::OutputNotRegular`]; [`Error::Output`].
pub fn create(path: &Path, overwrite: bool) -> Result<File, Error> {
    let refused = |error: rustix::io::Errno| Error::output(path, error.into());
    let folder = folder(path)?;
    let name = look(path, &folder, overwrite)?;
    if overwrite {
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(refused(error)),
        }
    }
    match create_new(&folder, name) {
        Ok(file) => Ok(file.into()),
        Err(rustix::io::Errno::EXIST) => Err(Error::OutputExists { path: path.to_owned() }),
        Err(error) => Err(refused(error)),
    }
}

/// A file that was not there: what somebody has put there since it was looked at is in the way.
fn create_new(folder: &OwnedFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::RUSR | Mode::WUSR)
}

/// Opens a pipe or a character device that is there for writing; `None` when nothing is, or something else. In a
/// folder that everybody may write, that of another user is refused: it would take what is meant for somebody
/// else.
///
/// # Errors
/// What the system refuses; [`io::ErrorKind::PermissionDenied`] for that of another user.
pub fn open_device(path: &Path) -> io::Result<Option<File>> {
    // Opening a device would do something: it is looked at first.
    let Ok(found) = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else {
        return Ok(None);
    };
    if !matches!(kind(&fstat(&found)?), FileType::Fifo | FileType::CharacterDevice) {
        return Ok(None);
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = fstat(open(parent_of(path), flags, Mode::empty())?)?;
    let entry = rustix::fs::lstat(path)?;
    if !is_trusted(&entry, &folder, rustix::process::geteuid().as_raw()) {
        let why = "it belongs to another user, in a folder that everybody may write";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(Some(open(path, flags, Mode::empty())?.into()))
}

/// Whether something in a folder may be followed or written by a user: the rule of `fs.protected_symlinks`, which
/// is not in force everywhere.
fn is_trusted(entry: &Stat, folder: &Stat, user: u32) -> bool {
    const SHARED: u32 = 0o1002;
    folder.st_mode & SHARED != SHARED || [user, folder.st_uid].contains(&entry.st_uid)
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn parent_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn folder(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(parent_of(path), flags, Mode::empty()).map_err(|error| Error::output(path, error.into()))
}

/// The name within the folder, if it is free or may be made so.
fn look<'a>(path: &'a Path, folder: &OwnedFd, overwrite: bool) -> Result<&'a OsStr, Error> {
    let irregular = || Error::OutputNotRegular { path: path.to_owned() };
    let name = path.file_name().ok_or_else(irregular)?;
    let Ok(found) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
        return Ok(name);
    };
    match kind(&found) {
        FileType::RegularFile => {}
        // `/dev/stdout` is one, and belongs to the machine.
        FileType::Symlink if !leads_to_a_device(path, folder, name) => {}
        _ => return Err(irregular()),
    }
    if overwrite { Ok(name) } else { Err(Error::OutputExists { path: path.to_owned() }) }
}

fn leads_to_a_device(path: &Path, folder: &OwnedFd, name: &OsStr) -> bool {
    let leads_to = rustix::fs::readlinkat(folder, name, Vec::new()).unwrap_or_default();
    let leads_to = leads_to.to_bytes();
    let special = leads_to.starts_with(b"/proc/") || leads_to.starts_with(b"/dev/");
    special || path.metadata().is_ok_and(|found| !found.is_file())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_is_replaced_and_what_it_leads_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, "precious").unwrap();
        std::fs::hard_link(&file, dir.path().join("hard")).unwrap();
        symlink(&file, &link).unwrap();
        for path in [&link, &dir.path().join("hard")] {
            assert!(matches!(create(path, false), Err(Error::OutputExists { .. })));
            let created = create(path, true).unwrap().metadata().unwrap();
            assert_eq!((created.len(), created.nlink(), created.mode() & 0o777), (0, 1, 0o600));
            assert!(!path.symlink_metadata().unwrap().is_symlink());
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"precious");
        // One that leads nowhere is in the way too.
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        let dangling = dir.path().join("dangling");
        assert!(matches!(create(&dangling, false), Err(Error::OutputExists { .. })));
        create(&dangling, true).unwrap();
        assert!(!dir.path().join("nowhere").exists());
    }

    #[test]
    fn what_comes_between_looking_and_creating_is_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "precious").unwrap();
        symlink("file", dir.path().join("link")).unwrap();
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        let folder = folder(&file).unwrap();
        for name in ["file", "link", "dangling"] {
            let refused = create_new(&folder, OsStr::new(name)).unwrap_err();
            assert_eq!(refused, rustix::io::Errno::EXIST, "{name}");
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"precious");
        assert!(!dir.path().join("nowhere").exists());
    }

    #[test]
    fn links_to_devices_and_folders_stay() {
        let dir = tempfile::tempdir().unwrap();
        for target in ["/dev/null", "/proc/self/fd/1", ".", "/dev/no-such-device"] {
            let link = dir.path().join("link");
            symlink(target, &link).unwrap();
            for found in [check(&link, true), create(&link, true).map(drop)] {
                assert!(matches!(found, Err(Error::OutputNotRegular { .. })), "{target}");
            }
            std::fs::remove_file(&link).unwrap();
        }
        assert!(matches!(create(Path::new("/"), true), Err(Error::OutputNotRegular { .. })));
        assert!(matches!(create(dir.path(), true), Err(Error::OutputNotRegular { .. })));
    }

    #[test]
    fn what_is_no_device_is_not_opened_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        assert!(open_device(&file).unwrap().is_none());
        std::fs::write(&file, "precious").unwrap();
        assert!(open_device(&file).unwrap().is_none());
        assert!(open_device(dir.path()).unwrap().is_none());
        assert!(open_device(Path::new("/dev/null")).unwrap().is_some());
        symlink("/dev/null", dir.path().join("null")).unwrap();
        assert!(open_device(&dir.path().join("null")).unwrap().is_some());
    }

    #[test]
    fn in_a_folder_for_all_only_what_is_ones_own_or_the_folders_is_trusted() {
        let stat = |uid, mode| {
            let mut stat = fstat(io::stdin()).unwrap();
            (stat.st_uid, stat.st_mode) = (uid, mode);
            stat
        };
        let trusted = |entry, folder, mode| is_trusted(&stat(entry, 0), &stat(folder, mode), 1000);
        assert!(trusted(1000, 0, 0o041_777));
        assert!(trusted(0, 0, 0o041_777));
        assert!(!trusted(1001, 0, 0o041_777));
        assert!(!trusted(0, 1001, 0o041_777));
        // Whoever may write there may as well put something else in its place.
        assert!(trusted(1001, 0, 0o040_777));
        assert!(trusted(1001, 0, 0o041_775));
    }
}
