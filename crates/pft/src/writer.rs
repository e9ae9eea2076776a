//! Streams a trace.

mod records;

use std::fmt;
use std::io::{self, Write};

use crate::archive::IndexRow;
use crate::encoder::{EncodedFrame, Encoder};
use crate::error::{Error, Result};
use crate::frame::{CODEC_ZSTD, FRAME_HEADER_BYTES, FrameHeader, FrameKind, VERSION};
use crate::layout::{Seed, Trailer, encode_header};
use crate::record::TraceHeader;

/// Writes a trace frame by frame; each frame goes out in one piece, as soon as it is complete.
///
/// Definitions come first: whoever writes must see to it that task and map records up to a time are
/// written before faults of that time, and call chains before faults that have them.
///
/// When writing fails, the file holds a valid trace of [`Writer::whole_bytes`] bytes, behind which a
/// broken frame may lie; every further operation fails with [`Error::Write`], until
/// [`Writer::rewind`].
pub struct Writer<W> {
    inner: W,
    encoder: Encoder,
    seed: Seed,
    header: Vec<u8>,
    index: Vec<IndexRow>,
    buffer: Vec<u8>,
    written_bytes: u64,
    whole_bytes: u64,
    failure: Option<io::Error>,
    closed: bool,
}

impl<W> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("written_bytes", &self.written_bytes)
            .field("whole_bytes", &self.whole_bytes)
            .field("frames", &self.index.len())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl<W: Write> Writer<W> {
    /// Writes the file header; `level` is zstd's, 1 is the fastest.
    ///
    /// `inner` needs no buffering of its own.
    ///
    /// # Errors
    /// [`Error::HeaderField`], [`Error::Level`], [`Error::Write`].
    pub fn create(inner: W, header: &TraceHeader, level: i32) -> Result<Self> {
        Self::begin(inner, header, encode_header(header), level)
    }

    /// The same for a header whose bytes are given.
    pub(crate) fn begin(
        inner: W,
        header: &TraceHeader,
        bytes: Vec<u8>,
        level: i32,
    ) -> Result<Self> {
        let mut writer = Self {
            inner,
            encoder: Encoder::new(header, level)?,
            seed: Seed::new(&header.uuid),
            header: encode_header(header),
            index: Vec::new(),
            buffer: bytes,
            written_bytes: 0,
            whole_bytes: 0,
            failure: None,
            closed: false,
        };
        writer.write_buffer()?;
        writer.whole_bytes = writer.written_bytes;
        Ok(writer)
    }

    /// Writes frames that an [`Encoder`] made, all parts of one record among them.
    ///
    /// # Errors
    /// Those of [`Writer::write_frame`].
    pub fn write_frames(&mut self, frames: &[EncodedFrame]) -> Result<()> {
        frames.iter().try_for_each(|frame| self.write_frame(frame))
    }

    /// Writes one frame that an [`Encoder`] for the same page size made.
    ///
    /// # Errors
    /// [`Error::Write`], now and ever after; [`Error::Closed`].
    pub fn write_frame(&mut self, frame: &EncodedFrame) -> Result<()> {
        let header = FrameHeader {
            kind: frame.kind as u16,
            version: VERSION,
            codec: CODEC_ZSTD,
            part: frame.part,
            parts: frame.parts,
            rows: frame.rows,
            sequence: 0,
            first_ns: frame.first_ns,
            last_ns: frame.last_ns,
            stored_bytes: frame.payload.len() as u32,
            raw_bytes: frame.raw_bytes,
            payload_crc: 0,
        };
        self.write_raw(&header, &frame.payload)
    }

    /// Writes a payload with what its header says, but for sequence number and checksum, which are those of this
    /// trace.
    ///
    /// # Errors
    /// As [`Writer::write_frame`].
    pub(crate) fn write_raw(&mut self, header: &FrameHeader, payload: &[u8]) -> Result<()> {
        if self.closed {
            return Err(Error::Closed);
        }
        let header = FrameHeader {
            sequence: self.index.len() as u64,
            payload_crc: self.seed.checksum(payload),
            ..*header
        };
        self.buffer.clear();
        header.encode(&self.seed, &mut self.buffer);
        self.buffer.extend_from_slice(payload);
        let offset = self.written_bytes;
        self.write_buffer()?;
        self.index.push(index_row(offset, &header));
        if header.part + 1 == header.parts {
            self.whole_bytes = self.written_bytes;
        }
        Ok(())
    }

    /// Writes index and trailer, after which nothing can be added.
    ///
    /// # Errors
    /// [`Error::Write`]; what was written before stays valid, up to [`Writer::whole_bytes`].
    /// [`Error::Closed`] the second time.
    pub fn close(&mut self) -> Result<()> {
        let index_offset = self.written_bytes;
        let frames = self.encoder.encode_index(&self.index)?;
        self.write_frames(&frames)?;
        let trailer = Trailer {
            index_offset,
            file_bytes: self.written_bytes + crate::layout::TRAILER_BYTES as u64,
        };
        self.buffer = trailer.encode(&self.seed);
        self.write_buffer()?;
        if let Err(source) = self.inner.flush() {
            return Err(self.fail(source));
        }
        self.whole_bytes = self.written_bytes;
        self.closed = true;
        Ok(())
    }

    /// [`Writer::close`], then [`Writer::into_inner`].
    ///
    /// # Errors
    /// Those of [`Writer::close`]; call that when the sink is still needed after an error.
    pub fn finish(mut self) -> Result<W> {
        self.close()?;
        Ok(self.inner)
    }

    /// Forgets a failure and what was written behind `bytes`, one of [`Writer::whole_bytes_within`]: the
    /// caller has cut the sink there and has it go on from there. With 0 the header is written again.
    ///
    /// # Errors
    /// [`Error::Write`] of the header; [`Error::Closed`].
    pub fn rewind(&mut self, bytes: u64) -> Result<()> {
        if self.closed {
            return Err(Error::Closed);
        }
        self.index.retain(|row| row.offset < bytes);
        self.failure = None;
        self.written_bytes = bytes;
        if bytes == 0 {
            self.buffer.clone_from(&self.header);
            self.write_buffer()?;
        }
        self.whole_bytes = self.written_bytes;
        Ok(())
    }

    /// Writes the buffer, counting what goes out even if it fails.
    fn write_buffer(&mut self) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(Error::Write { offset: self.written_bytes, source: repeat(failure) });
        }
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() {
            let outcome = match self.inner.write(rest) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                outcome => outcome,
            };
            match outcome {
                Ok(bytes) => {
                    self.written_bytes += bytes as u64;
                    rest = rest.get(bytes..).unwrap_or_default();
                }
                Err(source) => return Err(self.fail(source)),
            }
        }
        Ok(())
    }

    fn fail(&mut self, source: io::Error) -> Error {
        self.failure = Some(repeat(&source));
        Error::Write { offset: self.written_bytes, source }
    }
}

