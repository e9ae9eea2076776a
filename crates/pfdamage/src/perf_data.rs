//! Recordings of perf, made byte by byte: a file, or what goes into a pipe.

/// Fields of samples that the events have: instruction, process and thread, time, address, id, CPU.
const SAMPLE_TYPE: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 7;
/// Callers, and the payload of tracepoints.
const CALLCHAIN: u64 = 1 << 5;
const RAW: u64 = 1 << 10;
/// Maps, names, tasks, data, what records say of themselves, and a clock.
const FLAGS: u64 = 1 << 8 | 1 << 9 | 1 << 13 | 1 << 17 | 1 << 18 | 1 << 25;
const ATTR_BYTES: usize = 128;
/// Where it says which clock.
const CLOCK_AT: usize = 92;

/// The description of a tracepoint.
const FORMAT: &str = "name: page_fault_user\nID: 190\nformat:\n\
    \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
    \tfield:unsigned long address;\toffset:8;\tsize:8;\tsigned:0;\n\
    \tfield:unsigned long ip;\toffset:16;\tsize:8;\tsigned:0;\n\
    \tfield:unsigned long error_code;\toffset:24;\tsize:8;\tsigned:0;\n";

/// An event that is recorded; its id is the number of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Event {
    /// `page-faults`.
    Entry = 0,
    /// `minor-faults`.
    Minor = 1,
    /// `major-faults`.
    Major = 2,
    /// `exceptions:page_fault_user`.
    User = 3,
}

impl Event {
    const ALL: [Self; 4] = [Self::Entry, Self::Minor, Self::Major, Self::User];

    /// Id of its samples.
    const fn id(self) -> u64 {
        100 + self as u64
    }

    fn attr(self, period: u64) -> Vec<u8> {
        let (kind, config) = match self {
            Self::Entry => (1_u32, 2_u64),
            Self::Minor => (1, 5),
            Self::Major => (1, 6),
            Self::User => (2, 190),
        };
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend((ATTR_BYTES as u32).to_le_bytes());
        let sample_type = SAMPLE_TYPE | CALLCHAIN | RAW;
        for word in [config, period, sample_type, 0, FLAGS] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.resize(ATTR_BYTES, 0);
        if let Some(clock) = bytes.get_mut(CLOCK_AT) {
            *clock = 1;
        }
        bytes
    }
}

/// A recording.
#[derive(Debug, Clone)]
pub struct PerfData {
    events: Vec<Event>,
    /// Of all events.
    pub period: u64,
    records: Vec<u8>,
}

