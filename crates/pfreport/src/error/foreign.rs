//! Files that are given for traces and are something else.

use std::fmt;

/// What a file is that is no trace, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// `perf.data`, in a file or from a pipe.
    Perf,
    /// Compressed by gzip.
    Gzip,
    /// Compressed by zstd.
    Zstd,
    /// Compressed by xz.
    Xz,
}

/// First bytes of each.
const STARTS: [(&[u8], Foreign); 5] = [
    // Both byte orders.
    (b"PERFILE2", Foreign::Perf),
    (b"2ELIFREP", Foreign::Perf),
    (b"\x1f\x8b", Foreign::Gzip),
    (b"\x28\xb5\x2f\xfd", Foreign::Zstd),
    (b"\xfd7zXZ\0", Foreign::Xz),
];

impl Foreign {
    /// What begins so, if it is known.
    #[must_use]
    pub fn of(start: &[u8]) -> Option<Self> {
        STARTS.iter().find(|(magic, _)| start.starts_with(magic)).map(|&(_, what)| what)
    }

    /// How to come to a trace.
    #[must_use]
    pub fn remedy(self, path: &str) -> String {
        let tool = match self {
            Self::Perf => {
                return format!("make a trace of it: pfreport import {path} -o run.pft");
            }
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        };
        format!("decompress it first: {tool} -dc {path} | pfreport -")
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Perf => "a recording of perf",
            Self::Gzip => "a file compressed with gzip",
            Self::Zstd => "a file compressed with zstd",
            Self::Xz => "a file compressed with xz",
        })
    }
}
