use pfmodel::names::{Access, Cause, Class};
use pft::record::{CallRecord, LATENCY_UNKNOWN, Outcome, TaskKind, flags};

use crate::trace::*;

const ANON: u64 = 0x10_0000;
const FILE: u64 = 0x20_0000;
const LEN: u64 = 0x10_0000;

/// A trace with anonymous memory at `ANON` and a private writable file at `FILE`.
fn seen() -> Trace {
    Trace::new().map(map(10, ANON, ANON + LEN, RW, "//anon")).map(map(
        10,
        FILE,
        FILE + LEN,
        RW,
        "/data/file",
    ))
}

/// The same memory, but older than the recording.
fn found() -> Trace {
    let vmas = vec![line(ANON, ANON + LEN, RW, ""), line(FILE, FILE + LEN, RW, "/data/file")];
    Trace::empty().task(0, TaskKind::Present, 1, 1, "main").snapshot(1, vmas)
}

#[test]
fn anonymous_memory_from_first_read_to_refault() {
    let analysis = seen()
        .fault(fault(20, ANON, READ))
        .fault(fault(30, ANON, WRITE_PRESENT))
        .fault(fault(40, ANON, READ))
        .fault(fault(50, ANON, WRITE_PRESENT))
        .fault(fault(60, ANON + 0x1000, WRITE))
        .fault(fault(70, ANON + 0x1000, WRITE).major())
        .analyse();
    let expected = [
        (Class::Minor, Cause::ZeroPage),
        (Class::Cow, Cause::CowZero),
        (Class::Minor, Cause::AnonRefault),
        (Class::Cow, Cause::CowAnonOrZero),
        (Class::Minor, Cause::AnonFirstTouch),
        (Class::Major, Cause::SwapIn),
    ];
    assert_eq!(causes(&analysis), expected);
    assert_eq!(analysis.faults.nth, [1, 2, 3, 4, 1, 2]);
    assert_eq!(analysis.faults.time_ns, [20, 30, 40, 50, 60, 70]);
    assert_eq!(analysis.faults.page_size_bytes, [4096; 6]);
    assert_eq!(analysis.faults.access.to_vec()[0..2], [Access::Read, Access::Write]);
}

#[test]
fn nothing_is_swapped_in_where_there_is_no_swap() {
    let majors = |base: fn() -> Trace, sizes: &[&str]| {
        let trace = sizes.iter().fold(base(), |t, size| t.fact("vm.swap_total_bytes", size));
        let analysis = trace
            .fault(fault(20, ANON, READ).major())
            .fault(fault(30, ANON, WRITE_PRESENT))
            .fault(fault(40, ANON, WRITE).major())
            .fault(fault(50, FILE, READ).major())
            .fault(fault(60, FILE + 0x1000, WRITE).major())
            .fault(fault(70, FILE + 0x1000, READ).major())
            .fault(fault(80, FILE + 0x1000, WRITE_PRESENT))
            .fault(fault(90, FILE + 0x1000, WRITE).major())
            .analyse();
        analysis.faults.cause
    };
    use Cause::{
        CowAnon, CowAnonOrZero, CowFile, FileOrSwap, FilePrivateWrite, FileRead, SwapIn, Unknown,
    };
    let expected = [
        Unknown,
        CowAnonOrZero,
        Unknown,
        FileRead,
        FilePrivateWrite,
        FileRead,
        CowFile,
        FilePrivateWrite,
    ];
    // Known from the start, or not: whoever made it wait, swap did not.
    assert_eq!(majors(seen, &["0"]), expected);
    assert_eq!(majors(found, &["0"]), expected);
    let swapped = [SwapIn, CowAnon, SwapIn, FileOrSwap, FileOrSwap, SwapIn, CowAnon, SwapIn];
    for sizes in [&[][..], &["4096"], &["0", "4096"], &["4096", "0"]] {
        assert_eq!(majors(found, sizes), swapped, "{sizes:?}");
    }
}

