//! The same engine, fault by fault.

use pfmodel::names::{Cause, Class};
use pfmodel::{Fault as Recorded, Judged, Live, Options};
use pft::record::{CallRecord, Outcome, Snapshot, SnapshotReason, TaskKind, flags};

use crate::trace::*;

const BASE: u64 = 0x10_0000;
const END: u64 = BASE + 0x8000;

/// A stream that has taken everything of a trace but its faults.
pub fn started(trace: &Trace) -> Live {
    let recording = &trace.recording;
    let mut live = Live::new(&recording.header, &recording.facts, &trace.options);
    recording.tasks.iter().cloned().for_each(|task| live.push_task(task));
    recording.maps.iter().cloned().for_each(|map| live.push_map(map));
    recording.calls.iter().cloned().for_each(|call| live.push_call(call));
    recording.lost.iter().cloned().for_each(|lost| live.push_lost(lost));
    recording.snapshots.iter().cloned().for_each(|shot| live.push_snapshot(shot));
    live
}

fn recorded(fault: Fault) -> Recorded {
    let code =
        fault.code.map_or(0, |code| flags::ERROR_CODE_VALID | code << flags::ERROR_CODE_SHIFT);
    Recorded {
        time_ns: START_NS + fault.time,
        latency_ns: fault.latency,
        addr: fault.addr,
        ip: fault.ip,
        pid: fault.pid,
        tid: fault.tid,
        flags: fault.outcome as u32
            | fault.flags
            | code
            | fault.page_shift << flags::PAGE_SHIFT_SHIFT,
        attempts: fault.attempts,
        cpu: 3,
    }
}

fn region(judged: Option<Judged<'_>>) -> String {
    let place = judged.and_then(|judged| judged.place);
    place.map_or("none".into(), |place| String::from_utf8_lossy(place.region).into_owned())
}

/// Class, cause and region of a fault.
fn seen(live: &mut Live, fault: Fault) -> (Class, Cause, String) {
    let judged = live.judge(&recorded(fault));
    let found = judged.map(|judged| (judged.class, judged.cause));
    let (class, cause) = found.unwrap_or((Class::Failed, Cause::Unknown));
    (class, cause, region(judged))
}

/// Whether nothing can be said of a fault that the thread gave up.
fn is_unresolved(live: &mut Live, fault: Fault) -> bool {
    let before = live.unjudged().unresolved;
    let judged = live.judge(&recorded(fault.outcome(Outcome::Abandoned))).is_some();
    assert_eq!(live.unjudged().unresolved - before, u64::from(!judged));
    !judged
}

fn shown(start: u64, end: u64, vmas: Vec<pft::record::Vma>) -> Snapshot {
    Snapshot {
        pid: 1,
        start_ns: START_NS + start,
        end_ns: START_NS + end,
        reason: SnapshotReason::Periodic,
        vmas,
    }
}

#[test]
fn a_fault_is_described_at_once() {
    let code = pft::record::MapRecord {
        file_offset: 0x3000,
        ..map(10, 0x40_0000, 0x40_2000, RX, "/bin/app")
    };
    let trace = Trace::new().map(code).map(map(11, BASE, END, RW, "//anon"));
    let mut live = started(&trace);
    let write = Fault { ip: 0x40_0123, ..fault(20, BASE + 0x1010, WRITE) };
    let judged = live.judge(&recorded(write)).unwrap();
    assert_eq!((judged.class, judged.cause), (Class::Minor, Cause::AnonFirstTouch));
    assert_eq!((judged.comm, judged.process), (&b"main"[..], &b"main"[..]));
    assert_eq!((judged.latency_ns, judged.slow, judged.kernel_mode), (Some(500), false, false));
    let place = judged.place.unwrap();
    assert_eq!((place.region, place.path, place.file_offset), (&b"[anon]"[..], None, None));
    assert_eq!(place.offset, 0x1010);
    let ip = judged.ip_place.unwrap();
    assert_eq!((ip.region, ip.path), (&b"app"[..], Some(&b"/bin/app"[..])));
    assert_eq!((ip.offset, ip.file_offset), (0x123, Some(0x3123)));
    let again = live.judge(&recorded(fault(30, BASE + 0x1010, WRITE_PRESENT))).unwrap();
    assert_eq!((again.class, again.cause), (Class::Cow, Cause::CowAnon));
    let nowhere = live.judge(&recorded(fault(40, END, WRITE))).unwrap();
    assert_eq!((nowhere.cause, nowhere.place), (Cause::Unknown, None));
}

