//! A file of the recorder's own, which others may remove, rename or cut meanwhile.

use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::stream::{Medium, Place};

/// What another process did to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disturbed {
    /// It has no name any more.
    #[error("it was removed meanwhile")]
    Removed,
    /// It was cut.
    #[error("another process cut it meanwhile")]
    Cut,
}

impl Disturbed {
    /// That which made writing fail.
    pub fn of(error: &pft::Error) -> Option<Self> {
        let pft::Error::Write { source, .. } = error else { return None };
        source.get_ref()?.downcast_ref().copied()
    }
}

/// Room that is kept for the end of a trace: losses, the ledger and the index.
const END_BYTES: u64 = 16 << 10;

/// Room that is asked for at once.
const STEP_BYTES: u64 = 1 << 20;

/// A file of the recorder's own.
///
/// Behind what was written lies room for the end of the trace as long as the file system can keep some: so a
/// full disk, or the limit on files, is met while the trace can still be closed.
#[derive(Debug)]
pub struct OwnFile {
    path: PathBuf,
    file: File,
    /// It had a name when it was created, which not every file system tells.
    had_name: bool,
    written_bytes: u64,
    /// Up to there room is kept; `None` where the file system keeps none.
    kept_bytes: Option<u64>,
    /// The end is being written, in the room that was kept for it.
    is_ending: bool,
}

impl OwnFile {
    /// A file that was just created.
    pub fn new(path: PathBuf, file: File) -> Self {
        let had_name = file.metadata().is_ok_and(|meta| meta.nlink() > 0);
        Self { path, file, had_name, written_bytes: 0, kept_bytes: Some(0), is_ending: false }
    }

    /// Its path.
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Whether it is as it was left. What is written to a file without a name is lost, and behind a cut
    /// it leaves a gap.
    fn check(&self) -> io::Result<()> {
        let meta = self.file.metadata()?;
        if self.had_name && meta.nlink() == 0 {
            return Err(io::Error::other(Disturbed::Removed));
        }
        if meta.len() < self.written_bytes {
            return Err(io::Error::other(Disturbed::Cut));
        }
        Ok(())
    }

    /// Sees to it that there is room for so many bytes and for the end.
    fn keep_room(&mut self, bytes: u64) -> io::Result<()> {
        if self.is_ending {
            return Ok(());
        }
        let written = self.written_bytes.saturating_add(bytes);
        let limit = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX);
        if written > limit.saturating_sub(END_BYTES.min(limit / 8)) {
            return Err(Errno::FBIG.into());
        }
        let (start, end) = (self.written_bytes, written.saturating_add(END_BYTES));
        if self.kept_bytes.is_none_or(|kept| end <= kept) {
            return Ok(());
        }
        let keep = |end: u64| {
            fallocate(&self.file, FallocateFlags::KEEP_SIZE, start, end - start).map(|()| end)
        };
        let kept = keep(end.saturating_add(STEP_BYTES)).or_else(|_| keep(end));
        self.kept_bytes = match kept {
            Ok(kept) => Some(kept),
            // The next write asks again.
            Err(Errno::INTR) => self.kept_bytes,
            Err(error @ (Errno::NOSPC | Errno::DQUOT)) => return Err(error.into()),
            // What the file system cannot do, or what writing will meet again.
            Err(_) => None,
        };
        Ok(())
    }
}

impl Write for OwnFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.keep_room(bytes.len() as u64)?;
        let count = self.file.write(bytes)?;
        self.written_bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Medium for OwnFile {
    fn left(&self, written_bytes: u64) -> u64 {
        let length = self.file.metadata().map(|meta| meta.len());
        length.map_or(written_bytes, |bytes| bytes.min(written_bytes))
    }

    fn cut(&mut self, whole_bytes: u64) -> io::Result<()> {
        self.file.set_len(whole_bytes)?;
        self.file.seek(SeekFrom::Start(whole_bytes))?;
        self.written_bytes = whole_bytes;
        Ok(())
    }

    fn begin_end(&mut self) {
        self.is_ending = true;
    }

    fn settle(&mut self) -> io::Result<()> {
        self.check()?;
        if self.kept_bytes.is_some_and(|kept| kept > self.written_bytes) {
            // What was kept and not used is given back.
            self.file.set_len(self.written_bytes)?;
        }
        self.file.sync_all()
    }

    fn place(&self) -> Place {
        Place::File(self.path.clone())
    }

    fn moved(&self) -> Option<PathBuf> {
        let identity = |meta: Metadata| (meta.dev(), meta.ino());
        let own = self.file.metadata().ok().map(identity)?;
        let there = std::fs::symlink_metadata(&self.path).ok().map(identity);
        if there == Some(own) {
            return None;
        }
        std::fs::read_link(format!("/proc/self/fd/{}", self.file.as_raw_fd())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, OwnFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pft");
        let mut own = OwnFile::new(path.clone(), File::create_new(path).unwrap());
        own.write_all(&[1; 100]).unwrap();
        (folder, own)
    }

    fn disturbed(result: io::Result<()>) -> Option<Disturbed> {
        let source = result.err()?;
        Disturbed::of(&pft::Error::Write { offset: 0, source })
    }

    #[test]
    fn what_others_do_to_the_file_is_noticed() {
        let (_folder, mut own) = file();
        assert_eq!(own.moved(), None);
        own.settle().unwrap();
        // Cut, and longer again, but not by us.
        File::options().write(true).open(own.path()).unwrap().set_len(40).unwrap();
        assert_eq!(disturbed(own.write_all(&[2; 10])), Some(Disturbed::Cut));
        assert_eq!((own.left(100), disturbed(own.settle())), (40, Some(Disturbed::Cut)));
        own.cut(30).unwrap();
        own.write_all(&[3; 5]).unwrap();
        assert_eq!(own.file.metadata().unwrap().len(), 35);
        std::fs::remove_file(own.path()).unwrap();
        assert_eq!(disturbed(own.write_all(&[2; 10])), Some(Disturbed::Removed));
        assert_eq!(disturbed(own.settle()), Some(Disturbed::Removed));
    }

    #[test]
    fn the_end_has_room_and_the_rest_of_it_is_given_back() {
        let (_folder, mut own) = file();
        let room = |own: &OwnFile| own.file.metadata().unwrap().blocks() * 512;
        if own.kept_bytes.is_some() {
            assert!(room(&own) >= 100 + END_BYTES, "{}", room(&own));
        }
        own.begin_end();
        own.write_all(&[2; 5]).unwrap();
        own.settle().unwrap();
        assert_eq!(own.file.metadata().unwrap().len(), 105);
        assert!(room(&own) < END_BYTES, "{}", room(&own));
    }

    #[test]
    fn a_file_is_found_where_it_was_moved_to() {
        let (folder, mut own) = file();
        let elsewhere = folder.path().join("other.pft");
        std::fs::rename(own.path(), &elsewhere).unwrap();
        own.settle().unwrap();
        assert_eq!(own.moved(), Some(elsewhere.clone()));
        // A file of another in its place changes nothing.
        std::fs::write(own.path(), "x").unwrap();
        assert_eq!(own.moved(), Some(elsewhere));
    }
}
