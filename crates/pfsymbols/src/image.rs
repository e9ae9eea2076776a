//! The bytes of an ELF file, read piece by piece with a bound on each piece.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::Error;

/// A file, or bytes in memory. A file is read with `pread`, never mapped: one that shrinks meanwhile is an
/// error and no signal.
#[derive(Debug)]
pub enum Image {
    File { file: File, bytes: u64 },
    Memory(Arc<[u8]>),
}

impl Image {
    pub fn open(file: &File) -> Result<Self, Error> {
        let read = |source| Error::Read { what: "an ELF file", source };
        let file = file.try_clone().map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        // Devices and pipes have no size, and reading one may block or change it.
        if !metadata.is_file() {
            return Err(Error::NotElf);
        }
        Ok(Self::File { file, bytes: metadata.len() })
    }

    pub fn bytes(&self) -> u64 {
        match self {
            Self::File { bytes, .. } => *bytes,
            Self::Memory(memory) => memory.len() as u64,
        }
    }

    /// The open file, where there is one.
    pub fn file(&self) -> Option<&File> {
        match self {
            Self::File { file, .. } => Some(file),
            Self::Memory(_) => None,
        }
    }

    /// Reads exactly `bytes` bytes at `offset`.
    pub fn read(
        &self,
        what: &'static str,
        offset: u64,
        bytes: u64,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        if bytes > limit {
            return Err(Error::TooLarge { what, bytes, limit });
        }
        if offset.checked_add(bytes).is_none_or(|end| end > self.bytes()) {
            return Err(Error::Damaged { what });
        }
        let damaged = |_| Error::Damaged { what };
        let length = usize::try_from(bytes).map_err(damaged)?;
        match self {
            Self::File { file, .. } => {
                let mut buffer = vec![0; length];
                file.read_exact_at(&mut buffer, offset).map_err(|source| {
                    if source.kind() == io::ErrorKind::UnexpectedEof {
                        Error::Damaged { what }
                    } else {
                        Error::Read { what: "an ELF file", source }
                    }
                })?;
                Ok(buffer)
            }
            Self::Memory(memory) => {
                let start = usize::try_from(offset).map_err(damaged)?;
                let range = start..start.saturating_add(length);
                memory.get(range).map(<[u8]>::to_vec).ok_or(Error::Damaged { what })
            }
        }
    }
}
