//! The end of a perf map: what stands there counts more than what stands in front of it.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};

use pfsymbols::{Error, PerfMap};

/// A perf map as far as it was read.
#[derive(Debug)]
pub struct RecentMap {
    /// What it says.
    pub map: PerfMap,
    /// Whether that is all.
    pub is_whole: bool,
    /// Whether its end is missing.
    pub is_broken_off: bool,
}

/// Reads until it is told to stop.
struct Stoppable<'a, F> {
    file: &'a File,
    left_bytes: u64,
    stop: F,
    is_stopped: bool,
}

impl<F: FnMut() -> bool> Read for Stoppable<'_, F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.is_stopped |= (self.stop)();
        if self.is_stopped {
            return Ok(0);
        }
        let read = self.file.take(self.left_bytes).read(bytes)?;
        self.left_bytes -= read as u64;
        Ok(read)
    }
}

impl RecentMap {
    /// Reads so much at the end of a map at most, until `stop` says so.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn read(file: &File, most_bytes: u64, stop: impl FnMut() -> bool) -> Result<Self, Error> {
        let failed = |source| Error::Read { what: "a perf map", source };
        let bytes = file.metadata().map_err(failed)?.len();
        let start = bytes.saturating_sub(most_bytes);
        let mut own: &File = file;
        own.seek(SeekFrom::Start(start)).map_err(failed)?;
        let left_bytes = bytes - start;
        let mut text = Stoppable { file, left_bytes, stop, is_stopped: false };
        if start > 0 {
            // A part of a line, which may look like a line.
            let mut byte = [0];
            while byte != *b"\n" && text.read(&mut byte).map_err(failed)? > 0 {}
        }
        let map = PerfMap::read(&mut text)?;
        let is_broken_off = text.is_stopped || !map.is_whole();
        Ok(Self { map, is_whole: start == 0, is_broken_off })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_map_is_read_in_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map");
        std::fs::write(&path, "1000 10 first\n2000 10 second\n2000 10 third\n").unwrap();
        let file = File::open(&path).unwrap();
        let names = |map: &PerfMap| {
            [0x1000, 0x2000, 0].map(|address| map.at(address).map(|found| found.name))
        };
        let third = || Some("third".to_owned());
        let all = RecentMap::read(&file, 1000, || false).unwrap();
        assert_eq!(names(&all.map), [Some("first".to_owned()), third(), None]);
        assert_eq!((all.is_whole, all.is_broken_off), (true, false));
        // It begins in the second line, of which "0 10 second" is left.
        let end = RecentMap::read(&file, 26, || false).unwrap();
        assert_eq!(names(&end.map), [None, third(), None]);
        assert_eq!((end.is_whole, end.is_broken_off), (false, false));
        let stopped = RecentMap::read(&file, 1000, || true).unwrap();
        assert!(stopped.is_broken_off);
    }
}
