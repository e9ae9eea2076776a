//! A clean trace of what is left of a damaged one.

use std::io::{self, Write};

use crate::decoder::{UNKNOWN_CODEC, UNKNOWN_ENCODING};
use crate::error::{Error, Result};
use crate::frame::{FRAME_HEADER_BYTES, FrameHeader};
use crate::keys::fact;
use crate::layout::{Seed, with_uuid};
use crate::reader::{Damage, FrameInfo, Hole, Known, Trace};
use crate::record::{Fact, Frame, GapReason, GapRecord};
use crate::writer::Writer;

/// Decoded size of a record that is looked into, bytes: only forged ones exceed it, of which the checksums alone
/// are examined.
const RECORD_BYTES: u64 = 1 << 30;
/// A sound file is copied in pieces of so many bytes.
const PIECE_BYTES: u64 = 1 << 20;
/// Level of compression of the frames that are added.
const LEVEL: i32 = 1;

/// What can be had of a trace, and what cannot. All of it has been read and checked.
///
/// Memory is for one record at a time, and some fifty bytes a frame.
#[derive(Debug)]
pub struct Recovery<'a> {
    trace: &'a Trace,
    /// In order of sequence.
    kept: Vec<Piece>,
    gaps: Vec<GapRecord>,
    earlier: Vec<GapRecord>,
    kept_faults: u64,
    is_sound: bool,
}

/// A record that is kept: its parts lie one behind the other.
#[derive(Debug, Clone, Copy)]
struct Piece {
    sequence: u64,
    offset: u64,
    parts: u16,
}

