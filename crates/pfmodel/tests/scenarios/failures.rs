use pfmodel::names::{Cause, Class};
use pft::record::{LostBy, Outcome, TaskKind};

use crate::trace::*;

const CONST: u64 = 0x30_0000;
const STACK: (u64, u64) = (0x7fff_0000, 0x8000_0000);

fn trace() -> Trace {
    Trace::new()
        .map(map(10, CONST, CONST + 0x1000, R, "/data/const"))
        .map(map(10, STACK.0, STACK.1, RW, "[stack]"))
}

fn abandoned(time: u64, addr: u64, code: u32) -> Fault {
    fault(time, addr, code).outcome(Outcome::Abandoned)
}

fn exited(time: u64, addr: u64, code: u32) -> Fault {
    fault(time, addr, code).outcome(Outcome::ThreadExited)
}

#[test]
fn invalid_accesses_of_user_mode() {
    let analysis = trace()
        .fault(abandoned(20, 0x8, READ))
        .fault(abandoned(30, CONST, WRITE_PRESENT))
        .fault(abandoned(40, CONST, READ))
        .fault(exited(50, STACK.0 - 8, WRITE))
        .analyse();
    let expected = [
        (Class::Failed, Cause::Invalid),
        (Class::Failed, Cause::Invalid),
        (Class::Failed, Cause::StackOverflow),
    ];
    assert_eq!(causes(&analysis), expected);
    assert_eq!(regions(&analysis), ["none", "const", "none"]);
    assert_eq!(analysis.exactness.unresolved, 1);
    assert_eq!(analysis.faults.nth, [0, 0, 0]);
    assert_eq!(analysis.faults.page_size_bytes, [0, 0, 0]);
}

#[test]
fn past_the_stack_limit_only_where_it_is_known() {
    let below = STACK.1 - 0x90_0000;
    let with = trace().fact("rlimit.stack_bytes", "8388608").fault(exited(20, below, WRITE));
    assert_eq!(causes(&with.analyse()), [(Class::Failed, Cause::StackOverflow)]);
    let without = trace().fact("rlimit.stack_bytes", "unlimited").fault(exited(20, below, WRITE));
    assert_eq!(causes(&without.analyse()), [(Class::Failed, Cause::Invalid)]);
}

#[test]
fn kernel_mode_failures_are_efault() {
    let analysis = trace()
        .fault(abandoned(20, 0x8, 0x2).kernel())
        .fault(abandoned(30, CONST, 0x3).kernel())
        .fault(abandoned(40, CONST, 0x0).kernel())
        .analyse();
    assert_eq!(causes(&analysis), [(Class::Failed, Cause::Efault); 2]);
    assert_eq!(analysis.faults.kernel_mode, [true, true]);
    assert_eq!(analysis.faults.ip_mapping, [u32::MAX, u32::MAX]);
    assert!(analysis.exactness.kernel_mode);
    assert_eq!(analysis.exactness.unresolved, 1);
}

#[test]
fn a_thread_that_ends_while_waiting_is_in_flight() {
    let analysis = trace()
        .fault(exited(20, CONST, READ))
        .fault(exited(30, CONST, 0x0).kernel())
        .fault(fault(40, 0x8, READ).outcome(Outcome::Unknown))
        .analyse();
    assert_eq!(analysis.faults.len(), 0);
    assert_eq!((analysis.exactness.in_flight, analysis.exactness.unresolved), (2, 1));
}

#[test]
fn a_signal_proves_a_failed_access_whatever_the_map_says() {
    let analysis = trace()
        .fault(fault(20, CONST, READ).outcome(Outcome::Signalled))
        .fault(fault(30, 0x8, READ).outcome(Outcome::Signalled))
        .analyse();
    assert_eq!(analysis.faults.class, [Class::Failed; 2]);
    assert_eq!(analysis.faults.cause, [Cause::Invalid; 2]);
    let known: Vec<bool> = analysis.faults.mapping.iter().map(|&m| m != u32::MAX).collect();
    assert_eq!(known, [true, false]);
}

#[test]
fn without_the_whole_map_only_impossible_addresses_are_invalid() {
    let analysis = Trace::empty()
        .task(0, TaskKind::Present, 1, 1, "main")
        .fault(abandoned(20, 0x8, READ))
        .fault(abandoned(30, 0xffff_8000_0000_0000, READ))
        .analyse();
    assert_eq!(causes(&analysis), [(Class::Failed, Cause::Invalid)]);
    assert_eq!(analysis.exactness.unresolved, 1);
}

#[test]
fn lost_records_make_a_missing_mapping_no_evidence() {
    let lost = trace().lost(15, 18, LostBy::Ring).fault(abandoned(20, 0x8, READ)).analyse();
    assert_eq!((lost.faults.len(), lost.exactness.unresolved), (0, 1));
    let vmas = vec![line(STACK.0, STACK.1, RW, "[stack]")];
    let looked_again = trace()
        .lost(15, 18, LostBy::Ring)
        .snapshot(19, vmas)
        .fault(abandoned(20, 0x8, READ))
        .analyse();
    assert_eq!(causes(&looked_again), [(Class::Failed, Cause::Invalid)]);
    let recorder = trace().lost(15, 18, LostBy::Recorder).fault(abandoned(20, 0x8, READ)).analyse();
    assert_eq!(causes(&recorder), [(Class::Failed, Cause::Invalid)]);
}

#[test]
fn growing_the_stack_and_giving_up_is_not_invalid() {
    let analysis = trace()
        .map(map(30, STACK.0 - 0x2000, STACK.1, RW, "[stack]"))
        .fault(abandoned(20, STACK.0 - 8, WRITE))
        .analyse();
    assert_eq!((analysis.faults.len(), analysis.exactness.unresolved), (0, 1));
}

#[test]
fn a_handler_that_maps_the_address_afterwards_does_not_make_it_valid() {
    let analysis = trace()
        .map(map(30, 0x50_0000, 0x60_0000, RW, "//anon"))
        .fault(abandoned(20, 0x50_0000, WRITE))
        .fault(fault(40, 0x50_0000, WRITE))
        .analyse();
    let expected = [(Class::Failed, Cause::Invalid), (Class::Minor, Cause::AnonFirstTouch)];
    assert_eq!(causes(&analysis), expected);
    assert_eq!(analysis.faults.nth, [0, 1]);
}
