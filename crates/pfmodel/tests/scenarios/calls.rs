//! Calls that unmap memory, and what calls mean for confidence.

use pfmodel::names::Cause;
use pfmodel::names::MapConfidence::{Exact, Inferred, Unknown};
use pft::record::{CallRecord, LostBy, Outcome};

use crate::trace::*;

const BASE: u64 = 0x10_0000;
const OTHER: u64 = 0x80_0000;
const P: u64 = 0x1000;

/// Eight pages of anonymous memory at `BASE`, and calls recorded.
fn mapped() -> Trace {
    Trace::new().with_calls().map(map(10, BASE, BASE + 8 * P, RW, "//anon"))
}

#[test]
fn what_is_mapped_after_munmap_is_told_apart_at_each_moment() {
    let mut second = map(40, BASE, BASE + 2 * P, R, "/data/b");
    second.file_offset = 0x7000;
    let analysis = Trace::new()
        .with_calls()
        .map(map(10, BASE, BASE + 2 * P, R, "/data/a"))
        .fault(fault(20, BASE + P, READ))
        .call(munmap(30, BASE, 2 * P))
        .fault(fault(36, BASE + P, READ).outcome(Outcome::Abandoned))
        .map(second)
        .fault(fault(50, BASE + P, READ))
        .analyse();
    let expected = [
        ("a".to_owned(), 0x1000, Exact),
        ("none".to_owned(), 0, Unknown),
        ("b".to_owned(), 0x8000, Exact),
    ];
    assert_eq!(places(&analysis), expected);
    assert_eq!(analysis.faults.cause[1], Cause::Invalid, "nothing is known to be mapped there");
    assert_eq!(analysis.faults.nth[2], 1);
    let lives: Vec<_> =
        analysis.mappings.iter().map(|m| (m.valid_from_ns, m.valid_to_ns)).collect();
    assert_eq!(lives, [(10, 30), (40, 550)]);
}

#[test]
fn the_length_is_rounded_out_and_the_rest_stays() {
    let analysis = mapped()
        .call(munmap(20, BASE + 2 * P, P + 1))
        .fault(fault(30, BASE + P, WRITE))
        .fault(fault(31, BASE + 2 * P, WRITE))
        .fault(fault(32, BASE + 4 * P - 1, WRITE))
        .fault(fault(33, BASE + 4 * P, WRITE))
        .analyse();
    assert_eq!(confidence(&analysis), [Exact, Unknown, Unknown, Exact]);
    let ranges: Vec<_> =
        analysis.mappings.iter().map(|m| (m.start - BASE, m.end - BASE, m.valid_to_ns)).collect();
    assert_eq!(ranges, [(0, 8 * P, 20), (0, 2 * P, 533), (4 * P, 8 * P, 533)]);
    assert_eq!(analysis.faults.cause[3], Cause::AnonFirstTouch, "still seen being made");
}

#[test]
fn the_same_range_mapped_again_starts_afresh() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .call(munmap(30, BASE, 8 * P))
        .map(map(40, BASE, BASE + 16 * P, RW, "//anon"))
        .fault(fault(50, BASE, WRITE))
        .analyse();
    assert_eq!(analysis.faults.cause, [Cause::AnonFirstTouch; 2]);
    assert_eq!(analysis.faults.nth, [1, 1]);
    assert_eq!(confidence(&analysis), [Exact; 2]);
}

#[test]
fn a_failed_call_changes_nothing() {
    let analysis = mapped()
        .fault(fault(20, BASE, WRITE))
        .call(failed(munmap(30, BASE, 8 * P), 22))
        .call(failed(mremap(31, (BASE, 8 * P), (OTHER, 8 * P), 1), 12))
        .fault(fault(40, BASE, READ))
        .analyse();
    assert_eq!(analysis.mappings.len(), 1);
    assert_eq!(analysis.faults.nth, [1, 2]);
    assert_eq!(confidence(&analysis), [Exact; 2]);
}

