//! Records made by hand, and exactly what the drain makes of them.

mod cgroups;
mod stacks;

use std::ops::Range;

use perf_event_open_sys::bindings as b;
use pft::record::{
    LATENCY_UNKNOWN, LostBy, LostRecord, Outcome, SnapshotReason, TaskKind, Vma, flags,
};
use rustc_hash::FxHashMap;

use super::{Drain, Scope};
use crate::config::Selection;
use crate::drain::batch::FaultRow;
use crate::event::EventKind;
use crate::parse::raw_records::{self as raw, Stamp};
use crate::parse::{self, SampleLayout};
use crate::targets::EventRef;

const LAYOUT: SampleLayout = SampleLayout { ip: true, page_size: true, ..SampleLayout::BARE };
const IP: u64 = 0x40_1000;
const CREATION_NS: u64 = 20_000_000;

/// A drain of the rings of CPUs 4 and 6, with events opened on some threads.
struct Bench {
    drain: Drain,
    ids: FxHashMap<u64, EventRef>,
    roots: usize,
}

/// The id of an event, which tells the thread on which it was opened and its kind.
fn id(root_tid: u32, kind: EventKind) -> u64 {
    u64::from(root_tid) * 100 + u64::from(kind.number())
}

impl Bench {
    fn new(roots: &[u32]) -> Self {
        Self::with(LAYOUT, roots)
    }

    fn with(layout: SampleLayout, roots: &[u32]) -> Self {
        let events = roots
            .iter()
            .flat_map(|&root_tid| EventKind::FOLLOWING.map(|kind| EventRef { root_tid, kind }));
        Self {
            drain: Drain::new(
                layout,
                Selection::default(),
                Scope::Followed { children: true },
                &[4, 6],
            ),
            ids: events.map(|event| (id(event.root_tid, event.kind), event)).collect(),
            roots: roots.len(),
        }
    }

    fn feed(&mut self, ring: usize, record: &[u8]) {
        let time_ns = parse::record_time(record, &LAYOUT).unwrap();
        self.drain.record(ring, time_ns, record, &self.ids, self.roots);
    }

    /// The entry of a fault, 100 ns before `time_ns`, and its completion.
    fn fault(&mut self, (pid, tid): (u32, u32), time_ns: u64, addr: u64) {
        self.feed(0, &entry(10, (pid, tid), time_ns - 100, addr));
        self.feed(0, &minor(10, (pid, tid), time_ns, addr));
    }

    fn wanted(&self, pid: u32) -> Option<SnapshotReason> {
        self.drain.processes[&pid].wanted
    }

    fn outcomes(&self, ring: usize) -> Vec<(u32, u32)> {
        let rows = self.drain.pending[ring].batch.rows.iter();
        rows.map(|row| (row.tid, row.flags & flags::OUTCOME_MASK)).collect()
    }

    fn tasks(&self) -> Vec<(TaskKind, u32, u32)> {
        self.drain.tasks.iter().map(|task| (task.kind, task.pid, task.tid)).collect()
    }
}

fn entry(root: u32, (pid, tid): (u32, u32), time_ns: u64, addr: u64) -> Vec<u8> {
    let stamp = Stamp { id: id(root, EventKind::Entry), pid, tid, time_ns };
    raw::sample(stamp, 2, Some(IP), &raw::words(&[addr]))
}

fn minor(root: u32, (pid, tid): (u32, u32), time_ns: u64, addr: u64) -> Vec<u8> {
    let stamp = Stamp { id: id(root, EventKind::Minor), pid, tid, time_ns };
    raw::sample(stamp, 2, Some(IP), &raw::words(&[addr, 4096]))
}

fn told(root: u32, (pid, tid): (u32, u32), time_ns: u64) -> Stamp {
    Stamp { id: id(root, EventKind::Sideband), pid, tid, time_ns }
}

