//! What perf wrote down about machine and command: the features of a header.

use super::attr::Attr;
use super::bytes::Bytes;
use super::record::{self, BuildId, kind};

/// Numbers of features (`tools/perf/util/header.h`).
pub mod feature {
    pub const TRACING_DATA: u32 = 1;
    pub const BUILD_ID: u32 = 2;
    pub const HOSTNAME: u32 = 3;
    pub const OS_RELEASE: u32 = 4;
    pub const VERSION: u32 = 5;
    pub const ARCH: u32 = 6;
    pub const CPUS: u32 = 7;
    pub const TOTAL_MEMORY: u32 = 10;
    pub const COMMAND: u32 = 11;
    pub const EVENTS: u32 = 12;
    pub const CLOCK: u32 = 29;
    /// None is beyond.
    pub const END: u32 = 256;
}

/// As many words of a command line are kept.
const MOST_WORDS: u32 = 1 << 16;
/// As many events are kept.
const MOST_EVENTS: u32 = 1 << 16;

/// Features by their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    sections: Vec<(u32, Vec<u8>)>,
}

/// Two clocks, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockPair {
    /// The one that records have.
    pub clock_id: u32,
    /// `CLOCK_REALTIME`.
    pub realtime_ns: u64,
    /// The other one.
    pub clock_ns: u64,
}

/// An event with its name and the ids that its samples have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEvent {
    pub attr: Attr,
    pub name: String,
    pub ids: Vec<u64>,
}

impl Features {
    /// Notes one; the first of a number counts.
    pub fn add(&mut self, number: u32, section: Vec<u8>) {
        if self.section(number).is_none() {
            self.sections.push((number, section));
        }
    }

    /// The bytes of one.
    pub fn section(&self, number: u32) -> Option<&[u8]> {
        let found = self.sections.iter().find(|(known, _)| *known == number)?;
        Some(&found.1)
    }

    fn fields(&self, number: u32) -> Option<Bytes<'_>> {
        self.section(number).map(Bytes)
    }

    /// One that is a string, unless it is empty.
    pub fn text(&self, number: u32) -> Option<String> {
        let text = self.fields(number)?.string()?;
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// CPUs online.
    pub fn cpus(&self) -> Option<u32> {
        let mut fields = self.fields(feature::CPUS)?;
        fields.u32()?;
        fields.u32()
    }

    /// Physical memory.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.fields(feature::TOTAL_MEMORY)?.u64()?.checked_mul(1024)
    }

    /// Words of the command that ran perf.
    pub fn command(&self) -> Option<Vec<String>> {
        let mut fields = self.fields(feature::COMMAND)?;
        let words = fields.u32()?.min(MOST_WORDS);
        let words = (0..words).map_while(|_| fields.string());
        Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    /// Events with their names.
    pub fn events(&self) -> Vec<NamedEvent> {
        let Some(mut fields) = self.fields(feature::EVENTS) else {
            return Vec::new();
        };
        let (Some(events), Some(attr_bytes)) = (fields.u32(), fields.u32()) else {
            return Vec::new();
        };
        (0..events.min(MOST_EVENTS)).map_while(|_| event(&mut fields, attr_bytes)).collect()
    }

    /// The wall clock beside the one of the records.
    pub fn clocks(&self) -> Option<ClockPair> {
        let mut fields = self.fields(feature::CLOCK)?;
        let version = fields.u32()?;
        let (clock_id, realtime_ns, clock_ns) = (fields.u32()?, fields.u64()?, fields.u64()?);
        (version == 1).then_some(ClockPair { clock_id, realtime_ns, clock_ns })
    }

    /// Build ids of what was hit.
    pub fn build_ids(&self) -> impl Iterator<Item = BuildId<'_>> {
        let mut rest = self.section(feature::BUILD_ID).unwrap_or_default();
        std::iter::from_fn(move || {
            let (found, behind) = record::first_record(rest)?;
            rest = behind;
            // The kind was not always filled in.
            let is_one = matches!(found.kind, 0 | kind::HEADER_BUILD_ID);
            Some(record::parse_build_id(found).filter(|_| is_one))
        })
        .flatten()
    }
}

fn event(fields: &mut Bytes<'_>, attr_bytes: u32) -> Option<NamedEvent> {
    let (attr, _) = Attr::parse(fields.take(attr_bytes as usize)?)?;
    let ids = fields.u32()?;
    let name = String::from_utf8_lossy(fields.string()?).into_owned();
    let ids = fields.take_u64(u64::from(ids) * 8)?;
    Some(NamedEvent { attr, name, ids: words(ids) })
}

/// Words, one behind the other.
pub fn words(bytes: &[u8]) -> Vec<u64> {
    let mut fields = Bytes(bytes);
    std::iter::from_fn(|| fields.u64()).collect()
}