#[test]
fn during_the_call_the_mapping_may_still_be_there() {
    let during = |outcome| {
        let trace = mapped().call(munmap(30, BASE, 8 * P));
        trace.fault(Fault { outcome, ..fault(33, BASE, WRITE) })
    };
    let analysis = during(Outcome::Minor).fault(fault(36, BASE, WRITE)).analyse();
    assert_eq!(regions(&analysis), ["[anon]", "none"]);
    assert_eq!(confidence(&analysis), [Inferred, Unknown]);
    assert_eq!(analysis.faults.cause[0], Cause::AnonFirstTouch);
    let signalled = during(Outcome::Signalled).analyse();
    assert_eq!(confidence(&signalled), [Unknown], "it failed, so it was gone");
    let given_up = during(Outcome::Abandoned).analyse();
    assert_eq!((given_up.faults.len(), given_up.exactness.unresolved), (0, 1));
}

#[test]
fn during_the_call_a_child_may_still_find_what_it_inherited() {
    let call = CallRecord { pid: 2, tid: 2, ..munmap(30, BASE, 8 * P) };
    let analysis =
        mapped().fork(20, 1, 2).call(call).fault(fault_of(2, 33, BASE + P, WRITE)).analyse();
    let mapping = &analysis.mappings[analysis.faults.mapping[0] as usize];
    assert_eq!((mapping.proc, mapping.valid_from_ns, mapping.valid_to_ns), (1, 20, 30));
}

#[test]
fn a_child_may_have_what_its_parent_was_just_unmapping() {
    let given_up = |time| {
        let fault = fault_of(2, 60, BASE, WRITE).outcome(Outcome::Abandoned);
        let trace = mapped().call(munmap(30, BASE, 8 * P)).fork(time, 1, 2).fault(fault);
        trace.analyse().exactness.unresolved
    };
    assert_eq!((given_up(32), given_up(40)), (1, 0));
}

#[test]
fn a_record_made_during_the_call_leaves_a_doubt_until_a_snapshot() {
    let trace = || {
        mapped()
            .map(map(32, BASE + 6 * P, BASE + 16 * P, RW, "//anon"))
            .fault(fault(40, BASE + 7 * P, WRITE))
            .fault(fault(41, BASE + 8 * P, WRITE))
    };
    let analysis = trace()
        .call(munmap(30, BASE, 8 * P))
        .snapshot(50, vec![line(BASE + 6 * P, BASE + 16 * P, RW, "")])
        .fault(fault(70, BASE + 7 * P, READ))
        .analyse();
    // The snapshot confirms the row; without it, it stays as it was.
    assert_eq!(confidence(&analysis), [Exact, Exact, Exact]);
    let without = trace().call(munmap(30, BASE, 8 * P)).analyse();
    assert_eq!(confidence(&without), [Inferred, Exact]);
    let before = trace().call(munmap(20, BASE, 8 * P)).analyse();
    assert_eq!(confidence(&before), [Exact, Exact]);
}

#[test]
fn munmap_without_an_exit_is_not_known_to_have_happened() {
    let analysis = mapped()
        .map(map(10, OTHER, OTHER + P, RW, "//anon"))
        .call(unfinished(munmap(30, BASE, 8 * P)))
        .fault(fault(40, BASE, WRITE))
        .fault(fault(41, OTHER, WRITE))
        .map(map(50, BASE, BASE + P, R, "/data/a"))
        .fault(fault(60, BASE, READ))
        .analyse();
    assert_eq!(regions(&analysis), ["[anon]", "[anon]", "a"]);
    assert_eq!(confidence(&analysis), [Inferred, Exact, Inferred]);
}

#[test]
fn where_all_changes_are_recorded_no_confirmation_is_needed() {
    let found = |trace: Trace| trace.fault(fault(40, BASE, WRITE)).analyse();
    let by_record = || Trace::new().map(map(10, BASE, BASE + 8 * P, RW, "//anon"));
    let by_snapshot = || Trace::empty().snapshot(10, vec![line(BASE, BASE + 8 * P, RW, "")]);
    assert_eq!(confidence(&found(by_record().with_calls())), [Exact]);
    assert_eq!(confidence(&found(by_snapshot().with_calls())), [Exact]);
    // Without a record of the calls the addresses may have been used again unseen.
    assert_eq!(confidence(&found(by_record())), [Inferred]);
    assert_eq!(confidence(&found(by_snapshot())), [Inferred]);
    let no = by_record().fact("capture.calls", "no");
    assert_eq!(confidence(&found(no)), [Inferred]);
    let unknown_rest = Trace::empty().with_calls().map(map(10, BASE, BASE + P, RW, "//anon"));
    assert_eq!(confidence(&found(unknown_rest)), [Inferred], "older than the recording");
    let lost = |by| by_record().with_calls().lost(20, 25, by);
    assert_eq!(confidence(&found(lost(LostBy::Ring))), [Inferred]);
    assert_eq!(confidence(&found(lost(LostBy::Recorder))), [Exact]);
    let shown = lost(LostBy::Ring).snapshot(30, vec![line(BASE, BASE + 8 * P, RW, "")]);
    assert_eq!(confidence(&found(shown)), [Exact]);
    let forbidden = Trace::new().with_calls().map(map(10, BASE, BASE + P, R, "/data/a"));
    assert_eq!(confidence(&found(forbidden)), [Inferred], "the access contradicts the mapping");
}