fn vma(range: Range<u64>) -> Vma {
    Vma {
        start: range.start,
        end: range.end,
        prot: 3,
        shared: false,
        file_offset: 0,
        dev_major: 0,
        dev_minor: 0,
        inode: 0,
        path: Vec::new(),
    }
}

#[test]
fn an_entry_and_its_completion_become_one_row_in_the_ring_of_the_completion() {
    let mut bench = Bench::new(&[10]);
    bench.feed(0, &entry(10, (10, 11), 100, 0x7123));
    bench.feed(1, &minor(10, (10, 11), 400, 0x7123));
    let row = FaultRow {
        time_ns: 100,
        latency_ns: 300,
        addr: 0x7123,
        ip: IP,
        pid: 10,
        tid: 11,
        flags: Outcome::Minor as u32 | 12 << flags::PAGE_SHIFT_SHIFT,
        ..FaultRow::default()
    };
    assert_eq!(bench.drain.pending[0].batch.rows, []);
    assert_eq!((bench.drain.pending[1].cpu, &bench.drain.pending[1].batch.rows), (6, &vec![row]));
    assert_eq!((bench.drain.counts.entries, bench.drain.counts.minor), (1, 1));
}

#[test]
fn a_forked_process_begins_with_the_maps_of_its_parent() {
    let mut bench = Bench::new(&[10]);
    bench.feed(0, &raw::mmap2(told(10, (10, 10), 100), &(0x1000..0x5000)));
    bench.feed(0, &raw::fork(told(10, (10, 10), 200), (20, 20)));
    assert!(bench.drain.is_covered(20));
    bench.fault((20, 20), 400, 0x4fff);
    assert_eq!(bench.wanted(20), None);
    // What the child maps now is its own.
    bench.feed(0, &raw::mmap2(told(10, (20, 20), 500), &(0x8000..0x9000)));
    bench.fault((20, 20), 700, 0x8000);
    bench.fault((10, 10), 700, 0x8000);
    assert_eq!(bench.wanted(20), None);
    assert_eq!(bench.wanted(10), Some(SnapshotReason::UnknownAddress));
    assert_eq!(bench.tasks(), [(TaskKind::Fork, 20, 20)]);
    let fork = &bench.drain.tasks[0];
    assert_eq!((fork.time_ns, fork.parent_pid, fork.parent_tid), (200, 10, 10));
    assert_eq!(bench.drain.counts.sideband, 3);
}

#[test]
fn a_thread_created_while_events_were_opened_on_its_creator_is_not_covered() {
    let mut bench = Bench::new(&[10, 50]);
    bench.drain.present(10, 10, b"main".to_vec(), 100);
    bench.feed(0, &raw::fork(told(10, (10, 10), 100 + CREATION_NS), (10, 11)));
    bench.feed(0, &raw::fork(told(10, (10, 10), 101 + CREATION_NS), (10, 12)));
    // Nothing is known of this creator.
    bench.feed(0, &raw::fork(told(10, (10, 13), 102 + CREATION_NS), (10, 14)));
    let covered: Vec<u32> = (10..15).filter(|&tid| bench.drain.is_covered(tid)).collect();
    assert_eq!(covered, [10, 12]);
}