#[test]
fn a_page_that_only_swap_can_have_shows_that_there_is_some() {
    let majors = |trace: Trace| {
        let analysis = trace
            .fact("vm.swap_total_bytes", "0")
            .fault(fault(20, ANON, WRITE))
            .fault(fault(30, ANON + 0x1000, READ).major())
            // What a fault in between leaves is not known, but it is there.
            .fault(fault(36, ANON, READ))
            .fault(fault(40, ANON, READ).major())
            .fault(fault(50, ANON + 0x2000, READ).major())
            .analyse();
        [1, 3, 4].map(|row| analysis.faults.cause[row])
    };
    use Cause::{SwapIn, Unknown};
    assert_eq!(majors(seen().with_calls()), [Unknown, SwapIn, SwapIn]);
    assert_eq!(majors(seen()), [Unknown; 3], "it may have been dropped");
    let dropped = |result| CallRecord { result, ..madvise(37, ANON, LEN, 4) };
    assert_eq!(majors(seen().with_calls().call(dropped(0))), [Unknown; 3]);
    assert_eq!(majors(seen().with_calls().call(dropped(-22))), [Unknown; 3], "it may be");
    let grown = map(38, ANON, ANON + 2 * LEN, RW, "//anon");
    assert_eq!(majors(seen().with_calls().map(grown)), [Unknown; 3], "it may be a new one");
}

#[test]
fn faults_that_were_left_out_make_no_first_touch() {
    let touch = |key, value| {
        let later = map(25, 2 * LEN + FILE, 3 * LEN + FILE, RW, "//anon");
        let trace = seen().fact(key, value).fault(fault(20, ANON, WRITE)).map(later);
        causes(&trace.fault(fault(30, 2 * LEN + FILE, WRITE)).analyse())
    };
    let (first, unknown) =
        ((Class::Minor, Cause::AnonFirstTouch), (Class::Minor, Cause::AnonUnknown));
    assert_eq!(touch("capture.user_only", "no"), [first, first]);
    assert_eq!(touch("capture.min_latency_ns", "1000"), [unknown, unknown]);
    assert_eq!(touch("capture.major_only", "yes"), [unknown, unknown]);
    // From then on all are there.
    assert_eq!(touch("capture.delay_ns", "15"), [unknown, first]);
    assert_eq!(touch("capture.delay_ns", "5"), [first, first]);
}

#[test]
fn memory_older_than_the_recording_stays_unknown() {
    let analysis = found()
        .fault(fault(20, ANON, WRITE))
        .fault(fault(30, ANON + 0x1000, READ))
        .fault(fault(40, ANON + 0x2000, WRITE_PRESENT))
        .fault(fault(50, ANON, WRITE))
        .fault(fault(60, FILE, WRITE_PRESENT))
        .fault(fault(70, FILE + 0x1000, READ).major())
        .analyse();
    let expected = [
        (Class::Minor, Cause::AnonUnknown),
        (Class::Minor, Cause::AnonUnknown),
        (Class::Cow, Cause::CowAnonOrZero),
        (Class::Minor, Cause::AnonRefault),
        (Class::Cow, Cause::CowFileOrAnon),
        (Class::Major, Cause::FileOrSwap),
    ];
    assert_eq!(causes(&analysis), expected);
}

#[test]
fn private_file_pages() {
    let analysis = seen()
        .fault(fault(20, FILE, READ).major())
        .fault(fault(30, FILE, WRITE_PRESENT))
        .fault(fault(40, FILE, READ).major())
        .fault(fault(50, FILE + 0x1000, WRITE))
        .fault(fault(60, FILE + 0x2000, READ))
        .fault(fault(70, FILE + 0x3000, WRITE_PRESENT))
        .fault(fault(80, FILE + 0x4000, WRITE).major())
        .analyse();
    let expected = [
        (Class::Major, Cause::FileRead),
        (Class::Cow, Cause::CowFile),
        (Class::Major, Cause::SwapIn),
        (Class::Minor, Cause::FilePrivateWrite),
        (Class::Minor, Cause::FileCached),
        (Class::Cow, Cause::CowFile),
        (Class::Major, Cause::FilePrivateWrite),
    ];
    assert_eq!(causes(&analysis), expected);
}

