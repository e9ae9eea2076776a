//! A synthetic trace, always the same: eight threads on four CPUs touch anonymous memory, read files and write private
//! pages; processes may be forked and write what they inherited.

use pfmodel::Recording;
use pft::record::{
    FaultBatch, FaultColumns, MapRecord, Outcome, TaskKind, TaskRecord, TraceHeader, flags,
};

/// How much of what.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Faults.
    pub rows: u64,
    /// Mappings, at least 2.
    pub mappings: u64,
    /// Of a hundred faults, those that are anywhere in all of the memory, which is what costs most; the others
    /// follow each other from page to page.
    pub percent: u64,
    /// Processes that are forked.
    pub forks: u64,
}

const CPUS: u64 = 4;
const THREADS: u64 = 8;
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

/// The first address of a mapping.
pub fn start_of(mapping: u64) -> u64 {
    (mapping + 1) * 2 * MAPPING_BYTES
}

/// So many mappings of process 1, every other one of anonymous memory.
pub fn maps(mappings: u64) -> Vec<MapRecord> {
    let map = |n| MapRecord {
        time_ns: 0,
        pid: 1,
        tid: 1,
        start: start_of(n),
        end: start_of(n) + MAPPING_BYTES,
        file_offset: 0,
        dev_major: 8,
        dev_minor: 1,
        inode: n % 2 * n,
        inode_generation: 0,
        prot: 3,
        flags: 2,
        path: if n % 2 == 0 { b"//anon".to_vec() } else { format!("/data/{n}").into_bytes() },
    };
    (0..mappings).map(map).collect()
}

/// Everything but the faults.
pub fn recording(shape: Shape) -> Recording {
    let Shape { rows, mappings, forks, .. } = shape;
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
    tasks.extend((1..=forks).map(|n| {
        let pid = 1000 + n as u32;
        task(n * rows * STEP_NS / (forks + 1), TaskKind::Fork, pid, pid)
    }));
    let header = TraceHeader {
        uuid: [0; 16],
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: 0,
        start_realtime_ns: 0,
    };
    let mut recording = Recording::new(header);
    recording.tasks = tasks;
    recording.maps = maps(mappings);
    recording
}

/// The faults, batch by batch of each CPU.
pub fn faults(shape: Shape) -> Vec<FaultBatch> {
    let Shape { rows, mappings, percent, forks } = shape;
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
        let addr = start_of(mapping) + (page << 12);
        let code = [0x4, 0x6, 0x7, 0x6][random.below(4) as usize];
        let forked = n * (forks + 1) / rows;
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

/// Addresses anywhere in so many mappings.
pub fn addresses(count: u64, mappings: u64) -> Vec<u64> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    (0..count).map(|_| start_of(random.below(mappings)) + random.below(MAPPING_BYTES)).collect()
}
