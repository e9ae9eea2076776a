//! Frames that are not in the file any more: nothing that they may have told is taken for known.

use pfmodel::names::Cause::{
    self, AnonFirstTouch, AnonRefault, AnonUnknown, CowAnonOrZero, CowZero,
};
use pfmodel::names::MapConfidence::{Exact, Inferred};
use pfmodel::{Batch, Wanted, analyse_in_order};
use pft::FrameKind;
use pft::record::{FaultBatch, GapReason, GapRecord, Outcome};

use crate::trace::*;

const P: u64 = 0x1000;
const BASE: u64 = 0x10_0000;
const END: u64 = BASE + 8 * P;

/// Frames of a kind, 0 for unknown, that told of this time.
fn gap(kind: u16, after: u64, before: u64) -> GapRecord {
    GapRecord {
        after_ns: START_NS + after,
        before_ns: if before == u64::MAX { before } else { START_NS + before },
        kind,
        frames: 1,
        rows: None,
        bytes: 0,
        reason: GapReason::Missing,
    }
}

fn lacking(mut trace: Trace, gap: GapRecord) -> Trace {
    trace.recording.gaps.push(gap);
    trace
}

fn mapped() -> Trace {
    Trace::new().map(map(10, BASE, END, RW, "//anon"))
}

fn shown() -> Vec<pft::record::Vma> {
    vec![line(BASE, END, RW, "")]
}

/// Whether frames of this kind tell of address spaces.
fn tells_of_maps(kind: u16) -> bool {
    let telling = [FrameKind::Tasks, FrameKind::Maps, FrameKind::Calls, FrameKind::Lost];
    kind == 0 || telling.iter().any(|&known| known as u16 == kind)
}

#[test]
fn behind_a_gap_nothing_is_exact_until_the_next_snapshot() {
    for kind in 0..=32 {
        let trace = mapped()
            .fault(fault(20, BASE, WRITE))
            .fault(fault(40, BASE + P, WRITE))
            .snapshot(50, shown())
            .fault(fault(60, BASE + 2 * P, WRITE))
            .snapshot(70, shown());
        let found = confidence(&lacking(trace, gap(kind, 30, 35)).analyse());
        let behind = if tells_of_maps(kind) { Inferred } else { Exact };
        assert_eq!(found, [Exact, behind, Exact], "kind {kind}");
    }
}

#[test]
fn a_snapshot_before_the_last_of_what_is_lost_settles_nothing() {
    let trace = |before| {
        let trace = mapped()
            .snapshot(50, shown())
            .fault(fault(60, BASE, WRITE))
            .snapshot(70, shown())
            .fault(fault(80, BASE + P, WRITE))
            .snapshot(90, shown());
        confidence(&lacking(trace, gap(3, 30, before)).analyse())
    };
    assert_eq!(trace(50), [Exact, Exact]);
    assert_eq!(trace(51), [Inferred, Exact]);
    assert_eq!(trace(71), [Inferred, Inferred]);
    assert_eq!(trace(u64::MAX), [Inferred, Inferred]);
}

#[test]
fn recorded_calls_make_nothing_exact_behind_a_gap() {
    let found = |kind| {
        let trace = mapped()
            .with_calls()
            .fault(fault(20, BASE, WRITE))
            .fault(fault(40, BASE + P, WRITE))
            .snapshot(50, shown())
            .fault(fault(61, BASE + 2 * P, WRITE));
        confidence(&lacking(trace, gap(kind, 30, 35)).analyse())
    };
    assert_eq!(found(5), [Exact; 3]);
    for kind in [0, 2, 3, 6, 13] {
        // What the snapshot shows makes exact what came before the gap, and what comes behind it.
        assert_eq!(found(kind), [Exact, Inferred, Exact], "kind {kind}");
    }
}

#[test]
fn an_access_is_no_failure_because_a_mapping_is_lost() {
    let abandoned = fault(40, END + P, WRITE).outcome(Outcome::Abandoned);
    let found = |kind| {
        let trace = mapped().fault(abandoned);
        let found = lacking(trace, gap(kind, 30, 35)).analyse();
        (found.faults.len(), found.exactness.unresolved)
    };
    assert_eq!((found(5), found(3)), ((1, 0), (0, 1)));
}

