//! Opens a trace: whole, cut short, or damaged.

mod arrange;
mod damage;
mod gaps;
mod holes;
mod index;
mod raw;
mod scan;
mod source;

use std::fmt;
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::ops::Range;
use std::path::Path;

use crate::archive::ArchivedSectionRow;
use crate::decoder::decode;
use crate::error::{Error, Result};
use crate::frame::{FrameHeader, FrameKind};
use crate::layout::{FileStart, HEADER_READ_BYTES, Seed, TRAILER_BYTES, Trailer, parse_header};
use crate::record::{
    CallChainRecord, CallRecord, CgroupRecord, Fact, Frame, GapRecord, LedgerEntry, LostRecord,
    MapRecord, MarkRecord, ModuleRecord, OomRecord, Section, StackPointerRecord, SymbolRecord,
    TaskRecord, TraceHeader, Vma,
};

use arrange::Arranged;
pub use damage::Damage;
use holes::Salvage;
pub(crate) use holes::{Hole, Known};
pub use raw::RawFrame;
pub(crate) use raw::disorder;
use scan::Scanned;
use source::Source;

/// A frame: where it lies and what its header says. A record in several parts is one frame here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameInfo {
    /// Where it begins in the file, bytes.
    pub offset: u64,
    /// What it holds.
    pub kind: FrameKind,
    /// Version of the payload's layout.
    pub version: u16,
    /// Sequence number of its first part.
    pub sequence: u64,
    /// Number of parts, mostly 1.
    pub parts: u16,
    /// Number of rows.
    pub rows: u64,
    /// Earliest time in it; 0 for frames without times.
    pub first_ns: u64,
    /// Latest time in it; 0 for frames without times.
    pub last_ns: u64,
    /// Length in the file, frame headers included.
    pub stored_bytes: u64,
    /// Length of the payload after decompression.
    pub raw_bytes: u64,
}

impl FrameInfo {
    /// Upper bound on the memory that the decoded records take, allocator overhead apart.
    #[must_use]
    pub fn decoded_bytes(&self) -> u64 {
        let row_bytes = match self.kind {
            FrameKind::Host => size_of::<Fact>(),
            FrameKind::Tasks => size_of::<TaskRecord>(),
            FrameKind::Maps => size_of::<MapRecord>(),
            FrameKind::Snapshot => size_of::<Vma>(),
            // Four columns of 64 bits, five of 32, one of 8.
            FrameKind::Faults => 4 * size_of::<u64>() + 5 * size_of::<u32>() + size_of::<u8>(),
            FrameKind::Lost => size_of::<LostRecord>(),
            FrameKind::Checkpoint => size_of::<LedgerEntry>(),
            FrameKind::Oom => size_of::<OomRecord>(),
            FrameKind::Marks => size_of::<MarkRecord>(),
            FrameKind::Calls => size_of::<CallRecord>(),
            FrameKind::CallChains => size_of::<CallChainRecord>(),
            FrameKind::Modules => size_of::<ModuleRecord>(),
            FrameKind::Symbols => size_of::<SymbolRecord>(),
            FrameKind::StackPointers => size_of::<StackPointerRecord>(),
            FrameKind::Gaps => size_of::<GapRecord>(),
            FrameKind::Cgroups => size_of::<CgroupRecord>(),
            FrameKind::Index => 0,
        };
        // The header does not tell the number of sections, which take half as much again in memory as
        // in the payload.
        let nested_bytes = if self.kind == FrameKind::Modules { self.raw_bytes / 2 } else { 0 };
        let raw_bytes = self.raw_bytes.saturating_add(nested_bytes);
        raw_bytes.saturating_add(self.rows.saturating_mul(row_bytes as u64))
    }
}

// What [`FrameInfo::decoded_bytes`] relies on.
const _: () = assert!(2 * size_of::<Section>() <= 3 * size_of::<ArchivedSectionRow>());

/// A frame header and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) offset: u64,
    pub(crate) header: FrameHeader,
}

impl Located {
    /// Where the next frame begins.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.header.frame_bytes())
    }
}

/// Bounds on what a hostile or a huge file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Memory that all frames together may take once decoded, bytes; frames beyond are left out and
    /// reported as [`Damage::OverBudget`]. So are frames beyond [`Limits::of_file`], unless this is
    /// [`u64::MAX`]: for callers that hold few frames at a time.
    pub decoded_bytes: u64,
}

