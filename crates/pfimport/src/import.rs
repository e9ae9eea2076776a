//! From the first record to the closed trace.

use std::io::{Read, Write};

use pft::Writer;
use pft::record::{Checkpoint, LedgerEntry};
use rustc_hash::FxHashMap;

use crate::convert::{Converter, is_foreign, time_of};
use crate::counts::Counts;
use crate::error::Error;
use crate::events::{Completions, Events};
use crate::facts;
use crate::initial::Initial;
use crate::perf::PerfData;
use crate::perf::attr::Attr;
use crate::perf::bytes::Bytes;
use crate::perf::features::{Features, NamedEvent, feature, words};
use crate::perf::layouts::Layouts;
use crate::perf::order::Rounds;
use crate::perf::record::{self, Record, kind};
use crate::perf::tracing::{self, Tracing};

/// Level of zstd: a trace is made once and read often.
const LEVEL: i32 = 3;
/// Callers that the kernel takes where neither event nor system says otherwise (`kernel.perf_event_max_stack`).
const MOST_CALLERS: u16 = 127;
/// As many events of a stream are taken.
const MOST_EVENTS: usize = 1 << 16;

/// Choices of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Identity of the new trace: random.
    pub uuid: [u8; 16],
}

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Faults in the trace.
    pub faults: u64,
    /// Of these, those that completed as minor and as major.
    pub completed: (u64, u64),
    /// Whether entries and completions were recorded.
    pub recorded: (bool, bool),
    /// Whether latencies are known.
    pub latency: bool,
    /// Whether the wall clock is known.
    pub wall_clock: bool,
    /// Whether changes of data mappings were recorded (option `-d`).
    pub data_mappings: bool,
    /// Records that the kernel dropped, by what perf reported.
    pub lost: u64,
    /// Records that came later than perf's rounds allow.
    pub late: u64,
    /// Records that could not be understood.
    pub unparsed: u64,
    /// Samples outside of processes, of virtual machines, and of processes outside perf's pid namespace.
    pub foreign: u64,
    /// Mappings from before the recording for which there was no room.
    pub mappings_dropped: u64,
    /// Samples of events that are no page faults, and the names of these events.
    pub others: (u64, Vec<String>),
    /// An event of which there are two that see the same faults.
    pub repeated: Option<String>,
    /// Why the file could not be read to its end, or lacks something.
    pub cut: Option<&'static str>,
}

impl Imported {
    /// Whether the trace has all that happened.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.lost == 0 && self.cut.is_none() && self.unparsed == 0
    }
}

/// What the file says about its events, as far as it was read.
#[derive(Debug, Default)]
struct Setup {
    events: Vec<(Attr, Vec<u64>)>,
    features: Features,
    tracing: Tracing,
    cpus: FxHashMap<u64, u32>,
}

impl Setup {
    /// Takes a record of perf's own.
    fn take(&mut self, record: Record<'_>) {
        match record.kind {
            kind::HEADER_ATTR if self.events.len() < MOST_EVENTS => {
                if let Some((attr, size)) = Attr::parse(record.body) {
                    let ids = record.body.get(size..).unwrap_or_default();
                    self.events.push((attr, words(ids)));
                }
            }
            kind::HEADER_TRACING_DATA => self.tracing = tracing::parse(record.body),
            kind::HEADER_FEATURE => {
                let mut fields = Bytes(record.body);
                let number = fields.u64().and_then(|number| u32::try_from(number).ok());
                if let Some(number) = number.filter(|&number| number < feature::END) {
                    self.features.add(number, fields.0.to_vec());
                }
            }
            kind::ID_INDEX => self.cpus.extend(record::parse_id_index(record.body)),
            _ => {}
        }
    }
}

/// The state of an import.
struct Import<W> {
    setup: Setup,
    options: Options,
    output: Option<W>,
    writer: Option<Writer<W>>,
    converter: Option<Converter>,
    initial: Initial,
    has_wall_clock: bool,
    is_cut: bool,
    failure: Option<pft::Error>,
}

