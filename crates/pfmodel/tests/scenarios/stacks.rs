use pfmodel::names::Cause;
use pfmodel::names::RegionKind::{Anon, Bss, ThreadStack};
use pfmodel::table::Analysis;

use crate::code::{library, spots};
use crate::trace::*;

const BASE: u64 = 0x7f10_0000_0000;
const TOP: u64 = BASE + 0x9000;
const STACK: u64 = BASE + 0x1000;

/// A stack as pthread_create(3) makes it: inaccessible memory, of which all but a guard is opened.
fn with_stack(trace: Trace, time: u64) -> Trace {
    trace.map(map(time, BASE, TOP, 0, "//anon")).map(map(time + 1, STACK, TOP, RW, "//anon"))
}

fn are_stacks(analysis: &Analysis) -> Vec<bool> {
    let of_row = |(label, kind): (String, _)| match kind {
        ThreadStack => {
            assert_eq!(label, "thread stack");
            true
        }
        _ => false,
    };
    spots(analysis).into_iter().map(of_row).collect()
}

#[test]
fn a_guard_and_a_stack_pointer_make_a_thread_stack() {
    let analysis = with_stack(Trace::new(), 10)
        .fault(fault(20, TOP - 8, WRITE))
        .stack_pointer(30, 1, 2, TOP - 0x100)
        .fault(fault(40, STACK, WRITE))
        .analyse();
    assert_eq!(are_stacks(&analysis), [true, true], "also before the evidence");
    assert_eq!(analysis.faults.cause, [Cause::AnonFirstTouch; 2]);
    let whole = analysis.mappings.iter().find(|mapping| mapping.start == STACK);
    assert_eq!(whole.map(|mapping| mapping.kind), Some(ThreadStack));
    let guard = analysis.mappings.iter().find(|m| m.prot == 0 && m.end == STACK);
    assert_eq!(guard.map(|mapping| mapping.kind), Some(Anon));
}

#[test]
fn neither_alone_makes_one() {
    // A heap in which threads have their stacks.
    let analysis = Trace::new()
        .map(map(10, STACK, TOP, RW, "//anon"))
        .stack_pointer(20, 1, 2, TOP - 8)
        .fault(fault(30, STACK, WRITE))
        .analyse();
    assert_eq!(are_stacks(&analysis), [false]);
    // An allocator with guards.
    let analysis = with_stack(Trace::new(), 10).fault(fault(30, STACK, WRITE)).analyse();
    assert_eq!(are_stacks(&analysis), [false]);
    // The guard is not directly below, or it can be read, or it is of a file.
    for (end, prot, path) in
        [(STACK - 0x1000, 0, "//anon"), (STACK, R, "//anon"), (STACK, 0, "/data/file")]
    {
        let analysis = Trace::new()
            .map(map(10, BASE - 0x1000, end, prot, path))
            .map(map(11, STACK, TOP, RW, "//anon"))
            .stack_pointer(20, 1, 2, TOP - 8)
            .fault(fault(30, STACK, WRITE))
            .analyse();
        assert_eq!(are_stacks(&analysis), [false], "{end:x} {prot} {path}");
    }
}

#[test]
fn the_evidence_counts_for_the_mapping_of_its_time() {
    // The stack is gone when a stack pointer shows up there, and another mapping has its place.
    let analysis = with_stack(Trace::new().with_calls(), 10)
        .fault(fault(20, STACK, WRITE))
        .call(munmap(30, BASE, 0x9000))
        .stack_pointer(40, 1, 2, TOP - 8)
        .map(map(50, STACK, TOP, RW, "//anon"))
        .fault(fault(60, STACK, WRITE))
        .analyse();
    assert_eq!(are_stacks(&analysis), [false, false]);
    // The other way about: what comes into the place of a stack is none.
    let analysis = with_stack(Trace::new().with_calls(), 10)
        .stack_pointer(20, 1, 2, TOP - 8)
        .fault(fault(25, STACK, WRITE))
        .call(munmap(30, BASE, 0x9000))
        .map(map(50, STACK, TOP, RW, "//anon"))
        .fault(fault(60, STACK, WRITE))
        .analyse();
    assert_eq!(are_stacks(&analysis), [true, false]);
}

