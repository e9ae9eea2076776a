//! Calls that move memory.

use pfmodel::names::Cause;
use pfmodel::names::MapConfidence::{Exact, Inferred, Unknown};
use pft::record::{CallRecord, Outcome};

use crate::trace::*;

const BASE: u64 = 0x10_0000;
const OTHER: u64 = 0x80_0000;
const P: u64 = 0x1000;

const DONTUNMAP: u32 = 4;

/// Eight pages of anonymous memory at `BASE`, and calls recorded.
fn mapped() -> Trace {
    Trace::new().with_calls().map(map(10, BASE, BASE + 8 * P, RW, "//anon"))
}

#[test]
fn a_move_takes_the_pages_and_the_file_offset_along() {
    let mut file = map(10, 0x20_0000, 0x20_0000 + 4 * P, RW, "/data/a");
    file.file_offset = 0x5000;
    let analysis = mapped()
        .map(file)
        .fault(fault(20, BASE, READ))
        .fault(fault(21, BASE + P, WRITE))
        .fault(fault(22, 0x20_1000, WRITE))
        .call(mremap(30, (BASE, 8 * P), (OTHER, 8 * P), 1))
        .call(mremap(30, (0x20_1000, 3 * P), (OTHER + 16 * P, 3 * P), 1))
        .map(map(40, BASE, BASE + 8 * P, RW, "//anon"))
        .fault(fault(50, OTHER, WRITE_PRESENT))
        .fault(fault(51, OTHER + P, READ).major())
        .fault(fault(52, OTHER + 2 * P, WRITE))
        .fault(fault(53, OTHER + 16 * P, READ).major())
        .fault(fault(54, 0x20_0000, READ))
        // Not those of the memory that was here before.
        .fault(fault(60, BASE, WRITE))
        .fault(fault(61, BASE + P, READ))
        .fault(fault(62, OTHER, WRITE_PRESENT))
        .analyse();
    use Cause::{AnonFirstTouch, CowAnon, CowZero, FileCached, FilePrivateWrite, SwapIn, ZeroPage};
    let expected = [
        ZeroPage,
        AnonFirstTouch,
        FilePrivateWrite,
        CowZero,
        SwapIn,
        AnonFirstTouch,
        SwapIn,
        FileCached,
        AnonFirstTouch,
        ZeroPage,
        CowAnon,
    ];
    assert_eq!(analysis.faults.cause, expected);
    assert_eq!(analysis.faults.nth, [1, 1, 1, 2, 2, 1, 2, 1, 1, 1, 3]);
    assert_eq!(confidence(&analysis), [Exact; 11]);
    assert_eq!(places(&analysis)[6], ("a".to_owned(), 0x6000, Exact));
    assert_eq!(places(&analysis)[7], ("a".to_owned(), 0x5000, Exact));
}

#[test]
fn memory_that_moves_back_finds_its_pages_and_a_child_has_them_too() {
    let analysis = mapped()
        .fault(fault(20, BASE, READ))
        .call(mremap(30, (BASE, 8 * P), (OTHER, 8 * P), 1))
        .fork(40, 1, 2)
        .fault(fault_of(2, 45, OTHER, WRITE_PRESENT))
        .call(mremap(50, (OTHER, 8 * P), (BASE, 8 * P), 1))
        .fault(fault(60, BASE, WRITE_PRESENT))
        .fault(fault_of(2, 65, OTHER, WRITE_PRESENT))
        .analyse();
    let expected = [Cause::ZeroPage, Cause::CowZero, Cause::CowZero, Cause::CowAnon];
    assert_eq!(analysis.faults.cause, expected);
    assert_eq!(analysis.faults.nth, [1, 1, 2, 2]);
}

