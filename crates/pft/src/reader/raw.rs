//! Frames one by one as they lie in the file, for tools that examine the file itself.

use super::holes::Salvage;
use super::{Damage, Limits, Located, Trace, arrange, scan};
use crate::compression::decompress;
use crate::error::{Error, Result};
use crate::frame::{CODEC_ZSTD, FRAME_HEADER_BYTES};
use crate::layout::Seed;

/// A frame header as it lies in the file, of whatever kind. Each part of a record has one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawFrame {
    /// Where it begins in the file, bytes.
    pub offset: u64,
    /// Number of the kind: see [`crate::FrameKind::known`].
    pub kind: u16,
    /// Version of the payload's layout.
    pub version: u16,
    /// Codec of the payload; 1 is one zstd frame.
    pub codec: u16,
    /// Which part of the record it is, from 0.
    pub part: u16,
    /// Parts of the record.
    pub parts: u16,
    /// Rows of this part.
    pub rows: u32,
    /// Sequence number.
    pub sequence: u64,
    /// Earliest time in the record; 0 for frames without times.
    pub first_ns: u64,
    /// Latest time in it; 0 likewise.
    pub last_ns: u64,
    /// Length of the payload in the file, without the header, bytes.
    pub stored_bytes: u32,
    /// Length of the payload after decompression, bytes.
    pub raw_bytes: u32,
    /// Checksum of the payload.
    pub payload_crc: u32,
}

impl From<&Located> for RawFrame {
    fn from(Located { offset, header }: &Located) -> Self {
        Self {
            offset: *offset,
            kind: header.kind,
            version: header.version,
            codec: header.codec,
            part: header.part,
            parts: header.parts,
            rows: header.rows,
            sequence: header.sequence,
            first_ns: header.first_ns,
            last_ns: header.last_ns,
            stored_bytes: header.stored_bytes,
            raw_bytes: header.raw_bytes,
            payload_crc: header.payload_crc,
        }
    }
}

impl Trace {
    /// Walks through the file from header to header, whatever its index says: all frames in the order
    /// of the file, those of unknown kinds, repeated ones and the index among them; and what lies there
    /// that is no frame. Payloads are not read.
    ///
    /// # Errors
    /// [`crate::Error::Read`].
    pub fn scan(&self) -> Result<(Vec<RawFrame>, Vec<Damage>)> {
        let (located, damage) = self.walk()?;
        Ok((located.iter().map(RawFrame::from).collect(), damage))
    }

    /// What [`Trace::scan`] finds.
    pub(crate) fn walk(&self) -> Result<(Vec<Located>, Vec<Damage>)> {
        let mut damage = Vec::new();
        let seed = Seed::new(&self.header.uuid);
        let scanned = scan::scan(&self.source, &seed, self.body(), &mut damage)?;
        Ok((scanned.frames, damage))
    }

    /// Whether the payload of a frame has the checksum that its header says.
    ///
    /// # Errors
    /// [`crate::Error::Read`].
    pub fn is_intact(&self, frame: &RawFrame) -> Result<bool> {
        let payload = frame.offset.saturating_add(FRAME_HEADER_BYTES as u64);
        let stored = self.source.read(payload, frame.stored_bytes.into())?;
        Ok(Seed::new(&self.header.uuid).checksum(&stored) == frame.payload_crc)
    }

    /// The payload of a frame of any kind, checked and decompressed, but not decoded.
    ///
    /// # Errors
    /// [`crate::Error::Read`]; [`crate::Error::Payload`] if it is damaged or its codec unknown.
    pub fn payload(&self, frame: &RawFrame) -> Result<Vec<u8>> {
        let &RawFrame { offset, sequence, raw_bytes, .. } = frame;
        let wrong = |what| Error::Payload { offset, sequence, what };
        let payload = offset.saturating_add(FRAME_HEADER_BYTES as u64);
        let stored = self.source.read(payload, frame.stored_bytes.into())?;
        if frame.codec != CODEC_ZSTD {
            return Err(wrong("the codec is unknown"));
        }
        if Seed::new(&self.header.uuid).checksum(&stored) != frame.payload_crc {
            return Err(wrong("wrong payload checksum"));
        }
        decompress(&stored, raw_bytes).map(|raw| raw.to_vec()).map_err(wrong)
    }
}

/// What is wrong with the order of frames and with their parts.
pub(crate) fn disorder(located: &[Located]) -> Vec<Damage> {
    let mut damage = Vec::new();
    let limits = Limits { decoded_bytes: u64::MAX };
    arrange::arrange(located.to_vec(), &Salvage::default(), &limits, &mut damage);
    damage
}
