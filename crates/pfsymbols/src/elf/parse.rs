//! The headers, without trust in any number that they hold.

use object::Endianness;
use object::elf::{
    ELFCLASS32, ELFCLASS64, FileClass, FileHeader32, FileHeader64, PF_R, PF_W, PF_X, PN_XNUM,
    PT_LOAD, PT_NOTE, SHN_XINDEX, SHT_NOBITS, SHT_NOTE,
};
use object::pod::{Pod, slice_from_bytes};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

use super::{ElfFile, RawSection, Segment};
use crate::Error;
use crate::image::Image;
use crate::notes;

const MAX_HEADERS: u64 = 65_535;
const MAX_NAME_BYTES: usize = 256;
const MAX_STRINGS_BYTES: u64 = 16 << 20;
const MAX_NOTE_BYTES: u64 = 1 << 20;

pub fn headers(image: Image) -> Result<ElfFile, Error> {
    let start_bytes = image.bytes().min(64);
    let start = image.read("ELF header", 0, start_bytes, 64).map_err(|error| match error {
        Error::Damaged { .. } => Error::NotElf,
        other => other,
    })?;
    match start.get(4).map(|&class| FileClass(class)) {
        Some(ELFCLASS32) => parse::<FileHeader32<Endianness>>(image, &start),
        Some(ELFCLASS64) => parse::<FileHeader64<Endianness>>(image, &start),
        _ => Err(Error::NotElf),
    }
}

fn parse<Elf>(image: Image, start: &[u8]) -> Result<ElfFile, Error>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let header = Elf::parse(start).map_err(|_| Error::NotElf)?;
    let endian = header.endian().map_err(|_| Error::NotElf)?;
    let is_64 = header.is_class_64();

    let mut note_ranges = Vec::new();
    let mut segments = Vec::new();
    let count = header.e_phnum(endian);
    if count == PN_XNUM {
        return Err(Error::Damaged { what: "program headers" });
    }
    let offset = header.e_phoff(endian).into();
    let size = usize::from(header.e_phentsize(endian));
    let what = "program headers";
    for program in &table::<Elf::ProgramHeader>(&image, what, offset, u64::from(count), size)? {
        let (file_offset, file_bytes) = program.file_range(endian);
        match program.p_type(endian) {
            PT_LOAD => segments.push(Segment {
                file_offset,
                file_bytes,
                address: program.p_vaddr(endian).into(),
                memory_bytes: program.p_memsz(endian).into(),
                readable: program.p_flags(endian).contains(PF_R),
                writable: program.p_flags(endian).contains(PF_W),
                executable: program.p_flags(endian).contains(PF_X),
            }),
            PT_NOTE => note_ranges.push((file_offset, file_bytes, program.p_align(endian).into())),
            _ => {}
        }
    }

    let sections = sections(&image, header, endian)?;
    for section in &sections {
        if section.kind == SHT_NOTE {
            note_ranges.push((section.offset, section.bytes, section.align));
        }
    }
    let build_id = note_ranges.iter().find_map(|&(offset, bytes, align)| {
        let bytes = image.read("notes", offset, bytes, MAX_NOTE_BYTES).ok()?;
        notes::build_id(is_64, endian, align, &bytes)
    });
    let sections = sections.into_iter().map(|section| section.raw).collect();
    Ok(ElfFile { image, is_64, endian, segments, sections, build_id })
}

/// Reads `count` headers of type `T`.
fn table<T: Pod + Copy>(
    image: &Image,
    what: &'static str,
    offset: u64,
    count: u64,
    entry_bytes: usize,
) -> Result<Vec<T>, Error> {
    if count == 0 || offset == 0 {
        return Ok(Vec::new());
    }
    if entry_bytes != size_of::<T>() {
        return Err(Error::Damaged { what });
    }
    let limit = MAX_HEADERS * size_of::<T>() as u64;
    let bytes = count.saturating_mul(size_of::<T>() as u64);
    let bytes = image.read(what, offset, bytes, limit)?;
    let count = bytes.len() / size_of::<T>();
    let (headers, _) = slice_from_bytes(&bytes, count).map_err(|()| Error::Damaged { what })?;
    Ok(headers.to_vec())
}

struct Parsed {
    raw: RawSection,
    align: u64,
}

impl std::ops::Deref for Parsed {
    type Target = RawSection;

    fn deref(&self) -> &RawSection {
        &self.raw
    }
}

fn sections<Elf>(image: &Image, header: &Elf, endian: Endianness) -> Result<Vec<Parsed>, Error>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let what = "section headers";
    let offset: u64 = header.e_shoff(endian).into();
    let size = usize::from(header.e_shentsize(endian));
    let mut count = u64::from(header.e_shnum(endian));
    let mut names_index = u32::from(header.e_shstrndx(endian).0);
    if offset != 0 && (count == 0 || names_index == u32::from(SHN_XINDEX.0)) {
        // Large counts do not fit the file header and are kept in the first section header.
        let first = table::<Elf::SectionHeader>(image, what, offset, 1, size)?;
        let first = first.first().ok_or(Error::Damaged { what })?;
        if count == 0 {
            count = first.sh_size(endian).into();
        }
        if names_index == u32::from(SHN_XINDEX.0) {
            names_index = first.sh_link(endian);
        }
    }
    let headers = table::<Elf::SectionHeader>(image, what, offset, count, size)?;
    let names = match headers.get(names_index as usize) {
        Some(names) if names.sh_type(endian) != SHT_NOBITS => {
            let (offset, bytes) = (names.sh_offset(endian).into(), names.sh_size(endian).into());
            image.read("section names", offset, bytes, MAX_STRINGS_BYTES)?
        }
        _ => Vec::new(),
    };
    let parse = |section: &Elf::SectionHeader| Parsed {
        align: section.sh_addralign(endian).into(),
        raw: RawSection {
            name: name_at(&names, section.sh_name(endian)),
            kind: section.sh_type(endian),
            flags: section.sh_flags(endian),
            address: section.sh_addr(endian).into(),
            offset: section.sh_offset(endian).into(),
            bytes: section.sh_size(endian).into(),
            link: section.sh_link(endian),
        },
    };
    Ok(headers.iter().map(parse).collect())
}

fn name_at(names: &[u8], offset: u32) -> String {
    let rest = names.get(offset as usize..).unwrap_or_default();
    let rest = rest.get(..MAX_NAME_BYTES).unwrap_or(rest);
    let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
    String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned()
}
