//! The code that the kernel maps into every process.

use std::fs;
use std::io;
use std::sync::Arc;

use crate::{ElfFile, Error};

const MAX_BYTES: u64 = 1 << 20;

/// The vDSO of this process, which is that of every process of the same word size on this machine.
///
/// It begins at file offset 0 of a mapping that starts where `/proc/PID/maps` shows `[vdso]`; its
/// functions are found with [`symbols_at`](crate::symbols_at). `read_own` reads memory of this process from an
/// address on.
///
/// # Errors
/// [`Error::NoVdso`] if the kernel maps none (`vdso=0`), [`Error::Read`].
pub fn own_vdso(read_own: impl FnOnce(u64, &mut [u8]) -> io::Result<()>) -> Result<ElfFile, Error> {
    let read = |source| Error::Read { what: "the vDSO", source };
    // Paths in it are any bytes.
    let maps = fs::read("/proc/self/maps").map_err(read)?;
    let maps = String::from_utf8_lossy(&maps);
    let (start, bytes) = maps.lines().find_map(range).ok_or(Error::NoVdso)?;
    let mut image = vec![0; usize::try_from(bytes).map_err(|_| Error::NoVdso)?];
    read_own(start, &mut image).map_err(read)?;
    ElfFile::from_bytes(Arc::from(image))
}

fn range(line: &str) -> Option<(u64, u64)> {
    let range = line.strip_suffix("[vdso]")?.split(' ').next()?;
    let (start, end) = range.split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    let bytes = u64::from_str_radix(end, 16).ok()?.checked_sub(start)?;
    (bytes <= MAX_BYTES).then_some((start, bytes))
}
