//! Frames built by hand from the byte-level specification, valid in form whatever they hold.

use pft::record::{Frame, TraceHeader};
use pft::{Result, Trace, Writer};

use crate::samples::header;

/// Header fields of a frame; the rest is computed.
#[derive(Clone, Copy)]
pub struct Forged {
    pub kind: u16,
    pub version: u16,
    pub codec: u16,
    pub part: u16,
    pub parts: u16,
    pub rows: u32,
    pub sequence: u64,
    pub first_ns: u64,
    pub last_ns: u64,
    pub raw_bytes: u32,
}

impl Forged {
    pub fn new(kind: u16, rows: u32, raw_bytes: usize) -> Self {
        Self {
            kind,
            version: 1,
            codec: 1,
            part: 0,
            parts: 1,
            rows,
            sequence: 0,
            first_ns: 0,
            last_ns: u64::MAX,
            raw_bytes: raw_bytes as u32,
        }
    }

    /// The frame with this payload as stored.
    pub fn frame(&self, stored: &[u8]) -> Vec<u8> {
        self.frame_of_length(stored, stored.len() as u32)
    }

    /// The same, saying that the payload is `stored_bytes` long.
    pub fn frame_of_length(&self, stored: &[u8], stored_bytes: u32) -> Vec<u8> {
        let mut frame = b"\xf7PFFRM\n\x9c".to_vec();
        for value in [self.kind, self.version, self.codec, self.part, self.parts, 0] {
            frame.extend(value.to_le_bytes());
        }
        frame.extend(self.rows.to_le_bytes());
        for value in [self.sequence, self.first_ns, self.last_ns] {
            frame.extend(value.to_le_bytes());
        }
        for value in [stored_bytes, self.raw_bytes, crc(stored)] {
            frame.extend(value.to_le_bytes());
        }
        let crc = crc(&frame);
        frame.extend(crc.to_le_bytes());
        frame.extend(stored);
        frame
    }
}

/// The checksum of the format.
pub fn crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header().uuid);
    hasher.update(bytes);
    hasher.finalize()
}

/// A frame with this archive.
pub fn archive_frame(kind: u16, rows: u32, archive: &[u8]) -> Vec<u8> {
    let stored = zstd::bulk::compress(archive, 1).unwrap();
    Forged::new(kind, rows, archive.len()).frame(&stored)
}

/// A file of these frames, without index.
pub fn file(frames: &[Vec<u8>]) -> Vec<u8> {
    let header: TraceHeader = header();
    let mut bytes = Writer::create(Vec::new(), &header, 1).unwrap().into_inner();
    bytes.extend(frames.concat());
    bytes
}

/// What the only frame of a file decodes to.
pub fn decode_only(frame: Vec<u8>) -> Result<Frame> {
    let trace = Trace::from_bytes(file(&[frame])).unwrap();
    assert_eq!(trace.damage(), [pft::Damage::NoIndex]);
    assert_eq!(trace.frames().len(), 1);
    trace.read(&trace.frames()[0])
}

/// Why the only frame of a file is refused.
pub fn refusal(frame: Vec<u8>) -> &'static str {
    match decode_only(frame) {
        Err(pft::Error::FrameInvalid { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

/// An archive of bytes and, at its end, of pointers to them.
#[derive(Default)]
pub struct Archive(pub Vec<u8>);

impl Archive {
    pub fn u32s(mut self, values: &[u32]) -> Self {
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self
    }

    pub fn u64s(mut self, values: &[u64]) -> Self {
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self
    }

    pub fn bytes(mut self, values: &[u8]) -> Self {
        self.0.extend(values);
        self
    }

    /// A vector of `len` elements that begins at `position`.
    pub fn vec(self, position: usize, len: u32) -> Self {
        let distance = position as i64 - self.0.len() as i64;
        self.u32s(&[distance as i32 as u32, len])
    }
}
