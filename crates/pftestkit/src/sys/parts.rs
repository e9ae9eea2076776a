//! Disjoint parts of one mapping, for threads.
#![allow(unsafe_code, reason = "accesses to mappings whose faults are the point of the program")]

use std::marker::PhantomData;
use std::ptr;

use crate::sys::mapping::{Mapping, page_size};

/// Some pages of a mapping that nothing else accesses.
#[derive(Debug)]
pub struct Part<'a> {
    first: *mut u8,
    pages: usize,
    _mapping: PhantomData<&'a mut Mapping>,
}

// SAFETY: the pages belong to the process, not to a thread, and this value alone stands for them.
unsafe impl Send for Part<'_> {}

impl Mapping {
    /// Cuts the mapping into parts of `pages` pages; what remains at its end belongs to none.
    pub fn parts(&mut self, pages: usize) -> Vec<Part<'_>> {
        let first_pages = (0..self.pages() / pages).map(|part| self.page(part * pages));
        first_pages.map(|first| Part { first, pages, _mapping: PhantomData }).collect()
    }
}

impl Part<'_> {
    /// Writes the first byte of each page once.
    pub fn write(&self) {
        for page in 0..self.pages {
            // SAFETY: the page lies in the mapping, which is borrowed as long as `self` lives, and in
            // no other part; no reference to its memory exists. Where the mapping forbids the access,
            // the process dies by a signal.
            unsafe { ptr::write_volatile(self.first.wrapping_add(page * page_size()), 1) };
        }
    }
}
