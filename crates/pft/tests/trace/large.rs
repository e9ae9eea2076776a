//! A file of more than 4 GiB, which programs with pointers of 32 bits read as well. Nearly all of it are frames of a kind that
//! is not known, whose payloads are zeros that nobody has to hold.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use pft::record::{Frame, MarkRecord};
use pft::{Damage, FrameKind, Limits, Trace, Writer};

use crate::forge::{Forged, crc};
use crate::samples::header;

const UNKNOWN: u16 = 200;
const PAYLOAD_BYTES: u32 = 16 << 20;
const FRAMES: u64 = 300;

/// Bytes at some places and zeros elsewhere.
#[derive(Default)]
struct Sparse {
    pieces: BTreeMap<u64, Vec<u8>>,
    bytes: u64,
    at: u64,
}

impl Sparse {
    fn push(&mut self, bytes: &[u8]) {
        self.pieces.insert(self.bytes, bytes.to_vec());
        self.bytes += bytes.len() as u64;
    }
}

impl Read for Sparse {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let wanted = (self.bytes.saturating_sub(self.at)).min(out.len() as u64) as usize;
        let out = &mut out[..wanted];
        out.fill(0);
        let end = self.at + wanted as u64;
        let first = self.pieces.range(..=self.at).next_back().map_or(self.at, |(&at, _)| at);
        for (&at, piece) in self.pieces.range(first..end) {
            let (from, to) = (at.max(self.at), (at + piece.len() as u64).min(end));
            if from < to {
                let of_piece = (from - at) as usize..(to - at) as usize;
                out[(from - self.at) as usize..(to - self.at) as usize]
                    .copy_from_slice(&piece[of_piece]);
            }
        }
        self.at = end;
        Ok(wanted)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.bytes.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

fn mark() -> MarkRecord {
    MarkRecord { time_ns: header().start_ns + 5, name: b"behind 4 GiB".to_vec() }
}

/// The Marks frame that a writer makes, with another number.
fn marks_frame(sequence: u64) -> Vec<u8> {
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.marks(&[mark()]).unwrap();
    let bytes = writer.finish().unwrap();
    let trace = Trace::from_bytes(bytes.clone()).unwrap();
    let info = trace.frames()[0];
    let start = info.offset as usize;
    let mut frame = bytes[start..start + info.stored_bytes as usize].to_vec();
    frame[24..32].copy_from_slice(&sequence.to_le_bytes());
    let sum = crc(&frame[..60]);
    frame[60..64].copy_from_slice(&sum.to_le_bytes());
    frame
}

/// The file, closed or as if the recorder had been killed.
fn large(is_closed: bool) -> Sparse {
    let mut file = Sparse::default();
    file.push(&Writer::create(Vec::new(), &header(), 1).unwrap().into_inner());
    let mut index = Vec::new();
    for sequence in 0..=FRAMES {
        let unknown = Forged { sequence, last_ns: 0, ..Forged::new(UNKNOWN, 0, 1) };
        let (frame, payload_bytes) = match sequence {
            FRAMES => (marks_frame(sequence), 0),
            _ => (unknown.frame_of_length(&[], PAYLOAD_BYTES), PAYLOAD_BYTES),
        };
        index.extend(file.bytes.to_le_bytes());
        // Times; rows; lengths and checksum; kind, version, codec, part and parts.
        for fields in [32..48, 20..24, 48..60, 8..18] {
            index.extend(&frame[fields]);
        }
        index.extend([0; 6]);
        file.push(&frame);
        file.bytes += u64::from(payload_bytes);
    }
    if !is_closed {
        return file;
    }
    let count = FRAMES as u32 + 1;
    let distance = -(index.len() as i32);
    index.extend(distance.to_le_bytes());
    index.extend(count.to_le_bytes());
    let offset = file.bytes;
    let kind = FrameKind::Index as u16;
    let of_index =
        Forged { sequence: FRAMES + 1, last_ns: 0, ..Forged::new(kind, count, index.len()) };
    file.push(&of_index.frame(&zstd::bulk::compress(&index, 1).unwrap()));
    let mut trailer = b"\x89PFTEND\n".to_vec();
    trailer.extend(offset.to_le_bytes());
    trailer.extend((file.bytes + pft::TRAILER_BYTES as u64).to_le_bytes());
    trailer.extend([0; 4]);
    let sum = crc(&trailer);
    trailer.extend(sum.to_le_bytes());
    file.push(&trailer);
    file
}

#[test]
fn frames_behind_4_gib_are_read() {
    let unknown = Damage::UnknownFrames { kind: UNKNOWN, version: 1, count: FRAMES };
    for (is_closed, damage) in
        [(true, vec![unknown.clone()]), (false, vec![Damage::NoIndex, unknown])]
    {
        let trace = Trace::from_reader(large(is_closed), &Limits::default()).unwrap();
        assert!(trace.file_bytes() > u64::from(u32::MAX));
        assert_eq!(trace.damage(), damage);
        let [info] = trace.frames() else { panic!("{:?}", trace.frames()) };
        assert!(info.offset > u64::from(u32::MAX));
        assert_eq!(trace.read(info).unwrap(), Frame::Marks(vec![mark()]));
    }
}
