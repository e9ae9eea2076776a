//! A target that faults as told, and what a trace has of it.

use std::cell::Cell;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use pft::Trace;
use pft::keys::ledger;
use pft::record::{Checkpoint, Frame, Outcome, flags};
use pftestkit::{Report, Running, Workload};

use crate::recording::Lab;
use crate::robust::wait_until;

/// Pages of the target's range, as `pf-workload` has it.
pub const PAGES: u64 = 200_003;

/// A `pf-workload steady`: touches one page after another, on one CPU, as many as wanted.
pub struct Steady {
    running: Running,
    board: File,
    range: Range<u64>,
    pauses: Cell<u64>,
}

impl Steady {
    /// It runs and has nothing to do yet.
    pub fn start(lab: &Lab) -> Self {
        Self::begin(lab, Workload::new("taskset", "-c").arg("0"))
    }

    /// The same as a user.
    pub fn start_as(lab: &Lab, uid: u32) -> Self {
        let become_user =
            ["setpriv".to_owned(), format!("--reuid={uid}"), format!("--regid={uid}")];
        let workload = Workload::new("taskset", "-c").arg("0").args(become_user);
        Self::begin(lab, workload.arg("--clear-groups"))
    }

    fn begin(lab: &Lab, wrapper: Workload) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // In memory: on a disk, writing it back would make the next store to it a fault.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let board_path =
            PathBuf::from(format!("/dev/shm/pft-board.{}.{number}", std::process::id()));
        let board =
            File::options().read(true).write(true).create_new(true).open(&board_path).unwrap();
        board.set_len(4096).unwrap();
        std::fs::set_permissions(&board_path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let workload = lab.workload("steady").arg("--board").arg(&board_path);
        let mut running = wrapper.args(workload.argv()).start().unwrap().unwrap();
        running.send_go().unwrap();
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", running.pid())).unwrap();
        let ranges = maps.lines().map(|line| {
            let (start, rest) = line.split_once('-').unwrap();
            let (end, _) = rest.split_once(' ').unwrap();
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            number(start)..number(end)
        });
        let mut ranges = ranges.filter(|range| range.end - range.start == PAGES * 4096);
        // Both have it open.
        std::fs::remove_file(&board_path).unwrap();
        let target = Self { range: ranges.next().unwrap(), running, board, pauses: Cell::new(0) };
        // Once it has made some it has nothing but these to make.
        target.make(10);
        target
    }

    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Addresses of its pages.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    fn word(&self, index: u64) -> u64 {
        let mut bytes = [0; 8];
        self.board.read_exact_at(&mut bytes, 8 * index).unwrap();
        u64::from_ne_bytes(bytes)
    }

    /// Pages that it has touched so far, by its own count.
    pub fn done(&self) -> u64 {
        self.word(0)
    }

    /// Lets it touch pages until so many are done.
    pub fn want(&self, total: u64) {
        self.board.write_all_at(&total.to_ne_bytes(), 8).unwrap();
    }

    /// Lets it touch pages until [`Steady::pause`].
    pub fn run(&self) {
        self.want(u64::MAX);
    }

    /// Has it touch so many more, and waits for it.
    pub fn make(&self, more: u64) {
        let total = self.done() + more;
        self.want(total);
        self.wait_for(total);
    }

    /// Waits until so many are done.
    pub fn wait_for(&self, total: u64) {
        wait_until("the target's touches", || self.done() >= total);
    }

    /// Lets it rest. Returns what it has done.
    pub fn pause(&self) -> u64 {
        // Less than what is done, and another number than the last time, so that its answer is to this.
        let wanted = (self.pauses.get() + 1) % 10;
        self.pauses.set(wanted);
        self.want(wanted);
        wait_until("rest", || self.word(3) == wanted);
        self.done()
    }

    /// Faults of its life, by the kernel's account. It must rest.
    pub fn faults(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        [7, 9]
            .map(|field| fields.split(' ').nth(field).unwrap().parse::<u64>().unwrap())
            .iter()
            .sum()
    }

    /// It goes on, and ends well. Returns what it tells of itself.
    pub fn finish(self) -> Report {
        self.pause();
        self.make(1000);
        let done = self.done();
        self.board.write_all_at(&1_u64.to_ne_bytes(), 16).unwrap();
        let report = self.running.finish().unwrap();
        let told: u64 = report.expectations.iter().map(|e| e.count).sum();
        let usage = report.usage.first().unwrap();
        assert_eq!((told, usage.minflt + usage.majflt), (done, done));
        report
    }
}

/// What a trace has of a [`Steady`], whether it was closed or not.
pub struct Rows {
    /// Time and page of each touch, in order of time.
    pub touches: Vec<(u64, u64)>,
    /// Each checkpoint but the last of a closed trace, and the completed faults before it.
    checkpoints: Vec<(u64, Checkpoint)>,
    /// The trace was closed.
    pub is_complete: bool,
    /// It has the checkpoint of the end.
    pub is_ended: bool,
}

impl Rows {
    /// Reads a trace; every frame of it must be whole.
    pub fn read(path: &Path, range: Range<u64>) -> Self {
        let trace = Trace::open(path).unwrap();
        let mut rows = Self {
            touches: Vec::new(),
            checkpoints: Vec::new(),
            is_complete: trace.is_complete(),
            is_ended: false,
        };
        let mut completed = 0;
        for (_, frame) in trace.iter() {
            match frame.unwrap() {
                Frame::Faults(batch) => {
                    let columns = &batch.columns;
                    for row in 0..columns.len() {
                        let outcome = columns.flags[row] & flags::OUTCOME_MASK;
                        if ![Outcome::Minor as u32, Outcome::Major as u32].contains(&outcome) {
                            continue;
                        }
                        completed += 1;
                        if range.contains(&columns.addr[row]) {
                            let page = (columns.addr[row] - range.start) / 4096;
                            rows.touches.push((columns.time_ns[row], page));
                        }
                    }
                }
                Frame::Checkpoint(checkpoint) if checkpoint.end => rows.is_ended = true,
                Frame::Checkpoint(checkpoint) => rows.checkpoints.push((completed, checkpoint)),
                _ => {}
            }
        }
        rows.touches.sort_unstable();
        rows
    }

    /// Each touch is that of the page behind the one before.
    pub fn check_unbroken(&self) {
        for pair in self.touches.windows(2) {
            let [(before_ns, before), (ns, page)] = pair else { continue };
            assert_eq!((before + 1) % PAGES, *page, "at {before_ns} and {ns}");
        }
    }

    /// What a checkpoint counts as captured stands before it, but for what was dropped.
    pub fn check_checkpoints(&self) {
        for (completed, checkpoint) in &self.checkpoints {
            let count = |key| {
                let entry = checkpoint.ledger.iter().find(|entry| entry.key == key);
                entry.map_or(0, |entry| entry.value)
            };
            let captured = count(ledger::CAPTURED_MINOR) + count(ledger::CAPTURED_MAJOR);
            assert_eq!(completed + count(ledger::DROPPED_RECORDER), captured);
        }
    }

    /// How many checkpoints there are before the end.
    pub fn checkpoints(&self) -> usize {
        self.checkpoints.len()
    }
}
