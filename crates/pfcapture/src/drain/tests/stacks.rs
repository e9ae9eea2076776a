use pft::record::{NODE_UNKNOWN, StackPointerRecord};

use super::*;
use crate::drain::batch::{ChainSpan, FaultRows, StackCounts, UserStack};
use crate::event::user_regs;
use crate::parse::Context;

const KERNEL: u64 = b::PERF_CONTEXT_KERNEL;
const USER: u64 = b::PERF_CONTEXT_USER;
/// What stands for the source of data that is not known.
const NO_SOURCE: u64 = 0x3020_8110_0021;

const SP: Context = Context { callers: false, user_regs: user_regs::STACK_POINTER, stack: false };

/// Frame pointers.
fn chains() -> SampleLayout {
    let pointers = Context { callers: true, ..SP };
    let minor = Context { callers: true, ..Context::NONE };
    SampleLayout { minor, major: pointers, stack: pointers, ..LAYOUT }
}

/// Copies of stacks, with the callers in the kernel.
fn stacks() -> SampleLayout {
    let copy = Context { callers: true, user_regs: user_regs::UNWINDING, stack: true };
    SampleLayout { major: copy, stack: copy, ..LAYOUT }
}

/// A sample of any event of thread 10.
fn sample(event: u64, time_ns: u64, body: &[&[u64]]) -> Vec<u8> {
    let stamp = Stamp { id: event, pid: 10, tid: 10, time_ns };
    raw::sample(stamp, 2, Some(IP), &raw::words(&body.concat()))
}

const fn minor_id() -> u64 {
    1000
}

/// A copy of so many words, which are all `word`.
fn copy(event: u64, time_ns: u64, addr: u64, words: usize, word: u64) -> Vec<u8> {
    let bytes = words as u64 * 8;
    let stack = vec![word; words];
    let registers = [2, 6, 7, 8];
    let body = [&[addr, 0], &registers[..], &[bytes], &stack, &[bytes, NO_SOURCE]];
    sample(event, time_ns, &body)
}

#[test]
fn rows_know_their_callers() {
    assert_eq!(minor_id(), id(10, EventKind::Minor));
    let mut bench = Bench::with(chains(), &[10]);
    bench.drain.most_callers = 4;
    for (time_ns, chain) in
        [(100, &[USER, 1, 2, 3][..]), (200, &[]), (300, &[KERNEL, 4, 5, USER, 6, 7])]
    {
        let body = [&[0x7000 + time_ns, chain.len() as u64], chain, &[4096]];
        bench.feed(0, &sample(minor_id(), time_ns, &body));
    }
    let batch = &bench.drain.pending[0].batch;
    let spans: Vec<ChainSpan> = batch.rows.iter().map(|row| row.chain).collect();
    let span = |start, kernel, user, cut| ChainSpan { start, kernel, user, cut };
    assert_eq!(spans[0], span(0, 0, 3, false));
    assert!(spans[1].is_empty());
    assert_eq!(spans[2], span(3, 2, 2, true));
    assert_eq!(batch.callers_of(spans[2]), (&[4, 5][..], &[6, 7][..]));
    assert_eq!(bench.drain.counts.minor, 3);
    // The stack pointer comes with the same chain, which is there already.
    let body = [&[0x7000 + 300, 2, USER, 6, 2, 0x7fff_0000, NO_SOURCE][..]];
    bench.feed(0, &sample(minor_id(), 300, &body));
    assert_eq!(bench.drain.pending[0].batch.callers.len(), 7);
    assert_eq!((bench.drain.stack_pointers.len(), bench.drain.counts.minor), (1, 3));
}