fn record(kind: u32, misc: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend(misc.to_le_bytes());
    bytes.extend(u16::try_from(8 + body.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend(body);
    bytes
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn text(text: &str, multiple: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize((text.len() + 1).next_multiple_of(multiple), 0);
    bytes
}

fn string(value: &str) -> Vec<u8> {
    let text = text(value, 64);
    let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
    bytes.extend(text);
    bytes
}

/// Process and thread in one word.
const fn task(pid: u32, tid: u32) -> u64 {
    (tid as u64) << 32 | pid as u64
}

impl PerfData {
    /// A recording of these events, of nothing so far.
    #[must_use]
    pub fn new(events: &[Event]) -> Self {
        Self { events: events.to_vec(), period: 1, records: Vec::new() }
    }

    /// Adds a record as it is.
    pub fn push(&mut self, kind: u32, misc: u16, body: &[u8]) {
        self.records.extend(record(kind, misc, body));
    }

    /// What a record of this thread says of itself; all 0 if perf made it up.
    fn trailer(&self, tid: u32, time_ns: u64) -> Vec<u8> {
        let id = self.events.first().map_or(0, |event| event.id());
        match time_ns {
            0 => words(&[0; 4]),
            _ => words(&[task(tid, tid), time_ns, id, 0]),
        }
    }

    /// A thread, the first of its process, has a name, by `exec` or since before (time 0).
    pub fn comm(&mut self, tid: u32, time_ns: u64, name: &str, exec: bool) {
        let mut body = words(&[task(tid, tid)]);
        body.extend(text(name, 8));
        body.extend(self.trailer(tid, time_ns));
        self.push(3, if exec { 1 << 13 } else { 0 }, &body);
    }

    /// A process maps something, at a time or before (0).
    pub fn map(&mut self, tid: u32, time_ns: u64, (start, end): (u64, u64), path: &str) {
        let inode = if path.starts_with("/") && !path.starts_with("//") { 77 } else { 0 };
        let mut body =
            words(&[task(tid, tid), start, end - start, 0, 8 << 32 | 1, inode, 0, 2 << 32 | 3]);
        body.extend(text(path, 8));
        body.extend(self.trailer(tid, time_ns));
        self.push(10, 2, &body);
    }

    /// A process begins or ends.
    pub fn task(&mut self, tid: u32, time_ns: u64, ends: bool) {
        let mut body = words(&[1 << 32 | u64::from(tid), 1 << 32 | u64::from(tid), time_ns]);
        body.extend(self.trailer(tid, time_ns));
        self.push(if ends { 4 } else { 7 }, 0, &body);
    }

    /// Records were lost before this time.
    pub fn lost(&mut self, time_ns: u64, count: u64) {
        let mut body = words(&[100, count]);
        body.extend(self.trailer(0, time_ns));
        self.push(2, 0, &body);
    }

    /// A sample.
    pub fn sample(&mut self, event: Event, tid: u32, time_ns: u64, addr: u64, ip: u64) {
        let is_tracepoint = event == Event::User;
        let shown = if is_tracepoint { (0xffff_ffff_8100_0000, 0) } else { (ip, addr) };
        let mut body = words(&[shown.0, task(tid, tid), time_ns, shown.1, event.id(), 1]);
        let user = (-512_i64).cast_unsigned();
        body.extend(words(&[3, user, ip, 0x40_1000]));
        let raw = if is_tracepoint { words(&[190, addr, ip, 6]) } else { words(&[0; 4]) };
        body.extend((raw.len() as u32 + 4).to_le_bytes());
        body.extend(raw);
        body.extend([0; 4]);
        self.push(9, if is_tracepoint { 1 } else { 2 }, &body);
    }

    /// perf has emptied all rings.
    pub fn round(&mut self) {
        self.push(68, 0, &[]);
    }

    /// Packs all records so far.
    pub fn pack(&mut self) {
        let packed = zstd::encode_all(self.records.as_slice(), 1).unwrap_or_default();
        self.records = packed.chunks(60_000).flat_map(|part| record(81, 0, part)).collect();
    }

    fn tracing() -> Vec<u8> {
        let sized = |text: &str| {
            let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
            bytes.extend(text.as_bytes());
            bytes
        };
        let mut bytes = b"\x17\x08\x44tracing0.6\0\0\x08".to_vec();
        bytes.extend(4096_u32.to_le_bytes());
        bytes.extend(b"header_page\0");
        bytes.extend(sized(""));
        bytes.extend(b"header_event\0");
        bytes.extend(sized(""));
        bytes.extend([0, 0, 0, 0, 1, 0, 0, 0]);
        bytes.extend(b"exceptions\0");
        bytes.extend([1, 0, 0, 0]);
        bytes.extend(sized(FORMAT));
        bytes
    }

    fn features() -> Vec<(u32, Vec<u8>)> {
        let mut build_id = (-1_i32).to_le_bytes().to_vec();
        build_id.extend([0xab; 20]);
        build_id.extend([20, 0, 0, 0]);
        build_id.extend(text("/usr/bin/program", 64));
        let mut command = 6_u32.to_le_bytes().to_vec();
        for word in ["perf", "record", "-e", "page-faults", "--", "program"] {
            command.extend(string(word));
        }
        let mut clocks = [1_u32.to_le_bytes(), 1_u32.to_le_bytes()].concat();
        clocks.extend(words(&[1_700_000_000_000_000_000, 5_000]));
        vec![
            (1, Self::tracing()),
            (2, record(67, 1 << 15 | 2, &build_id)),
            (3, string("host")),
            (5, string("6.1.0")),
            (7, words(&[2 << 32 | 2])),
            (10, words(&[1 << 20])),
            (11, command),
            (29, clocks),
        ]
    }

    /// The bytes of a file.
    #[must_use]
    pub fn file(&self) -> Vec<u8> {
        let mut attrs = Vec::new();
        let mut ids = Vec::new();
        for event in &self.events {
            attrs.extend(event.attr(self.period));
            attrs.extend(words(&[104 + ids.len() as u64, 8]));
            ids.extend(event.id().to_le_bytes());
        }
        let attrs_at = 104 + ids.len() as u64;
        let data_at = attrs_at + attrs.len() as u64;
        let features = Self::features();
        let bits = features.iter().fold(0_u64, |bits, (number, _)| bits | 1 << number);
        let mut bytes = b"PERFILE2".to_vec();
        let data_bytes = self.records.len() as u64;
        bytes.extend(words(&[104, ATTR_BYTES as u64 + 16, attrs_at, attrs.len() as u64]));
        bytes.extend(words(&[data_at, data_bytes, 0, 0, bits, 0, 0, 0]));
        bytes.extend(ids);
        bytes.extend(attrs);
        bytes.extend(&self.records);
        let mut section_at = data_at + data_bytes + 16 * features.len() as u64;
        for (_, section) in &features {
            bytes.extend(words(&[section_at, section.len() as u64]));
            section_at += section.len() as u64;
        }
        features.into_iter().for_each(|(_, section)| bytes.extend(section));
        bytes
    }

    /// The bytes of a pipe.
    #[must_use]
    pub fn stream(&self) -> Vec<u8> {
        let mut bytes = b"PERFILE2".to_vec();
        bytes.extend(words(&[16]));
        for event in &self.events {
            let mut body = event.attr(self.period);
            body.extend(event.id().to_le_bytes());
            bytes.extend(record(64, 0, &body));
        }
        for (number, section) in Self::features() {
            match number {
                1 => {
                    bytes.extend(record(66, 0, &(section.len() as u32).to_le_bytes()));
                    bytes.extend(section);
                }
                2 => {}
                _ => {
                    let mut body = words(&[u64::from(number)]);
                    body.extend(section);
                    bytes.extend(record(80, 0, &body));
                }
            }
        }
        bytes.extend(&self.records);
        bytes
    }

    /// A small recording of everything: two processes, both of whose faults are minor, major and without end.
    #[must_use]
    pub fn sample_of_all() -> Self {
        let mut data = Self::new(&Event::ALL);
        data.comm(7, 0, "old", false);
        data.map(7, 0, (0x50_0000, 0x60_0000), "//anon");
        data.comm(8, 10_000, "program", true);
        data.map(8, 11_000, (0x40_0000, 0x42_0000), "/usr/bin/program");
        data.map(8, 12_000, (0x70_0000, 0x80_0000), "//anon");
        for page in 0..5 {
            let (time_ns, addr) = (20_000 + page * 10_000, 0x70_0010 + page * 4096);
            data.sample(Event::User, 8, time_ns, addr, 0x40_1234);
            data.sample(Event::Entry, 8, time_ns + 100, addr, 0x40_1234);
            let event = if page == 3 { Event::Major } else { Event::Minor };
            data.sample(event, 8, time_ns + 900, addr, 0x40_1234);
        }
        data.round();
        data.sample(Event::User, 7, 25_000, 0x50_0000, 0x40_1000);
        data.sample(Event::Minor, 7, 26_000, 0x50_0000, 0x40_1000);
        data.sample(Event::User, 7, 27_000, 0x10, 0x40_1000);
        data.task(9, 80_000, false);
        data.lost(90_000, 3);
        data.task(8, 100_000, true);
        data.round();
        data
    }
}