#[test]
fn a_stack_that_another_thread_uses_again_stays_one() {
    let analysis = with_stack(Trace::new().with_calls(), 10)
        .stack_pointer(20, 1, 2, TOP - 8)
        .fault(fault(21, TOP - 8, WRITE))
        .exit(30, 1, 2)
        .call(madvise(40, STACK, 0x8000, 4))
        .stack_pointer(50, 1, 3, TOP - 8)
        .fault(fault(51, TOP - 8, WRITE))
        .analyse();
    assert_eq!(are_stacks(&analysis), [true, true]);
    assert_eq!(analysis.faults.cause, [Cause::AnonFirstTouch, Cause::AnonRefault]);
}

#[test]
fn memory_that_was_merged_with_a_stack_is_none() {
    let above = TOP + 0x10_0000;
    // Behind the evidence, before it, and with the stack last.
    let later = with_stack(Trace::new(), 10)
        .fault(fault(15, TOP - 8, WRITE))
        .stack_pointer(20, 1, 2, TOP - 8)
        .map(map(30, STACK, above, RW, "//anon"));
    let before = with_stack(Trace::new(), 10)
        .fault(fault(15, TOP - 8, WRITE))
        .map(map(30, STACK, above, RW, "//anon"))
        .stack_pointer(40, 1, 2, TOP - 8);
    let last = Trace::new()
        .map(map(5, TOP, above, RW, "//anon"))
        .fault(fault(8, TOP, WRITE))
        .map(map(10, BASE, TOP, 0, "//anon"))
        .map(map(11, STACK, above, RW, "//anon"))
        .stack_pointer(20, 1, 2, TOP - 8)
        .fault(fault(21, TOP - 8, WRITE));
    for (trace, expected) in
        [(later, [true, true, false]), (before, [true, true, false]), (last, [false, true, true])]
    {
        let trace = trace.fault(fault(50, STACK, WRITE)).fault(fault(60, TOP, WRITE));
        let analysis = trace.analyse();
        let found = are_stacks(&analysis);
        assert_eq!(found[..3], expected);
        assert!(!found[found.len() - 1]);
    }
}

#[test]
fn a_stack_in_what_was_reserved_piece_by_piece_is_one() {
    // The C library reserves an arena and gives back what is not aligned, of which calls would tell; the
    // next stack comes into its place.
    let cut = BASE + 0x4000;
    let reserved = || {
        Trace::new()
            .map(map(5, TOP, TOP + 0x1000, RW, "//anon"))
            .map(map(6, BASE - 0x40_0000, cut, 0, "//anon"))
            .fault(fault(8, TOP, WRITE))
            .map(map(10, BASE, TOP, 0, "//anon"))
            .map(map(11, STACK, TOP, RW, "//anon"))
    };
    for stack_pointer in [TOP - 8, STACK + 8] {
        let analysis = reserved()
            .fault(fault(20, TOP - 8, WRITE).blind())
            .fault(fault(30, STACK, WRITE))
            .stack_pointer(40, 1, 2, stack_pointer)
            .fault(fault(50, TOP, WRITE))
            .analyse();
        assert_eq!(are_stacks(&analysis), [false, true, true, false]);
        let first = [Cause::AnonFirstTouchOrZero, Cause::AnonFirstTouch];
        assert_eq!(analysis.faults.cause.to_vec()[1..3], first);
    }
}

#[test]
fn a_thread_overflows_its_own_stack_only() {
    use pft::record::Outcome::{Abandoned, Signalled};
    let of = |tid: u32, time: u64, addr: u64| Fault { tid, ..fault(time, addr, WRITE) };
    let analysis = with_stack(Trace::new(), 10)
        .fault(of(2, 12, STACK - 8).outcome(Signalled))
        .stack_pointer(20, 1, 2, STACK + 0x100)
        .fault(of(2, 30, STACK - 8).outcome(Signalled))
        .fault(of(2, 31, STACK - 0x1000).outcome(Abandoned))
        .fault(of(2, 32, STACK - 0x1001).outcome(Signalled))
        .fault(of(3, 33, STACK - 8).outcome(Signalled))
        .map(map(40, STACK, TOP, R, "//anon"))
        .fault(of(2, 41, STACK - 8).outcome(Signalled))
        .analyse();
    let causes = &analysis.faults.cause;
    let [overflow, other] = [Cause::StackOverflow, Cause::Invalid];
    // Before it was known to be a stack; in its guard; below that; another thread; it is a stack no more.
    assert_eq!(*causes, [other, overflow, overflow, other, other, other]);
}

