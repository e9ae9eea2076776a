//! Prints how many faults a second the analysis works out.
//!
//! `cargo run --release -p pfmodel --example model_speed [ROWS [MAPPINGS [PERCENT]]]`
//!
//! The trace is made up and always the same: eight threads on four CPUs touch anonymous memory, read
//! files and write private pages; some processes are forked and write what they inherited. Of the
//! faults, PERCENT are anywhere in all of the memory, which is what costs most; the others follow each
//! other from page to page.

use std::time::Instant;

use pfmodel::{Options, Recording, analyse};
use pft::record::{
    FaultBatch, FaultColumns, MapRecord, Outcome, TaskKind, TaskRecord, TraceHeader, flags,
};

const CPUS: u64 = 4;
const THREADS: u64 = 8;
const FORKS: u64 = 100;
const BATCH_ROWS: usize = 1 << 16;
const MAPPING_BYTES: u64 = 16 << 20;
const MAPPING_PAGES: u64 = MAPPING_BYTES >> 12;
const STEP_NS: u64 = 700;

/// xorshift64*: good enough for addresses.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let rows = numbers.next().unwrap_or(10_000_000);
    let mappings = numbers.next().unwrap_or(200).max(2);
    let percent = numbers.next().unwrap_or(10);
    let (recording, faults) = (recording(rows, mappings), faults(rows, mappings, percent));

    let start = Instant::now();
    let analysis = analyse(recording, faults, &Options::default());
    let seconds = start.elapsed().as_secs_f64();
    let found = analysis.faults.len();
    println!("{found} rows in {seconds:.2} s: {:.2} M rows/s", found as f64 / seconds / 1e6);
    println!("{} mappings, {} processes", analysis.mappings.len(), analysis.processes.len());
}

fn recording(rows: u64, mappings: u64) -> Recording {
    let task = |time_ns, kind, pid, tid| TaskRecord {
        time_ns,
        kind,
        pid,
        tid,
        parent_pid: 1,
        parent_tid: 1,
        comm: b"model".to_vec(),
    };
    let mut tasks: Vec<TaskRecord> =
        (1..=THREADS as u32).map(|tid| task(0, TaskKind::Present, 1, tid)).collect();
    tasks.extend((1..=FORKS).map(|n| {
        let pid = 1000 + n as u32;
        task(n * rows * STEP_NS / (FORKS + 1), TaskKind::Fork, pid, pid)
    }));
    let maps = (0..mappings).map(|n| MapRecord {
        time_ns: 0,
        pid: 1,
        tid: 1,
        start: (n + 1) * 2 * MAPPING_BYTES,
        end: ((n + 1) * 2 + 1) * MAPPING_BYTES,
        file_offset: 0,
        dev_major: 8,
        dev_minor: 1,
        inode: n % 2 * n,
        inode_generation: 0,
        prot: 3,
        flags: 2,
        path: if n % 2 == 0 { b"//anon".to_vec() } else { format!("/data/{n}").into_bytes() },
    });
    let header = TraceHeader {
        uuid: [0; 16],
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: 0,
        start_realtime_ns: 0,
    };
    Recording { tasks, maps: maps.collect(), ..Recording::new(header) }
}

fn faults(rows: u64, mappings: u64, percent: u64) -> Vec<FaultBatch> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut cpus: Vec<Vec<FaultColumns>> = vec![vec![FaultColumns::default()]; CPUS as usize];
    let mut next_page = [0; THREADS as usize];
    for n in 0..rows {
        let thread = random.below(THREADS);
        let (mapping, page) = if random.below(100) < percent {
            (random.below(mappings), random.below(MAPPING_PAGES))
        } else {
            let page = &mut next_page[thread as usize];
            *page += 1;
            ((thread + *page / MAPPING_PAGES * THREADS) % mappings, *page % MAPPING_PAGES)
        };
        let addr = (mapping + 1) * 2 * MAPPING_BYTES + (page << 12);
        let code = [0x4, 0x6, 0x7, 0x6][random.below(4) as usize];
        let forked = n * (FORKS + 1) / rows;
        let in_child = forked > 0 && n % 10 == 9;
        let (pid, tid) = if in_child {
            let pid = 1000 + 1 + random.below(forked) as u32;
            (pid, pid)
        } else {
            (1, 1 + thread as u32)
        };
        let batches = &mut cpus[(thread % CPUS) as usize];
        if batches.last().is_none_or(|batch| batch.len() == BATCH_ROWS) {
            batches.push(FaultColumns::default());
        }
        let Some(columns) = batches.last_mut() else {
            continue;
        };
        columns.time_ns.push((n + 1) * STEP_NS);
        columns.latency_ns.push(400 + random.below(300));
        columns.addr.push(addr);
        columns.ip.push(0x2000_0000 + random.below(500) * 16);
        columns.pid.push(pid);
        columns.tid.push(tid);
        columns.flags.push(
            Outcome::Minor as u32
                | flags::ERROR_CODE_VALID
                | code << flags::ERROR_CODE_SHIFT
                | 12 << flags::PAGE_SHIFT_SHIFT,
        );
        columns.attempts.push(1);
    }
    let batches = cpus.into_iter().zip(0..).flat_map(|(batches, cpu)| {
        batches.into_iter().map(move |columns| FaultBatch { cpu, columns })
    });
    batches.collect()
}