#[test]
fn a_move_may_grow_or_shrink() {
    let grown = mapped()
        .fault(fault(20, BASE + 7 * P, WRITE))
        .call(mremap(30, (BASE, 8 * P), (OTHER, 12 * P), 1))
        .fault(fault(40, OTHER + 7 * P, READ).major())
        .fault(fault(41, OTHER + 8 * P, WRITE))
        .fault(fault(42, OTHER + 12 * P, WRITE))
        .fault(fault(43, BASE, WRITE))
        .analyse();
    assert_eq!(grown.faults.cause.to_vec()[1..3], [Cause::SwapIn, Cause::AnonFirstTouch]);
    assert_eq!(confidence(&grown), [Exact, Exact, Exact, Unknown, Unknown]);
    let ranges: Vec<_> = grown.mappings.iter().map(|m| (m.start, m.end)).collect();
    assert_eq!(ranges, [(BASE, BASE + 8 * P), (OTHER, OTHER + 12 * P)]);
    let shrunk = mapped()
        .call(mremap(30, (BASE, 8 * P), (OTHER, 3 * P), 1))
        .fault(fault(40, OTHER + 2 * P, WRITE))
        .fault(fault(41, OTHER + 3 * P, WRITE))
        .analyse();
    assert_eq!(confidence(&shrunk), [Exact, Unknown]);
}

#[test]
fn a_mapping_may_change_its_size_in_place() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .call(mremap(30, (BASE, 8 * P), (BASE, 10 * P), 0))
        .fault(fault(32, BASE + 9 * P, WRITE).outcome(Outcome::Signalled))
        .fault(fault(40, BASE + 9 * P, WRITE))
        .fault(fault(41, BASE, READ).major())
        .call(mremap(50, (BASE, 10 * P), (BASE, 2 * P), 0))
        .fault(fault(60, BASE + P, WRITE))
        .fault(fault(61, BASE + 2 * P, WRITE))
        .analyse();
    assert_eq!(confidence(&analysis), [Exact, Unknown, Exact, Exact, Exact, Unknown]);
    use Cause::{AnonFirstTouch, Invalid, SwapIn};
    let expected = [AnonFirstTouch, Invalid, AnonFirstTouch, SwapIn, AnonFirstTouch];
    assert_eq!(analysis.faults.cause.to_vec()[..5], expected);
    let ranges: Vec<_> = analysis.mappings.iter().map(|m| (m.start - BASE, m.end - BASE)).collect();
    assert_eq!(ranges, [(0, 10 * P), (0, 2 * P)]);
}

#[test]
fn a_move_replaces_what_was_at_its_destination() {
    let analysis = mapped()
        .map(map(10, OTHER, OTHER + 16 * P, R, "/data/a"))
        .fault(fault(20, OTHER + P, READ))
        .call(mremap(30, (BASE, 8 * P), (OTHER, 8 * P), 3))
        .fault(fault(32, OTHER + P, READ))
        .fault(fault(40, OTHER + P, WRITE))
        .fault(fault(41, OTHER + 8 * P, READ))
        .analyse();
    assert_eq!(regions(&analysis), ["a", "a", "[anon]", "a"]);
    assert_eq!(analysis.faults.nth, [1, 2, 1, 1]);
    assert_eq!(analysis.faults.cause[2], Cause::AnonFirstTouch);
    assert_eq!(places(&analysis)[3], ("a".to_owned(), 8 * P, Exact));
}

#[test]
fn with_dontunmap_the_old_range_stays_without_its_pages() {
    let analysis = mapped()
        .fault(fault(20, BASE, READ))
        .fault(fault(21, BASE + P, WRITE))
        .call(mremap(30, (BASE, 8 * P), (OTHER, 8 * P), 1 | DONTUNMAP))
        .fault(fault(40, BASE, WRITE))
        .fault(fault(41, OTHER, WRITE_PRESENT))
        .fault(fault(42, BASE + P, READ))
        .fault(fault(43, OTHER + P, READ).major())
        .analyse();
    use Cause::{AnonFirstTouch, CowZero, SwapIn, ZeroPage};
    let expected = [ZeroPage, AnonFirstTouch, AnonFirstTouch, CowZero, ZeroPage, SwapIn];
    assert_eq!(analysis.faults.cause, expected);
    assert_eq!(analysis.faults.nth, [1, 1, 1, 2, 1, 2]);
    assert_eq!(confidence(&analysis), [Exact; 6]);
}