#[test]
fn a_stack_belongs_to_the_completion_before_it() {
    // The kernel writes the id of the completion, or the event's own.
    for event in [minor_id(), id(10, EventKind::Stack)] {
        let mut bench = Bench::with(stacks(), &[10]);
        bench.fault((10, 10), 200, 0x5000);
        bench.fault((10, 10), 400, 0x7000);
        bench.feed(0, &copy(event, 400, 0x7000, 3, 9));
        let batch = &bench.drain.pending[0].batch;
        let [stack] = batch.stacks.as_slice() else { panic!("{batch:?}") };
        assert_eq!((stack.row, stack.start, stack.len), (1, 0, 24));
        assert_eq!((stack.regs.ip, stack.regs.sp, stack.regs.fp), (8, 7, 6));
        assert_eq!(batch.stack_bytes, raw::words(&[9, 9, 9]));
        let counts = &bench.drain.counts;
        assert_eq!((counts.minor, counts.stacks_copied, counts.stacks_dropped), (2, 1, 0));
        assert_eq!((counts.unparsed, counts.foreign_ids), (0, 0));
    }
}

#[test]
fn a_major_fault_brings_its_own_stack() {
    let mut bench = Bench::with(stacks(), &[10]);
    let chain = [2, KERNEL, 4];
    let body = [&[0x7000, 1][..], &chain, &[2, 6, 7, 8], &[16, 11, 12, 8], &[4096]];
    bench.feed(0, &sample(id(10, EventKind::Major), 100, &body));
    let batch = &bench.drain.pending[0].batch;
    assert_eq!(batch.rows[0].chain, ChainSpan { start: 0, kernel: 1, user: 0, cut: true });
    assert_eq!((batch.callers.as_slice(), &batch.stack_bytes), (&[4][..], &raw::words(&[11])));
    assert_eq!((bench.drain.counts.major, bench.drain.counts.stacks_copied), (1, 1));
}

#[test]
fn a_stack_whose_fault_is_gone_is_dropped() {
    let mut bench = Bench::with(stacks(), &[10]);
    bench.fault((10, 10), 200, 0x5000);
    // Of a completion that was lost, and with it the stack.
    bench.feed(0, &copy(minor_id(), 300, 0x7000, 1, 9));
    assert_eq!(bench.drain.pending[0].batch.stacks, []);
    assert_eq!((bench.drain.counts.stacks_copied, bench.drain.counts.stacks_dropped), (0, 0));
    bench.fault((10, 10), 500, 0x8000);
    bench.drain.pending[0].batch.clear();
    bench.feed(0, &copy(minor_id(), 500, 0x8000, 1, 9));
    assert_eq!((bench.drain.counts.stacks_copied, bench.drain.counts.stacks_dropped), (1, 1));
    let stack_counts = StackCounts { copied: 1, dropped: 1, ..StackCounts::default() };
    let expected = FaultRows { stack_counts, ..FaultRows::default() };
    assert_eq!(bench.drain.pending[0].batch, expected);
}

#[test]
fn a_stack_of_a_fault_that_is_not_stored_is_not_missed() {
    let mut bench = Bench::with(stacks(), &[10]);
    bench.fault((10, 10), 200, 0x5000);
    bench.drain.selection.min_latency_ns = 1000;
    bench.fault((10, 10), 400, 0x7000);
    bench.feed(0, &copy(minor_id(), 400, 0x7000, 1, 9));
    assert_eq!(bench.drain.pending[0].batch.stacks, []);
    assert_eq!((bench.drain.counts.stacks_copied, bench.drain.counts.fast_minor), (0, 1));
}

#[test]
fn two_roots_bring_one_stack() {
    let mut bench = Bench::with(stacks(), &[10, 50]);
    bench.fault((10, 10), 200, 0x7000);
    for root in [10, 50] {
        bench.feed(0, &copy(id(root, EventKind::Stack), 200, 0x7000, 1, 9));
    }
    assert_eq!(bench.drain.pending[0].batch.stacks.len(), 1);
    assert_eq!((bench.drain.counts.stacks_copied, bench.drain.counts.stacks_dropped), (1, 0));
}

