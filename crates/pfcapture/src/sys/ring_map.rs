//! The mapping of a ring, shared with the kernel.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use perf_event_open_sys::bindings::perf_event_mmap_page;

/// The mapped ring buffer of one event: a control page, then `data_bytes` of records.
#[derive(Debug)]
pub struct RingMap {
    base: NonNull<u8>,
    page_bytes: usize,
    data_bytes: usize,
}

impl RingMap {
    /// Maps the ring of `event`; `data_bytes` is a power of two and a multiple of the page size.
    ///
    /// # Errors
    /// The kernel's errno; `EPERM` when the memory may not be locked.
    pub fn new(event: BorrowedFd<'_>, page_bytes: usize, data_bytes: usize) -> io::Result<Self> {
        // SAFETY: a fresh shared mapping of an open perf descriptor at an address that the kernel
        // chooses; it replaces nothing.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                page_bytes + data_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                event.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at zero"))?;
        Ok(Self { base, page_bytes, data_bytes })
    }

    fn control(&self) -> *mut perf_event_mmap_page {
        self.base.as_ptr().cast()
    }

    /// Where the kernel writes next: bytes since the ring was made.
    #[must_use]
    pub fn head(&self) -> u64 {
        // SAFETY: the control page is mapped as long as `self` lives, `data_head` is 8-aligned, and
        // both sides access it as one 64-bit word.
        let head = unsafe { AtomicU64::from_ptr(&raw mut (*self.control()).data_head) };
        // ORDERING: acquire pairs with the barrier before the store of data_head in
        // perf_output_put_handle(): the records below the head are visible.
        head.load(Ordering::Acquire)
    }

    /// Gives the bytes below `tail` back to the kernel.
    pub fn set_tail(&mut self, tail: u64) {
        // SAFETY: as in `head`.
        let word = unsafe { AtomicU64::from_ptr(&raw mut (*self.control()).data_tail) };
        // ORDERING: release pairs with the load of data_tail in __perf_output_begin(): our reads
        // happen before the kernel writes over them.
        word.store(tail, Ordering::Release);
    }

    /// The records between `tail` and `head`, in one piece or two.
    #[must_use]
    pub fn records(&self, tail: u64, head: u64) -> (&[u8], &[u8]) {
        let size = self.data_bytes;
        let len = usize::try_from(head.wrapping_sub(tail)).unwrap_or(size).min(size);
        let from = usize::try_from(tail & (size as u64 - 1)).unwrap_or(0);
        let first = len.min(size - from);
        // SAFETY: `from + first <= data_bytes` and `len - first <= from` by construction, all inside
        // the mapping. The kernel does not write between tail and head until `set_tail`, which takes
        // `&mut self` and so ends these borrows.
        unsafe {
            let data = self.base.as_ptr().add(self.page_bytes);
            (
                std::slice::from_raw_parts(data.add(from), first),
                std::slice::from_raw_parts(data, len - first),
            )
        }
    }
}

impl Drop for RingMap {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping; no borrow of it is left.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.page_bytes + self.data_bytes) };
    }
}
