//! Compressed sections: what they unpack to, found out before the parser of debug information unpacks them
//! into memory without a limit.

use std::io::{self, BufReader, Read};

use object::elf::{ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD, SHF_COMPRESSED, SHT_NOBITS};

use crate::elf::RawSection;
use crate::image::Image;
use crate::{ElfFile, Error};

/// Debug information of more bytes than this, unpacked, is not read.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;
/// What a byte of deflate can stand for at most: two bits for a repetition of 258 bytes.
const MAX_ZLIB_RATIO: u64 = 1032;
const PIECE_BYTES: usize = 64 << 10;
const WHAT: &str = "compressed sections";

/// Refuses a file of which the compressed sections claim more than [`MAX_UNPACKED_BYTES`], could not hold
/// what they claim, or hold another size. Sections that cannot unpack to too much are not unpacked for it.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Damaged`], [`Error::Read`].
pub fn check(elf: &ElfFile) -> Result<(), Error> {
    let is_compressed = |section: &&RawSection| {
        section.flags.contains(SHF_COMPRESSED) && section.kind != SHT_NOBITS
    };
    let sections = elf.sections.iter().filter(is_compressed);
    let sections = sections.map(|section| Compressed::read(elf, section));
    let sections = sections.collect::<Result<Vec<Compressed<'_>>, Error>>()?;
    let stated = sections.iter().map(|section| section.stated_bytes);
    let stated = stated.fold(0, u64::saturating_add);
    if stated > MAX_UNPACKED_BYTES {
        return Err(Error::TooLarge { what: WHAT, bytes: stated, limit: MAX_UNPACKED_BYTES });
    }
    if sections.iter().any(|section| section.stated_bytes > section.possible_bytes()) {
        return Err(Error::Damaged { what: WHAT });
    }
    let possible = sections.iter().map(Compressed::possible_bytes);
    if possible.fold(0, u64::saturating_add) > MAX_UNPACKED_BYTES {
        sections.into_iter().try_for_each(Compressed::unpack)?;
    }
    Ok(())
}

/// A section that begins with `Elf32_Chdr` or `Elf64_Chdr`.
struct Compressed<'a> {
    image: &'a Image,
    codec: u32,
    stated_bytes: u64,
    /// Where the packed bytes lie in the file.
    start: u64,
    end: u64,
}

impl<'a> Compressed<'a> {
    fn read(elf: &'a ElfFile, section: &RawSection) -> Result<Self, Error> {
        // Elf64_Chdr: type, reserved, size, alignment; Elf32_Chdr: type, size, alignment.
        let (size_at, width, header_bytes) = if elf.is_64 { (8, 8, 24) } else { (4, 4, 12) };
        let header = elf.image.read(WHAT, section.offset, header_bytes, header_bytes)?;
        let number = |at: usize, width: usize| {
            let bytes = header.get(at..at + width).unwrap_or_default().iter();
            let join = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
            match elf.endian {
                object::Endianness::Little => bytes.rev().fold(0, join),
                object::Endianness::Big => bytes.fold(0, join),
            }
        };
        let damaged = || Error::Damaged { what: WHAT };
        Ok(Self {
            image: &elf.image,
            codec: number(0, 4) as u32,
            stated_bytes: number(size_at, width),
            start: section.offset + header_bytes,
            end: section.offset.checked_add(section.bytes).ok_or_else(damaged)?,
        })
    }

    /// More than it can unpack to.
    fn possible_bytes(&self) -> u64 {
        let packed = self.end.saturating_sub(self.start);
        match self.codec {
            codec if codec == ELFCOMPRESS_ZLIB.0 => packed.saturating_mul(MAX_ZLIB_RATIO),
            codec if codec == ELFCOMPRESS_ZSTD.0 => u64::MAX,
            // Nobody unpacks it.
            _ => self.stated_bytes,
        }
    }

    /// Unpacks it to nowhere, no farther than it says.
    fn unpack(self) -> Result<(), Error> {
        let (codec, stated) = (self.codec, self.stated_bytes);
        let packed = BufReader::with_capacity(PIECE_BYTES, self);
        let count = |unpacked: &mut dyn Read| {
            io::copy(&mut unpacked.take(stated.saturating_add(1)), &mut io::sink())
        };
        let unpacked = match codec {
            codec if codec == ELFCOMPRESS_ZLIB.0 => {
                count(&mut flate2::bufread::ZlibDecoder::new(packed))
            }
            codec if codec == ELFCOMPRESS_ZSTD.0 => {
                zstd::stream::Decoder::with_buffer(packed).and_then(|mut all| count(&mut all))
            }
            _ => return Ok(()),
        };
        match unpacked {
            Ok(bytes) if bytes == stated => Ok(()),
            _ => Err(Error::Damaged { what: WHAT }),
        }
    }
}

/// The packed bytes.
impl Read for Compressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.end.saturating_sub(self.start).min(buffer.len() as u64);
        let piece = self.image.read(WHAT, self.start, bytes, bytes).map_err(io::Error::other)?;
        buffer.get_mut(..piece.len()).unwrap_or_default().copy_from_slice(&piece);
        self.start += bytes;
        Ok(piece.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::elf::SectionType;
    use std::io::Write;
    use std::sync::Arc;

    fn zlib(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// A file that consists of one compressed section.
    fn checked(codec: u32, stated: u64, packed: &[u8]) -> Result<(), Error> {
        let mut bytes = [codec.to_le_bytes(), [0; 4]].concat();
        bytes.extend(stated.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(packed);
        let section = RawSection {
            name: ".debug_info".into(),
            kind: SectionType(1),
            flags: SHF_COMPRESSED,
            address: 0,
            offset: 0,
            bytes: bytes.len() as u64,
            link: 0,
        };
        check(&ElfFile::of_sections(Image::Memory(Arc::from(bytes)), vec![section]))
    }

    #[test]
    fn what_is_stated_has_to_be_possible() {
        let packed = zlib(&[7; 5000]);
        assert!(checked(1, 5000, &packed).is_ok());
        let limit = packed.len() as u64 * MAX_ZLIB_RATIO;
        assert!(matches!(checked(1, limit + 1, &packed), Err(Error::Damaged { .. })));
        let refused = checked(1, MAX_UNPACKED_BYTES + 1, &packed);
        assert!(
            matches!(refused, Err(Error::TooLarge { bytes, .. }) if bytes == MAX_UNPACKED_BYTES + 1)
        );
    }

    #[test]
    fn what_could_be_too_much_is_unpacked_to_see() {
        let packed = zstd::bulk::compress(&[7; 5000], 1).unwrap();
        assert!(checked(2, 5000, &packed).is_ok());
        for stated in [0, 4999, 5001] {
            assert!(matches!(checked(2, stated, &packed), Err(Error::Damaged { .. })), "{stated}");
        }
        // Incompressible, and more than could stay below the limit if it were not.
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let noise: Vec<u8> = (0..MAX_UNPACKED_BYTES / MAX_ZLIB_RATIO + 1).map(|_| next()).collect();
        let packed = zlib(&noise);
        assert!(checked(1, noise.len() as u64, &packed).is_ok());
        assert!(checked(1, noise.len() as u64 - 1, &packed).is_err());
        assert!(checked(1, noise.len() as u64, &packed[..packed.len() - 9]).is_err());
    }

    #[test]
    fn a_codec_that_nobody_knows_is_left_alone() {
        assert!(checked(77, 5000, &[1, 2, 3]).is_ok());
    }
}