#[test]
fn entries_that_came_to_nothing_are_counted() {
    let mut live = started(&Trace::new().fact("capture.error_code", "yes"));
    assert_eq!(live.judge(&recorded(fault(10, BASE, READ).outcome(Outcome::InFlight))), None);
    assert_eq!(live.judge(&recorded(fault(11, BASE, READ).outcome(Outcome::Unknown))), None);
    let failed = seen(&mut live, fault(12, BASE, READ).outcome(Outcome::Signalled));
    assert_eq!(failed, (Class::Failed, Cause::Invalid, "none".into()));
    let unjudged = live.unjudged();
    assert_eq!((unjudged.in_flight, unjudged.unresolved, unjudged.error_code), (1, 1, true));
}

#[test]
fn bss_keeps_the_name_of_its_module_in_a_forked_process() {
    let trace = Trace::new()
        .map(map(10, 0x10000, 0x12000, RX, "/lib/libx.so"))
        .map(map(11, 0x12000, 0x14000, RW, "/lib/libx.so"))
        .map(map(12, 0x14000, 0x16000, RW, "//anon"))
        .fork(50, 1, 2);
    let mut live = started(&trace);
    assert_eq!(seen(&mut live, fault(20, 0x15000, WRITE)).2, "libx.so bss");
    assert_eq!(seen(&mut live, fault_of(2, 60, 0x15000, WRITE)).2, "libx.so bss");
    // Whatever is mapped there when the library is gone is something else.
    live.push_snapshot(shown(70, 71, vec![line(0x20000, 0x21000, RW, "")]));
    live.push_map(map(80, 0x14000, 0x16000, RW, "//anon"));
    assert_eq!(seen(&mut live, fault(90, 0x15000, WRITE)).2, "[anon]");
}

#[test]
fn a_late_snapshot_adds_what_is_unknown_and_undoes_nothing() {
    let trace = Trace::empty().task(0, TaskKind::Comm, 1, 1, "main");
    let mut live = started(&trace);
    assert_eq!(seen(&mut live, fault(20, BASE, WRITE)).2, "none");
    // Read from 30 to 40; meanwhile and afterwards things changed, and faults told of that.
    live.push_map(map(35, BASE + 0x1000, BASE + 0x2000, R, "/during"));
    live.push_map(map(45, BASE + 0x2000, BASE + 0x3000, R, "/after"));
    live.push_map(map(46, END, END + 0x1000, RW, "//anon"));
    assert_eq!(seen(&mut live, fault(50, BASE + 0x2000, READ)).2, "after");
    live.push_snapshot(shown(30, 40, vec![line(BASE, END, RW, "/old")]));
    let found: Vec<String> = [0, 0x1000, 0x2000, 0x3000, 0x8000]
        .into_iter()
        .map(|offset| seen(&mut live, fault(60, BASE + offset, READ)).2)
        .collect();
    assert_eq!(found, ["old", "during", "after", "old", "[anon]"]);
}

#[test]
fn a_snapshot_of_a_replaced_address_space_says_nothing() {
    let mut live = started(&Trace::new());
    live.push_task(Trace::empty().task(40, TaskKind::Exec, 1, 1, "next").recording.tasks.remove(0));
    live.push_map(map(41, BASE, BASE + 0x1000, R, "/new"));
    assert_eq!(seen(&mut live, fault(50, BASE, READ)).2, "new");
    live.push_snapshot(shown(30, 35, vec![line(BASE, END, RW, "/old")]));
    assert_eq!(seen(&mut live, fault(60, BASE, READ)).2, "new");
    assert_eq!(seen(&mut live, fault(61, BASE + 0x1000, READ)).2, "none");
    // Nor does one of a process that has ended.
    live.push_task(Trace::empty().exit(70, 1, 1).recording.tasks.remove(0));
    assert_eq!(seen(&mut live, fault_of(2, 80, BASE, READ)).2, "none");
    live.push_snapshot(shown(65, 66, vec![line(BASE, END, RW, "/old")]));
    assert_eq!(seen(&mut live, fault(90, BASE, READ)).2, "none");
}

#[test]
fn the_growth_of_a_stack_is_seen_behind_a_later_fault() {
    let stack = 0x7fff_0000;
    let trace = Trace::new().map(map(10, stack, stack + 0x2000, RW, "[stack]")).map(map(
        105,
        stack - 0x1000,
        stack + 0x2000,
        RW,
        "[stack]",
    ));
    let mut live = started(&trace);
    // Another thread's fault began behind the record and was over first.
    let other = Fault { tid: 9, latency: 1, ..fault(110, stack, WRITE) };
    assert_eq!(seen(&mut live, other).1, Cause::AnonFirstTouch);
    let grown = Fault { latency: 50, ..fault(100, stack - 0x800, WRITE) };
    assert_eq!(seen(&mut live, grown).1, Cause::StackGrowth);
}

