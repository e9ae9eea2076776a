//! The plain parts of a file: header, trailer, checksums.

use crate::error::{Error, Result};
use crate::record::TraceHeader;

/// Format version that this crate writes, and the only major version that it reads.
pub const MAJOR_VERSION: u16 = 1;
/// Additions within [`MAJOR_VERSION`] that older readers can ignore.
pub const MINOR_VERSION: u16 = 0;
/// Size of the file header that this crate writes, bytes.
pub const FILE_HEADER_BYTES: usize = 64;
/// Size of the trailer, bytes.
pub const TRAILER_BYTES: usize = 32;

/// Bound on the header of later minor versions, bytes.
const MAX_FILE_HEADER_BYTES: u32 = 4096;
/// As in PNG: the first byte is no ASCII, the line ends show a transfer in text mode.
const MAGIC: [u8; 8] = *b"\x89PFT\r\n\x1a\n";
/// First bytes of the trailer.
pub(crate) const TRAILER_MAGIC: [u8; 8] = *b"\x89PFTEND\n";
/// Where the uuid lies in the file header.
const UUID_OFFSET: usize = 40;
/// Covered bytes before the checksum field of the file header.
const CRC_OFFSET: usize = 60;

/// CRC-32 whose state has already taken the trace's uuid, so that bytes of one trace do not pass for
/// those of another.
#[derive(Clone)]
pub(crate) struct Seed(crc32fast::Hasher);

impl Seed {
    pub(crate) fn new(uuid: &[u8; 16]) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(uuid);
        Self(hasher)
    }

    pub(crate) fn checksum(&self, bytes: &[u8]) -> u32 {
        let mut hasher = self.0.clone();
        hasher.update(bytes);
        hasher.finalize()
    }
}

/// Reads little-endian integers one after the other.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }
}

/// What every user of a header relies on.
pub(crate) fn check_header(header: &TraceHeader) -> Result<()> {
    if header.page_size_bytes.is_power_of_two() {
        Ok(())
    } else {
        Err(Error::HeaderField { field: "page size", value: header.page_size_bytes.into() })
    }
}

/// The file header as bytes.
pub(crate) fn encode_header(header: &TraceHeader) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FILE_HEADER_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&MAJOR_VERSION.to_le_bytes());
    bytes.extend_from_slice(&MINOR_VERSION.to_le_bytes());
    bytes.extend_from_slice(&(FILE_HEADER_BYTES as u32).to_le_bytes());
    bytes.extend_from_slice(&header.page_size_bytes.to_le_bytes());
    bytes.extend_from_slice(&header.clock_id.to_le_bytes());
    bytes.extend_from_slice(&header.start_ns.to_le_bytes());
    bytes.extend_from_slice(&header.start_realtime_ns.to_le_bytes());
    bytes.extend_from_slice(&header.uuid);
    bytes.extend_from_slice(&0u32.to_le_bytes());
    let crc = Seed::new(&header.uuid).checksum(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// The header of a file, whatever a later minor version has added to it, and what it says, with another identity.
pub(crate) fn with_uuid(
    mut bytes: Vec<u8>,
    header: &TraceHeader,
    uuid: [u8; 16],
) -> (Vec<u8>, TraceHeader) {
    if let Some(place) = bytes.get_mut(UUID_OFFSET..UUID_OFFSET + uuid.len()) {
        place.copy_from_slice(&uuid);
    }
    let before = bytes.get(..CRC_OFFSET).unwrap_or_default();
    let behind = bytes.get(FILE_HEADER_BYTES..).unwrap_or_default();
    let crc = Seed::new(&uuid).checksum(&[before, behind].concat());
    if let Some(place) = bytes.get_mut(CRC_OFFSET..FILE_HEADER_BYTES) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
    (bytes, TraceHeader { uuid, ..header.clone() })
}

/// The start of a file.
#[derive(Debug)]
pub(crate) struct FileStart {
    pub(crate) header: TraceHeader,
    /// Minor version of the format.
    pub(crate) minor: u16,
    /// Length of the header, where the first frame begins.
    pub(crate) header_bytes: u64,
}

/// Parses the start of a file.
///
/// `start` holds the first bytes of the file: at least [`MAX_FILE_HEADER_BYTES`] of them, or all.
pub(crate) fn parse_header(start: &[u8]) -> Result<FileStart> {
    let shown = start.len().min(MAGIC.len());
    if start.get(..shown) != MAGIC.get(..shown) {
        return Err(Error::NotATrace);
    }
    let truncated = Error::HeaderTruncated { found: start.len() as u64 };
    let mut fields = Fields(start.get(shown..).unwrap_or_default());
    // The version comes first: another major version may have any layout behind it.
    let Some(major) = fields.u16() else {
        return Err(truncated);
    };
    if major != MAJOR_VERSION {
        return Err(Error::UnsupportedMajor { found: major, supported: MAJOR_VERSION });
    }
    let Some((header, minor, header_bytes, crc)) = parse_fields(&mut fields) else {
        return Err(truncated);
    };
    if !(FILE_HEADER_BYTES as u32..=MAX_FILE_HEADER_BYTES).contains(&header_bytes) {
        return Err(Error::HeaderDamaged);
    }
    let (Some(before), Some(behind)) =
        (start.get(..CRC_OFFSET), start.get(FILE_HEADER_BYTES..header_bytes as usize))
    else {
        return Err(truncated);
    };
    if Seed::new(&header.uuid).checksum(&[before, behind].concat()) != crc {
        return Err(Error::HeaderDamaged);
    }
    check_header(&header)?;
    Ok(FileStart { header, minor, header_bytes: header_bytes.into() })
}

/// Bytes of the file that [`parse_header`] may need.
pub(crate) const HEADER_READ_BYTES: u64 = MAX_FILE_HEADER_BYTES as u64;

fn parse_fields(fields: &mut Fields<'_>) -> Option<(TraceHeader, u16, u32, u32)> {
    let minor = fields.u16()?;
    let header_bytes = fields.u32()?;
    let header = TraceHeader {
        page_size_bytes: fields.u32()?,
        clock_id: fields.u32()?,
        start_ns: fields.u64()?,
        start_realtime_ns: fields.u64()?,
        uuid: fields.bytes()?,
    };
    let _reserved = fields.u32()?;
    Some((header, minor, header_bytes, fields.u32()?))
}

/// The last bytes of a trace that was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Where the first index frame begins.
    pub(crate) index_offset: u64,
    /// Length of the file, trailer included.
    pub(crate) file_bytes: u64,
}