#[test]
fn exec_begins_a_new_address_space_with_one_thread() {
    let mut bench = Bench::new(&[10]);
    bench.feed(0, &raw::mmap2(told(10, (10, 10), 100), &(0x1000..0x5000)));
    bench.feed(0, &raw::fork(told(10, (10, 10), 200), (10, 11)));
    bench.fault((10, 10), 400, 0x1000);
    // Thread 11 calls exec: the first thread ends, and 11 goes on under its number.
    bench.feed(0, &entry(10, (10, 11), 500, 0x2000));
    bench.feed(0, &raw::exit(told(10, (10, 10), 600)));
    bench.feed(0, &raw::comm(told(10, (10, 10), 700), true));
    assert_eq!(bench.wanted(10), Some(SnapshotReason::Exec));
    let exited = Outcome::ThreadExited as u32;
    assert_eq!(bench.outcomes(0), [(10, Outcome::Minor as u32), (11, exited)]);
    assert_eq!(bench.drain.threads.keys().collect::<Vec<_>>(), [&10]);
    assert_eq!(bench.drain.processes[&10].known.find(0x1000), None);
    let (fork, exit) = ((TaskKind::Fork, 10, 11), (TaskKind::Exit, 10, 10));
    assert_eq!(bench.tasks(), [fork, exit, (TaskKind::Exec, 10, 10)]);
    assert_eq!(bench.drain.tasks[2].comm, b"worker");
    // An unknown address is no better reason than the exec.
    bench.fault((10, 10), 900, 0x1000);
    assert_eq!(bench.wanted(10), Some(SnapshotReason::Exec));
    bench.feed(0, &raw::exit(told(10, (10, 10), 1000)));
    assert_eq!((bench.drain.threads.len(), bench.drain.processes.len()), (0, 0));
}

#[test]
fn the_end_of_a_thread_ends_its_fault_and_the_last_one_its_process() {
    let mut bench = Bench::new(&[10]);
    bench.feed(0, &entry(10, (10, 10), 100, 0x7000));
    bench.feed(0, &raw::fork(told(10, (10, 10), 200), (10, 11)));
    bench.feed(1, &raw::exit(told(10, (10, 10), 300)));
    assert_eq!(bench.outcomes(1), [(10, Outcome::ThreadExited as u32)]);
    assert_eq!(bench.drain.pending[1].batch.rows[0].latency_ns, LATENCY_UNKNOWN);
    assert_eq!((bench.drain.counts.in_flight, bench.drain.counts.abandoned), (1, 0));
    assert_eq!(bench.drain.processes.keys().collect::<Vec<_>>(), [&10]);
    bench.feed(1, &raw::exit(told(10, (10, 11), 400)));
    assert_eq!((bench.drain.threads.len(), bench.drain.processes.len()), (0, 0));
    assert_eq!(bench.drain.pending[1].batch.rows.len(), 1);
}

#[test]
fn a_number_that_another_process_uses_now_is_another_thread() {
    let mut bench = Bench::new(&[10]);
    bench.feed(0, &entry(10, (10, 11), 100, 0x7000));
    bench.feed(0, &entry(10, (30, 11), 200, 0x7000));
    assert_eq!(bench.outcomes(0), [(11, Outcome::ThreadExited as u32)]);
    assert_eq!(bench.drain.processes.keys().collect::<Vec<_>>(), [&30]);
    bench.feed(0, &minor(10, (30, 11), 300, 0x7000));
    assert_eq!(bench.drain.pending[0].batch.rows[1].latency_ns, 100);
}

#[test]
fn unknown_addresses_want_one_snapshot_until_the_process_has_rested() {
    let mut bench = Bench::new(&[10]);
    let unknown = Some(SnapshotReason::UnknownAddress);
    for snapshot in [vec![vma(0x1000..0x2000)], vec![]] {
        let asked_ns = bench.drain.processes.get(&10).map_or(200, |p| p.rest_until_ns + 100);
        bench.fault((10, 10), asked_ns, 0x9000);
        assert_eq!(bench.wanted(10), unknown);
        // It is on its way, and faults go on.
        bench.drain.processes.get_mut(&10).unwrap().wanted = None;
        bench.fault((10, 10), asked_ns + 200, 0xa000);
        bench.drain.learn(10, &snapshot, asked_ns + 1000, 10);
        assert_eq!(bench.wanted(10), None);
        let rested_ns = asked_ns + 1000 + 10 * 100;
        assert_eq!(bench.drain.processes[&10].rest_until_ns, rested_ns);
        // Entry 1 ns too early.
        bench.fault((10, 10), rested_ns + 99, 0x9000);
        assert_eq!(bench.wanted(10), None);
    }
    bench.feed(0, &raw::comm(told(10, (10, 10), 9000), true));
    bench.drain.learn(10, &[vma(0x1000..0x2000)], 9001, 1);
    assert_eq!(bench.wanted(10), Some(SnapshotReason::Exec), "this one was taken before");
}