/// Memory that frames may take once decoded whatever the length of the file, bytes.
const FREE_BYTES: u64 = 256 << 20;
/// And for each byte of the file: sixteen faults. Measured on recordings from 9 kB to 23 MB, files decode to 5 to 27
/// bytes for each byte, their densest Faults frames to 32 (half a fault), and snapshots of tens of thousands of
/// mappings to 64.
const DECODED_PER_BYTE: u64 = 1024;

impl Limits {
    /// At most so much memory for decoded frames, bytes.
    #[must_use]
    pub const fn new(decoded_bytes: u64) -> Self {
        Self { decoded_bytes }
    }

    /// What the frames of a file of this length may take: 256 MiB, and 1024 bytes for each byte of the file.
    /// The densest recordings that were measured need a sixteenth of it; a file that was made to do harm may ask
    /// for thirty times as much.
    #[must_use]
    pub const fn of_file(file_bytes: u64) -> Self {
        let of_length = file_bytes.saturating_mul(DECODED_PER_BYTE);
        Self { decoded_bytes: FREE_BYTES.saturating_add(of_length) }
    }

    /// These for a file of this length.
    const fn within(self, file_bytes: u64) -> Self {
        let of_file = Self::of_file(file_bytes);
        let is_less = of_file.decoded_bytes < self.decoded_bytes;
        if is_less && self.decoded_bytes != u64::MAX { of_file } else { self }
    }
}

impl Default for Limits {
    /// 16 GiB: some 300 million faults; half of the address space where that is less.
    fn default() -> Self {
        Self { decoded_bytes: (16 << 30).min(usize::MAX as u64 / 2) }
    }
}

