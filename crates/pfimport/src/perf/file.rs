//! A file of perf's from its start to its first record.

use std::io::{self, Read, Seek, SeekFrom};

use super::attr::Attr;
use super::bytes::Bytes;
use super::features::{Features, feature, words};
use super::stream::Records;
use crate::error::Error;

const MAGIC: &[u8; 8] = b"PERFILE2";
const BIG_ENDIAN_MAGIC: &[u8; 8] = b"2ELIFREP";
/// Size of the header of a stream, and of a file.
const STREAM_HEADER_BYTES: u64 = 16;
const FILE_HEADER_BYTES: usize = 104;
/// Where a section lies: its offset and its length.
const SECTION_BYTES: usize = 16;
/// Longest list of events that is read.
const MOST_ATTR_BYTES: u64 = 64 << 20;
/// Longest section of a header that is read; tracing data of all tracepoints are some megabytes.
pub(super) const MOST_SECTION_BYTES: u64 = 256 << 20;

/// Whether a file that begins so is one of perf's.
#[must_use]
pub fn is_perf_data(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC) || beginning.starts_with(BIG_ENDIAN_MAGIC)
}

/// What `perf record` wrote, opened.
#[derive(Debug)]
pub struct PerfData<R> {
    pub(crate) records: Records<R>,
    /// Events with their ids. A stream tells them in records.
    pub(crate) events: Vec<(Attr, Vec<u64>)>,
    pub(crate) features: Features,
    /// What is missing or wrong, if anything.
    pub(crate) damage: Option<&'static str>,
}

#[derive(Debug, Clone, Copy)]
struct Section {
    offset: u64,
    bytes: u64,
}

impl Section {
    fn parse(fields: &mut Bytes<'_>) -> Option<Self> {
        Some(Self { offset: fields.u64()?, bytes: fields.u64()? })
    }

    fn end(self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// The beginning of a file or stream: whether it is a stream.
fn begin(input: &mut impl Read) -> Result<bool, Error> {
    let mut bytes = [0; STREAM_HEADER_BYTES as usize];
    input.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::NotPerfData,
        _ => Error::Read(error),
    })?;
    let (magic, size) = bytes.split_at(MAGIC.len());
    if magic == BIG_ENDIAN_MAGIC {
        return Err(Error::BigEndian);
    }
    if magic != MAGIC {
        return Err(Error::NotPerfData);
    }
    Ok(size == STREAM_HEADER_BYTES.to_le_bytes())
}

impl<R: Read> PerfData<R> {
    /// Opens what `perf record -o -` writes, of which nothing needs to be read twice.
    ///
    /// # Errors
    /// [`Error::NotPerfData`], [`Error::BigEndian`]; [`Error::NeedsSeek`] for a file; [`Error::Read`].
    pub fn stream(mut input: R) -> Result<Self, Error> {
        if !begin(&mut input)? {
            return Err(Error::NeedsSeek);
        }
        Ok(Self::of_stream(input))
    }

    fn of_stream(input: R) -> Self {
        Self {
            records: Records::new(input, None),
            events: Vec::new(),
            features: Features::default(),
            damage: None,
        }
    }
}

