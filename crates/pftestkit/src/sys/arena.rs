//! Slices of one large range, mapped and written by many threads.
#![allow(unsafe_code, reason = "accesses to mappings whose faults are the point of the program")]

use std::io;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::mapping::{Backing, Mapping, map, page_size};

/// A large range of which threads map slices of their own, so that one range covers them all.
#[derive(Debug)]
pub struct Arena {
    mapping: Mapping,
    slice_pages: usize,
    in_use: Vec<AtomicBool>,
}

// SAFETY: nobody accesses the arena's own, inaccessible mapping by way of it; slices do not overlap,
// and `in_use` lets one thread at a time have a slice.
unsafe impl Sync for Arena {}

impl Arena {
    /// Reserves room for `slices` slices of `slice_pages` pages.
    pub fn new(slices: usize, slice_pages: usize) -> io::Result<Self> {
        // A page between slices keeps the kernel from joining them.
        let pages = slices.checked_mul(slice_pages + 1).ok_or(io::ErrorKind::InvalidInput)?;
        let in_use = (0..slices).map(|_| AtomicBool::new(false)).collect();
        Ok(Self { mapping: Mapping::new(pages, Backing::Inaccessible)?, slice_pages, in_use })
    }

    /// Addresses of all slices.
    pub fn range(&self) -> Range<u64> {
        self.mapping.range()
    }

    /// Maps slice `index` anew and writes each of its pages once.
    ///
    /// # Errors
    ///
    /// When there is no such slice, it is in use, or it cannot be mapped.
    pub fn touch_slice(&self, index: usize) -> io::Result<()> {
        let in_use = self.in_use.get(index).ok_or(io::ErrorKind::InvalidInput)?;
        if in_use.swap(true, Ordering::Acquire) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let touched = self.map_and_write(index);
        in_use.store(false, Ordering::Release);
        touched
    }

    fn map_and_write(&self, index: usize) -> io::Result<()> {
        let first = self.mapping.page(index * (self.slice_pages + 1));
        let len = self.slice_pages * page_size();
        map(first, len, libc::MAP_FIXED, Backing::Anonymous)?;
        // SAFETY: the slice was just mapped and lies in the arena, by how `new` sized it. Kernels
        // without huge pages refuse the advice and need none.
        unsafe { libc::madvise(first.cast(), len, libc::MADV_NOHUGEPAGE) };
        for page in 0..self.slice_pages {
            // SAFETY: the page lies in the slice, mapped writable; no reference to it exists, and
            // `in_use` keeps other threads away.
            unsafe { ptr::write_volatile(first.wrapping_add(page * page_size()), 1) };
        }
        Ok(())
    }
}