impl<W> Writer<W> {
    /// Bytes that went out, those of a broken last frame included.
    pub fn bytes_written(&self) -> u64 {
        self.written_bytes
    }

    /// End of the last whole frame (all its parts), bytes: a file cut here is a valid trace.
    pub fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }

    /// The same within the first `bytes`: 0 where not even the header lies in there.
    pub fn whole_bytes_within(&self, bytes: u64) -> u64 {
        let header_bytes = self.header.len() as u64;
        let frames = self.index.iter().filter(|row| row.part + 1 == row.parts);
        let ends = std::iter::once(header_bytes).chain(frames.map(end_of));
        ends.take_while(|&end| end <= bytes).last().unwrap_or(0)
    }

    /// Rows of one kind in whole frames that lie within the first `bytes`.
    pub fn rows_within(&self, kind: FrameKind, bytes: u64) -> u64 {
        let within = self.index.iter().take_while(|row| end_of(row) <= bytes);
        within.filter(|row| row.kind == kind as u16).map(|row| u64::from(row.rows)).sum()
    }

    /// Frames that went out whole.
    pub fn frames(&self) -> usize {
        self.index.len()
    }

    /// The sink.
    pub fn inner(&self) -> &W {
        &self.inner
    }

    /// The sink: to be cut where [`Writer::rewind`] then goes on, and otherwise not written to.
    pub fn inner_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Gives the sink back without closing the trace.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

/// The same error again, as far as it can be copied.
fn repeat(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

fn end_of(row: &IndexRow) -> u64 {
    row.offset + FRAME_HEADER_BYTES as u64 + u64::from(row.stored_bytes)
}

fn index_row(offset: u64, header: &FrameHeader) -> IndexRow {
    IndexRow {
        offset,
        first_ns: header.first_ns,
        last_ns: header.last_ns,
        rows: header.rows,
        stored_bytes: header.stored_bytes,
        raw_bytes: header.raw_bytes,
        payload_crc: header.payload_crc,
        kind: header.kind,
        version: header.version,
        codec: header.codec,
        part: header.part,
        parts: header.parts,
        reserved: 0,
        reserved2: 0,
    }
}
