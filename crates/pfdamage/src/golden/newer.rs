//! `v1.9-newer.pft`: a version of the format that does not exist. What section 9 of `schemas/pft.md` lets later minor
//! versions add, beside frames of today.

use std::error::Error;

use pft::record::{
    CallChainRecord, Checkpoint, Fact, FaultBatch, FaultColumns, LATENCY_UNKNOWN, LedgerEntry,
    MapRecord, MarkRecord, Snapshot, SnapshotReason, TaskKind, TaskRecord, TraceHeader, Vma,
};
use pft::{FrameKind, Trace, Writer, keys};

const START_NS: u64 = 1_000_000_000;
const UUID: [u8; 16] = *b"golden     newer";
/// Behind the 64 bytes of the header that this version has.
const MORE_HEADER: &[u8; 32] = b"header bytes of a newer version.";

fn header() -> TraceHeader {
    TraceHeader {
        uuid: UUID,
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: START_NS,
        start_realtime_ns: 1_700_000_000_000_000_000,
    }
}

fn faults() -> FaultBatch {
    FaultBatch {
        cpu: 1,
        columns: FaultColumns {
            time_ns: vec![START_NS + 500, START_NS + 700, START_NS + 900],
            latency_ns: vec![300, 250, LATENCY_UNKNOWN],
            addr: vec![0x7f00_0000_0010, 0x7f00_0000_1000, 0x7f00_0000_2000],
            ip: vec![0x40_1234, 0x40_1238, 0x40_1234],
            pid: vec![4711; 3],
            tid: vec![4711, 4712, 4711],
            flags: vec![0x0c_0620, 0x0c_0621, 0x0628],
            attempts: vec![1; 3],
            call_chain: vec![1, 0, 1],
            node: vec![],
        },
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        pid: 4711,
        start_ns: START_NS + 10,
        end_ns: START_NS + 20,
        reason: SnapshotReason::Start,
        vmas: vec![Vma {
            start: 0x7f00_0000_0000,
            end: 0x7f00_0000_2000,
            prot: 3,
            shared: false,
            file_offset: 0,
            dev_major: 0,
            dev_minor: 0,
            inode: 0,
            path: Vec::new(),
        }],
    }
}

fn ledger() -> Vec<LedgerEntry> {
    let line = |key: &str, value| LedgerEntry { key: key.into(), value };
    vec![
        line(keys::ledger::CAPTURED_MINOR, 2),
        line(keys::ledger::CAPTURED_MAJOR, 1),
        line(keys::ledger::MINOR_FAULTS_COUNT, 2),
        line(keys::ledger::MAJOR_FAULTS_COUNT, 1),
        line("captured.by_a_newer_version", 42),
    ]
}

/// The frames of today, each as the writer of today makes it.
fn frames_of_today() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
    let task = |time_ns, tid, kind| TaskRecord {
        time_ns,
        kind,
        pid: 4711,
        tid,
        parent_pid: 0,
        parent_tid: 0,
        comm: b"example".to_vec(),
    };
    let map = MapRecord {
        time_ns: START_NS + 40,
        pid: 4711,
        tid: 4712,
        start: 0x7f00_0000_2000,
        end: 0x7f00_0000_3000,
        file_offset: 0,
        dev_major: 0,
        dev_minor: 0,
        inode: 0,
        inode_generation: 0,
        prot: 3,
        flags: 0x22,
        path: b"//anon".to_vec(),
    };
    let chain =
        CallChainRecord { id: 1, cut: false, kernel: vec![], user: vec![0x40_1234, 0x40_1100] };
    let mut writer = Writer::create(Vec::new(), &header(), 1)?;
    writer.host(&[
        fact(keys::fact::KERNEL_RELEASE, "7.4.0"),
        fact("capture.by_a_newer_version", "some value"),
        fact(keys::fact::CAPTURE_LATENCY, "yes"),
    ])?;
    writer.tasks(&[
        task(START_NS, 4711, TaskKind::Present),
        task(START_NS + 30, 4712, TaskKind::Comm),
    ])?;
    writer.snapshot(&snapshot())?;
    writer.maps(&[map])?;
    writer.call_chains(&[chain])?;
    writer.faults(&faults())?;
    writer.marks(&[MarkRecord { time_ns: START_NS + 600, name: b"serve".to_vec() }])?;
    writer.checkpoint(&Checkpoint {
        time_ns: START_NS + 1000,
        realtime_ns: 1_700_000_000_000_001_000,
        boottime_ns: START_NS + 1000,
        end: true,
        ledger: ledger(),
    })?;
    let bytes = writer.finish()?;
    let trace = Trace::from_bytes(bytes.clone())?;
    let frame = |offset: u64, length: u64| bytes.get(offset as usize..(offset + length) as usize);
    let frames = trace.frames().iter().map(|info| frame(info.offset, info.stored_bytes));
    frames.map(|frame| Ok(frame.ok_or("a frame lies in its file")?.to_vec())).collect()
}

