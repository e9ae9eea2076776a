//! What an ELF file states about itself: segments, sections, build id.

mod parse;

use std::fs::File;
use std::sync::Arc;

use object::Endianness;
use object::elf::{SHF_ALLOC, SHF_TLS, SHT_NOBITS, SectionFlags, SectionType};

use crate::Error;
use crate::image::Image;

/// Section data other than symbol tables is read up to this size.
pub(crate) const MAX_SECTION_BYTES: u64 = 256 << 20;

/// An ELF file of either class and byte order: its headers, read once, and the open file for the rest.
///
/// The headers take at most some 40 MiB, whatever the file claims: more than 65 535 sections or program
/// headers are an error.
#[derive(Debug)]
pub struct ElfFile {
    pub(crate) image: Image,
    pub(crate) is_64: bool,
    pub(crate) endian: Endianness,
    segments: Vec<Segment>,
    pub(crate) sections: Vec<RawSection>,
    build_id: Option<Vec<u8>>,
}

/// A part of the file that is loaded (`PT_LOAD`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where its bytes begin in the file.
    pub file_offset: u64,
    /// How many bytes the file holds.
    pub file_bytes: u64,
    /// Its address.
    pub address: u64,
    /// How many bytes it takes in memory; those after `file_bytes` are zero (`.bss`).
    pub memory_bytes: u64,
    /// It may be read.
    pub readable: bool,
    /// It may be written.
    pub writable: bool,
    /// It may be executed.
    pub executable: bool,
}

/// A section that takes memory in the running program (`SHF_ALLOC`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// For example `.text`.
    pub name: &'a str,
    /// Its address.
    pub address: u64,
    /// Its size.
    pub bytes: u64,
    /// The file holds no bytes of it (`.bss`).
    pub no_bits: bool,
    /// A template of thread-local storage: the threads' copies lie elsewhere. `.tbss`, with no bits,
    /// takes no address space of its own.
    pub tls: bool,
}

/// A mapping of a file in a process, as `/proc/PID/maps` or a mapping record states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address in the process.
    pub address: u64,
    /// Length.
    pub bytes: u64,
    /// Where in the file it begins.
    pub file_offset: u64,
    /// It may be executed.
    pub executable: bool,
}

/// A section header.
#[derive(Debug)]
pub struct RawSection {
    pub name: String,
    pub kind: SectionType,
    pub flags: SectionFlags,
    pub address: u64,
    pub offset: u64,
    pub bytes: u64,
    pub link: u32,
}

impl ElfFile {
    /// Reads the headers of an open file. The file is kept open (a duplicate of the descriptor).
    ///
    /// # Errors
    /// [`Error::NotElf`] for anything but a regular ELF file, [`Error::Damaged`] and [`Error::TooLarge`]
    /// where its headers point outside of the file or state absurd counts, [`Error::Read`].
    pub fn open(file: &File) -> Result<Self, Error> {
        parse::headers(Image::open(file)?)
    }

    /// The same for a file in memory, for example the vDSO.
    ///
    /// # Errors
    /// As [`ElfFile::open`].
    pub fn from_bytes(bytes: Arc<[u8]>) -> Result<Self, Error> {
        parse::headers(Image::Memory(bytes))
    }

    /// The GNU build id, where the linker wrote one.
    pub fn build_id(&self) -> Option<&[u8]> {
        self.build_id.as_deref()
    }

