//! A closed trace taken apart into frames, to be changed and put together again: checksums, lengths,
//! index and trailer are those of what it has become.

use crate::forge::{Archive, Forged, crc};

/// A frame: its header and its payload before compression.
#[derive(Clone)]
pub struct Part {
    pub header: Forged,
    pub archive: Vec<u8>,
    /// Bytes behind the compressed payload.
    pub behind_payload: Vec<u8>,
    /// Bytes before the frame, which belong to nothing.
    pub before: Vec<u8>,
}

/// A trace.
#[derive(Clone)]
pub struct TakenApart {
    pub file_header: Vec<u8>,
    /// All but the index.
    pub parts: Vec<Part>,
    /// Added to the entries of the index and to the numbers of the trailer, byte by byte.
    pub index_flips: Vec<(usize, u8)>,
    pub trailer_flips: Vec<(usize, u8)>,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(value)
}

impl TakenApart {
    pub fn of(bytes: &[u8]) -> Self {
        let mut parts = Vec::new();
        let mut at = number::<4>(bytes, 12) as usize;
        let end = number::<8>(bytes, bytes.len() - 24) as usize;
        let file_header = bytes[..at].to_vec();
        while at < end {
            let header = &bytes[at..at + 64];
            let stored = number::<4>(header, 48) as usize;
            let raw_bytes = number::<4>(header, 52) as u32;
            let payload = &bytes[at + 64..at + 64 + stored];
            parts.push(Part {
                header: Forged {
                    kind: number::<2>(header, 8) as u16,
                    version: number::<2>(header, 10) as u16,
                    codec: number::<2>(header, 12) as u16,
                    part: number::<2>(header, 14) as u16,
                    parts: number::<2>(header, 16) as u16,
                    rows: number::<4>(header, 20) as u32,
                    sequence: number::<8>(header, 24),
                    first_ns: number::<8>(header, 32),
                    last_ns: number::<8>(header, 40),
                    raw_bytes,
                },
                archive: zstd::bulk::decompress(payload, raw_bytes as usize).unwrap(),
                behind_payload: Vec::new(),
                before: Vec::new(),
            });
            at += 64 + stored;
        }
        Self { file_header, parts, index_flips: Vec::new(), trailer_flips: Vec::new() }
    }

    /// The frame of a kind; the first one.
    pub fn part(&mut self, kind: u16) -> &mut Part {
        self.parts.iter_mut().find(|part| part.header.kind == kind).unwrap()
    }

    /// Numbers the frames by their order.
    pub fn renumber(&mut self) {
        for (sequence, part) in self.parts.iter_mut().enumerate() {
            part.header.sequence = sequence as u64;
        }
    }

    /// The frames without an end.
    pub fn open(&self) -> Vec<u8> {
        self.frames().0
    }

    fn frames(&self) -> (Vec<u8>, Archive) {
        let mut bytes = self.file_header.clone();
        let mut index = Archive::default();
        for part in &self.parts {
            let mut stored = zstd::bulk::compress(&part.archive, 1).unwrap();
            stored.extend(&part.behind_payload);
            bytes.extend(&part.before);
            let offset = bytes.len() as u64;
            let header = Forged { raw_bytes: part.archive.len() as u32, ..part.header };
            bytes.extend(header.frame(&stored));
            index = index
                .u64s(&[offset, header.first_ns, header.last_ns])
                .u32s(&[header.rows, stored.len() as u32, header.raw_bytes, crc(&stored)])
                .u32s(&[
                    u32::from(header.kind) | u32::from(header.version) << 16,
                    u32::from(header.codec) | u32::from(header.part) << 16,
                    u32::from(header.parts),
                    0,
                ]);
        }
        (bytes, index)
    }

    /// The closed file.
    pub fn closed(&self) -> Vec<u8> {
        let (mut bytes, mut index) = self.frames();
        let index_offset = bytes.len() as u64;
        let count = self.parts.len() as u32;
        for &(at, bits) in &self.index_flips {
            index.0[at] ^= bits;
        }
        let archive = index.vec(0, count).0;
        let stored = zstd::bulk::compress(&archive, 1).unwrap();
        let header = Forged::new(32, count, archive.len());
        let sequence = u64::from(count);
        bytes.extend(Forged { sequence, first_ns: 0, last_ns: 0, ..header }.frame(&stored));
        let file_bytes = bytes.len() as u64 + 32;
        let mut trailer = b"\x89PFTEND\n".to_vec();
        trailer.extend(index_offset.to_le_bytes());
        trailer.extend(file_bytes.to_le_bytes());
        trailer.extend([0; 4]);
        for &(at, bits) in &self.trailer_flips {
            trailer[at] ^= bits;
        }
        let sum = crc(&trailer);
        trailer.extend(sum.to_le_bytes());
        bytes.extend(trailer);
        bytes
    }
}

/// A trace put together again after a change.
pub fn forged(bytes: &[u8], edit: impl FnOnce(&mut TakenApart)) -> Vec<u8> {
    let mut apart = TakenApart::of(bytes);
    edit(&mut apart);
    apart.closed()
}

/// Flips bits of a frame header or a file header of 64 bytes, whose checksum is mended.
pub fn with_header_bits(mut bytes: Vec<u8>, header: usize, at: usize, bits: u8) -> Vec<u8> {
    bytes[header + at] ^= bits;
    let sum = crc(&bytes[header..header + 60]);
    bytes[header + 60..header + 64].copy_from_slice(&sum.to_le_bytes());
    bytes
}
