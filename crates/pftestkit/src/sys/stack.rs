//! The main thread's stack, and the pages below it.
#![allow(unsafe_code, reason = "writes below the stack, whose faults are the point of the program")]

use std::io;
use std::ops::Range;
use std::ptr;

use crate::pages::vmas;
use crate::sys::mapping::page_size;

/// The main thread's stack as it is now.
#[derive(Debug)]
pub struct MainStack {
    range: Range<u64>,
    /// End of the mapping below it.
    floor: u64,
}

impl MainStack {
    /// Finds it in `/proc/self/maps`.
    pub fn find() -> io::Result<Self> {
        let mut floor = 0;
        for vma in vmas()? {
            if vma.name == "[stack]" {
                return Ok(Self { range: vma.range, floor });
            }
            floor = vma.range.end;
        }
        Err(io::Error::other("no [stack] in /proc/self/maps"))
    }

    /// Its size, bytes.
    pub fn len_bytes(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// The next `pages` pages below it, where nothing is mapped.
    pub fn below(&self, pages: usize) -> io::Result<BelowStack> {
        let start = self.range.start.checked_sub((pages * page_size()) as u64);
        match start {
            Some(start) if start >= self.floor => Ok(BelowStack(start..self.range.start)),
            _ => Err(io::Error::other("another mapping lies that close below the stack")),
        }
    }
}

/// Pages below the main thread's stack.
#[derive(Debug)]
pub struct BelowStack(Range<u64>);

impl BelowStack {
    /// Their addresses.
    pub fn range(&self) -> Range<u64> {
        self.0.clone()
    }

    /// Writes one byte in each page, from the highest down.
    pub fn write(&self) {
        let (start, end) = (self.0.start as usize, self.0.end as usize);
        for address in (start..end).step_by(page_size()).rev() {
            let page = ptr::with_exposed_provenance_mut::<u8>(address);
            // SAFETY: nothing was mapped there, so nothing of the program lies there, and the stack in
            // use ends above. Either the kernel extends the stack, or the process dies by a signal.
            unsafe { ptr::write_volatile(page, 1) };
        }
    }
}