/// Makes a trace of what perf recorded.
///
/// # Errors
/// [`Error`].
pub fn import<R: Read, W: Write>(
    input: PerfData<R>,
    output: W,
    options: &Options,
) -> Result<(Imported, W), Error> {
    let PerfData { mut records, events, features, damage } = input;
    let tracing = features.section(feature::TRACING_DATA).map(tracing::parse).unwrap_or_default();
    let mut import = Import {
        setup: Setup { events, features, tracing, cpus: FxHashMap::default() },
        options: *options,
        output: Some(output),
        writer: None,
        converter: None,
        initial: Initial::default(),
        has_wall_clock: false,
        is_cut: damage.is_some(),
        failure: None,
    };
    let mut rounds = Rounds::default();
    while let Some(record) = records.next().map_err(Error::Read)? {
        if record.kind >= kind::FIRST_OF_PERF {
            import.of_perf(record, &mut rounds);
        } else {
            import.of_kernel(record, &mut rounds)?;
        }
        import.check()?;
    }
    rounds.finish(|time_ns, record| import.in_order(time_ns, record));
    import.check()?;
    import.finish(damage.or(records.damage()), rounds.late)
}

impl<W: Write> Import<W> {
    fn of_perf(&mut self, record: Record<'_>, rounds: &mut Rounds) {
        match record.kind {
            kind::FINISHED_ROUND => {
                rounds.finish_round(|time_ns, record| self.in_order(time_ns, record));
            }
            kind::HEADER_BUILD_ID => {
                if let (Some(converter), Some(found)) =
                    (&mut self.converter, record::parse_build_id(record))
                {
                    converter.modules.build_id(found);
                }
            }
            _ if self.converter.is_none() => self.setup.take(record),
            _ => {}
        }
    }

    fn of_kernel(&mut self, record: Record<'_>, rounds: &mut Rounds) -> Result<(), Error> {
        let converter = match &mut self.converter {
            Some(converter) => converter,
            None => {
                let converter = self.setup.converter(self.is_cut)?;
                self.converter.insert(converter)
            }
        };
        let time_ns = time_of(record, &converter.layouts);
        if time_ns != 0 {
            rounds.put(time_ns, record);
            rounds.relieve(|time_ns, record| self.in_order(time_ns, record));
            return Ok(());
        }
        match record.kind {
            // perf made them up: that is what it found when it began.
            kind::COMM => {
                let found = record::parse_comm(record.body);
                if let Some((pid, tid, comm)) = found.filter(|&(pid, tid, _)| !is_foreign(pid, tid))
                {
                    self.initial.thread(pid, tid, comm);
                }
            }
            kind::MMAP2 => {
                let is_kernel = record.misc & record::misc::MODE == record::misc::KERNEL;
                let found = record::parse_map(record);
                if let Some(map) = found.filter(|map| !is_kernel && !is_foreign(map.pid, 1)) {
                    converter.modules.map(&map);
                    self.initial.map(&map);
                }
            }
            kind::LOST_SAMPLES => {
                converter.lost_samples(record);
            }
            kind::SAMPLE => converter.counts.unparsed += 1,
            _ => {}
        }
        Ok(())
    }

    /// Takes a record in order of time.
    fn in_order(&mut self, time_ns: u64, record: Record<'_>) {
        if self.failure.is_some() {
            return;
        }
        if let Err(failure) = self.try_in_order(time_ns, record) {
            self.failure = Some(failure);
        }
    }

    fn try_in_order(&mut self, time_ns: u64, record: Record<'_>) -> pft::Result<()> {
        if self.writer.is_none() {
            self.begin(time_ns)?;
        }
        let (Some(converter), Some(writer)) = (&mut self.converter, &mut self.writer) else {
            return Ok(());
        };
        if converter.is_due(time_ns) {
            converter.out.write(writer)?;
            converter.flushed();
        }
        converter.record(time_ns, record);
        Ok(())
    }