#[test]
fn a_fault_that_took_long_undoes_no_later_record() {
    let trace =
        Trace::new().map(map(105, BASE, END, R, "/first")).map(map(106, BASE, END, R, "/second"));
    let mut live = started(&trace);
    let other = Fault { tid: 9, latency: 1, ..fault(110, BASE, READ) };
    assert_eq!(seen(&mut live, other).2, "second");
    let long = Fault { tid: 8, latency: 50, ..fault(100, BASE, READ) };
    assert_eq!(seen(&mut live, long).2, "second");
    assert_eq!(seen(&mut live, fault(170, BASE, READ)).2, "second");
}

#[test]
fn missed_faults_make_pages_unknown() {
    let trace = Trace::new().map(map(10, BASE, END, RW, "//anon"));
    let mut live = started(&trace);
    assert_eq!(seen(&mut live, fault(20, BASE, READ)).1, Cause::ZeroPage);
    live.miss();
    assert_eq!(seen(&mut live, fault(30, BASE, WRITE_PRESENT)).1, Cause::CowAnonOrZero);
    assert_eq!(seen(&mut live, fault(31, BASE + 0x1000, WRITE)).1, Cause::AnonUnknown);
    assert_eq!(seen(&mut live, fault(32, BASE + 0x1000, WRITE)).1, Cause::AnonRefault);
    live.push_map(map(40, END, END + 0x1000, R, "//anon"));
    assert_eq!(seen(&mut live, fault(50, END, READ)).1, Cause::ZeroPage);
}

#[test]
fn a_minor_fault_is_slow_only_beyond_a_given_threshold() {
    let slow = Fault { latency: 1_000_000, ..fault(20, BASE, READ) };
    let trace = Trace::new().map(map(10, BASE, END, R, "/data"));
    assert_eq!(seen(&mut started(&trace), slow).1, Cause::FileCached);
    let options = Options::with_slow_threshold_ns(20_000);
    let mut live = started(&Trace { options, ..trace });
    assert_eq!(seen(&mut live, slow).1, Cause::FileWait);
}

/// Eight pages of anonymous memory at `BASE`, and calls recorded.
fn with_calls() -> Live {
    started(&Trace::new().with_calls().map(map(10, BASE, END, RW, "//anon")))
}

const P: u64 = 0x1000;
const OTHER: u64 = 0x80_0000;

#[test]
fn calls_count_from_their_entry() {
    let mut live = with_calls();
    live.push_call(munmap(30, BASE, 2 * P));
    assert_eq!(seen(&mut live, fault(29, BASE, WRITE)).2, "[anon]");
    assert_eq!(seen(&mut live, fault(32, BASE + P, WRITE)).2, "[anon]", "during the call");
    assert_eq!(seen(&mut live, fault(36, BASE, WRITE)).2, "none");
    live.push_call(madvise(40, BASE + 2 * P, P, 4));
    assert_eq!(seen(&mut live, fault(50, BASE + 2 * P, WRITE)).1, Cause::AnonFirstTouch);
    live.push_call(madvise(60, BASE + 2 * P, P, 4));
    assert_eq!(seen(&mut live, fault(70, BASE + 2 * P, WRITE)).1, Cause::AnonRefault);
    assert_eq!(seen(&mut live, fault(71, BASE + 2 * P, WRITE)).1, Cause::AnonUnknown);
    live.push_call(mremap(80, (BASE + 2 * P, P), (OTHER, P), 1));
    let moved = live.judge(&recorded(fault(90, OTHER, WRITE_PRESENT))).unwrap();
    assert_eq!((moved.class, moved.cause), (Class::Cow, Cause::CowAnon));
    assert_eq!(seen(&mut live, fault(91, BASE + 2 * P, READ)).2, "none");
}

/// A call arrives at its end, behind faults and records that came after its entry.
#[test]
fn a_late_call_undoes_nothing() {
    let mut live = with_calls();
    live.push_map(map(35, BASE + P, BASE + 2 * P, R, "/during"));
    assert_eq!(seen(&mut live, fault(40, BASE + P, READ)).2, "during");
    live.push_call(CallRecord { end_ns: START_NS + 50, ..munmap(30, BASE, 4 * P) });
    let mut found = |time, page| seen(&mut live, fault(time, BASE + page * P, READ)).2;
    assert_eq!([found(60, 0), found(61, 1), found(62, 4)], ["none", "during", "[anon]"]);
    // A fault that began during the call and is over only now.
    live.push_call(munmap(65, OTHER, P));
    assert_eq!(seen(&mut live, fault(66, BASE, READ)).2, "none");
    assert_eq!(seen(&mut live, fault(45, BASE + 2 * P, READ)).2, "[anon]");
    // What was mapped when the call was under way may have come before it: no absence is known there.
    assert!(is_unresolved(&mut live, fault(70, BASE + P, WRITE)));
    assert!(!is_unresolved(&mut live, fault(71, BASE, WRITE)));
}

