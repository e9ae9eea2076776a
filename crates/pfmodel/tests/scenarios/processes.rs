use pfmodel::names::Cause;
use pfmodel::table::{Analysis, NONE};
use pft::record::TaskKind;

use crate::trace::*;

const ANON: u64 = 0x10_0000;

fn comm(analysis: &Analysis, row: usize) -> String {
    let comm = analysis.faults.comm[row] as usize;
    String::from_utf8_lossy(&analysis.comms[comm]).into_owned()
}

#[test]
fn a_pid_that_is_used_again_is_another_process() {
    let analysis = Trace::new()
        .map(map(10, ANON, ANON + 0x1000, RW, "//anon"))
        .fault(fault(20, ANON, WRITE))
        .exit(30, 1, 1)
        .fork(40, 7, 1)
        .fault(fault(50, ANON, WRITE))
        .analyse();
    assert_eq!(analysis.faults.proc, [0, 1]);
    assert_eq!(regions(&analysis), ["[anon]", "none"]);
    assert_eq!(analysis.processes[0].exit_ns, Some(30));
    assert_eq!((analysis.processes[1].pid, analysis.processes[1].first_seen_ns), (1, 40));
    assert_eq!(analysis.processes[1].parent, NONE);
    assert_eq!(analysis.mappings[0].valid_to_ns, 30);
}

#[test]
fn the_last_thread_closes_the_process() {
    let analysis = Trace::new()
        .task(5, TaskKind::Present, 1, 2, "worker")
        .exit(20, 1, 1)
        .fault(Fault { tid: 2, ..fault(30, ANON, WRITE) })
        .exit(40, 1, 2)
        .analyse();
    assert_eq!(analysis.processes.len(), 1);
    assert_eq!(analysis.processes[0].exit_ns, Some(40));
    let lives: Vec<_> = analysis.threads.iter().map(|t| (t.tid, t.from_ns, t.to_ns)).collect();
    assert_eq!(lives, [(1, 0, 20), (2, 5, 40)]);
}

#[test]
fn what_happens_at_the_time_of_an_exit_comes_before_it() {
    let analysis = Trace::new().exit(20, 1, 1).fault(fault(20, ANON, WRITE)).analyse();
    assert_eq!(analysis.processes.len(), 1);
}

#[test]
fn exec_keeps_the_process_and_drops_its_memory() {
    let analysis = Trace::new()
        .map(map(10, ANON, ANON + 0x1000, RW, "//anon"))
        .fault(fault(20, ANON, WRITE))
        .task(30, TaskKind::Exec, 1, 1, "next")
        .fault(fault(40, ANON, WRITE))
        .map(map(2000, ANON, ANON + 0x1000, RW, "//anon"))
        .fault(fault(2010, ANON, WRITE))
        .analyse();
    assert_eq!(analysis.faults.proc, [0, 0, 0]);
    assert_eq!(regions(&analysis), ["[anon]", "none", "[anon]"]);
    assert_eq!(analysis.faults.nth, [1, 1, 1]);
    assert_eq!(analysis.faults.cause[2], Cause::AnonFirstTouch);
    assert_eq!([0, 1, 2].map(|row| comm(&analysis, row)), ["main", "next", "next"]);
    assert_eq!((analysis.mappings[0].valid_from_ns, analysis.mappings[0].valid_to_ns), (10, 30));
}

#[test]
fn exec_by_another_thread_leaves_only_the_leaders_id() {
    let analysis = Trace::new()
        .task(5, TaskKind::Present, 1, 2, "worker")
        .exit(28, 1, 1)
        .task(30, TaskKind::Exec, 1, 1, "next")
        .fault(fault(40, ANON, WRITE))
        .analyse();
    assert_eq!(analysis.processes.len(), 1);
    assert_eq!(analysis.processes[0].exit_ns, None);
    let lives: Vec<_> = analysis.threads.iter().map(|t| (t.tid, t.from_ns, t.to_ns)).collect();
    assert_eq!(lives, [(1, 0, 28), (2, 5, 30), (1, 30, 540)]);
    assert_eq!(comm(&analysis, 0), "next");
}

#[test]
fn threads_inherit_names_and_change_them() {
    let mut trace = Trace::new().task(10, TaskKind::Fork, 1, 2, "");
    if let Some(fork) = trace.recording.tasks.last_mut() {
        (fork.parent_pid, fork.parent_tid) = (1, 1);
    }
    let of_thread = |time| Fault { tid: 2, ..fault(time, ANON, WRITE) };
    let analysis = trace
        .fault(of_thread(20))
        .task(30, TaskKind::Comm, 1, 2, "io")
        .fault(of_thread(40))
        .fault(fault(50, ANON, WRITE))
        .analyse();
    assert_eq!([0, 1, 2].map(|row| comm(&analysis, row)), ["main", "io", "main"]);
    assert_eq!(analysis.comms[analysis.processes[0].comm as usize], b"main");
}

#[test]
fn children_know_their_parents_and_mappings() {
    let analysis = Trace::new()
        .map(map(10, ANON, ANON + 0x4000, RW, "//anon"))
        .fork(20, 1, 2)
        .map(map(25, ANON, ANON + 0x4000, R, "//anon"))
        .fault(fault_of(2, 30, ANON, WRITE))
        .analyse();
    assert_eq!(analysis.processes[1].parent, 0);
    assert_eq!(comm(&analysis, 0), "main");
    let mapping = &analysis.mappings[analysis.faults.mapping[0] as usize];
    assert_eq!((mapping.proc, mapping.prot, mapping.valid_from_ns), (1, RW, 20));
    assert!(mapping.seen_from_start);
    assert_eq!(analysis.faults.cause[0], Cause::AnonFirstTouch);
}

#[test]
fn what_was_never_announced_is_opened_when_first_seen() {
    let mut unannounced = map(10, ANON, ANON + 0x1000, RW, "//anon");
    unannounced.pid = 5;
    let analysis = Trace::empty().map(unannounced).fault(fault_of(6, 20, ANON, WRITE)).analyse();
    let seen: Vec<_> = analysis.processes.iter().map(|p| (p.pid, p.first_seen_ns)).collect();
    assert_eq!(seen, [(5, 10), (6, 20)]);
    assert_eq!(analysis.threads.len(), 1);
}

#[test]
fn a_fork_reported_twice_is_one_process() {
    let analysis = Trace::new().fork(20, 1, 2).fork(20, 1, 2).analyse();
    assert_eq!(analysis.processes.len(), 2);
}