#[test]
fn an_old_length_of_zero_duplicates_shared_memory() {
    let mut shared = map(10, BASE, BASE + 8 * P, RW, "/data/a");
    shared.flags = 1;
    let analysis = Trace::new()
        .with_calls()
        .map(shared)
        .fault(fault(20, BASE + 2 * P, READ))
        .call(mremap(30, (BASE + 2 * P, 0), (OTHER, 2 * P), 1))
        .fault(fault(40, OTHER, READ))
        .fault(fault(41, BASE + 2 * P, READ))
        .fault(fault(42, OTHER + 2 * P, READ))
        .analyse();
    let a = |offset| ("a".to_owned(), offset, Exact);
    assert_eq!(places(&analysis)[..3], [a(2 * P), a(2 * P), a(2 * P)]);
    assert_eq!(analysis.faults.nth, [1, 1, 2, 1]);
    assert_eq!(confidence(&analysis)[3], Unknown);
}

#[test]
fn after_a_move_without_an_exit_the_old_range_is_uncertain() {
    let lost_place = || {
        mapped()
            .map(map(10, OTHER, OTHER + P, RW, "//anon"))
            .call(unfinished(mremap(30, (BASE, 4 * P), (0, 4 * P), 1)))
            .fault(fault(40, BASE, WRITE))
            .fault(fault(41, BASE + 4 * P, WRITE))
            .fault(fault(42, OTHER, WRITE))
            // It may be anywhere, so nothing proves that this address is invalid.
            .fault(fault(43, 0x8, WRITE).outcome(Outcome::Abandoned))
    };
    let analysis = lost_place().analyse();
    assert_eq!(confidence(&analysis), [Inferred, Exact, Exact]);
    assert_eq!(analysis.exactness.unresolved, 1);
    let shown = vec![line(BASE, BASE + 8 * P, RW, ""), line(OTHER, OTHER + P, RW, "")];
    let analysis = lost_place()
        .snapshot(50, shown)
        .fault(fault(70, BASE, READ))
        .fault(fault(71, 0x8, WRITE).outcome(Outcome::Abandoned))
        .analyse();
    assert_eq!(confidence(&analysis)[3..], [Exact, Unknown]);
    assert_eq!(analysis.faults.cause[4], Cause::Invalid);
}

#[test]
fn a_move_of_unknown_memory_leaves_a_doubt_about_its_new_place() {
    let analysis = mapped()
        .call(mremap(30, (0x50_0000, 4 * P), (OTHER, 4 * P), 1))
        .fault(fault(40, OTHER, READ).outcome(Outcome::Abandoned))
        .fault(fault(41, OTHER + 4 * P, READ).outcome(Outcome::Abandoned))
        .analyse();
    assert_eq!((analysis.faults.len(), analysis.exactness.unresolved), (1, 1));
}

/// Since Linux 6.17 one call moves several mappings, with the holes between them.
#[test]
fn several_mappings_move_together() {
    let analysis = mapped()
        .map(map(10, BASE + 12 * P, BASE + 16 * P, R, "/data/a"))
        .fault(fault(20, BASE, READ))
        .call(mremap(30, (BASE, 16 * P), (OTHER, 16 * P), 3))
        .fault(fault(40, OTHER, WRITE_PRESENT))
        .fault(fault(41, OTHER + 8 * P, READ))
        .fault(fault(42, OTHER + 13 * P, READ))
        .analyse();
    assert_eq!(regions(&analysis), ["[anon]", "[anon]", "none", "a"]);
    assert_eq!(analysis.faults.cause[1], Cause::CowZero);
    assert_eq!(places(&analysis)[3], ("a".to_owned(), P, Exact));
}

/// Another thread frees the place that the kernel then gives to the move.
#[test]
fn what_a_move_makes_comes_after_what_made_room_for_it() {
    let analysis = mapped()
        .map(map(10, OTHER, OTHER + 8 * P, R, "/data/a"))
        .call(CallRecord { end_ns: START_NS + 40, ..mremap(30, (BASE, 8 * P), (OTHER, 8 * P), 1) })
        .call(munmap(31, OTHER, 8 * P))
        .fault(fault(50, OTHER, WRITE))
        .analyse();
    assert_eq!(regions(&analysis), ["[anon]"]);
    assert_eq!(confidence(&analysis), [Exact]);
}
