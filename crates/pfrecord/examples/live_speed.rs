//! Prints how many faults a second the live stream shows.
//!
//! `cargo run -p pfrecord --example live_speed [FAULTS [text|json [PATH]]]`
//!
//! The faults are made up and always the same: eight threads touch anonymous memory and read a file, in
//! batches of 30 000, as a recorder hands them out at 300 000 a second. A batch is handed in when the
//! one before the last has been shown, so that nothing is dropped.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pfcapture::{FaultRow, Happenings, Live as _, Settled};
use pfrecord::live::{Format, Stream, Style};
use pft::record::{MapRecord, Outcome, TaskKind, TaskRecord, TraceHeader, flags};

const BATCH_FAULTS: u64 = 30_000;
const THREADS: u64 = 8;
const MAPPING_BYTES: u64 = 1 << 34;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let faults = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2_000_000);
    let format = if arguments.next().is_some_and(|name| name == "json") {
        Format::Json
    } else {
        Format::Text
    };
    let path = arguments.next().map_or(std::env::temp_dir().join("live_speed"), PathBuf::from);
    let header = TraceHeader {
        uuid: [0; 16],
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: 0,
        start_realtime_ns: 0,
    };
    let mut stream = Box::new(Stream::create(Style { format, fixed_ts: false }, &path, true)?);
    stream.begin(&header, &[])?;
    stream.take(beginning());

    let start = Instant::now();
    let mut n = 0;
    while n < faults {
        let next = (n + BATCH_FAULTS).min(faults);
        stream.take(Happenings { faults: (n..next).map(fault).collect(), ..Happenings::default() });
        n = next;
        while stream.waiting_faults() > BATCH_FAULTS as usize {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
    let end = stream.finish(Default::default());
    let seconds = start.elapsed().as_secs_f64();
    let bytes = path.metadata().map_or(0, |meta| meta.len());
    println!(
        "{faults} faults in {seconds:.2} s: {:.0} faults/s, {bytes} bytes, {} dropped",
        faults as f64 / seconds,
        end.dropped
    );
    Ok(())
}

fn beginning() -> Happenings {
    let task = |kind, tid: u64| TaskRecord {
        time_ns: 0,
        kind,
        pid: 1,
        tid: tid as u32,
        parent_pid: 1,
        parent_tid: 1,
        comm: if kind == TaskKind::Exec { b"model".to_vec() } else { Vec::new() },
    };
    let map = |n: u64, path: &str| MapRecord {
        time_ns: 0,
        pid: 1,
        tid: 1,
        start: n * MAPPING_BYTES,
        end: (n + 1) * MAPPING_BYTES,
        file_offset: 0,
        dev_major: 8,
        dev_minor: 1,
        inode: u64::from(!path.starts_with("//")),
        inode_generation: 0,
        prot: 3,
        flags: 2,
        path: path.as_bytes().to_vec(),
    };
    let mut tasks = vec![task(TaskKind::Exec, 1)];
    tasks.extend((2..=THREADS).map(|tid| task(TaskKind::Fork, tid)));
    Happenings {
        tasks,
        maps: vec![map(1, "/srv/model.gguf"), map(2, "//anon"), map(3, "/bin/app")],
        ..Happenings::default()
    }
}

fn fault(n: u64) -> Settled {
    let time_ns = (n + 1) * 3_000;
    let latency_ns = 400 + n % 977;
    let code = [0x4, 0x6][n as usize % 2];
    let row = FaultRow {
        time_ns,
        latency_ns,
        addr: (1 + n % 2) * MAPPING_BYTES + n / 2 * 4096 + n % 512,
        ip: 3 * MAPPING_BYTES + n % 500 * 16,
        pid: 1,
        tid: 1 + (n % THREADS) as u32,
        flags: Outcome::Minor as u32
            | flags::ERROR_CODE_VALID
            | code << flags::ERROR_CODE_SHIFT
            | 12 << flags::PAGE_SHIFT_SHIFT,
        ..FaultRow::default()
    };
    Settled { cpu: (n % 4) as u32, settled_ns: time_ns + latency_ns, row }
}
