//! The bytes of one frame to records. Nothing in them is trusted: checksums first, then bounds, then
//! the rules of the kind.

mod code;
mod faults;
mod moments;
mod records;

use rkyv::util::AlignedVec;

use crate::archive;
use crate::compression::decompress;
use crate::error::{Error, Result};
use crate::frame::{CODEC_ZSTD, FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::layout::Seed;
use crate::reader::FrameInfo;
use crate::record::{Frame, Snapshot, TraceHeader};

pub(crate) use records::index_rows;

/// What a decoder of one kind needs to know beside the archive.
#[derive(Clone, Copy)]
struct Expected {
    rows: usize,
    first_ns: u64,
    last_ns: u64,
}

impl Expected {
    fn check_rows(self, found: usize) -> std::result::Result<(), &'static str> {
        if found == self.rows {
            Ok(())
        } else {
            Err("the number of rows differs from the frame header")
        }
    }

    fn check_time(self, time_ns: u64) -> std::result::Result<(), &'static str> {
        if (self.first_ns..=self.last_ns).contains(&time_ns) {
            Ok(())
        } else {
            Err("a time lies outside the range in the frame header")
        }
    }
}

/// Decodes a frame from the bytes that [`crate::Trace::read_raw`] gave for `info`.
///
/// Needs neither the file nor other frames, so frames may be decoded on any thread and in any order.
///
/// # Errors
/// [`Error::FrameChecksum`] if the bytes are damaged, [`Error::FrameInvalid`] if they break a rule of
/// the format.
pub fn decode(header: &TraceHeader, info: &FrameInfo, raw: &[u8]) -> Result<Frame> {
    let seed = Seed::new(&header.uuid);
    let mut rest = raw;
    let mut rows = 0;
    let mut decoded: Option<Frame> = None;
    for part in 0..info.parts {
        let (frame, stored) = check_part(&seed, info, part, rest)?;
        let joined = decompress(stored, frame.raw_bytes)
            .and_then(|archive| decode_archive(header, info.kind, &frame, &archive))
            .and_then(|frame| join(decoded.take(), frame));
        decoded = Some(joined.map_err(|what| info.invalid(what))?);
        rows += u64::from(frame.rows);
        let frame_bytes = FRAME_HEADER_BYTES + stored.len();
        rest = rest.get(frame_bytes..).unwrap_or_default();
    }
    match decoded {
        Some(frame) if rest.is_empty() && rows == info.rows => Ok(frame),
        _ => Err(info.invalid(ANOTHER_FRAME)),
    }
}

/// The frame is not where it should be.
pub(crate) const ANOTHER_FRAME: &str = "another frame lies here";
/// What a newer program may have written.
pub(crate) const UNKNOWN_CODEC: &str = "the codec is unknown";
/// Likewise.
pub(crate) const UNKNOWN_ENCODING: &str = "a column has an unknown encoding";

/// Header and payload of the part at the start of `raw`, if it is the one that `info` says and
/// undamaged.
fn check_part<'a>(
    seed: &Seed,
    info: &FrameInfo,
    part: u16,
    raw: &'a [u8],
) -> Result<(FrameHeader, &'a [u8])> {
    let frame = FrameHeader::parse(raw, seed).ok_or_else(|| info.checksum("header"))?;
    let same = FrameKind::known(frame.kind, frame.version) == Some(info.kind)
        && info.sequence.checked_add(part.into()) == Some(frame.sequence)
        && (frame.part, frame.parts) == (part, info.parts)
        && (frame.first_ns, frame.last_ns) == (info.first_ns, info.last_ns);
    if !same {
        return Err(info.invalid(ANOTHER_FRAME));
    }
    if frame.codec != CODEC_ZSTD {
        return Err(info.invalid(UNKNOWN_CODEC));
    }
    let stored = raw
        .get(FRAME_HEADER_BYTES..)
        .and_then(|rest| rest.get(..frame.stored_bytes as usize))
        .ok_or_else(|| info.invalid("the frame is cut short"))?;
    if seed.checksum(stored) != frame.payload_crc {
        return Err(info.checksum("payload"));
    }
    Ok((frame, stored))
}

