//! Faults that are judged like the last one, against the same faults judged each from scratch.

use std::cell::Cell;

use pft::FrameKind;
use pft::record::{
    CallKind, CallRecord, Fact, FaultBatch, FaultColumns, GapReason, GapRecord, LATENCY_UNKNOWN,
    LostBy, LostRecord, MapRecord, Outcome, TaskKind, TaskRecord, TraceHeader, flags,
};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::{prop_assert_eq, proptest};

use crate::recording::{Options, Recording};
use crate::{analyse, table::Analysis};

thread_local! {
    /// No fault is judged like the last one.
    static FROM_SCRATCH: Cell<bool> = const { Cell::new(false) };
    /// How many were.
    static LIKE_THE_LAST: Cell<u64> = const { Cell::new(0) };
}

/// Whether faults are to be judged like the last one here; counts those that ask.
pub(super) fn may_be_like_the_last() -> bool {
    LIKE_THE_LAST.set(LIKE_THE_LAST.get() + 1);
    !FROM_SCRATCH.get()
}

const PAGES: u64 = 64;
const MEMORY: u64 = 0x10_0000_0000;
const CODE: u64 = 0x40_0000;

/// What happens, told by numbers: which kind, and what it is about.
type Step = (u8, u8, u8, u16);

#[derive(Default)]
struct Trace {
    tasks: Vec<TaskRecord>,
    maps: Vec<MapRecord>,
    calls: Vec<CallRecord>,
    lost: Vec<LostRecord>,
    gaps: Vec<GapRecord>,
    faults: FaultColumns,
    now_ns: u64,
}

impl Trace {
    fn of(steps: &[Step]) -> Self {
        let mut trace = Self::default();
        trace.task(TaskKind::Exec, 1);
        trace.map(1, CODE, CODE + (3 << 12), 5, b"/bin/app");
        trace.map(1, CODE + (3 << 12), CODE + (PAGES << 12), 5, b"/lib/c.so");
        trace.map(1, MEMORY, MEMORY + (PAGES << 12), 3, b"//anon");
        steps.iter().for_each(|&step| trace.step(step));
        trace
    }

    fn step(&mut self, (kind, a, b, c): Step) {
        let from = MEMORY + ((u64::from(a) % PAGES) << 12);
        let to = from + ((1 + u64::from(b) % PAGES) << 12);
        let pid = 1 + u32::from(c % 5 == 0);
        match kind % 24 {
            0 => self.map(pid, from, to, [1, 3, 3, 5][usize::from(c % 4)], b"//anon"),
            1 => self.map(pid, from, to, [1, 3][usize::from(c % 2)], b"/data"),
            2 => self.call(CallKind::Munmap, pid, from, to),
            3 | 4 => self.call(CallKind::Madvise, pid, from, to),
            5 => self.task(TaskKind::Fork, 2),
            6 => {
                let (after_ns, time_ns) = (self.now_ns, self.now_ns + 5);
                self.lost.push(LostRecord {
                    after_ns,
                    time_ns,
                    cpu: 0,
                    by: LostBy::Ring,
                    count: 1,
                });
            }
            7 if a % 4 == 0 => self.gaps.push(GapRecord {
                after_ns: self.now_ns,
                before_ns: self.now_ns + 5,
                kind: FrameKind::Faults as u16,
                frames: 1,
                rows: None,
                bytes: 0,
                reason: GapReason::Missing,
            }),
            _ => self.run(pid, from, 1 + u64::from(b % 32), c),
        }
        self.now_ns += 10;
    }

    fn task(&mut self, kind: TaskKind, pid: u32) {
        let (time_ns, comm) = (self.now_ns, b"app".to_vec());
        let task = TaskRecord { time_ns, kind, pid, tid: pid, parent_pid: 1, parent_tid: 1, comm };
        self.tasks.push(task);
    }

    fn map(&mut self, pid: u32, start: u64, end: u64, prot: u32, path: &[u8]) {
        self.maps.push(MapRecord {
            time_ns: self.now_ns,
            pid,
            tid: pid,
            start,
            end,
            file_offset: 0,
            dev_major: 8,
            dev_minor: 1,
            inode: u64::from(!path.starts_with(b"//")),
            inode_generation: 0,
            prot,
            flags: 2,
            path: path.to_vec(),
        });
    }