    /// The loaded segments, in the order of the program headers.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The sections that take memory, in the order of the file. Empty if the section headers are stripped.
    pub fn sections(&self) -> impl Iterator<Item = Section<'_>> {
        let loaded = |section: &&RawSection| section.flags.contains(SHF_ALLOC);
        self.sections.iter().filter(loaded).map(|section| Section {
            name: &section.name,
            address: section.address,
            bytes: section.bytes,
            no_bits: section.kind == SHT_NOBITS,
            tls: section.flags.contains(SHF_TLS),
        })
    }

    /// The section that holds an address of the file; `.tbss` holds none.
    pub fn section_at(&self, address: u64) -> Option<Section<'_>> {
        self.sections().find(|section| {
            !(section.tls && section.no_bits)
                && address.checked_sub(section.address).is_some_and(|into| into < section.bytes)
        })
    }

    /// The address of a byte of the file, if a segment loads it; the first segment that does, where
    /// several claim it.
    pub fn address_of(&self, file_offset: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| {
            let into = file_offset.checked_sub(segment.file_offset)?;
            if into >= segment.file_bytes {
                return None;
            }
            segment.address.checked_add(into)
        })
    }

    /// Where in the file the byte at an address lies; `None` also for `.bss`, which is in no file.
    pub fn file_offset_of(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| {
            let into = address.checked_sub(segment.address)?;
            if into >= segment.file_bytes {
                return None;
            }
            segment.file_offset.checked_add(into)
        })
    }

    /// Whether a segment takes an address, be it of the file or beyond its bytes.
    pub fn is_loaded(&self, address: u64) -> bool {
        self.segments.iter().any(|segment| {
            let into = address.checked_sub(segment.address);
            into.is_some_and(|into| into < segment.memory_bytes)
        })
    }

    /// What to subtract (wrapping) from an address of the process to get an address of the file.
    ///
    /// It is the same for all mappings of the file that the loader made at once, so it also serves for
    /// addresses in the anonymous tail that holds `.bss`. The last page of a segment in the file may be
    /// the first one of the next, and is mapped for both: such a mapping is taken for the segment that is
    /// executable like it, then for the one that begins in its first page, then for the one with more
    /// bytes in it. `None` if the mapping shows no loaded part of the file.
    pub fn load_bias(&self, mapping: &Mapping) -> Option<u64> {
        let end = mapping.file_offset.saturating_add(mapping.bytes);
        let overlap = |segment: &Segment| {
            let segment_end = segment.file_offset.saturating_add(segment.file_bytes);
            end.min(segment_end).saturating_sub(mapping.file_offset.max(segment.file_offset))
        };
        let page_bytes = rustix::param::page_size() as u64;
        let begins = |segment: &Segment| {
            let into = segment.file_offset.checked_sub(mapping.file_offset);
            into.is_some_and(|into| into < page_bytes)
        };
        let segment =
            self.segments.iter().filter(|segment| overlap(segment) > 0).max_by_key(|segment| {
                (segment.executable == mapping.executable, begins(segment), overlap(segment))
            })?;
        let file_address =
            segment.address.wrapping_add(mapping.file_offset).wrapping_sub(segment.file_offset);
        Some(mapping.address.wrapping_sub(file_address))
    }

    pub(crate) fn raw_section(&self, name: &str) -> Option<&RawSection> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The bytes of a section, at most [`MAX_SECTION_BYTES`].
    pub(crate) fn read_section(
        &self,
        what: &'static str,
        section: &RawSection,
    ) -> Result<Vec<u8>, Error> {
        if section.kind == SHT_NOBITS {
            return Ok(Vec::new());
        }
        self.image.read(what, section.offset, section.bytes, MAX_SECTION_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl ElfFile {
        /// A file of which nothing else is known.
        pub(crate) fn of_sections(image: Image, sections: Vec<RawSection>) -> Self {
            Self {
                image,
                is_64: true,
                endian: Endianness::Little,
                segments: vec![],
                sections,
                build_id: None,
            }
        }
    }

    fn file(segments: Vec<Segment>) -> ElfFile {
        ElfFile { segments, ..ElfFile::of_sections(Image::Memory(Arc::from([])), vec![]) }
    }

    fn segment(file_offset: u64, file_bytes: u64, address: u64, executable: bool) -> Segment {
        Segment {
            file_offset,
            file_bytes,
            address,
            memory_bytes: file_bytes + 0x100,
            readable: true,
            writable: !executable,
            executable,
        }
    }

    #[test]
    fn offsets_and_addresses_convert_within_the_file_part_of_a_segment() {
        let elf =
            file(vec![segment(0x1000, 0x234, 0x1000, true), segment(0x1238, 0x10, 0x2238, false)]);
        assert_eq!(elf.address_of(0xfff), None);
        assert_eq!(elf.address_of(0x1000), Some(0x1000));
        assert_eq!(elf.address_of(0x1233), Some(0x1233));
        assert_eq!(elf.address_of(0x1234), None);
        assert_eq!(elf.address_of(0x1247), Some(0x2247));
        assert_eq!(elf.file_offset_of(0x2247), Some(0x1247));
        assert_eq!(elf.file_offset_of(0x2248), None);
        assert_eq!(elf.address_of(u64::MAX), None);
        let high = file(vec![segment(0, u64::MAX - 0x100, u64::MAX - 1, false)]);
        assert_eq!(high.address_of(1), Some(u64::MAX));
        assert_eq!(high.address_of(2), None);
    }

    #[test]
    fn a_page_shared_by_two_segments_goes_by_the_protection() {
        let elf =
            file(vec![segment(0x1000, 0x234, 0x1000, true), segment(0x1238, 0x900, 0x2238, false)]);
        let mapping = |address, executable| Mapping {
            address,
            bytes: 0x1000,
            file_offset: 0x1000,
            executable,
        };
        assert_eq!(elf.load_bias(&mapping(0x7f00_0000_1000, true)), Some(0x7f00_0000_0000));
        assert_eq!(elf.load_bias(&mapping(0x7f00_0000_2000, false)), Some(0x7f00_0000_0000));
        // Two writable segments, as lld lays them out: the first has more bytes in the shared page.
        let elf = file(vec![
            segment(0x1000, 0x1900, 0x1000, false),
            segment(0x2900, 0x100, 0x4900, false),
        ]);
        let second = Mapping { file_offset: 0x2000, ..mapping(0x7f00_0000_4000, false) };
        assert_eq!(elf.load_bias(&second), Some(0x7f00_0000_0000));
        let other = Mapping { file_offset: 0x3000, ..second };
        assert_eq!(elf.load_bias(&other), None);
    }
}
