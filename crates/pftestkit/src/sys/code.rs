//! Code that is made at run time, for x86-64.
#![allow(unsafe_code, reason = "running code that this program wrote into memory")]

use std::cell::Cell;
use std::io;
use std::mem::transmute;
use std::ptr;

use crate::sys::mapping::{Backing, Mapping, memfd, page_size};

/// `extern "C" fn()`: returns.
const RETURN: &[u8] = &[0xc3];

/// `extern "C" fn(first: *mut u8, pages: usize)`: writes one byte in each page of 4096 bytes.
const WRITE_PAGES: &[u8] = &[
    0xc6, 0x07, 0x01, // mov byte [rdi], 1
    0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, // add rdi, 4096
    0x48, 0xff, 0xce, // dec rsi
    0x75, 0xf1, // jnz to the first
    0xc3, // ret
];

/// Memory that may be written and executed.
#[derive(Debug)]
pub struct Code {
    mapping: Mapping,
    written: Cell<bool>,
}

impl Code {
    /// Size of the function that touches memory, bytes.
    pub const WRITER_BYTES: usize = WRITE_PAGES.len();

    /// Maps `pages` pages, at least one, of 4096 bytes.
    pub fn new(pages: usize) -> io::Result<Self> {
        if page_size() != 4096 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Self { mapping: Mapping::new(pages, Backing::Code)?, written: Cell::new(false) })
    }

    /// The memory.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Stores the function that touches memory in the first page, and one that does nothing in each other.
    pub fn write(&self) {
        store(&self.mapping, 0, WRITE_PAGES);
        (1..self.mapping.pages()).for_each(|page| store(&self.mapping, page, RETURN));
        self.written.set(true);
    }

    /// Lets the stored function write one byte in each page of `target`.
    pub fn touch(&self, target: &Mapping) {
        assert!(self.written.get(), "there is no code yet");
        // SAFETY: `write` stored a function of this type there, which follows the C convention and
        // writes pages of `target` only, to whose memory no reference exists.
        unsafe {
            let write: extern "C" fn(*mut u8, usize) = transmute(self.mapping.page(0));
            write(target.page(0), target.pages());
        }
    }
}

/// Functions that do nothing, in shared memory that was written in one mapping and is executed in another.
#[derive(Debug)]
pub struct SharedCode {
    run: Mapping,
    stride: usize,
    _written: Mapping,
}

impl SharedCode {
    /// Stores `functions` of them, each `stride` pages behind the last one.
    pub fn new(functions: usize, stride: usize) -> io::Result<Self> {
        let pages = functions * stride;
        let memory = memfd((pages * page_size()) as u64)?;
        let written = Mapping::new(pages, Backing::SharedFile(&memory))?;
        (0..functions).for_each(|index| store(&written, index * stride, RETURN));
        let run = Mapping::new(pages, Backing::CodeFile(&memory))?;
        Ok(Self { run, stride, _written: written })
    }

    /// The memory as it is executed.
    pub fn mapping(&self) -> &Mapping {
        &self.run
    }

    /// Calls each function once.
    pub fn run(&self) {
        for page in (0..self.run.pages()).step_by(self.stride) {
            // SAFETY: `new` stored a function of this type there, and the memory lives as long as
            // `self`; nobody else has the file, so it is not written any more.
            unsafe { transmute::<*mut u8, extern "C" fn()>(self.run.page(page))() }
        }
    }
}

fn store(mapping: &Mapping, page: usize, code: &[u8]) {
    // SAFETY: the code is shorter than the page, which lies in the mapping; no reference to its memory
    // exists.
    unsafe { ptr::copy_nonoverlapping(code.as_ptr(), mapping.page(page), code.len()) };
}