#[test]
fn a_process_is_active_again_after_its_next_fault() {
    let mut bench = Bench::new(&[10]);
    bench.feed(0, &raw::mmap2(told(10, (10, 10), 100), &(0x1000..0x5000)));
    bench.fault((10, 10), 300, 0x1000);
    assert!(bench.drain.processes[&10].active);
    bench.drain.learn(10, &[vma(0x1000..0x5000)], 400, 1);
    assert!(!bench.drain.processes[&10].active);
    bench.fault((10, 10), 600, 0x1000);
    assert!(bench.drain.processes[&10].active);
}

#[test]
fn a_loss_lies_behind_the_last_record_of_its_ring() {
    let mut bench = Bench::new(&[10]);
    bench.feed(1, &entry(10, (10, 11), 100, 0x7000));
    bench.feed(0, &entry(10, (20, 20), 200, 0x7000));
    bench.feed(1, &raw::lost(told(10, (10, 11), 300), 42));
    let lost = LostRecord { after_ns: 100, time_ns: 300, cpu: 6, by: LostBy::Ring, count: 42 };
    assert_eq!(bench.drain.lost, [lost]);
    assert_eq!(bench.drain.counts.lost_records, 42);
    for pid in [10, 20] {
        assert_eq!(bench.wanted(pid), Some(SnapshotReason::Loss));
    }
    // What became of the faults that were under way may be among the losses.
    bench.feed(0, &entry(10, (20, 20), 400, 0x9000));
    bench.feed(0, &raw::exit(told(10, (10, 11), 500)));
    let unknown = Outcome::Unknown as u32;
    assert_eq!(bench.outcomes(0), [(20, unknown), (11, unknown)]);
    // Faults since then are not in doubt.
    bench.feed(0, &entry(10, (20, 20), 600, 0xb000));
    bench.drain.finish();
    let later = [(20, Outcome::Abandoned as u32), (20, Outcome::InFlight as u32)];
    assert_eq!(bench.outcomes(0)[2..], later);
    assert_eq!((bench.drain.counts.abandoned, bench.drain.counts.in_flight), (3, 1));
}

#[test]
fn what_two_roots_report_counts_once() {
    let mut bench = Bench::new(&[10, 50]);
    let thread = (10, 50);
    for root in [10, 50] {
        bench.feed(0, &entry(root, thread, 100, 0x7000));
    }
    for root in [10, 50] {
        bench.feed(0, &minor(root, thread, 300, 0x7000));
    }
    for root in [10, 50] {
        bench.feed(0, &raw::mmap2(told(root, thread, 400), &(0x1000..0x5000)));
    }
    for root in [10, 50] {
        bench.feed(0, &raw::comm(told(root, thread, 500), false));
    }
    for root in [10, 50] {
        bench.feed(0, &raw::fork(told(root, thread, 600), (10, 51)));
    }
    for root in [10, 50] {
        bench.feed(0, &raw::exit(told(root, thread, 700)));
    }
    assert_eq!(bench.drain.pending[0].batch.rows.len(), 1);
    assert_eq!(bench.drain.pending[0].batch.rows[0].attempts, 1);
    assert_eq!(bench.drain.maps.len(), 1);
    let (comm, fork) = ((TaskKind::Comm, 10, 50), (TaskKind::Fork, 10, 51));
    assert_eq!(bench.tasks(), [comm, fork, (TaskKind::Exit, 10, 50)]);
    let counts = &bench.drain.counts;
    assert_eq!((counts.entries, counts.minor, counts.sideband), (1, 1, 4));
    let repeats = (counts.duplicate_entries, counts.duplicate_minor, counts.duplicate_sideband);
    assert_eq!(repeats, (1, 1, 4));
    assert_eq!(bench.drain.threads.keys().collect::<Vec<_>>(), [&51]);
}

