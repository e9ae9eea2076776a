//! Calls that drop pages.

use pfmodel::names::Cause;
use pft::record::LostBy;

use crate::trace::*;

const BASE: u64 = 0x10_0000;
const OTHER: u64 = 0x80_0000;
const P: u64 = 0x1000;

const DONTNEED: u32 = 4;
const FREE: u32 = 8;
const PAGEOUT: u32 = 21;

/// Eight pages of anonymous memory at `BASE`, and calls recorded.
fn mapped() -> Trace {
    Trace::new().with_calls().map(map(10, BASE, BASE + 8 * P, RW, "//anon"))
}

#[test]
fn a_refault_needs_advice_where_calls_were_recorded() {
    let twice = |trace: Trace| {
        let trace = trace.fault(fault(20, BASE, WRITE)).fault(fault(40, BASE, WRITE));
        trace.analyse().faults.cause[1]
    };
    let advised = |advice| madvise(30, BASE, 8 * P, advice);
    assert_eq!(twice(mapped()), Cause::AnonUnknown);
    for advice in [DONTNEED, FREE, 9, 24] {
        assert_eq!(twice(mapped().call(advised(advice))), Cause::AnonRefault, "{advice}");
    }
    assert_eq!(twice(mapped().call(advised(PAGEOUT))), Cause::AnonUnknown);
    let elsewhere = madvise(30, BASE + P, 7 * P, DONTNEED);
    assert_eq!(twice(mapped().call(elsewhere)), Cause::AnonUnknown);
    let early = madvise(15, BASE, 8 * P, DONTNEED);
    assert_eq!(twice(mapped().call(early)), Cause::AnonUnknown);
    // With a hole in the range the advice is taken for the rest; after other errors for any part.
    assert_eq!(twice(mapped().call(failed(advised(DONTNEED), 12))), Cause::AnonRefault);
    assert_eq!(twice(mapped().call(failed(advised(DONTNEED), 22))), Cause::AnonUnknown);
    assert_eq!(twice(mapped().call(unfinished(advised(DONTNEED)))), Cause::AnonUnknown);
    // Without a record of all calls the reason is open.
    let blind = Trace::new().map(map(10, BASE, BASE + 8 * P, RW, "//anon"));
    assert_eq!(twice(blind), Cause::AnonRefault);
    assert_eq!(twice(mapped().lost(12, 13, LostBy::Ring)), Cause::AnonRefault);
}

#[test]
fn advice_counts_once_and_the_content_starts_afresh() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .call(madvise(30, BASE, 8 * P, DONTNEED))
        .fault(fault(40, BASE, READ))
        .fault(fault(50, BASE, WRITE_PRESENT))
        .fault(fault(60, BASE, READ))
        .fault(fault(61, BASE + P, WRITE))
        .analyse();
    use Cause::{AnonFirstTouch, AnonRefault, AnonUnknown, CowAnonOrZero};
    let expected = [AnonFirstTouch, AnonRefault, CowAnonOrZero, AnonUnknown, AnonFirstTouch];
    assert_eq!(analysis.faults.cause, expected);
    assert_eq!(analysis.faults.nth, [1, 2, 3, 4, 1]);
}

#[test]
fn advice_drops_the_private_copies_of_a_file() {
    let file = || Trace::new().with_calls().map(map(10, BASE, BASE + 8 * P, RW, "/data/a"));
    let dropped = |trace: Trace| {
        let written = trace.fault(fault(20, BASE, WRITE)).fault(fault(21, BASE + P, WRITE));
        let later = written
            .fault(fault(40, BASE, READ).major())
            .fault(fault(41, BASE, WRITE_PRESENT))
            .fault(fault(42, BASE + P, WRITE));
        later.analyse().faults.cause.to_vec()[2..].to_vec()
    };
    let advice = madvise(30, BASE, 8 * P, DONTNEED);
    use Cause::{CowAnon, CowFile, CowFileOrAnon, FileOrSwap, FilePrivateWrite, FileRead, SwapIn};
    assert_eq!(dropped(file()), [SwapIn, CowAnon, Cause::Unknown]);
    assert_eq!(dropped(file().call(advice.clone())), [FileRead, CowFile, FilePrivateWrite]);
    let unsure = dropped(file().call(failed(advice, 22)));
    assert_eq!(unsure, [FileOrSwap, CowFileOrAnon, FilePrivateWrite]);
}

#[test]
fn a_fault_during_the_advice_came_before_or_after_it() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .call(madvise(30, BASE, 8 * P, DONTNEED))
        .fault(fault(33, BASE, WRITE))
        .fault(fault(34, BASE + P, WRITE))
        .fault(fault(40, BASE, WRITE))
        .fault(fault(41, BASE + P, WRITE))
        .analyse();
    use Cause::{AnonFirstTouch, AnonUnknown};
    let expected = [AnonFirstTouch, AnonUnknown, AnonFirstTouch, AnonUnknown, AnonUnknown];
    assert_eq!(analysis.faults.cause, expected);
}

#[test]
fn what_was_dropped_stays_so_in_a_child_and_at_a_new_address() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .fault(fault(21, BASE + P, WRITE))
        .call(madvise(30, BASE, P, DONTNEED))
        .fork(40, 1, 2)
        .call(mremap(50, (BASE, 8 * P), (OTHER, 8 * P), 1))
        .call(madvise(60, OTHER + 2 * P, 6 * P, DONTNEED))
        .fault(fault_of(2, 70, BASE, WRITE))
        .fault(fault_of(2, 71, BASE + P, READ))
        .fault(fault(72, OTHER, WRITE))
        .fault(fault(73, OTHER + P, WRITE))
        .call(madvise(80, OTHER, 8 * P, DONTNEED))
        .fault(fault(90, OTHER + P, WRITE))
        .fault(fault_of(2, 91, BASE, WRITE))
        .analyse();
    use Cause::{AnonRefault, AnonUnknown};
    let expected = [AnonRefault, AnonUnknown, AnonRefault, AnonUnknown, AnonRefault, AnonUnknown];
    assert_eq!(analysis.faults.cause.to_vec()[2..], expected);
}
