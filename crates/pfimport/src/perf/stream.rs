//! The records of a file in the order in which they lie there, unpacked.

use std::io::{self, Read};

use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};

use super::bytes::Bytes;
use super::file::MOST_SECTION_BYTES;
use super::record::{HEADER_BYTES, Record, kind};

/// Bytes that are read at a time.
const READ_BYTES: usize = 1 << 20;
/// Bytes that are unpacked at a time; longer than any record.
const UNPACK_BYTES: usize = 1 << 17;

/// Reads records. What is broken ends them: nothing tells where the next one begins.
pub struct Records<R> {
    input: R,
    /// Bytes of the data that were not read yet; in a stream nobody knows.
    left: Option<u64>,
    bytes: Vec<u8>,
    at: usize,
    packed: Packed,
    /// What is behind a record of fixed length.
    appendix: Vec<u8>,
    damage: Option<&'static str>,
    is_over: bool,
}

/// Records that were packed, as far as they are unpacked.
#[derive(Default)]
struct Packed {
    decoder: Option<Decoder<'static>>,
    input: Vec<u8>,
    input_at: usize,
    /// The last step filled the room that it had.
    is_full: bool,
    bytes: Vec<u8>,
    at: usize,
}

impl<R> std::fmt::Debug for Records<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<R: Read> Records<R> {
    /// The records of `input`, which is at the first one; of `data_bytes` bytes where that is known.
    pub fn new(input: R, data_bytes: Option<u64>) -> Self {
        Self {
            input,
            left: data_bytes,
            bytes: Vec::new(),
            at: 0,
            packed: Packed::default(),
            appendix: Vec::new(),
            damage: None,
            is_over: false,
        }
    }

