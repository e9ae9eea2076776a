//! Whether a file is still what it was.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

use crate::system::clock::realtime_ns;

/// A file's size and when it was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    written_ns: i128,
}

impl Stamp {
    /// That of a file now; `None` if the system does not tell.
    pub fn of(file: &File) -> Option<Self> {
        let meta = file.metadata().ok()?;
        let written_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
        Some(Self { bytes: meta.len(), written_ns })
    }

    /// Whether it was written after this time, nanoseconds since the epoch. A time that is yet to come
    /// says nothing.
    pub fn is_after(&self, time_ns: u64) -> bool {
        (i128::from(time_ns) + 1..=i128::from(realtime_ns())).contains(&self.written_ns)
    }
}
