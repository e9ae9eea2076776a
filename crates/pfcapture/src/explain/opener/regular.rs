//! Files by their paths, looked at before they are opened.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};

use crate::explain::modules::FileKey;

/// `OVERLAYFS_SUPER_MAGIC`: maps show inodes of a layer.
const OVERLAY: u64 = 0x794c_7630;

/// A regular file that is not opened for reading yet: opening a device would do something.
pub struct Regular {
    fd: OwnedFd,
    dev: u64,
    ino: u64,
}

/// What lies at a path.
///
/// # Errors
/// Nothing, or nothing regular, lies there; what the system refuses.
pub fn find(path: &Path) -> io::Result<Regular> {
    regular(open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// What lies at a path as a process with this root sees it, whatever symbolic links it has made.
///
/// # Errors
/// As [`find`].
pub fn find_in(root: &OwnedFd, path: &Path) -> io::Result<Regular> {
    regular(open_in(root, path, OFlags::PATH | OFlags::CLOEXEC)?)
}

/// Before Linux 5.6 there is no openat2, and nothing else keeps links that a process has made below its root. Where
/// that is the recorder's own root too, there is nothing to keep them from.
fn open_in(root: &OwnedFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    match openat2(root, path, flags, Mode::empty(), resolve) {
        Err(rustix::io::Errno::NOSYS) if is_own_root(root)? => {
            Ok(open(Path::new("/").join(path), flags, Mode::empty())?)
        }
        opened => Ok(opened?),
    }
}

fn is_own_root(root: &OwnedFd) -> io::Result<bool> {
    let (root, own) = (rustix::fs::fstat(root)?, rustix::fs::stat("/")?);
    Ok((root.st_dev, root.st_ino) == (own.st_dev, own.st_ino))
}

/// What lies in a folder under a name, unless that is a symbolic link.
///
/// # Errors
/// As [`find`].
pub fn find_itself(folder: &OwnedFd, name: &str) -> io::Result<Regular> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    regular(rustix::fs::openat(folder, name, flags, Mode::empty())?)
}

/// A folder as a process with this root sees it.
///
/// # Errors
/// What the system refuses.
pub fn folder_in(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    open_in(root, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC)
}

/// The root of a process, by its name.
///
/// # Errors
/// What the system refuses.
pub fn open_root(root: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(open(root, flags, Mode::empty())?)
}

fn regular(fd: OwnedFd) -> io::Result<Regular> {
    let stat = rustix::fs::fstat(&fd)?;
    match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        rustix::fs::FileType::RegularFile => Ok(Regular { fd, dev: stat.st_dev, ino: stat.st_ino }),
        _ => Err(io::Error::other("not a regular file")),
    }
}

impl Regular {
    /// Whether it is the file of a mapping, as far as numbers tell.
    pub fn is(&self, key: &FileKey) -> bool {
        // The device of a mapping is another one than that of the file on some file systems.
        self.ino == key.inode
    }

    /// Whether the device agrees too.
    pub fn is_certainly(&self, key: &FileKey) -> bool {
        self.is(key) && self.dev == rustix::fs::makedev(key.dev_major, key.dev_minor)
    }

    /// Whether it is certainly not.
    pub fn is_other(&self, key: &FileKey) -> bool {
        let layered = rustix::fs::fstatfs(&self.fd)
            .is_ok_and(|system| u64::try_from(system.f_type).is_ok_and(|kind| kind == OVERLAY));
        let device = rustix::fs::makedev(key.dev_major, key.dev_minor);
        // Where files lie in layers, maps may show device and inode of another layer.
        !self.is(key) && (self.dev == device || !layered)
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn open(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        Ok(open(path, flags, Mode::empty())?.into())
    }
}
