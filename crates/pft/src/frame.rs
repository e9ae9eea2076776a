//! The plain header in front of each payload.

use std::fmt;

use crate::layout::{Fields, Seed};

/// First bytes of every frame.
pub const SYNC_MARKER: [u8; 8] = *b"\xf7PFFRM\n\x9c";
/// Size of a frame header, bytes.
pub const FRAME_HEADER_BYTES: usize = 64;
/// Largest payload after decompression, bytes.
pub const MAX_RAW_BYTES: u32 = 16 << 20;
/// Largest payload as stored, bytes: zstd may add a little to what it cannot compress.
pub const MAX_STORED_BYTES: u32 = MAX_RAW_BYTES + (128 << 10);
/// Most rows of any frame.
pub const MAX_ROWS: u32 = 1 << 20;
/// Most rows of a Faults frame.
pub const MAX_FAULT_ROWS: usize = 1 << 16;

/// Value of the codec field: one zstd frame.
pub(crate) const CODEC_ZSTD: u16 = 1;
/// The only version of every kind so far.
pub(crate) const VERSION: u16 = 1;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
#[non_exhaustive]
pub enum FrameKind {
    /// Facts about machine and recording.
    Host = 1,
    /// Task changes.
    Tasks = 2,
    /// Address-space changes.
    Maps = 3,
    /// One snapshot of a process's mappings.
    Snapshot = 4,
    /// Faults.
    Faults = 5,
    /// Losses.
    Lost = 6,
    /// Clocks and ledger.
    Checkpoint = 7,
    /// Call chains.
    CallChains = 8,
    /// Modules: files that hold code, and what they consist of.
    Modules = 9,
    /// Names of addresses in modules.
    Symbols = 10,
    /// Victims of the OOM killer.
    Oom = 11,
    /// Marks of phases.
    Marks = 12,
    /// System calls that change address spaces.
    Calls = 13,
    /// Stack pointers of threads.
    StackPointers = 14,
    /// What the file does not hold any more.
    Gaps = 15,
    /// Control groups of processes.
    Cgroups = 16,
    /// List of all frames before it.
    Index = 32,
}