#[test]
fn a_child_that_may_share_memory_leaves_doubts_in_its_parent() {
    let child = |mut map: pft::record::MapRecord| {
        map.pid = 2;
        map
    };
    let trace = |exec: Option<u64>| {
        let trace = mapped().map(map(10, OTHER, OTHER + P, RW, "//anon")).fork(20, 1, 2);
        let trace = match exec {
            Some(time) => trace.task(time, pft::record::TaskKind::Exec, 2, 2, "next"),
            None => trace,
        };
        trace
            .map(child(map(30, BASE, BASE + 2 * P, R, "/data/a")))
            .call(CallRecord { pid: 2, tid: 2, ..munmap(31, BASE + 4 * P, P) })
            .fault(fault(40, BASE, WRITE))
            .fault(fault(41, BASE + 3 * P, WRITE))
            .fault(fault(42, BASE + 4 * P, WRITE))
            .fault(fault_of(2, 43, BASE, READ))
            .analyse()
    };
    assert_eq!(confidence(&trace(None)), [Inferred, Exact, Inferred, Exact]);
    assert_eq!(confidence(&trace(Some(25))), [Exact; 4]);
}

#[test]
fn a_snapshot_read_during_a_call_neither_anticipates_nor_undoes_it() {
    // It begins during the call and still shows the mapping.
    let analysis = mapped()
        .call(munmap(30, BASE, 4 * P))
        .snapshot(32, vec![line(BASE, BASE + 8 * P, RW, "")])
        .fault(fault(50, BASE, WRITE))
        .fault(fault(51, BASE + 4 * P, WRITE))
        .analyse();
    assert_eq!(confidence(&analysis), [Unknown, Exact]);
    // It begins before the call and shows what comes of it.
    let analysis = mapped()
        .snapshot(25, vec![line(BASE + 4 * P, BASE + 8 * P, RW, "")])
        .fault(fault(28, BASE, WRITE))
        .call(munmap(30, BASE, 4 * P))
        .fault(fault(50, BASE, WRITE))
        .analyse();
    assert_eq!(confidence(&analysis), [Exact, Unknown]);
}

#[test]
fn the_answer_to_a_query_says_nothing_about_other_addresses() {
    let analysis = Trace::empty()
        .with_calls()
        .map(map(10, BASE, BASE + P, RW, "//anon"))
        .query(20, vec![line(OTHER, OTHER + P, R, "/data/a")])
        .fault(fault(40, BASE, WRITE))
        .fault(fault(41, OTHER, READ))
        .fault(fault(42, 0x8, READ).outcome(Outcome::Abandoned))
        .query(50, vec![line(BASE, BASE + P, RW, "")])
        .analyse();
    assert_eq!(regions(&analysis), ["[anon]", "a"]);
    assert_eq!(confidence(&analysis), [Exact, Inferred], "the second answer confirms the first");
    assert_eq!(analysis.exactness.unresolved, 1, "the map is not complete");
}

/// A stack grows under a fault whose record is taken ahead of its turn.
#[test]
fn a_call_does_not_undo_what_came_after_it() {
    let top = 0x7fff_0000;
    let analysis = mapped()
        .map(map(10, top, top + P, RW, "[stack]"))
        .fault(fault(100, top - 8, WRITE))
        .call(CallRecord { tid: 2, ..munmap(150, top - 8 * P, 8 * P) })
        .map(map(200, top - P, top + P, RW, "[stack]"))
        .fault(fault(700, top - 16, READ))
        .analyse();
    assert_eq!(analysis.faults.cause, [Cause::StackGrowth, Cause::AnonUnknown]);
    assert_eq!(regions(&analysis), ["[stack]"; 2]);
}
