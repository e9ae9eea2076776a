//! Records to frames, apart from any file: an [`EncodedFrame`] has neither sequence number nor
//! checksums, so it can be kept, dropped or written later.

mod code;
mod faults;
mod moments;
mod records;

use std::fmt;
use std::mem;

use rkyv::api::high::HighSerializer;
use rkyv::rancor::BoxedError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use zstd::bulk::Compressor;

use crate::archive;
use crate::error::{Error, Result};
use crate::frame::{FrameKind, MAX_RAW_BYTES};
use crate::layout::check_header;
use crate::record::TraceHeader;

/// A compressed payload and what its frame header will say.
///
/// The parts of one Snapshot must be written one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    pub(crate) kind: FrameKind,
    pub(crate) part: u16,
    pub(crate) parts: u16,
    pub(crate) rows: u32,
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    pub(crate) raw_bytes: u32,
    pub(crate) payload: Vec<u8>,
}

impl EncodedFrame {
    /// Kind of frame.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Earliest time in it; 0 for frames without times.
    #[must_use]
    pub fn first_ns(&self) -> u64 {
        self.first_ns
    }

    /// Latest time in it; 0 for frames without times.
    #[must_use]
    pub fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// Size of the compressed payload, bytes.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.payload.len()
    }

    /// Number of this part, from 0.
    #[must_use]
    pub fn part(&self) -> u16 {
        self.part
    }

    /// Number of parts; 1 for all that fits into one frame.
    #[must_use]
    pub fn parts(&self) -> u16 {
        self.parts
    }
}

/// What a frame says beside its payload.
#[derive(Clone, Copy)]
struct Shape {
    kind: FrameKind,
    rows: usize,
    first_ns: u64,
    last_ns: u64,
}

impl Shape {
    /// Shape of a frame whose rows have these times; 0 when there are none.
    fn of(kind: FrameKind, times: impl ExactSizeIterator<Item = u64>) -> Self {
        let rows = times.len();
        let (mut first_ns, mut last_ns) = (u64::MAX, 0);
        for time_ns in times {
            first_ns = first_ns.min(time_ns);
            last_ns = last_ns.max(time_ns);
        }
        Self { kind, rows, first_ns: first_ns.min(last_ns), last_ns }
    }
}

/// Encodes records. Its buffers are used again, so one encoder serves many frames.
pub struct Encoder {
    page_shift: u32,
    compressor: Compressor<'static>,
    raw: AlignedVec,
    stored: Vec<u8>,
    faults: faults::Scratch,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder for a trace with this header; `level` is zstd's, 1 is the fastest.
    ///
    /// # Errors
    /// [`Error::HeaderField`] if the page size is no power of two, [`Error::Level`].
    pub fn new(header: &TraceHeader, level: i32) -> Result<Self> {
        check_header(header)?;
        if !(1..=22).contains(&level) {
            return Err(Error::Level { level });
        }
        let compressor = Compressor::new(level).map_err(|_| Error::Level { level })?;
        Ok(Self {
            page_shift: header.page_size_bytes.trailing_zeros(),
            compressor,
            raw: AlignedVec::new(),
            stored: Vec::new(),
            faults: faults::Scratch::default(),
        })
    }

    /// Archives and compresses one payload.
    fn seal(
        &mut self,
        shape: Shape,
        value: &impl for<'a> rkyv::Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, BoxedError>>,
    ) -> Result<EncodedFrame> {
        let kind = shape.kind;
        self.raw = archive::serialize(value, mem::take(&mut self.raw))
            .map_err(|source| Error::Archive { kind, source })?;
        let raw_bytes = self.raw.len();
        if raw_bytes > MAX_RAW_BYTES as usize {
            return Err(Error::TooLarge { kind, bytes: raw_bytes });
        }
        self.stored.clear();
        self.stored.reserve(zstd::compress_bound(raw_bytes));
        self.compressor
            .compress_to_buffer(self.raw.as_slice(), &mut self.stored)
            .map_err(|source| Error::Compress { kind, source })?;
        Ok(EncodedFrame {
            kind,
            part: 0,
            parts: 1,
            rows: shape.rows as u32,
            first_ns: shape.first_ns,
            last_ns: shape.last_ns,
            raw_bytes: raw_bytes as u32,
            payload: self.stored.as_slice().to_vec(),
        })
    }
}