#[test]
fn tasks_of_another_pid_namespace_are_counted_only() {
    let mut bench = Bench::new(&[10]);
    for task in [(0, 0), (u32::MAX, u32::MAX), (10, 0)] {
        bench.feed(0, &entry(10, task, 100, 0x7000));
        bench.feed(0, &raw::mmap2(told(10, task, 100), &(0x1000..0x5000)));
        bench.feed(0, &raw::comm(told(10, task, 100), false));
        bench.feed(0, &raw::fork(told(10, task, 100), (20, 20)));
        bench.feed(0, &raw::exit(told(10, task, 100)));
    }
    assert_eq!(bench.drain.counts.foreign_namespace, 15);
    assert_eq!((bench.drain.counts.entries, bench.drain.counts.sideband), (0, 0));
    assert_eq!((bench.drain.threads.len(), bench.drain.processes.len()), (0, 0));
    assert_eq!((bench.drain.tasks.len(), bench.drain.maps.len()), (0, 0));
}

#[test]
fn what_a_ring_dropped_before_it_was_let_go_is_no_loss() {
    let mut bench = Bench::new(&[10]);
    bench.drain.rings_were_paused = true;
    bench.feed(1, &raw::lost(told(10, (10, 11), 100), 42));
    bench.feed(1, &raw::lost(told(10, (10, 11), 300), 7));
    let lost = LostRecord { after_ns: 100, time_ns: 300, cpu: 6, by: LostBy::Ring, count: 7 };
    assert_eq!((bench.drain.lost.as_slice(), bench.drain.counts.lost_records), (&[lost][..], 7));
}

#[test]
fn samples_with_the_id_of_another_recorder_are_told_by_their_length() {
    let mut bench = Bench::new(&[10]);
    let foreign = |time_ns| Stamp { id: 9999, ..told(10, (10, 10), time_ns) };
    let [entry, minor, major] =
        [&[0x7000][..], &[0x7000, 4096], &[0x7000, 0, 4096]].map(raw::words);
    for (time_ns, body) in [(100, &entry), (150, &minor), (200, &entry), (290, &major)] {
        bench.feed(0, &raw::sample(foreign(time_ns), 2, Some(IP), body));
    }
    let rows = &bench.drain.pending[0].batch.rows;
    let told: Vec<(u64, u32)> =
        rows.iter().map(|row| (row.latency_ns, row.flags & flags::OUTCOME_MASK)).collect();
    assert_eq!(told, [(50, Outcome::Minor as u32), (90, Outcome::Major as u32)]);
    assert_eq!((bench.drain.counts.foreign_ids, bench.drain.counts.unparsed), (4, 0));
}

#[test]
fn records_that_say_nothing_are_counted() {
    let mut bench = Bench::new(&[10]);
    let stamp = told(10, (10, 10), 100);
    // The sample of an event that nobody opened.
    let unlike = [1, 2, 3, 4, 5];
    bench.feed(0, &raw::sample(Stamp { id: 9999, ..stamp }, 2, Some(IP), &raw::words(&unlike)));
    // Too short for their kind.
    let short = Stamp { id: id(10, EventKind::Minor), ..stamp };
    bench.feed(0, &raw::sample(short, 2, Some(IP), &raw::words(&[0x7000])));
    bench.feed(0, &raw::sideband(stamp, b::PERF_RECORD_MMAP2, 0, &raw::words(&[1])));
    // A kind that nobody asked for.
    bench.feed(0, &raw::sideband(stamp, b::PERF_RECORD_KSYMBOL, 0, &raw::words(&[1])));
    assert_eq!(bench.drain.counts.unparsed, 4);
    assert_eq!((bench.drain.threads.len(), bench.drain.processes.len()), (0, 0));
}