#[test]
fn shared_file_and_shared_memory() {
    let mut file = map(10, FILE, FILE + LEN, RW, "/data/file");
    let mut memory = map(10, ANON, ANON + LEN, RW, "/memfd:ring (deleted)");
    (file.flags, memory.flags) = (1, 1);
    let analysis = Trace::new()
        .map(file)
        .map(memory)
        .fault(fault(20, FILE, READ))
        .fault(fault(30, FILE, WRITE_PRESENT))
        .fault(fault(40, ANON, WRITE))
        .fault(fault(50, ANON, READ).major())
        .fault(fault(60, FILE + 0x1000, WRITE).blind())
        .analyse();
    let expected = [
        (Class::Minor, Cause::FileCached),
        (Class::Minor, Cause::WriteNotify),
        (Class::Minor, Cause::Shmem),
        (Class::Major, Cause::Shmem),
        (Class::Minor, Cause::FileCachedOrWriteNotify),
    ];
    assert_eq!(causes(&analysis), expected);
    assert_eq!(regions(&analysis)[2], "memfd:ring");
}

#[test]
fn a_fork_shares_what_was_written_and_what_was_only_read() {
    let analysis = seen()
        .fault(fault(20, ANON, WRITE))
        .fault(fault(30, ANON + 0x1000, READ))
        .fork(40, 1, 2)
        .fork(45, 2, 3)
        .fault(fault_of(2, 50, ANON, WRITE_PRESENT))
        .fault(fault_of(3, 60, ANON + 0x1000, WRITE_PRESENT))
        .fault(fault(70, ANON, WRITE_PRESENT))
        .fault(fault_of(2, 80, ANON, READ))
        .fault(fault_of(3, 90, ANON + 0x2000, WRITE))
        .fault(fault_of(3, 95, ANON, READ))
        .analyse();
    let expected = [
        (Class::Minor, Cause::AnonFirstTouch),
        (Class::Minor, Cause::ZeroPage),
        (Class::Cow, Cause::CowAnon),
        (Class::Cow, Cause::CowZero),
        (Class::Cow, Cause::CowAnon),
        (Class::Minor, Cause::AnonRefault),
        (Class::Minor, Cause::AnonFirstTouch),
        (Class::Minor, Cause::AnonRefault),
    ];
    assert_eq!(causes(&analysis), expected);
    assert_eq!(analysis.faults.nth, [1, 1, 1, 1, 2, 2, 1, 1]);
}

#[test]
fn what_a_parent_writes_after_the_fork_is_not_the_childs() {
    let analysis = seen()
        .fault(fault(20, ANON, READ))
        .fork(30, 1, 2)
        .fault(fault(40, ANON, WRITE_PRESENT))
        .fault(fault_of(2, 50, ANON, WRITE_PRESENT))
        .analyse();
    assert_eq!(causes(&analysis)[1..], [(Class::Cow, Cause::CowZero); 2]);
}

#[test]
fn huge_pages_and_what_becomes_of_them() {
    let base = 0x4000_0000;
    let huge = |time, addr, code| Fault { page_shift: 21, ..fault(time, addr, code) };
    let analysis = Trace::new()
        .map(map(10, base, base + (8 << 20), RW, "//anon"))
        .fault(huge(20, base + 0x5000, WRITE))
        .fork(30, 1, 2)
        .fault(fault_of(2, 40, base + 0x9000, WRITE_PRESENT))
        .fault(fault(50, base + (2 << 20), WRITE))
        .analyse();
    let expected = [
        (Class::Minor, Cause::HugePage),
        (Class::Cow, Cause::CowAnon),
        (Class::Minor, Cause::AnonFirstTouch),
    ];
    assert_eq!(causes(&analysis), expected);
    assert_eq!(analysis.faults.page_size_bytes, [2 << 20, 4096, 4096]);
}

#[test]
fn the_stack_grows_during_the_fault() {
    let (top, old, new) = (0x7fff_0000u64, 0x7ffe_0000, 0x7ffd_0000);
    let analysis = Trace::new()
        .map(map(5, old, top, RW, "[stack]"))
        .map(map(20 + 200, new, top, RW, "[stack]"))
        .fault(fault(20, new + 0x100, WRITE))
        .fault(fault(800, new + 0x1000, WRITE))
        .analyse();
    let expected = [(Class::Minor, Cause::StackGrowth), (Class::Minor, Cause::AnonFirstTouch)];
    assert_eq!(causes(&analysis), expected);
    assert_eq!(regions(&analysis), ["[stack]", "[stack]"]);
    assert_eq!(analysis.mappings.len(), 1, "a stack that grows is one mapping");
}