/// The checksum of the format.
fn crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&UUID);
    hasher.update(bytes);
    hasher.finalize()
}

/// What a frame header says beside what follows from its place and its payload.
#[derive(Clone, Copy)]
struct Kind {
    kind: u16,
    version: u16,
    codec: u16,
    part: (u16, u16),
    rows: u32,
    times: (u64, u64),
}

impl Kind {
    const fn unknown(kind: u16) -> Self {
        Self { kind, version: 1, codec: 1, part: (0, 1), rows: 0, times: (0, 0) }
    }

    /// The frame with a payload, compressed if the codec is that of today. Its number is still to come.
    fn frame(self, payload: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        let stored =
            if self.codec == 1 { zstd::bulk::compress(payload, 1)? } else { payload.to_vec() };
        let mut frame = pft::SYNC_MARKER.to_vec();
        for field in [self.kind, self.version, self.codec, self.part.0, self.part.1, 0] {
            frame.extend(field.to_le_bytes());
        }
        frame.extend(self.rows.to_le_bytes());
        for field in [0, self.times.0, self.times.1] {
            frame.extend(field.to_le_bytes());
        }
        for field in [stored.len() as u32, payload.len() as u32, crc(&stored), 0] {
            frame.extend(field.to_le_bytes());
        }
        frame.extend(stored);
        Ok(frame)
    }
}

/// Four bytes as a number.
fn number(bytes: &[u8], at: usize) -> usize {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    field.map_or(0, |field| u32::from_le_bytes(*field) as usize)
}

/// A Faults frame with two columns more, one of them in an encoding of its own.
fn with_columns(frame: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let payload = frame.get(pft::FRAME_HEADER_BYTES..).ok_or("a frame has a payload")?;
    let archive = zstd::bulk::decompress(payload, number(frame, 52))?;
    let root = archive.len() - 40;
    let rows = number(&archive, root + 4);
    // Elements of one vector of the root.
    let elements = |field: usize, bytes: usize| -> Option<Vec<u8>> {
        let field = root + field;
        let distance = (number(&archive, field) as u32).cast_signed();
        let at = field.checked_add_signed(distance as isize)?;
        Some(archive.get(at..at + number(&archive, field + 4) * bytes)?.to_vec())
    };
    let vectors = [(8, 8), (16, 16), (24, 16), (32, 1)].map(|(at, bytes)| elements(at, bytes));
    let [Some(ips), Some(threads), Some(mut columns), Some(mut data)] = vectors else {
        return Err("the vectors lie in the payload".into());
    };
    for (base, id, encoding, width) in [(7_u64, 77, 1, 1), (0, 78, 99, 2)] {
        let bytes = rows * width;
        columns.extend(base.to_le_bytes());
        columns.extend((bytes as u32).to_le_bytes());
        columns.extend([id, encoding, width as u8, 0]);
        data.extend((0..bytes).map(|n| n as u8));
    }
    let counts = [ips.len() / 8, threads.len() / 16, columns.len() / 16, data.len()];
    let starts =
        [0, ips.len(), ips.len() + threads.len(), ips.len() + threads.len() + columns.len()];
    let mut forged = [ips, threads, columns, data].concat();
    forged.resize(forged.len().next_multiple_of(4), 0);
    forged.extend(archive.get(root..root + 8).unwrap_or_default());
    for (start, count) in starts.into_iter().zip(counts) {
        let distance = start as i32 - forged.len() as i32;
        forged.extend(distance.to_le_bytes());
        forged.extend((count as u32).to_le_bytes());
    }
    let times = (START_NS + 500, START_NS + 900);
    let kind = FrameKind::Faults as u16;
    Kind { rows: rows as u32, times, ..Kind::unknown(kind) }.frame(&forged)
}