#[test]
fn a_guard_may_be_cut_out_of_a_mapping() {
    // One mapping, in which a program makes two stacks with a guard each; below them it has its heap.
    let (first, second) = (BASE + 0x4000, BASE + 0x8000);
    let analysis = Trace::new()
        .map(map(10, BASE, BASE + 0xc000, RW, "//anon"))
        .fault(fault(11, BASE, WRITE))
        .fault(fault(12, first + 0x2000, WRITE))
        .map(map(20, first, first + 0x1000, 0, "//anon"))
        .map(map(21, second, second + 0x1000, 0, "//anon"))
        .stack_pointer(30, 1, 2, second - 8)
        .stack_pointer(31, 1, 3, second + 0x3ff8)
        .fault(fault(40, BASE + 0x1000, WRITE))
        .fault(fault(41, first + 0x1000, WRITE))
        .fault(fault(42, second + 0x3000, WRITE))
        .analyse();
    assert_eq!(are_stacks(&analysis), [false, true, false, true, true]);
}

#[test]
fn a_stack_whose_end_is_protected_later_stays_one() {
    // As the Java machine does: its guard is inside of what the library gave it.
    let analysis = with_stack(Trace::new(), 10)
        .fault(fault(12, STACK + 0x2000, WRITE))
        .map(map(20, STACK, STACK + 0x1000, 0, "//anon"))
        .stack_pointer(30, 1, 2, TOP - 8)
        .map(map(40, STACK + 0x1000, STACK + 0x2000, R, "//anon"))
        .fault(fault(50, STACK + 0x2000, WRITE))
        .fault(fault(51, STACK + 0x1000, READ))
        .analyse();
    // What is read-only now is no stack that is in use.
    assert_eq!(are_stacks(&analysis), [true, true, false]);
    let rest = analysis.mappings.iter().find(|mapping| mapping.start == STACK + 0x2000);
    assert_eq!(rest.map(|mapping| mapping.kind), Some(ThreadStack));
}

#[test]
fn a_forked_process_has_copies_of_stacks() {
    let analysis = with_stack(Trace::new(), 10)
        .stack_pointer(20, 1, 2, TOP - 8)
        .fork(30, 1, 7)
        .fault(fault_of(7, 40, TOP - 8, WRITE))
        .analyse();
    assert_eq!(are_stacks(&analysis), [true]);
    // What a child runs on, having been forked by a thread, was the stack of that thread.
    let analysis = with_stack(Trace::new(), 10)
        .fork(30, 1, 7)
        .stack_pointer(40, 7, 7, TOP - 8)
        .fault(fault_of(7, 50, TOP - 8, WRITE))
        .fault(fault(51, TOP - 8, WRITE))
        .analyse();
    assert_eq!(are_stacks(&analysis), [true, true]);
}

#[test]
fn the_stack_of_the_main_thread_and_bss_are_what_they_are() {
    let base = crate::code::BASE;
    let analysis = Trace::new()
        .module(library(1, "/lib/libx.so"))
        .load(10, base, "/lib/libx.so")
        .map(map(30, BASE, STACK, 0, "//anon"))
        .map(map(31, STACK, TOP, RW, "[stack]"))
        .stack_pointer(40, 1, 1, TOP - 8)
        .stack_pointer(41, 1, 2, base + 0x7000)
        .fault(fault(50, TOP - 8, WRITE))
        .fault(fault(51, base + 0x7000, WRITE))
        .analyse();
    let kinds: Vec<_> = spots(&analysis).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, [pfmodel::names::RegionKind::Stack, Bss]);
}

#[test]
fn stack_pointers_of_unknown_processes_and_places_say_nothing() {
    let analysis = with_stack(Trace::new(), 10)
        .stack_pointer(20, 9, 9, TOP - 8)
        .stack_pointer(20, 0, 0, TOP - 8)
        .stack_pointer(20, u32::MAX, 1, TOP - 8)
        .stack_pointer(20, 1, 2, 0)
        .stack_pointer(20, 1, 2, u64::MAX)
        .stack_pointer(20, 1, 2, TOP)
        .fault(fault(50, TOP - 8, WRITE))
        .analyse();
    assert_eq!(are_stacks(&analysis), [false]);
    assert_eq!(analysis.processes.len(), 1);
}
