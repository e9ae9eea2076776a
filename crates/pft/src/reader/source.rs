//! Positioned reads from a file or from memory.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

pub(super) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// A reader of known length. The position is shared, hence the lock.
pub(super) struct Source {
    inner: Mutex<Box<dyn ReadSeek>>,
    bytes: u64,
}

impl Source {
    pub(super) fn new(mut inner: Box<dyn ReadSeek>) -> Result<Self> {
        let bytes =
            inner.seek(SeekFrom::End(0)).map_err(|source| Error::Read { offset: 0, source })?;
        Ok(Self { inner: Mutex::new(inner), bytes })
    }

    /// Length of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Exactly `bytes` from `offset`. Nothing is allocated for what lies behind the end of the file.
    pub(super) fn read(&self, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        let error = |source| Error::Read { offset, source };
        let end = offset.checked_add(bytes);
        if end.is_none_or(|end| end > self.bytes) {
            return Err(error(io::ErrorKind::UnexpectedEof.into()));
        }
        let too_large = || error(io::ErrorKind::OutOfMemory.into());
        let length = usize::try_from(bytes).map_err(|_| too_large())?;
        let mut buffer = Vec::new();
        // Records in many parts may be larger than the address space of a small machine.
        buffer.try_reserve_exact(length).map_err(|_| too_large())?;
        // A panic elsewhere leaves no broken state behind: every read seeks first.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner
            .seek(SeekFrom::Start(offset))
            .and_then(|_| inner.by_ref().take(bytes).read_to_end(&mut buffer))
            .map_err(error)?;
        if buffer.len() < length {
            return Err(error(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(buffer)
    }
}