    /// Begins the trace at the time of its first record.
    fn begin(&mut self, start_ns: u64) -> pft::Result<()> {
        let Some(output) = self.output.take() else {
            return Ok(());
        };
        let Setup { events, features, tracing, .. } = &self.setup;
        let attrs: Vec<Attr> = events.iter().map(|(attr, _)| *attr).collect();
        let header =
            facts::header(self.options.uuid, start_ns, &attrs, features, tracing.page_size_bytes);
        self.has_wall_clock = header.start_realtime_ns != 0;
        let writer = self.writer.insert(Writer::create(output, &header, LEVEL)?);
        if let Some(converter) = &mut self.converter {
            converter.begin(start_ns);
            let facts = facts::facts(&converter.events, &attrs, features, self.has_wall_clock);
            writer.host(&facts)?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Error> {
        self.failure.take().map_or(Ok(()), |failure| Err(Error::Write(failure)))
    }

    fn finish(mut self, cut: Option<&'static str>, late: u64) -> Result<(Imported, W), Error> {
        if self.converter.is_none() {
            // Not one record: whether there could have been any is still to be told.
            self.converter = Some(self.setup.converter(self.is_cut)?);
        }
        let written = self.close(cut, late).map_err(Error::Write)?;
        let Some((counts, output)) = written.zip(self.writer) else {
            return Err(Error::Header { what: "it has no events" });
        };
        let Some(converter) = self.converter else {
            return Err(Error::Header { what: "it has no events" });
        };
        let output = output.finish().map_err(Error::Write)?;
        let events = &converter.events;
        let is_other = |event: &&crate::events::Event| {
            event.kind == crate::events::Kind::Other && event.name != "dummy"
        };
        let others = events.list.iter().filter(is_other).map(|event| event.name.clone()).collect();
        let has_completions = events.completions != Completions::None;
        let data_mappings = |(attr, _): &(Attr, _)| attr.has(crate::perf::attr::flags::MMAP_DATA);
        let imported = Imported {
            faults: counts.rows(),
            completed: (counts.minor, counts.major),
            recorded: (events.has_entries(), has_completions),
            latency: events.has_entries() && has_completions,
            wall_clock: self.has_wall_clock,
            data_mappings: self.setup.events.iter().any(data_mappings),
            lost: counts.lost,
            late,
            unparsed: counts.unparsed,
            foreign: counts.foreign,
            mappings_dropped: self.initial.dropped,
            others: (counts.others, others),
            repeated: events.repeated().map(str::to_owned),
            cut,
        };
        Ok((imported, output))
    }

    /// Writes what is left, and the ledger.
    fn close(&mut self, cut: Option<&'static str>, late: u64) -> pft::Result<Option<Counts>> {
        if self.writer.is_none() {
            self.begin(0)?;
        }
        let (Some(converter), Some(writer)) = (&mut self.converter, &mut self.writer) else {
            return Ok(None);
        };
        self.setup.features.build_ids().for_each(|found| converter.modules.build_id(found));
        converter.finish();
        let (tasks, snapshots) = self.initial.take(converter.start_ns());
        writer.tasks(&tasks)?;
        for snapshot in &snapshots {
            writer.snapshot(snapshot)?;
        }
        converter.counts.snapshots += snapshots.len() as u64;
        converter.out.write(writer)?;
        let modules = converter.modules.records();
        if !modules.is_empty() {
            writer.modules(&modules)?;
        }
        let (events, counts) = (&converter.events, converter.counts.clone());
        let mut ledger = counts.ledger(events.completions, events.has_entries(), late);
        let chains = converter.out.chain_counts().into_iter();
        ledger.extend(chains.map(|(key, value)| LedgerEntry { key: key.to_owned(), value }));
        let time_ns = converter.last_ns();
        let Setup { events, features, .. } = &self.setup;
        let attrs: Vec<Attr> = events.iter().map(|(attr, _)| *attr).collect();
        writer.checkpoint(&Checkpoint {
            time_ns,
            realtime_ns: facts::wall_ns(time_ns, &attrs, features).unwrap_or(0),
            boottime_ns: 0,
            end: cut.is_none(),
            ledger,
        })?;
        Ok(Some(counts))
    }
}

impl Setup {
    /// What converts the records of these events.
    fn converter(&self, is_cut: bool) -> Result<Converter, Error> {
        let attrs: Vec<Attr> = self.events.iter().map(|(attr, _)| *attr).collect();
        let named: Vec<NamedEvent> = self.features.events();
        let events = Events::judge(&attrs, &named, &self.tracing, is_cut)?;
        let layouts = Layouts::new(&self.events, self.cpus.clone()).ok_or(Error::NoIds)?;
        let deepest = attrs.iter().map(|attr| attr.max_stack).max().unwrap_or(0);
        let most_callers = if deepest == 0 { MOST_CALLERS } else { deepest };
        Ok(Converter::new(events, layouts, most_callers))
    }
}
