//! The unwind tables of one file, read once for all address spaces that map it.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use framehop::{ExplicitModuleSectionInfo, Module};
use object::elf::SHF_COMPRESSED;

use crate::elf::{MAX_SECTION_BYTES, RawSection};
use crate::{ElfFile, Error};

/// The bytes of a section, shared.
pub type Bytes = Arc<[u8]>;

/// A file with unwind tables: `.eh_frame` with `.eh_frame_hdr`, else `.eh_frame`, else `.debug_frame`
/// (uncompressed).
///
/// They are read at the first frame in the file; the file is let go then. Tables of more than 256 MiB
/// are not read.
#[derive(Debug)]
pub struct UnwindSource {
    state: Mutex<State>,
}

/// The tables of a file could not be read.
#[derive(Debug)]
pub(super) struct Unreadable;

#[derive(Debug)]
enum State {
    Unread(Arc<ElfFile>),
    Read(Box<ExplicitModuleSectionInfo<Bytes>>),
    Failed,
}

impl UnwindSource {
    /// Keeps the file for when its tables are wanted.
    pub fn new(elf: Arc<ElfFile>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Unread(elf)) })
    }

    /// How much memory the tables take once they are read, bytes; at most, as the file states it.
    pub fn table_bytes(elf: &ElfFile) -> u64 {
        let bytes = |name| elf.raw_section(name).map_or(0, |section| section.bytes);
        let tables = [".eh_frame", ".eh_frame_hdr", ".debug_frame"].map(bytes);
        tables.iter().filter(|&&bytes| bytes <= MAX_SECTION_BYTES).sum()
    }

    /// Reads the tables now, if that was not done. Returns whether the file has any.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Damaged`], [`Error::Read`]; chains then end in the file. Told once,
    /// later calls return false.
    pub fn load(&self) -> Result<bool, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Unread(elf) = &*state {
            match read(elf) {
                Ok(tables) => *state = State::Read(Box::new(tables)),
                Err(error) => {
                    *state = State::Failed;
                    return Err(error);
                }
            }
        }
        let State::Read(tables) = &*state else { return Ok(false) };
        Ok(tables.eh_frame.is_some() || tables.debug_frame.is_some())
    }

    /// The module for a mapping of this file; `None` if it has no tables.
    pub(super) fn module(
        &self,
        range: Range<u64>,
        bias: u64,
    ) -> Result<Option<Module<Bytes>>, Unreadable> {
        let has_tables = self.load().map_err(|_| Unreadable)?;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // That was told before.
        let State::Read(tables) = &*state else { return Err(Unreadable) };
        let base_avma = tables.base_svma.wrapping_add(bias);
        let module = || Module::new(String::new(), range, base_avma, (**tables).clone());
        Ok(has_tables.then(module))
    }
}

fn read(elf: &ElfFile) -> Result<ExplicitModuleSectionInfo<Bytes>, Error> {
    let range =
        |section: &RawSection| section.address..section.address.saturating_add(section.bytes);
    let data = |name: &str| -> Result<Option<Bytes>, Error> {
        let Some(section) = elf.raw_section(name) else { return Ok(None) };
        if section.flags.contains(SHF_COMPRESSED) {
            return Ok(None);
        }
        let bytes = elf.read_section("unwind tables", section)?;
        Ok((!bytes.is_empty()).then(|| Bytes::from(bytes)))
    };
    let svma = |name: &str| elf.raw_section(name).map(range);
    let first = elf.segments().iter().map(|segment| segment.address).min();
    let eh_frame = data(".eh_frame")?;
    let debug_frame = if eh_frame.is_some() { None } else { data(".debug_frame")? };
    Ok(ExplicitModuleSectionInfo {
        base_svma: first.unwrap_or(0),
        text_svma: svma(".text"),
        got_svma: svma(".got"),
        eh_frame_svma: svma(".eh_frame"),
        eh_frame_hdr_svma: svma(".eh_frame_hdr"),
        eh_frame_hdr: data(".eh_frame_hdr")?,
        eh_frame,
        debug_frame,
        ..Default::default()
    })
}