fn causes(trace: Trace) -> (Vec<Cause>, Vec<u32>) {
    let found = trace.analyse();
    (found.faults.cause.to_vec(), found.faults.nth)
}

#[test]
fn lost_faults_may_have_touched_any_page_that_was_mapped_before_their_end() {
    let trace = || {
        mapped()
            .fault(fault(20, BASE, READ))
            .fault(fault(21, BASE + P, READ))
            .fault(fault(30, BASE, WRITE_PRESENT))
            .fault(fault(40, BASE + P, WRITE_PRESENT))
            .fault(fault(41, BASE + 2 * P, WRITE))
            .map(map(45, END, END + 8 * P, RW, "[heap]"))
            .fault(fault(48, END, WRITE))
            .map(map(49, END + 8 * P, END + 9 * P, RW, "/x"))
            .fault(fault(60, BASE + 3 * P, WRITE))
            .fault(fault(61, BASE + 3 * P, WRITE))
            .map(map(65, END + 9 * P, END + 10 * P, RW, "//anon"))
            .fault(fault(70, END + 9 * P, WRITE))
    };
    let read = Cause::ZeroPage;
    let (first, again) = (AnonFirstTouch, AnonRefault);
    let whole = [read, read, CowZero, CowZero, first, first, first, again, first];
    assert_eq!(causes(trace()).0, whole);
    let left = [read, read, CowZero, CowAnonOrZero, AnonUnknown, AnonUnknown, AnonUnknown];
    let left = [&left[..], &[again, first]].concat();
    for kind in [2, 3, 5, 13] {
        let (found, nth) = causes(lacking(trace(), gap(kind, 35, 50)));
        assert_eq!(found, left, "kind {kind}");
        assert_eq!(nth, [1, 1, 2, 2, 1, 1, 1, 2, 1], "those that are there are counted");
    }
    for kind in [1, 4, 6, 7, 8, 9, 10, 11, 12, 14] {
        assert_eq!(causes(lacking(trace(), gap(kind, 35, 50))).0, whole, "kind {kind}");
    }
}

#[test]
fn a_mapping_made_between_the_last_fault_and_the_end_of_the_gap_may_have_been_touched() {
    let trace = |before| {
        let trace = mapped()
            .fault(fault(20, BASE, WRITE))
            .map(map(30, END, END + P, RW, "[heap]"))
            .fault(fault(40, END, WRITE));
        causes(lacking(trace, gap(5, 25, before))).0
    };
    assert_eq!(trace(29), [AnonFirstTouch, AnonFirstTouch]);
    assert_eq!(trace(30), [AnonFirstTouch, AnonUnknown]);
    assert_eq!(trace(39), [AnonFirstTouch, AnonUnknown]);
}

#[test]
fn where_the_kind_is_unknown_faults_may_be_lost_that_were_over_two_seconds_before() {
    const S: u64 = 1_000_000_000;
    let trace = mapped()
        .fault(fault(4 * S - 1, BASE, WRITE))
        .fault(fault(4 * S, BASE + P, WRITE))
        .fault(fault(7 * S, BASE + 2 * P, WRITE));
    let found = causes(lacking(trace, gap(0, 6 * S, u64::MAX))).0;
    assert_eq!(found, [AnonFirstTouch, AnonUnknown, AnonUnknown]);
}

#[test]
fn a_gap_that_shows_while_faults_are_read_is_one_like_others() {
    let trace = || mapped().fault(fault(20, BASE, WRITE)).fault(fault(40, BASE + P, WRITE));
    let batch = |faults: &[Fault]| Batch::Faults(FaultBatch { cpu: 3, columns: columns(faults) });
    let lost = gap(FrameKind::Faults as u16, 30, 35);
    let known = lacking(trace(), lost.clone()).analyse();
    let batches = [
        (START_NS + 20, batch(&[fault(20, BASE, WRITE), fault(40, BASE + P, WRITE)])),
        (START_NS + 30, Batch::Lost(lost)),
    ];
    let wanted = Wanted::all(known.slow_threshold_ns);
    let found = analyse_in_order(trace().recording, batches, &wanted);
    assert_eq!(format!("{found:?}"), format!("{known:?}"));
    assert_eq!(found.faults.cause, [AnonFirstTouch, AnonUnknown]);
}