#[test]
fn stacks_without_room_are_dropped_and_their_faults_kept() {
    let mut bench = Bench::with(stacks(), &[10]);
    let words = 8000;
    let room = (16 << 20) / (words * 8);
    for n in 0..room as u64 + 3 {
        bench.fault((10, 10), 200 * n + 200, 0x1000 * n);
        bench.feed(0, &copy(minor_id(), 200 * n + 200, 0x1000 * n, words, n));
    }
    let pending = &mut bench.drain.pending[0];
    assert_eq!((pending.batch.rows.len(), pending.batch.stacks.len()), (room + 3, room));
    assert!(pending.is_due(1 << 20));
    let last = pending.batch.stacks[room - 1];
    let UserStack { row, start, len, .. } = last;
    assert_eq!(row as usize, room - 1);
    let bytes = &pending.batch.stack_bytes[start as usize..(start + len) as usize];
    assert_eq!(bytes, raw::words(&vec![room as u64 - 1; words]));
    assert_eq!(bench.drain.counts.stacks_dropped, 3);
    assert_eq!(bench.drain.counts.stacks_copied, room as u64 + 3);
    // Those that wait are given up when the store is behind.
    let pending = &mut bench.drain.pending[0];
    assert_eq!(pending.drop_stacks(), room as u64);
    assert_eq!((pending.batch.rows.len(), pending.batch.stack_bytes.len()), (room + 3, 0));
    assert!(!pending.is_due(1 << 20));
}

#[test]
fn a_thread_has_a_stack_pointer_for_each_place() {
    const MIB: u64 = 1 << 20;
    let layout = SampleLayout { major: SP, stack: SP, ..LAYOUT };
    let mut bench = Bench::with(layout, &[10]);
    let at = |time_ns, sp| sample(minor_id(), time_ns, &[&[0x7000, 2, sp, NO_SOURCE]]);
    bench.fault((10, 10), 200, 0x7000);
    let all = [8 * MIB, 7 * MIB, 9 * MIB, 9 * MIB + 8, 0, 1 << 63, u64::MAX - 7];
    for sp in all {
        bench.feed(0, &at(200, sp));
    }
    let note =
        |time_ns, stack_pointer| StackPointerRecord { time_ns, pid: 10, tid: 10, stack_pointer };
    assert_eq!(bench.drain.stack_pointers, [note(200, 8 * MIB), note(200, 9 * MIB + 8)]);
    for sp in 10..100 {
        bench.feed(0, &at(200, 4 * sp * MIB));
    }
    assert_eq!(bench.drain.stack_pointers.len(), 16);
    // A major fault tells too, of another address space.
    bench.feed(0, &raw::comm(told(10, (10, 10), 300), true));
    bench.feed(0, &sample(id(10, EventKind::Major), 400, &[&[0x7000, 0, 2, 8 * MIB, 4096]]));
    assert_eq!(bench.drain.stack_pointers[16..], [note(400, 8 * MIB)]);
    bench.drain.forget_stack_pointers();
    bench.feed(0, &at(500, 8 * MIB));
    assert_eq!(bench.drain.stack_pointers[17..], [note(500, 8 * MIB)]);
    assert_eq!((bench.drain.counts.minor, bench.drain.counts.unparsed), (1, 0));
    assert_eq!(bench.drain.counts.stacks_copied, 0);
}