#[test]
fn a_record_of_another_thread_is_no_stack_growth() {
    let mut other = map(220, ANON, ANON + LEN, RW, "//anon");
    other.tid = 9;
    let analysis = Trace::new().map(other).fault(fault(20, ANON, WRITE)).analyse();
    assert_eq!(causes(&analysis), [(Class::Minor, Cause::AnonFirstTouch)]);
}

#[test]
fn slow_faults() {
    let slow = |fault: Fault| Fault { latency: 50_001, ..fault };
    let analysis = seen()
        .threshold(50_000)
        .fault(slow(fault(20, FILE, READ)))
        .fault(Fault { latency: 50_000, ..fault(30, FILE + 0x1000, READ) })
        .fault(slow(fault(40, FILE + 0x2000, WRITE)))
        .fault(slow(fault(50, FILE + 0x3000, READ).major()))
        .fault(Fault { latency: LATENCY_UNKNOWN, ..fault(60, FILE + 0x4000, READ) })
        .analyse();
    let found = &analysis.faults.cause;
    use Cause::{FileCached, FilePrivateWrite, FileRead, FileWait};
    assert_eq!(*found, [FileWait, FileCached, FilePrivateWrite, FileRead, FileCached]);
    assert_eq!(analysis.faults.slow, [true, false, true, false, false]);
    assert_eq!(analysis.slow_threshold_ns, 50_000);
}

#[test]
fn the_threshold_is_derived_from_the_trace() {
    let latencies = [1_000, 3_000, 90_000];
    let trace = latencies.iter().zip(1..).fold(seen(), |trace, (&latency, n)| {
        trace.fault(Fault { latency, ..fault(20 + n, ANON + n * 0x1000, WRITE) })
    });
    let analysis = trace.analyse();
    assert_eq!(analysis.slow_threshold_ns, 60_000);
    assert_eq!(analysis.faults.slow, [false, false, true]);
}

#[test]
fn without_error_codes_causes_merge() {
    let analysis = seen()
        .map(map(10, 0x40_0000, 0x50_0000, RX, "/bin/main"))
        .fault(fault(20, ANON, READ).blind())
        .fault(fault(30, ANON, WRITE).blind())
        .fault(fault(40, FILE, READ).blind())
        .fault(Fault { ip: 0x40_2000, ..fault(50, 0x40_2000, EXEC).blind() })
        .analyse();
    let expected = [
        (Class::Minor, Cause::AnonFirstTouchOrZero),
        (Class::Minor, Cause::AnonUnknown),
        (Class::Minor, Cause::FileCachedOrPrivateWrite),
        (Class::Minor, Cause::FileCached),
    ];
    assert_eq!(causes(&analysis), expected);
    assert_eq!(analysis.faults.access[3], Access::Exec);
    assert!(!analysis.exactness.error_code);
}

#[test]
fn oddities_of_latency_and_attempts_are_counted() {
    let no_entry = Fault { flags: flags::NO_ENTRY, ..fault(20, ANON, WRITE) };
    let negative = Fault { flags: flags::NEGATIVE_LATENCY, ..fault(30, ANON + 0x1000, WRITE) };
    let retried = Fault { attempts: 3, ..fault(40, FILE, READ).major() };
    let analysis = seen().fault(no_entry).fault(negative).fault(retried).analyse();
    let exactness = &analysis.exactness;
    assert_eq!((exactness.faults, exactness.interrupted), (3, 1));
    assert_eq!((exactness.without_entry, exactness.negative_latency), (1, 1));
    assert_eq!(analysis.faults.latency_ns, [LATENCY_UNKNOWN, LATENCY_UNKNOWN, 500]);
    assert_eq!(analysis.faults.attempts, [1, 1, 3]);
    assert!(exactness.error_code && !exactness.kernel_mode && !exactness.complete);
    assert_eq!(analysis.duration_ns, 540);
}

#[test]
fn in_flight_faults_are_counted_only() {
    let analysis = seen().fault(fault(20, FILE, READ).outcome(Outcome::InFlight)).analyse();
    assert_eq!((analysis.faults.len(), analysis.exactness.in_flight), (0, 1));
}