impl<R: Read + Seek> PerfData<R> {
    /// Opens a file, which may hold what was written into a pipe.
    ///
    /// # Errors
    /// [`Error::NotPerfData`], [`Error::BigEndian`], [`Error::Header`], [`Error::Read`].
    pub fn open(mut input: R) -> Result<Self, Error> {
        if begin(&mut input)? {
            return Ok(Self::of_stream(input));
        }
        input.rewind().map_err(Error::Read)?;
        let damaged = |what| Error::Header { what };
        let header = read(&mut input, 0, FILE_HEADER_BYTES as u64)?;
        let mut fields = Bytes(&header);
        let told = (|| {
            fields.take(MAGIC.len() + 8)?;
            let entry_bytes = fields.u64()?;
            let (attrs, data) = (Section::parse(&mut fields)?, Section::parse(&mut fields)?);
            fields.take(SECTION_BYTES)?;
            Some((entry_bytes, attrs, data, fields.take(32)?))
        })();
        let Some((entry_bytes, attrs, mut data, bits)) = told else {
            return Err(damaged("it is cut"));
        };
        let file_bytes = input.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        let events = events(&mut input, entry_bytes, attrs)?;
        if data.offset < STREAM_HEADER_BYTES || data.offset > file_bytes {
            return Err(damaged("its data lie nowhere"));
        }
        let mut damage = None;
        let mut features = Features::default();
        if data.bytes == 0 {
            // Of a perf that was killed; then nothing lies behind the data.
            data.bytes = file_bytes - data.offset;
            damage = Some("perf did not end in order");
        } else if data.end() > file_bytes {
            data.bytes = file_bytes - data.offset;
            damage = Some("the file is cut");
        } else if !read_features(&mut input, data.end(), bits, &mut features)? {
            damage = Some("what perf wrote at the end of the file is cut or damaged");
        }
        input.seek(SeekFrom::Start(data.offset)).map_err(Error::Read)?;
        Ok(Self { records: Records::new(input, Some(data.bytes)), events, features, damage })
    }
}

/// Bytes of a file, as far as they are there.
fn read(input: &mut (impl Read + Seek), offset: u64, bytes: u64) -> Result<Vec<u8>, Error> {
    let mut found = Vec::new();
    input.seek(SeekFrom::Start(offset)).map_err(Error::Read)?;
    input.take(bytes).read_to_end(&mut found).map_err(Error::Read)?;
    Ok(found)
}

/// Events with their ids.
fn events(
    input: &mut (impl Read + Seek),
    entry_bytes: u64,
    list: Section,
) -> Result<Vec<(Attr, Vec<u64>)>, Error> {
    let damaged = |what| Error::Header { what };
    let entry_len = usize::try_from(entry_bytes).unwrap_or(0);
    if entry_len <= SECTION_BYTES || list.bytes > MOST_ATTR_BYTES {
        return Err(damaged("its list of events makes no sense"));
    }
    let bytes = read(input, list.offset, list.bytes)?;
    let mut found = Vec::new();
    for entry in bytes.chunks_exact(entry_len) {
        let attr = Attr::parse(entry).map(|(attr, _)| attr);
        let mut place = Bytes(entry.get(entry_len - SECTION_BYTES..).unwrap_or_default());
        let (Some(attr), Some(ids)) = (attr, Section::parse(&mut place)) else {
            return Err(damaged("an event in it makes no sense"));
        };
        if ids.bytes > MOST_ATTR_BYTES {
            return Err(damaged("the ids of an event make no sense"));
        }
        found.push((attr, words(&read(input, ids.offset, ids.bytes)?)));
    }
    Ok(found)
}

/// Reads the features behind the data; whether all are there.
fn read_features(
    input: &mut (impl Read + Seek),
    offset: u64,
    bits: &[u8],
    features: &mut Features,
) -> Result<bool, Error> {
    let has = |number: u32| {
        bits.get(number as usize / 8).is_some_and(|byte| byte >> (number % 8) & 1 != 0)
    };
    let numbers: Vec<u32> = (0..feature::END).filter(|&number| has(number)).collect();
    let list = read(input, offset, (numbers.len() * SECTION_BYTES) as u64)?;
    let mut fields = Bytes(&list);
    let mut is_whole = true;
    for number in numbers {
        let section = Section::parse(&mut fields).filter(|at| at.bytes <= MOST_SECTION_BYTES);
        let Some(section) = section else {
            is_whole = false;
            continue;
        };
        let bytes = read(input, section.offset, section.bytes)?;
        is_whole &= bytes.len() as u64 == section.bytes;
        features.add(number, bytes);
    }
    Ok(is_whole)
}
