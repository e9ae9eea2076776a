//! Files made by hand from the byte-level specification (`schemas/pft.md`): right checksums around any
//! content, so that what is behind them is reached.

use pft::record::TraceHeader;
use pft::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameKind, SYNC_MARKER, TRAILER_BYTES, Writer};

/// The header of every forged file.
pub const HEADER: TraceHeader = TraceHeader {
    uuid: *b"forged by pffuzz",
    page_size_bytes: 4096,
    clock_id: 1,
    start_ns: 1_000_000,
    start_realtime_ns: 1_700_000_000_000_000_000,
};

const TRAILER_MAGIC: [u8; 8] = *b"\x89PFTEND\n";
const CODEC_ZSTD: u16 = 1;
/// Largest block of a zstd frame (RFC 8878, 3.1.1.2).
const MAX_BLOCK_BYTES: usize = 128 << 10;

/// What a frame header says beside what follows from the payload.
#[derive(Clone, Copy)]
pub struct Says {
    pub kind: FrameKind,
    pub part: u16,
    pub parts: u16,
    pub rows: u32,
    pub sequence: u64,
    pub first_ns: u64,
    pub last_ns: u64,
}

impl Says {
    /// The only part of the first frame, with times of all ages.
    pub const fn rows(kind: FrameKind, rows: u32) -> Self {
        Self { kind, part: 0, parts: 1, rows, sequence: 0, first_ns: 0, last_ns: u64::MAX }
    }
}

fn checksum(uuid: &[u8], covered: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(uuid);
    covered.iter().for_each(|bytes| hasher.update(bytes));
    hasher.finalize()
}

/// The header of a file.
pub fn file_header() -> Vec<u8> {
    let writer = Writer::create(Vec::new(), &HEADER, 1).expect("a valid header");
    writer.into_inner()
}

/// A frame with this archive.
pub fn frame(says: Says, archive: &[u8]) -> Vec<u8> {
    let payload = zstd_stored(archive);
    let mut frame = SYNC_MARKER.to_vec();
    for value in [says.kind as u16, 1, CODEC_ZSTD, says.part, says.parts, 0] {
        frame.extend(value.to_le_bytes());
    }
    frame.extend(says.rows.to_le_bytes());
    for value in [says.sequence, says.first_ns, says.last_ns] {
        frame.extend(value.to_le_bytes());
    }
    let uuid = &HEADER.uuid;
    for value in [payload.len() as u32, archive.len() as u32, checksum(uuid, &[&payload])] {
        frame.extend(value.to_le_bytes());
    }
    let crc = checksum(uuid, &[&frame]);
    frame.extend(crc.to_le_bytes());
    frame.extend(payload);
    frame
}

/// The archive of a Host frame without rows: two empty vectors behind the place that they point to.
pub fn no_facts() -> Vec<u8> {
    [0, 0, -8, 0, -16, 0].into_iter().flat_map(i32::to_le_bytes).collect()
}

/// A trailer for a file of `before` bytes up to it.
pub fn trailer(index_offset: usize, before: usize) -> Vec<u8> {
    let mut trailer = TRAILER_MAGIC.to_vec();
    trailer.extend((index_offset as u64).to_le_bytes());
    trailer.extend(((before + TRAILER_BYTES) as u64).to_le_bytes());
    trailer.extend(0_u32.to_le_bytes());
    let crc = checksum(&HEADER.uuid, &[&trailer]);
    trailer.extend(crc.to_le_bytes());
    trailer
}

/// A zstd frame of blocks that are not compressed (RFC 8878, 3.1.1): a fuzzer's bytes lie in the file as
/// they are.
fn zstd_stored(content: &[u8]) -> Vec<u8> {
    // One segment, the size in four bytes, no checksum.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    frame.extend((content.len() as u32).to_le_bytes());
    let mut rest = content;
    loop {
        let (block, behind) = rest.split_at(rest.len().min(MAX_BLOCK_BYTES));
        let header = (block.len() as u32) << 3 | u32::from(behind.is_empty());
        frame.extend(header.to_le_bytes().into_iter().take(3));
        frame.extend(block);
        if behind.is_empty() {
            return frame;
        }
        rest = behind;
    }
}

/// How much of a file is put right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Checksums.
    Checksums,
    /// Lengths too: each frame reaches to the next marker, the trailer says how long the file is.
    Lengths,
}

