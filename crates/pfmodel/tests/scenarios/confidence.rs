use pfmodel::names::Cause;
use pfmodel::names::MapConfidence::{Exact, Inferred, Unknown};
use pft::record::LostBy;

use crate::trace::*;

const BASE: u64 = 0x10_0000;
const END: u64 = BASE + 0x8000;

fn mapped() -> Trace {
    Trace::new().map(map(10, BASE, END, RW, "//anon"))
}

fn shown() -> Vec<pft::record::Vma> {
    vec![line(BASE, END, RW, "")]
}

#[test]
fn a_later_snapshot_makes_rows_exact() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .snapshot(50, shown())
        .fault(fault(60, BASE + 0x1000, WRITE))
        .fault(fault(70, BASE - 1, WRITE))
        .analyse();
    assert_eq!(confidence(&analysis), [Exact, Inferred, Unknown]);
    assert_eq!(analysis.exactness.map_confidence, [1, 1, 1]);
    assert_eq!(analysis.mappings[0].confirmed_ns, 50);
}

#[test]
fn growth_and_protection_in_band_confirm_the_part_they_tell_of() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .fault(fault(21, END - 0x1000, WRITE))
        .map(map(30, BASE, BASE + 0x2000, R, "//anon"))
        .fault(fault(40, END - 0x1000, READ))
        .analyse();
    assert_eq!(confidence(&analysis), [Exact, Inferred, Inferred]);
}

#[test]
fn a_larger_mapping_may_be_another_one() {
    // Merged with a neighbour, or unmapped and mapped anew: the records are the same.
    let larger = mapped()
        .fault(fault(20, BASE, WRITE))
        .map(map(30, BASE, END + 0x1000, RW, "//anon"))
        .fault(fault(40, BASE, WRITE))
        .fault(fault(50, END, WRITE))
        .analyse();
    assert_eq!(confidence(&larger), [Inferred; 3]);
    let expected = [Cause::AnonFirstTouch, Cause::AnonUnknown, Cause::AnonFirstTouch];
    assert_eq!(larger.faults.cause, expected);
    let heap = Trace::new()
        .map(map(10, BASE, END, RW, "[heap]"))
        .fault(fault(20, BASE, WRITE))
        .map(map(30, BASE, END + 0x1000, RW, "[heap]"))
        .analyse();
    assert_eq!(confidence(&heap), [Exact]);
}

#[test]
fn what_is_left_of_a_mapping_later_confirms_what_was_there_before() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .fault(fault(21, END - 0x1000, WRITE))
        .snapshot(50, vec![line(BASE, BASE + 0x4000, RW, "")])
        .analyse();
    assert_eq!(confidence(&analysis), [Exact, Inferred]);
    let split_first = mapped()
        .fault(fault(21, END - 0x1000, WRITE))
        .map(map(30, BASE, BASE + 0x2000, R, "//anon"))
        .snapshot(50, vec![line(BASE, BASE + 0x2000, R, ""), line(BASE + 0x2000, END, RW, "")])
        .analyse();
    assert_eq!(confidence(&split_first), [Exact]);
}

#[test]
fn a_snapshot_that_contradicts_confirms_nothing() {
    let other_file = mapped()
        .fault(fault(20, BASE, WRITE))
        .snapshot(50, vec![line(BASE, END, RW, "/data/a")])
        .analyse();
    assert_eq!(confidence(&other_file), [Inferred]);
    assert_eq!(other_file.mappings[0].valid_to_ns, 50);
    let other_prot =
        mapped().fault(fault(20, BASE, WRITE)).snapshot(50, vec![line(BASE, END, R, "")]).analyse();
    assert_eq!(confidence(&other_prot), [Inferred]);
}

#[test]
fn the_same_range_mapped_again_confirms_nothing() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .map(map(30, BASE, END, RW, "//anon"))
        .snapshot(50, shown())
        .fault(fault(40, BASE, WRITE))
        .analyse();
    assert_eq!(confidence(&analysis), [Inferred, Exact]);
}

#[test]
fn an_access_that_the_mapping_forbids_was_in_another_one() {
    let trace = Trace::new().map(map(10, BASE, END, R, "/data/a"));
    let analysis = trace
        .fault(fault(20, BASE, READ))
        .fault(fault(30, BASE, WRITE))
        .fault(fault(40, BASE, EXEC))
        .snapshot(50, vec![line(BASE, END, R, "/data/a")])
        .analyse();
    assert_eq!(confidence(&analysis), [Exact, Inferred, Inferred]);
}

#[test]
fn after_a_loss_nothing_is_exact_until_the_next_snapshot() {
    let trace = |by| {
        mapped()
            .fault(fault(20, BASE, WRITE))
            .lost(30, 35, by)
            .fault(fault(40, BASE + 0x1000, WRITE))
            .snapshot(50, shown())
            .fault(fault(60, BASE + 0x2000, WRITE))
            .snapshot(70, shown())
            .analyse()
    };
    assert_eq!(confidence(&trace(LostBy::Ring)), [Exact, Inferred, Exact]);
    assert_eq!(confidence(&trace(LostBy::Recorder)), [Exact; 3]);
    let losses = trace(LostBy::Ring).exactness.losses;
    let spans: Vec<_> =
        losses.iter().map(|l| (l.from_ns, l.to_ns, l.count, l.by_recorder)).collect();
    assert_eq!(spans, [(30, 35, 3, false)]);
}

#[test]
fn a_childs_mappings_need_evidence_of_their_own() {
    let analysis = mapped()
        .fork(20, 1, 2)
        .fault(fault_of(2, 30, BASE, WRITE))
        .snapshot(50, shown())
        .fault(fault_of(2, 60, BASE + 0x1000, WRITE))
        .snapshot_of(2, 70, shown())
        .analyse();
    assert_eq!(confidence(&analysis), [Exact, Exact]);
    let without =
        mapped().fork(20, 1, 2).fault(fault_of(2, 30, BASE, WRITE)).snapshot(50, shown()).analyse();
    assert_eq!(confidence(&without), [Inferred]);
}

#[test]
fn a_stack_that_grows_under_a_fault_is_exact() {
    let analysis = Trace::new()
        .map(map(10, BASE, END, RW, "[stack]"))
        .map(map(120, BASE - 0x2000, END, RW, "[stack]"))
        .fault(fault(100, BASE - 8, WRITE))
        .analyse();
    assert_eq!(confidence(&analysis), [Exact]);
}

#[test]
fn nothing_is_exact_where_damage_may_have_taken_records() {
    let sound = || mapped().with_calls().fault(fault(20, BASE, WRITE)).snapshot(50, shown());
    let mut holed = sound();
    holed.recording.has_holes = true;
    assert_eq!(confidence(&sound().analyse()), [Exact]);
    assert_eq!(confidence(&holed.analyse()), [Inferred]);
}