#[test]
fn a_thread_shows_its_stack_when_it_starts() {
    let mut bench = Bench::new(&[10]);
    let start = |tid, time_ns, body: &[u64]| {
        let stamp = Stamp { id: id(10, EventKind::ThreadStart), pid: 10, tid, time_ns };
        raw::sample(stamp, 1, Some(IP), &raw::words(body))
    };
    let [first, second, none] = [(11, 0x70_0000), (12, 0x90_0000), (13, 0)];
    for (time_ns, (tid, sp)) in [(100, first), (200, second), (300, first), (400, none)] {
        bench.feed(0, &start(tid, time_ns, &[2, sp]));
    }
    // Without registers, and without what there should be.
    bench.feed(0, &start(14, 500, &[0]));
    assert_eq!(bench.drain.counts.unparsed, 0);
    bench.feed(0, &start(14, 600, &[2]));
    let note =
        |time_ns, (tid, stack_pointer)| StackPointerRecord { time_ns, pid: 10, tid, stack_pointer };
    assert_eq!(bench.drain.stack_pointers, [note(100, first), note(200, second)]);
    assert_eq!((bench.drain.counts.unparsed, bench.drain.counts.lost_records), (1, 0));
    // Another look at a thread that is known, and looks at one that is not, or is not any more.
    bench.drain.note_stack_pointer(note(700, (12, 0xf0_0000)));
    bench.drain.note_stack_pointer(note(700, (15, 0xf0_0000)));
    bench.drain.note_stack_pointer(StackPointerRecord { pid: 9, ..note(700, (11, 0xf0_0000)) });
    assert_eq!(bench.drain.stack_pointers[2..], [note(700, (12, 0xf0_0000))]);
}

#[test]
fn samples_with_a_foreign_id_are_told_by_their_form() {
    let mut bench = Bench::with(chains(), &[10]);
    let entry = sample(9999, 100, &[&[0x7000]]);
    let minor = sample(9999, 150, &[&[0x7000, 2, USER, 3, 4096]]);
    let sp = sample(9999, 150, &[&[0x7000, 2, USER, 3, 2, 0x7fff_0000, NO_SOURCE]]);
    let again = sample(9999, 200, &[&[0x8000]]);
    // On a CPU with the number of a minor completion's callers.
    let major = sample(9999, 290, &[&[0x8000, 6, 2, USER, 4, 2, 0x7fff_0000, 4096]]);
    // Longer by what the other recorder has asked for.
    let longer = sample(9999, 400, &[&[0x9000, 2, USER, 3, 4096, 5, 6]]);
    for record in [&entry, &minor, &sp, &again, &major, &longer] {
        bench.feed(0, record);
    }
    let batch = &bench.drain.pending[0].batch;
    let faults: Vec<_> = batch.rows.iter().map(|row| (row.latency_ns, row.chain.user)).collect();
    let without_entry = (u64::MAX, 1);
    let expected = vec![(50, 1), (90, 1), without_entry];
    assert_eq!((faults, &batch.callers), (expected, &vec![3, 4, 3]));
    assert_eq!((bench.drain.counts.minor, bench.drain.counts.major), (2, 1));
    assert_eq!((bench.drain.counts.foreign_ids, bench.drain.counts.unparsed), (6, 0));
}

#[test]
fn a_physical_address_becomes_a_node_and_is_forgotten() {
    let root = tempfile::tempdir().unwrap();
    let system = root.path().join("sys/devices/system");
    for block in ["node0/memory0", "node1/memory1"] {
        std::fs::create_dir_all(system.join("node").join(block)).unwrap();
    }
    std::fs::create_dir(system.join("memory")).unwrap();
    std::fs::write(system.join("memory/block_size_bytes"), "8000000\n").unwrap();
    let mut bench = Bench::with(SampleLayout { physical: true, ..LAYOUT }, &[10]);
    bench.drain.page_nodes = Some(crate::system::page_nodes::PageNodes::read(root.path()));
    for (time_ns, physical) in [(100, 0x123_4000), (200, 0x812_3000), (300, 0), (400, 1 << 40)] {
        bench.feed(0, &sample(minor_id(), time_ns, &[&[0x7000, physical, 4096]]));
    }
    let rows = &bench.drain.pending[0].batch.rows;
    let nodes: Vec<u8> = rows.iter().map(|row| row.node).collect();
    assert_eq!(nodes, [0, 1, NODE_UNKNOWN, NODE_UNKNOWN]);
}