/// Puts a broken file right, so that it says whatever it says with valid checksums.
pub fn repair(bytes: &mut [u8], what: Repair) {
    let Some((header, body)) = bytes.split_at_mut_checked(FILE_HEADER_BYTES) else { return };
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&header[40..56]);
    header[..10].copy_from_slice(b"\x89PFT\r\n\x1a\n\x01\x00");
    header[12..16].copy_from_slice(&(FILE_HEADER_BYTES as u32).to_le_bytes());
    let crc = checksum(&uuid, &[&header[..60]]);
    header[60..64].copy_from_slice(&crc.to_le_bytes());

    let ends = body.len().saturating_sub(TRAILER_BYTES);
    let has_trailer = body.get(ends..ends + 8) == Some(&TRAILER_MAGIC);
    let end = if has_trailer { ends } else { body.len() };
    let starts: Vec<usize> = (0..end.saturating_sub(FRAME_HEADER_BYTES - 1))
        .filter(|&at| body[at..].starts_with(&SYNC_MARKER))
        .collect();
    let mut index_offset = None;
    for (n, &start) in starts.iter().enumerate() {
        let next = starts.get(n + 1).copied().unwrap_or(end);
        if next < start + FRAME_HEADER_BYTES {
            continue;
        }
        let (header, behind) = body[start..].split_at_mut(FRAME_HEADER_BYTES);
        if what == Repair::Lengths {
            let stored = (next - start - FRAME_HEADER_BYTES) as u32;
            header[48..52].copy_from_slice(&stored.to_le_bytes());
        }
        let stored = u32::from_le_bytes([header[48], header[49], header[50], header[51]]);
        let payload = behind.get(..stored as usize).unwrap_or(behind);
        header[56..60].copy_from_slice(&checksum(&uuid, &[payload]).to_le_bytes());
        let crc = checksum(&uuid, &[&header[..60]]);
        header[60..64].copy_from_slice(&crc.to_le_bytes());
        if header[8..10] == (FrameKind::Index as u16).to_le_bytes() {
            index_offset.get_or_insert(start + FILE_HEADER_BYTES);
        }
    }
    if has_trailer {
        let file_bytes = (body.len() + FILE_HEADER_BYTES) as u64;
        let trailer = &mut body[ends..];
        if let (Repair::Lengths, Some(index)) = (what, index_offset) {
            trailer[8..16].copy_from_slice(&(index as u64).to_le_bytes());
            trailer[16..24].copy_from_slice(&file_bytes.to_le_bytes());
        }
        let crc = checksum(&uuid, &[&trailer[..28]]);
        trailer[28..32].copy_from_slice(&crc.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pft::Trace;

    /// A file with one frame of facts.
    fn file() -> Vec<u8> {
        let fact = pft::record::Fact { key: "a".into(), value: "b".into() };
        let mut writer = Writer::create(Vec::new(), &HEADER, 1).unwrap();
        writer.host(&[fact]).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn what_is_whole_stays_as_it_is() {
        for what in [Repair::Checksums, Repair::Lengths] {
            let mut bytes = file();
            repair(&mut bytes, what);
            assert!(bytes == file());
        }
    }

    #[test]
    fn wrong_checksums_and_lengths_are_put_right() {
        let mut bytes = file();
        bytes[60] ^= 1;
        bytes[FILE_HEADER_BYTES + 60] ^= 1;
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        repair(&mut bytes, Repair::Checksums);
        assert!(bytes == file());
        bytes[FILE_HEADER_BYTES + 48] ^= 1;
        bytes[last - 12] ^= 1;
        repair(&mut bytes, Repair::Lengths);
        assert!(bytes == file());
    }

    #[test]
    fn any_archive_reaches_its_decoder() {
        let mut bytes = file_header();
        bytes.extend(frame(Says::rows(FrameKind::Host, 0), &no_facts()));
        let trace = Trace::from_bytes(bytes).unwrap();
        let decoded = trace.read(&trace.frames()[0]).unwrap();
        assert_eq!(decoded, pft::record::Frame::Host(Vec::new()));
        // Content of several blocks.
        let long = zstd_stored(&vec![7; 3 * MAX_BLOCK_BYTES + 1]);
        assert_eq!(long.len(), 9 + 4 * 3 + 3 * MAX_BLOCK_BYTES + 1);
    }
}