/// An open trace.
///
/// Opening reads the index, or frame headers where there is none; payloads are read and checked when
/// asked for. All methods take `&self` and may be called from several threads.
pub struct Trace {
    source: Source,
    header: TraceHeader,
    minor: u16,
    /// Where frames may lie: between header and trailer.
    body: Range<u64>,
    frames: Vec<FrameInfo>,
    /// Frames of kinds or versions that are not known, in order of sequence.
    unknown: Vec<Located>,
    /// What is not there, likewise.
    holes: Vec<Hole>,
    damage: Vec<Damage>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("header", &self.header)
            .field("frames", &self.frames.len())
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

impl Trace {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Open`]; those of [`Trace::from_reader`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &Limits::default())
    }

    /// Opens a file within limits.
    ///
    /// # Errors
    /// As [`Trace::open`].
    pub fn open_with(path: impl AsRef<Path>, limits: &Limits) -> Result<Self> {
        let path = path.as_ref();
        let file =
            File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
        Self::from_reader(file, limits)
    }

    /// Opens a trace in memory.
    ///
    /// # Errors
    /// As [`Trace::from_reader`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::from_reader(Cursor::new(bytes), &Limits::default())
    }

    /// Opens a trace in anything that can be read and sought.
    ///
    /// # Errors
    /// [`Error::NotATrace`], [`Error::HeaderTruncated`], [`Error::HeaderDamaged`],
    /// [`Error::HeaderField`], [`Error::UnsupportedMajor`], [`Error::Read`]. Damage behind the file
    /// header is no error: see [`Trace::damage`].
    pub fn from_reader(reader: impl Read + Seek + Send + 'static, limits: &Limits) -> Result<Self> {
        let source = Source::new(Box::new(reader))?;
        let limits = &limits.within(source.bytes());
        let start = source.read(0, source.bytes().min(HEADER_READ_BYTES))?;
        let FileStart { header, minor, header_bytes: first_frame } = parse_header(&start)?;
        let seed = Seed::new(&header.uuid);

        let mut damage = Vec::new();
        let trailer = read_trailer(&source, first_frame, &seed)?;
        let indexed = match trailer {
            Some(trailer) => {
                let located = index::load(&source, &seed, first_frame, trailer, limits)?;
                located.map_err(|what| damage.push(Damage::IndexUnusable { what }))
            }
            None => {
                damage.push(Damage::NoIndex);
                Err(())
            }
        };
        let behind = if trailer.is_some() { TRAILER_BYTES as u64 } else { 0 };
        let body = first_frame..source.bytes() - behind;
        let arranged = match indexed {
            Ok(located) => arrange::arrange(located, &Salvage::default(), limits, &mut damage),
            Err(()) => {
                let scanned = scan::scan(&source, &seed, body.clone(), &mut damage)?;
                let written = index::written(&source, &seed, &scanned.frames, limits)?;
                let salvage = Salvage::new(&scanned.torn, written);
                let located = scanned.frames.clone();
                let mut arranged = arrange::arrange(located, &salvage, limits, &mut damage);
                if !is_at_end(&arranged, &scanned, trailer, (&source, &header))? {
                    let cut = holes::cut(arranged.last.as_ref(), &arranged.holes);
                    arranged.holes.push(cut);
                }
                holes::count_skipped(&scanned, &damage, &mut arranged.holes);
                arranged
            }
        };
        let Arranged { frames, unknown, holes, .. } = arranged;
        Ok(Self { source, header, minor, body, frames, unknown, holes, damage })
    }

    /// The file header.
    #[must_use]
    pub fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// Minor version of the file's format; the major one is [`crate::MAJOR_VERSION`].
    #[must_use]
    pub fn minor_version(&self) -> u16 {
        self.minor
    }

    /// Length of the file, bytes.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.source.bytes()
    }

    /// Where frames and index may lie in the file, bytes: behind the header, and before the trailer if
    /// there is one.
    #[must_use]
    pub fn body(&self) -> Range<u64> {
        self.body.clone()
    }

    /// The frames that can be decoded, in the order in which they were written; the index is not among
    /// them.
    #[must_use]
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    /// Frames of kinds or versions that are not known, each part for itself.
    pub(crate) fn unknown_frames(&self) -> &[Located] {
        &self.unknown
    }

    /// Bytes of the file.
    pub(crate) fn read_bytes(&self, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        self.source.read(offset, bytes)
    }

    /// What is missing or wrong, as far as frame headers and index tell. Damage of a payload shows when
    /// it is decoded.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Whether the file is, in its structure, as it was written: index and trailer are there and
    /// nothing is missing. Frames that a newer program wrote do not count against it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.damage.iter().all(|damage| matches!(damage, Damage::UnknownFrames { .. }))
    }

    /// Reads a frame as it lies in the file, for [`decode`].
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn read_raw(&self, info: &FrameInfo) -> Result<Vec<u8>> {
        self.source.read(info.offset, info.stored_bytes)
    }

    /// Reads and decodes a frame.
    ///
    /// # Errors
    /// [`Error::Read`]; those of [`decode`].
    pub fn read(&self, info: &FrameInfo) -> Result<Frame> {
        decode(&self.header, info, &self.read_raw(info)?)
    }

    /// Reads and decodes all frames in order. An error concerns that frame only.
    pub fn iter(&self) -> impl Iterator<Item = (&FrameInfo, Result<Frame>)> {
        self.frames.iter().map(|info| (info, self.read(info)))
    }
}

/// Whether nothing was written behind the last frame of a file that was scanned, but for index and trailer.
fn is_at_end(
    arranged: &Arranged,
    scanned: &Scanned,
    trailer: Option<Trailer>,
    (source, header): (&Source, &TraceHeader),
) -> Result<bool> {
    let (Some(last), false) = (arranged.last, arranged.ends_with_index) else {
        return Ok(arranged.ends_with_index);
    };
    let is_before_index = trailer.is_some_and(|trailer| last.end() == trailer.index_offset);
    if is_before_index && scanned.torn.is_empty() {
        return Ok(true);
    }
    // The checkpoint that closes the recording is the last frame before the index.
    let info = arranged
        .frames
        .last()
        .filter(|info| info.kind == FrameKind::Checkpoint && info.sequence == last.header.sequence);
    let Some(info) = info else { return Ok(false) };
    let raw = source.read(info.offset, info.stored_bytes)?;
    let frame = decode(header, info, &raw);
    Ok(matches!(frame, Ok(Frame::Checkpoint(checkpoint)) if checkpoint.end))
}

fn read_trailer(source: &Source, first_frame: u64, seed: &Seed) -> Result<Option<Trailer>> {
    let bytes = TRAILER_BYTES as u64;
    if source.bytes() < first_frame + bytes {
        return Ok(None);
    }
    let last = source.read(source.bytes() - bytes, bytes)?;
    Ok(Trailer::parse(&last, seed))
}