    fn call(&mut self, kind: CallKind, pid: u32, from: u64, to: u64) {
        self.calls.push(CallRecord {
            time_ns: self.now_ns,
            end_ns: self.now_ns + 25,
            pid,
            tid: pid,
            kind,
            addr: from,
            len_bytes: to - from,
            new_len_bytes: 0,
            argument: 4,
            result: 0,
        });
    }

    /// Faults one after another, page by page or on one page, most of them alike.
    fn run(&mut self, pid: u32, from: u64, faults: u64, how: u16) {
        let bit = |place: u16| how >> place & 1 == 1;
        let code = [0x6, 0x7, 0x4, 0x14][usize::from(how >> 2 & 3)];
        let outcome = if bit(4) && bit(5) { Outcome::Major } else { Outcome::Minor };
        let shift = if bit(6) && bit(7) { 21 } else { 12 };
        let mut all = outcome as u32 | shift << flags::PAGE_SHIFT_SHIFT;
        if !(bit(8) && bit(9)) {
            all |= flags::ERROR_CODE_VALID | code << flags::ERROR_CODE_SHIFT;
        }
        if bit(10) && bit(11) {
            all |= flags::KERNEL_MODE;
        }
        for n in 0..faults {
            let latency_ns = match (n + u64::from(how)) % 11 {
                0 => LATENCY_UNKNOWN,
                1 => 900,
                other => other,
            };
            let columns = &mut self.faults;
            columns.time_ns.push(self.now_ns);
            columns.latency_ns.push(latency_ns);
            columns.addr.push(from + if bit(12) { 0 } else { n << 12 } + n % 3 * 8);
            columns
                .ip
                .push(CODE + u64::from(how >> 13 & 1) * 16 + n % 7 * 4096 * u64::from(bit(14)));
            columns.pid.push(pid);
            columns.tid.push(pid + u32::from(bit(15) && n % 2 == 0) * 10);
            columns.flags.push(all | if n % 13 == 12 { flags::NO_ENTRY } else { 0 });
            columns.attempts.push(1 + u32::from(n % 9 == 8));
            self.now_ns += 3;
        }
    }

    fn analyse(&self, from_scratch: bool) -> Analysis {
        let header = TraceHeader {
            uuid: [0; 16],
            page_size_bytes: 4096,
            clock_id: 1,
            start_ns: 0,
            start_realtime_ns: 0,
        };
        let fact = |key: &str, value: &str| Fact { key: key.to_owned(), value: value.to_owned() };
        let recording = Recording {
            tasks: self.tasks.clone(),
            maps: self.maps.clone(),
            calls: self.calls.clone(),
            lost: self.lost.clone(),
            gaps: self.gaps.clone(),
            facts: vec![fact("capture.calls", "yes"), fact("vm.swap_total_bytes", "0")],
            ..Recording::new(header)
        };
        let batch = FaultBatch { cpu: 0, columns: self.faults.clone() };
        let options = Options { slow_threshold_ns: Some(500) };
        FROM_SCRATCH.set(from_scratch);
        let analysis = analyse(recording, vec![batch], &options);
        FROM_SCRATCH.set(false);
        analysis
    }
}

proptest! {
    #[test]
    fn judging_like_the_last_fault_changes_nothing(steps in vec(any::<Step>(), 1..60)) {
        let trace = Trace::of(&steps);
        let (quick, slow) = (trace.analyse(false), trace.analyse(true));
        prop_assert_eq!(format!("{quick:?}"), format!("{slow:?}"));
    }
}

/// Otherwise the test above tests nothing.
#[test]
fn most_faults_of_a_run_are_like_the_last() {
    let trace = Trace::of(&[(20, 0, 31, 1), (20, 0, 31, 1)]);
    LIKE_THE_LAST.set(0);
    trace.analyse(false);
    let (like, all) = (LIKE_THE_LAST.get(), trace.faults.len() as u64);
    assert!(all == 64 && like >= all / 2, "{like} of {all}");
}
