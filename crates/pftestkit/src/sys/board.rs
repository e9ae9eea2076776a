//! Numbers that two processes see.
#![allow(unsafe_code, reason = "words in memory that another process changes")]

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sys::mapping::{Backing, Mapping};

/// What the numbers mean, in their order in the file.
#[derive(Debug, Clone, Copy)]
pub enum Slot {
    /// Pages touched so far.
    Done,
    /// Pages to be touched in all.
    Wanted,
    /// Not nought: nothing more will be wanted.
    Over,
    /// What was wanted when it last had nothing to do.
    Resting,
}

/// Words of 64 bits at the start of a file, in the machine's order of bytes.
#[derive(Debug)]
pub struct Board(Mapping);

impl Board {
    /// Those of a file of at least 32 bytes.
    pub fn of(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() < 32 {
            return Err(io::Error::other("shorter than a board"));
        }
        let mapping = Mapping::new(1, Backing::SharedFile(file))?;
        // Its fault is none of those that are counted.
        mapping.read(0);
        let board = Self(mapping);
        board.set(Slot::Done, 0);
        Ok(board)
    }

    fn word(&self, slot: Slot) -> &AtomicU64 {
        let word = self.0.page(0).wrapping_add(8 * slot as usize);
        // SAFETY: the word lies in the first 32 bytes of a page that is mapped, readable and writable, as
        // long as `self` lives; a page is aligned for it; every process accesses it as one word.
        unsafe { AtomicU64::from_ptr(word.cast()) }
    }

    /// What it says.
    pub fn value(&self, slot: Slot) -> u64 {
        self.word(slot).load(Ordering::Relaxed)
    }

    /// Says something else.
    pub fn set(&self, slot: Slot, value: u64) {
        self.word(slot).store(value, Ordering::Relaxed);
    }
}