#[test]
fn a_late_snapshot_does_not_undo_calls() {
    let mut live = with_calls();
    live.push_map(map(10, OTHER, OTHER + 2 * P, R, "/data/b"));
    live.push_call(CallRecord { end_ns: START_NS + 50, ..munmap(25, BASE, P) });
    live.push_call(munmap(45, BASE + P, P));
    live.push_call(mremap(52, (OTHER, P), (BASE + P, P), 3));
    for n in 0..40 {
        live.push_call(munmap(58, OTHER + (2 + n) * P, P));
    }
    assert_eq!(seen(&mut live, fault(60, BASE, READ)).2, "none");
    // Read from 30 to 40.
    let lines = vec![line(BASE, END, RW, ""), line(OTHER, OTHER + 2 * P, R, "/data/b")];
    live.push_snapshot(shown(30, 40, lines));
    let mut found = |addr| seen(&mut live, fault(70, addr, READ)).2;
    let pages = [BASE, BASE + P, BASE + 2 * P, OTHER, OTHER + P];
    assert_eq!(pages.map(&mut found), ["none", "b", "[anon]", "none", "b"]);
}

#[test]
fn the_first_snapshot_counts_from_the_start_whatever_was_asked_before() {
    let mut live = started(&Trace::empty().task(0, TaskKind::Present, 1, 1, "main"));
    let first = shown(10, 11, vec![line(BASE, END, RW, "")]);
    live.push_snapshot(Snapshot { reason: SnapshotReason::Query, ..shown(3, 4, Vec::new()) });
    live.push_snapshot(Snapshot { reason: SnapshotReason::Start, ..first });
    assert_eq!(seen(&mut live, fault(7, BASE, WRITE)).2, "[anon]");
}

#[test]
fn a_late_call_of_a_replaced_address_space_changes_nothing() {
    let mut live = with_calls();
    live.push_task(Trace::empty().task(40, TaskKind::Exec, 1, 1, "next").recording.tasks.remove(0));
    live.push_map(map(41, BASE, END, R, "/new"));
    assert_eq!(seen(&mut live, fault(50, BASE, READ)).2, "new");
    live.push_call(unfinished(mremap(30, (BASE, P), (OTHER, P), 0)));
    assert!(!is_unresolved(&mut live, fault(60, END, READ)), "nothing moved in this one");
}

#[test]
fn what_a_move_made_that_changed_before_it_arrived_is_in_doubt() {
    let mut live = with_calls();
    live.push_map(map(70, OTHER, OTHER + P, R, "/later"));
    assert_eq!(seen(&mut live, fault(80, OTHER, READ)).2, "later");
    live.push_call(mremap(30, (BASE, 2 * P), (OTHER, 2 * P), 1));
    assert_eq!(seen(&mut live, fault(90, OTHER, READ)).2, "later");
    assert_eq!(seen(&mut live, fault(91, BASE, READ)).2, "none");
    assert!(is_unresolved(&mut live, fault(92, OTHER + P, READ)));
}

/// The page may have gone before the fault during the call, or behind it.
#[test]
fn a_fault_during_advice_leaves_its_page_unknown() {
    let again = |during: Option<u64>| {
        let mut live = with_calls();
        let before = [fault(20, BASE, WRITE), fault(21, BASE + P, WRITE)];
        let during = during.map(|page| fault(32, BASE + page * P, WRITE));
        for fault in before.into_iter().chain(during) {
            seen(&mut live, fault);
        }
        live.push_call(madvise(30, BASE, 8 * P, 4));
        seen(&mut live, fault(40, BASE, WRITE)).1
    };
    assert_eq!(again(None), Cause::AnonRefault);
    assert_eq!(again(Some(0)), Cause::AnonUnknown);
    assert_eq!(again(Some(1)), Cause::AnonRefault);
}

#[test]
fn after_more_faults_than_are_remembered_advice_is_no_reason() {
    let again = |faults: u64| {
        let mut live = with_calls();
        seen(&mut live, fault(20, BASE, WRITE));
        for n in 0..faults {
            seen(&mut live, Fault { latency: 1, ..fault(1000 + n, BASE + P, WRITE) });
        }
        let end_ns = START_NS + 1000 + faults;
        live.push_call(CallRecord { end_ns, ..madvise(900, BASE, P, 4) });
        seen(&mut live, fault(10_000, BASE, WRITE)).1
    };
    assert_eq!((again(4096), again(4097)), (Cause::AnonRefault, Cause::AnonUnknown));
}
