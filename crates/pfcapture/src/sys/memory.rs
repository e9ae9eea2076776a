//! Memory: that which calibration touches, own memory that may be gone, and what is mapped where in another process.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use pft::record::Vma;

use super::check;

/// Maps `pages` of fresh anonymous memory, writes one byte to each, and unmaps it: exactly `pages`
/// faults of this thread in the returned address range.
///
/// # Errors
/// The kernel's errno.
pub fn touch_fresh_pages(pages: usize, page_bytes: usize) -> io::Result<std::ops::Range<u64>> {
    let len = pages * page_bytes;
    // SAFETY: a fresh private anonymous mapping is made, written inside its bounds, and unmapped; no
    // reference to it exists.
    unsafe {
        let base = libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        libc::madvise(base, len, libc::MADV_NOHUGEPAGE);
        for page in 0..pages {
            base.cast::<u8>().add(page * page_bytes).write_volatile(1);
        }
        libc::munmap(base, len);
        Ok(base as u64..base as u64 + len as u64)
    }
}

/// Copies memory of this process from `addr` on, by the kernel: of an address where nothing is, it says so. A program
/// whose file has capabilities may not open its own `/proc/self/mem`.
///
/// # Errors
/// The kernel's errno; [`io::ErrorKind::UnexpectedEof`] when not all of it is there.
pub fn read_own_memory(addr: u64, bytes: &mut [u8]) -> io::Result<()> {
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: addr as *mut libc::c_void, iov_len: bytes.len() };
    let pid = libc::pid_t::try_from(std::process::id()).unwrap_or(0);
    // SAFETY: the kernel writes at most `bytes.len()` bytes to a live exclusive buffer, and checks the other address.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(read) {
        Ok(read) if read == bytes.len() => Ok(()),
        Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// `struct procmap_query` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct ProcmapQuery {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    vma_start: u64,
    vma_end: u64,
    vma_flags: u64,
    vma_page_size: u64,
    vma_offset: u64,
    inode: u64,
    dev_major: u32,
    dev_minor: u32,
    vma_name_size: u32,
    build_id_size: u32,
    vma_name_addr: u64,
    build_id_addr: u64,
}

/// Asks an open `/proc/PID/maps` for the mapping that holds `addr` (`PROCMAP_QUERY`, Linux 6.11);
/// `None` when there is none.
///
/// # Errors
/// The kernel's errno; `ENOTTY` where it does not know the question.
pub fn mapping_at(maps: BorrowedFd<'_>, addr: u64) -> io::Result<Option<Vma>> {
    /// The longest path that the kernel prints, and its NUL.
    const NAME_BYTES: usize = 4096;
    const PROT: u64 = 7;
    const SHARED: u64 = 8;
    let mut name = vec![0u8; NAME_BYTES];
    let mut query = ProcmapQuery {
        size: size_of::<ProcmapQuery>() as u64,
        query_addr: addr,
        vma_name_size: NAME_BYTES as u32,
        vma_name_addr: name.as_mut_ptr() as u64,
        ..ProcmapQuery::default()
    };
    let request = libc::_IOWR::<ProcmapQuery>(b'f'.into(), 17);
    // SAFETY: the descriptor is open during the call; the kernel reads and writes a live structure
    // of the size that it states, and at most `vma_name_size` bytes of a live buffer of that length.
    let rc = unsafe { libc::ioctl(maps.as_raw_fd(), request, &raw mut query) };
    match check(rc) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
        checked => checked?,
    }
    // The size comes back with the NUL, and as 0 where there is no name.
    name.truncate((query.vma_name_size as usize).saturating_sub(1));
    Ok(Some(Vma {
        start: query.vma_start,
        end: query.vma_end,
        prot: (query.vma_flags & PROT) as u32,
        shared: query.vma_flags & SHARED != 0,
        file_offset: query.vma_offset,
        dev_major: query.dev_major,
        dev_minor: query.dev_minor,
        inode: query.inode,
        path: name,
    }))
}