    /// Why there are no more records, if not because all were read.
    pub fn damage(&self) -> Option<&'static str> {
        self.damage
    }

    /// The next record. The body of tracing data in a stream is what lies behind their record.
    ///
    /// # Errors
    /// Those of reading.
    pub fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        if self.is_over {
            return Ok(None);
        }
        loop {
            match self.packed.next() {
                Ok(Some((start, end))) => {
                    let bytes = self.packed.bytes.get(start..end).unwrap_or_default();
                    return Ok(super::record::first_record(bytes).map(|(record, _)| record));
                }
                Ok(None) => {}
                Err(what) => return Ok(self.end(Some(what))),
            }
            let Some(len) = self.whole_record()? else {
                let what =
                    self.damage.or(self.packed.has_rest().then_some("the last record is cut"));
                return Ok(self.end(what));
            };
            let start = self.at;
            self.at += len;
            let body = start + HEADER_BYTES;
            let header = self.bytes.get(start..body).unwrap_or_default();
            let kind = Bytes(header).u32().unwrap_or(0);
            match kind {
                kind::COMPRESSED | kind::COMPRESSED2 => {
                    let body = self.bytes.get(body..self.at).unwrap_or_default();
                    if let Err(what) = self.packed.append(body, kind == kind::COMPRESSED2) {
                        return Ok(self.end(Some(what)));
                    }
                }
                kind::AUXTRACE | kind::HEADER_TRACING_DATA => {
                    let mut fields = Bytes(self.bytes.get(body..self.at).unwrap_or_default());
                    let is_tracing = kind == kind::HEADER_TRACING_DATA;
                    let size = if is_tracing { fields.u32().map(u64::from) } else { fields.u64() };
                    let is_whole = self.pass(size.unwrap_or(0), is_tracing)?;
                    if !is_whole {
                        return Ok(self.end(Some("the file is cut")));
                    }
                    if is_tracing {
                        return Ok(Some(Record { kind, misc: 0, body: &self.appendix }));
                    }
                }
                _ => {
                    let bytes = self.bytes.get(start..self.at).unwrap_or_default();
                    return Ok(super::record::first_record(bytes).map(|(record, _)| record));
                }
            }
        }
    }

    fn end(&mut self, damage: Option<&'static str>) -> Option<Record<'_>> {
        self.is_over = true;
        self.damage = damage;
        None
    }

    /// Has a whole record lie at `at`; its length, or `None` where there is no other, or no whole one.
    fn whole_record(&mut self) -> io::Result<Option<usize>> {
        if !self.fill(HEADER_BYTES)? {
            self.damage = (self.at < self.bytes.len()).then_some("the last record is cut");
            return Ok(None);
        }
        let header = self.bytes.get(self.at..).unwrap_or_default();
        let len =
            header.get(6..8).and_then(|len| len.try_into().ok()).map_or(0, u16::from_le_bytes);
        let len = usize::from(len);
        if len < HEADER_BYTES {
            self.damage = Some("a record in it is damaged");
            return Ok(None);
        }
        if !self.fill(len)? {
            self.damage = Some("the last record is cut");
            return Ok(None);
        }
        Ok(Some(len))
    }

    /// Reads until `needed` bytes lie at `at`; whether there are as many.
    fn fill(&mut self, needed: usize) -> io::Result<bool> {
        while self.bytes.len() - self.at < needed {
            self.bytes.drain(..self.at);
            self.at = 0;
            let most = self.left.map_or(READ_BYTES, |left| {
                usize::try_from(left).map_or(READ_BYTES, |left| left.min(READ_BYTES))
            });
            let read = self.input.by_ref().take(most as u64).read_to_end(&mut self.bytes)?;
            self.left = self.left.map(|left| left.saturating_sub(read as u64));
            if read == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Passes over what lies behind a record, and keeps it where it `is_wanted`. Whether it is whole.
    fn pass(&mut self, mut size: u64, is_wanted: bool) -> io::Result<bool> {
        self.appendix.clear();
        if is_wanted && size > MOST_SECTION_BYTES {
            return Ok(false);
        }
        while size > 0 {
            let step = usize::try_from(size).map_or(READ_BYTES, |size| size.min(READ_BYTES));
            if !self.fill(1)? {
                return Ok(false);
            }
            let there = self.bytes.get(self.at..).unwrap_or_default();
            let there = there.get(..step).unwrap_or(there);
            if is_wanted {
                self.appendix.extend_from_slice(there);
            }
            self.at += there.len();
            size -= there.len() as u64;
        }
        Ok(true)
    }
}

impl Packed {
    /// Takes the body of a packed record.
    fn append(&mut self, body: &[u8], has_length: bool) -> Result<(), &'static str> {
        let mut fields = Bytes(body);
        let bytes = match has_length {
            true => fields.u64().and_then(|len| fields.take_u64(len)),
            false => Some(body),
        };
        self.input.drain(..self.input_at);
        self.input_at = 0;
        self.input.extend_from_slice(bytes.ok_or("a packed record in it is damaged")?);
        Ok(())
    }

    /// Where the next unpacked record lies, if it is whole.
    fn next(&mut self) -> Result<Option<(usize, usize)>, &'static str> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let len = rest.get(6..8).and_then(|len| len.try_into().ok()).map(u16::from_le_bytes);
            if let Some(len) = len.map(usize::from) {
                if len < HEADER_BYTES {
                    return Err("a packed record in it is damaged");
                }
                if rest.len() >= len {
                    let start = self.at;
                    self.at += len;
                    return Ok(Some((start, self.at)));
                }
            }
            if !self.unpack()? {
                return Ok(None);
            }
        }
    }

    /// Unpacks more; whether there was more.
    fn unpack(&mut self) -> Result<bool, &'static str> {
        if self.input_at == self.input.len() && !self.is_full {
            return Ok(false);
        }
        const BROKEN: &str = "packed records in it cannot be unpacked";
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::new().map_err(|_| BROKEN)?),
        };
        self.bytes.drain(..self.at);
        self.at = 0;
        let before = self.bytes.len();
        self.bytes.resize(before + UNPACK_BYTES, 0);
        let mut input = InBuffer::around(self.input.get(self.input_at..).unwrap_or_default());
        let mut output = OutBuffer::around_pos(self.bytes.as_mut_slice(), before);
        let hint = decoder.run(&mut input, &mut output).map_err(|_| BROKEN)?;
        let (taken, filled) = (input.pos(), output.pos());
        self.bytes.truncate(filled);
        self.input_at += taken;
        if hint == 0 {
            // Another frame may follow.
            decoder.reinit().map_err(|_| BROKEN)?;
        }
        self.is_full = filled == before + UNPACK_BYTES;
        Ok(taken > 0 || filled > before)
    }

    /// Whether a part of a record is left.
    fn has_rest(&self) -> bool {
        self.at < self.bytes.len()
    }
}