impl<'a> Recovery<'a> {
    /// Reads all of a trace, which is best opened without a limit on what it may take decoded.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn new(trace: &'a Trace) -> Result<Self> {
        let mut recovery = Self {
            trace,
            kept: Vec::new(),
            gaps: Vec::new(),
            earlier: Vec::new(),
            kept_faults: 0,
            is_sound: false,
        };
        let mut lost = Vec::new();
        for info in trace.frames() {
            match recovery.examine(info)? {
                None => recovery.kept.push(Piece::of(info)),
                Some(reason) => lost.push(Hole::of(info, reason)),
            }
        }
        for frame in trace.unknown_frames() {
            let piece = Piece { sequence: frame.header.sequence, offset: frame.offset, parts: 1 };
            match trace.read_part(frame.offset, frame.header.sequence)? {
                Some((header, _)) if header == frame.header => recovery.kept.push(piece),
                _ => lost.push(Hole {
                    first_sequence: frame.header.sequence,
                    frames: 1,
                    known: Some(Known::of(&frame.header)),
                    bytes: frame.header.frame_bytes(),
                    reason: GapReason::Checksum,
                }),
            }
        }
        recovery.kept.sort_unstable_by_key(|piece| piece.sequence);
        recovery.gaps = trace.gaps_with(lost);
        let is_whole = |damage: &Damage| matches!(damage, Damage::UnknownFrames { .. });
        recovery.is_sound = recovery.gaps.is_empty() && trace.damage().iter().all(is_whole);
        Ok(recovery)
    }

    /// Why a frame is lost, if it is.
    fn examine(&mut self, info: &FrameInfo) -> Result<Option<GapReason>> {
        if info.decoded_bytes() > RECORD_BYTES {
            return self.examine_parts(info);
        }
        match self.trace.read(info) {
            Ok(Frame::Gaps(gaps)) => self.earlier.extend(gaps),
            Ok(Frame::Faults(batch)) => self.kept_faults += batch.columns.len() as u64,
            Ok(_) => {}
            Err(error @ Error::Read { .. }) => return Err(error),
            // What a newer program may read is kept for it, if it is what was written.
            Err(Error::FrameInvalid { what: UNKNOWN_CODEC | UNKNOWN_ENCODING, .. }) => {
                return self.examine_parts(info);
            }
            Err(error) => return Ok(Some(GapReason::of(&error))),
        }
        Ok(None)
    }

    fn examine_parts(&self, info: &FrameInfo) -> Result<Option<GapReason>> {
        let mut same = true;
        let intact = self.copy(&Piece::of(info), |header, _| {
            same &= (header.kind, header.parts) == (info.kind as u16, info.parts)
                && (header.first_ns, header.last_ns) == (info.first_ns, info.last_ns);
            Ok(())
        })?;
        Ok(match (intact, same) {
            (false, _) => Some(GapReason::Checksum),
            (_, false) => Some(GapReason::Missing),
            _ => None,
        })
    }

    /// What is lost, and was not when the trace was recovered before.
    #[must_use]
    pub fn gaps(&self) -> &[GapRecord] {
        &self.gaps
    }

    /// What the trace says it lost before.
    #[must_use]
    pub fn earlier_gaps(&self) -> &[GapRecord] {
        &self.earlier
    }

    /// Whether nothing is wrong with the file, so that a copy is all that can be made of it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// Records that are kept: frames, where one of several parts is one.
    #[must_use]
    pub fn kept_frames(&self) -> u64 {
        self.kept.len() as u64
    }

    /// Faults in them.
    #[must_use]
    pub fn kept_faults(&self) -> u64 {
        self.kept_faults
    }

    /// Writes the trace, with this random identity: everything that is kept in the order in which it was
    /// written, what is lost, and whence it is. Of a sound file it is an equal one, with its own identity.
    /// Returns its length, bytes.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Write`]; [`Error::Changed`] if the file is not what was examined.
    pub fn write(&self, mut out: impl Write, uuid: [u8; 16]) -> Result<u64> {
        if self.is_sound {
            return self.copy_file(&mut out);
        }
        let trace = self.trace;
        let start = trace.read_bytes(0, trace.body().start)?;
        let (start, header) = with_uuid(start, trace.header(), uuid);
        let mut writer = Writer::begin(out, &header, start, LEVEL)?;
        let from = Fact { key: fact::RECOVERED_FROM.into(), value: hex(&trace.header().uuid) };
        writer.host(&[from])?;
        writer.gaps(&self.gaps)?;
        for piece in &self.kept {
            if !self.copy(piece, |header, payload| writer.write_raw(header, payload))? {
                return Err(Error::Changed { offset: piece.offset });
            }
        }
        writer.close()?;
        Ok(writer.whole_bytes())
    }

    fn copy_file(&self, out: &mut impl Write) -> Result<u64> {
        let bytes = self.trace.file_bytes();
        let failed = |offset| move |source: io::Error| Error::Write { offset, source };
        let mut at = 0;
        while at < bytes {
            let piece = self.trace.read_bytes(at, PIECE_BYTES.min(bytes - at))?;
            out.write_all(&piece).map_err(failed(at))?;
            at += piece.len() as u64;
        }
        out.flush().map_err(failed(at))?;
        Ok(bytes)
    }

    /// Hands out headers and payloads of the parts of a record; whether all of them are intact.
    fn copy(
        &self,
        piece: &Piece,
        mut part: impl FnMut(&FrameHeader, &[u8]) -> Result<()>,
    ) -> Result<bool> {
        let mut offset = piece.offset;
        for n in 0..u64::from(piece.parts) {
            let sequence = piece.sequence.saturating_add(n);
            let Some((header, payload)) = self.trace.read_part(offset, sequence)? else {
                return Ok(false);
            };
            part(&header, &payload)?;
            offset = offset.saturating_add(header.frame_bytes());
        }
        Ok(true)
    }
}

impl Piece {
    fn of(info: &FrameInfo) -> Self {
        Self { sequence: info.sequence, offset: info.offset, parts: info.parts }
    }
}

impl Trace {
    /// Header and payload of the frame at this place, if they are intact.
    fn read_part(&self, offset: u64, sequence: u64) -> Result<Option<(FrameHeader, Vec<u8>)>> {
        let seed = Seed::new(&self.header().uuid);
        let header = self.read_bytes(offset, FRAME_HEADER_BYTES as u64)?;
        let header = FrameHeader::parse(&header, &seed).filter(|h| h.sequence == sequence);
        let Some(header) = header else { return Ok(None) };
        let payload = offset.saturating_add(FRAME_HEADER_BYTES as u64);
        if u64::from(header.stored_bytes) > self.file_bytes().saturating_sub(payload) {
            return Ok(None);
        }
        let payload = self.read_bytes(payload, header.stored_bytes.into())?;
        Ok((seed.checksum(&payload) == header.payload_crc).then_some((header, payload)))
    }
}

/// The identity of a trace as facts have it: 32 digits.
fn hex(uuid: &[u8; 16]) -> String {
    uuid.iter().map(|byte| format!("{byte:02x}")).collect()
}