impl FrameKind {
    /// The kind with this number and version, if this crate can decode it.
    #[must_use]
    pub fn known(kind: u16, version: u16) -> Option<Self> {
        if version != VERSION {
            return None;
        }
        [
            Self::Host,
            Self::Tasks,
            Self::Maps,
            Self::Snapshot,
            Self::Faults,
            Self::Lost,
            Self::Checkpoint,
            Self::CallChains,
            Self::Modules,
            Self::Symbols,
            Self::Oom,
            Self::Marks,
            Self::Calls,
            Self::StackPointers,
            Self::Gaps,
            Self::Cgroups,
            Self::Index,
        ]
        .into_iter()
        .find(|known| *known as u16 == kind)
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A frame header. `kind` and `version` may be unknown; the other fields are within their bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: u16,
    pub(crate) version: u16,
    pub(crate) codec: u16,
    pub(crate) part: u16,
    pub(crate) parts: u16,
    pub(crate) rows: u32,
    pub(crate) sequence: u64,
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    pub(crate) stored_bytes: u32,
    pub(crate) raw_bytes: u32,
    pub(crate) payload_crc: u32,
}

impl FrameHeader {
    /// Header and payload together, bytes.
    pub(crate) fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.stored_bytes)
    }

    pub(crate) fn encode(&self, seed: &Seed, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&SYNC_MARKER);
        for value in [self.kind, self.version, self.codec, self.part, self.parts, 0] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&self.rows.to_le_bytes());
        for value in [self.sequence, self.first_ns, self.last_ns] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [self.stored_bytes, self.raw_bytes, self.payload_crc] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        let crc = seed.checksum(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// `None` unless marker, checksum and bounds are right.
    pub(crate) fn parse(bytes: &[u8], seed: &Seed) -> Option<Self> {
        let covered = bytes.get(..FRAME_HEADER_BYTES - 4)?;
        let mut fields = Fields(bytes);
        if fields.bytes()? != SYNC_MARKER {
            return None;
        }
        let (kind, version, codec) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (part, parts, _reserved) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let header = Self {
            kind,
            version,
            codec,
            part,
            parts,
            rows: fields.u32()?,
            sequence: fields.u64()?,
            first_ns: fields.u64()?,
            last_ns: fields.u64()?,
            stored_bytes: fields.u32()?,
            raw_bytes: fields.u32()?,
            payload_crc: fields.u32()?,
        };
        (fields.u32()? == seed.checksum(covered) && header.within_bounds()).then_some(header)
    }

    pub(crate) fn within_bounds(&self) -> bool {
        self.part < self.parts
            && self.rows <= MAX_ROWS
            && self.first_ns <= self.last_ns
            && (1..=MAX_STORED_BYTES).contains(&self.stored_bytes)
            && (1..=MAX_RAW_BYTES).contains(&self.raw_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> FrameHeader {
        FrameHeader {
            kind: 5,
            version: 1,
            codec: CODEC_ZSTD,
            part: 1,
            parts: 3,
            rows: 4,
            sequence: 5,
            first_ns: 6,
            last_ns: 7,
            stored_bytes: 8,
            raw_bytes: 9,
            payload_crc: 10,
        }
    }

    fn encoded(header: &FrameHeader) -> Vec<u8> {
        let mut bytes = Vec::new();
        header.encode(&Seed::new(&[1; 16]), &mut bytes);
        bytes
    }

    #[test]
    fn round_trip_and_flips() {
        let seed = Seed::new(&[1; 16]);
        let bytes = encoded(&header());
        assert_eq!(bytes.len(), FRAME_HEADER_BYTES);
        assert_eq!(FrameHeader::parse(&bytes, &seed), Some(header()));
        assert_eq!(FrameHeader::parse(&bytes, &Seed::new(&[2; 16])), None);
        assert_eq!(FrameHeader::parse(&bytes[..63], &seed), None);
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::parse(&bad, &seed), None, "bit {bit}");
        }
    }

    #[test]
    fn values_out_of_bounds_are_no_header() {
        let seed = Seed::new(&[1; 16]);
        let edits: [fn(&mut FrameHeader); 7] = [
            |h| h.part = 3,
            |h| h.rows = MAX_ROWS + 1,
            |h| h.first_ns = 8,
            |h| h.stored_bytes = 0,
            |h| h.stored_bytes = MAX_STORED_BYTES + 1,
            |h| h.raw_bytes = 0,
            |h| h.raw_bytes = MAX_RAW_BYTES + 1,
        ];
        for (n, edit) in edits.into_iter().enumerate() {
            let mut bad = header();
            edit(&mut bad);
            assert_eq!(FrameHeader::parse(&encoded(&bad), &seed), None, "edit {n}");
        }
    }

    #[test]
    fn kinds_are_known_by_number_and_version() {
        assert_eq!(FrameKind::known(5, 1), Some(FrameKind::Faults));
        assert_eq!(FrameKind::known(5, 2), None);
        for unknown in [0, 17, 31, 33] {
            assert_eq!(FrameKind::known(unknown, 1), None);
        }
        assert_eq!(FrameKind::known(8, 1), Some(FrameKind::CallChains));
        assert_eq!(FrameKind::known(9, 1), Some(FrameKind::Modules));
        assert_eq!(FrameKind::known(10, 1), Some(FrameKind::Symbols));
        assert_eq!(FrameKind::known(11, 1), Some(FrameKind::Oom));
        assert_eq!(FrameKind::known(12, 1), Some(FrameKind::Marks));
        assert_eq!(FrameKind::known(13, 1), Some(FrameKind::Calls));
        assert_eq!(FrameKind::known(14, 1), Some(FrameKind::StackPointers));
        assert_eq!(FrameKind::known(15, 1), Some(FrameKind::Gaps));
        assert_eq!(FrameKind::known(16, 1), Some(FrameKind::Cgroups));
        assert_eq!(FrameKind::known(32, 1), Some(FrameKind::Index));
    }
}