/// Adds a part to what came before it.
fn join(whole: Option<Frame>, part: Frame) -> std::result::Result<Frame, &'static str> {
    match (whole, part) {
        (None, part) => Ok(part),
        (Some(Frame::Snapshot(mut whole)), Frame::Snapshot(part)) => {
            let identity = |s: &Snapshot| (s.pid, s.start_ns, s.end_ns, s.reason);
            if identity(&whole) != identity(&part) {
                return Err("the parts belong to different snapshots");
            }
            whole.vmas.extend(part.vmas);
            Ok(Frame::Snapshot(whole))
        }
        _ => Err("this kind of frame has no parts"),
    }
}

/// The records of one frame, which may be a part of something, from its payload.
pub(crate) fn decode_archive(
    header: &TraceHeader,
    kind: FrameKind,
    frame: &FrameHeader,
    archive: &AlignedVec,
) -> std::result::Result<Frame, &'static str> {
    let expected =
        Expected { rows: frame.rows as usize, first_ns: frame.first_ns, last_ns: frame.last_ns };
    decode_part(header, kind, expected, archive)
}

fn decode_part(
    header: &TraceHeader,
    kind: FrameKind,
    expected: Expected,
    archive: &AlignedVec,
) -> std::result::Result<Frame, &'static str> {
    let frame = match kind {
        FrameKind::Host => Frame::Host(records::host(archive::access(archive)?, expected)?),
        FrameKind::Tasks => Frame::Tasks(records::tasks(archive::access(archive)?, expected)?),
        FrameKind::Maps => Frame::Maps(records::maps(archive::access(archive)?, expected)?),
        FrameKind::Snapshot => {
            Frame::Snapshot(records::snapshot(archive::access(archive)?, expected)?)
        }
        FrameKind::Faults => {
            let page_shift = header.page_size_bytes.trailing_zeros();
            Frame::Faults(faults::faults(archive::access(archive)?, expected, page_shift)?)
        }
        FrameKind::Lost => Frame::Lost(records::lost(archive::access(archive)?, expected)?),
        FrameKind::Checkpoint => {
            Frame::Checkpoint(records::checkpoint(archive::access(archive)?, expected)?)
        }
        FrameKind::Oom => Frame::Oom(moments::oom(archive::access(archive)?, expected)?),
        FrameKind::Marks => Frame::Marks(moments::marks(archive::access(archive)?, expected)?),
        FrameKind::Calls => Frame::Calls(moments::calls(archive::access(archive)?, expected)?),
        FrameKind::CallChains => {
            Frame::CallChains(code::call_chains(archive::access(archive)?, expected)?)
        }
        FrameKind::Modules => Frame::Modules(code::modules(archive::access(archive)?, expected)?),
        FrameKind::Symbols => Frame::Symbols(code::symbols(archive::access(archive)?, expected)?),
        FrameKind::StackPointers => {
            Frame::StackPointers(code::stack_pointers(archive::access(archive)?, expected)?)
        }
        FrameKind::Cgroups => {
            Frame::Cgroups(moments::cgroups(archive::access(archive)?, expected)?)
        }
        FrameKind::Gaps => Frame::Gaps(moments::gaps(archive::access(archive)?, expected)?),
        FrameKind::Index => return Err("an index frame holds no records"),
    };
    Ok(frame)
}

impl FrameInfo {
    pub(crate) fn invalid(&self, what: &'static str) -> Error {
        Error::FrameInvalid { offset: self.offset, kind: self.kind, sequence: self.sequence, what }
    }

    fn checksum(&self, part: &'static str) -> Error {
        Error::FrameChecksum { offset: self.offset, kind: self.kind, sequence: self.sequence, part }
    }
}