impl Trailer {
    pub(crate) fn encode(self, seed: &Seed) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TRAILER_BYTES);
        bytes.extend_from_slice(&TRAILER_MAGIC);
        bytes.extend_from_slice(&self.index_offset.to_le_bytes());
        bytes.extend_from_slice(&self.file_bytes.to_le_bytes());
        bytes.extend_from_slice(&0u32.to_le_bytes());
        let crc = seed.checksum(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` unless magic and checksum are right.
    pub(crate) fn parse(bytes: &[u8], seed: &Seed) -> Option<Self> {
        let covered = bytes.get(..TRAILER_BYTES - 4)?;
        let mut fields = Fields(bytes);
        if fields.bytes()? != TRAILER_MAGIC {
            return None;
        }
        let trailer = Self { index_offset: fields.u64()?, file_bytes: fields.u64()? };
        let _reserved = fields.u32()?;
        (fields.u32()? == seed.checksum(covered)).then_some(trailer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> TraceHeader {
        TraceHeader {
            uuid: *b"0123456789abcdef",
            page_size_bytes: 4096,
            clock_id: 1,
            start_ns: 5,
            start_realtime_ns: 1_700_000_000_000_000_000,
        }
    }

    #[test]
    fn header_round_trip() {
        let bytes = encode_header(&header());
        assert_eq!(bytes.len(), FILE_HEADER_BYTES);
        let start = parse_header(&bytes).unwrap();
        assert_eq!((start.header, start.minor, start.header_bytes), (header(), MINOR_VERSION, 64));
    }

    #[test]
    fn longer_header_of_a_later_minor_version() {
        let mut bytes = encode_header(&header());
        bytes[10] = 1;
        bytes[12] = 72;
        bytes.extend_from_slice(b"addition");
        let covered = [&bytes[..60], &bytes[64..]].concat();
        let crc = Seed::new(&header().uuid).checksum(&covered);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        let start = parse_header(&bytes).unwrap();
        assert_eq!((start.header, start.minor, start.header_bytes), (header(), 1, 72));
        let (other, named) = with_uuid(bytes.clone(), &header(), [7; 16]);
        let start = parse_header(&other).unwrap();
        assert_eq!((&start.header, start.minor, start.header_bytes), (&named, 1, 72));
        assert_eq!(named, TraceHeader { uuid: [7; 16], ..header() });
        assert_eq!(other[64..], bytes[64..]);
        bytes[71] ^= 1;
        assert!(matches!(parse_header(&bytes), Err(Error::HeaderDamaged)));
    }

    #[test]
    fn every_flipped_bit_of_the_header_is_an_error() {
        let bytes = encode_header(&header());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(parse_header(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn other_files_short_files_and_later_versions() {
        assert!(matches!(parse_header(b"PERFILE2........"), Err(Error::NotATrace)));
        let mut bytes = encode_header(&header());
        for len in 0..bytes.len() {
            assert!(
                matches!(parse_header(&bytes[..len]), Err(Error::HeaderTruncated { found }) if found == len as u64)
            );
        }
        bytes[8] = 2;
        assert!(matches!(
            parse_header(&bytes),
            Err(Error::UnsupportedMajor { found: 2, supported: 1 })
        ));
    }

    #[test]
    fn page_size_must_be_a_power_of_two() {
        let bytes = encode_header(&TraceHeader { page_size_bytes: 4097, ..header() });
        assert!(matches!(parse_header(&bytes), Err(Error::HeaderField { value: 4097, .. })));
    }

    #[test]
    fn trailer_round_trip_and_flips() {
        let seed = Seed::new(b"0123456789abcdef");
        let trailer = Trailer { index_offset: 77, file_bytes: 200 };
        let bytes = trailer.encode(&seed);
        assert_eq!(bytes.len(), TRAILER_BYTES);
        assert_eq!(Trailer::parse(&bytes, &seed), Some(trailer));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Trailer::parse(&bad, &seed), None, "bit {bit}");
        }
    }
}