/// Frames of today and of a newer version among each other.
fn frames() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut frames = frames_of_today()?;
    for frame in &mut frames {
        if frame.get(8) == Some(&(FrameKind::Faults as u8)) {
            *frame = with_columns(frame)?;
        }
    }
    let end = frames.pop().ok_or("there are frames")?;
    let times = (START_NS + 100, START_NS + 200);
    let newer_marks = Kind { version: 9, rows: 2, times, ..Kind::unknown(FrameKind::Marks as u16) };
    let of_parts = |part| Kind { part: (part, 2), ..Kind::unknown(201) };
    frames.insert(1, Kind::unknown(200).frame(b"a kind that is not known")?);
    frames.insert(4, Kind { codec: 7, ..Kind::unknown(200) }.frame(b"the same in another codec")?);
    frames.push(newer_marks.frame(b"a layout that is not known")?);
    frames.push(of_parts(0).frame(b"a record in two")?);
    frames.push(of_parts(1).frame(b" parts")?);
    frames.push(Kind { times, rows: 1, ..Kind::unknown(65_535) }.frame(&[0; 100])?);
    frames.push(end);
    Ok(frames)
}

/// The bytes of the file.
pub fn bytes() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut file = Writer::create(Vec::new(), &header(), 1)?.into_inner();
    file.extend(MORE_HEADER);
    file[10..12].copy_from_slice(&9_u16.to_le_bytes());
    file[12..16].copy_from_slice(&96_u32.to_le_bytes());
    let sum = crc(&[&file[..60], &file[64..]].concat());
    file[60..64].copy_from_slice(&sum.to_le_bytes());

    let mut entries = Vec::new();
    let mut frames = frames()?;
    for (sequence, frame) in frames.iter_mut().enumerate() {
        frame[24..32].copy_from_slice(&(sequence as u64).to_le_bytes());
        let sum = crc(&frame[..60]);
        frame[60..64].copy_from_slice(&sum.to_le_bytes());
        entries.extend((file.len() as u64).to_le_bytes());
        // Times; rows; lengths and checksum; kind, version, codec, part and parts.
        for fields in [32..48, 20..24, 48..60, 8..18] {
            entries.extend(&frame[fields]);
        }
        entries.extend([0; 6]);
        file.extend(frame.as_slice());
    }
    let count = frames.len() as u32;
    let distance = -(entries.len() as i32);
    entries.extend(distance.to_le_bytes());
    entries.extend(count.to_le_bytes());
    let index_offset = file.len() as u64;
    let kind = Kind { rows: count, ..Kind::unknown(FrameKind::Index as u16) };
    let mut index = kind.frame(&entries)?;
    index[24..32].copy_from_slice(&u64::from(count).to_le_bytes());
    let sum = crc(&index[..60]);
    index[60..64].copy_from_slice(&sum.to_le_bytes());
    file.extend(index);

    let file_bytes = file.len() as u64 + pft::TRAILER_BYTES as u64;
    let mut trailer = b"\x89PFTEND\n".to_vec();
    trailer.extend(index_offset.to_le_bytes());
    trailer.extend(file_bytes.to_le_bytes());
    trailer.extend([0; 4]);
    let sum = crc(&trailer);
    trailer.extend(sum.to_le_bytes());
    file.extend(trailer);
    Ok(file)
}
