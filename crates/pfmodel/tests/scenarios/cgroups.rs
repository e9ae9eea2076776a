use pfmodel::table::Analysis;
use pft::record::{CgroupRecord, TaskKind};

use crate::trace::*;

const ANON: u64 = 0x10_0000;

fn cgroup(time: u64, pid: u32, path: &str) -> CgroupRecord {
    CgroupRecord { time_ns: START_NS + time, pid, path: path.into() }
}

fn name(analysis: &Analysis, cgroup: Option<u32>) -> String {
    let path = cgroup.map(|cgroup| &analysis.cgroups[cgroup as usize]);
    path.map_or("none".into(), |path| String::from_utf8_lossy(path)).into_owned()
}

/// The control group of each fault, and the last one of each process.
fn cgroups(analysis: &Analysis) -> (Vec<String>, Vec<String>) {
    let faults = &analysis.faults;
    let at = |row: usize| {
        let process = &analysis.processes[faults.proc[row] as usize];
        name(analysis, process.cgroup_at(faults.time_ns[row]))
    };
    let last = analysis.processes.iter().map(|process| name(analysis, process.last_cgroup()));
    ((0..faults.len()).map(at).collect(), last.collect())
}

#[test]
fn a_process_that_is_moved_is_in_both_groups() {
    let mut trace = Trace::new();
    // In any order: later ones come first.
    trace.recording.cgroups = vec![cgroup(40, 1, "/b"), cgroup(20, 1, "/a")];
    let faults = [10, 20, 39, 40, 50].map(|time| fault(time, ANON + time * 0x1000, WRITE));
    let analysis = faults.into_iter().fold(trace, Trace::fault).analyse();
    let (at, last) = cgroups(&analysis);
    assert_eq!(at, ["/a", "/a", "/a", "/b", "/b"]);
    assert_eq!(last, ["/b"]);
    assert_eq!(analysis.processes[0].cgroups.iter().map(|one| one.0).collect::<Vec<_>>(), [20, 40]);
}

#[test]
fn a_child_is_in_the_group_of_its_parent_and_a_pid_that_is_used_again_is_not() {
    let mut trace = Trace::new()
        .fault(fault(10, ANON, WRITE))
        .fork(30, 1, 2)
        .fault(fault_of(2, 50, ANON, WRITE))
        .exit(60, 2, 2)
        .task(70, TaskKind::Present, 2, 2, "other")
        .fault(fault_of(2, 80, ANON, WRITE))
        .fault(fault_of(3, 90, ANON, WRITE));
    trace.recording.cgroups =
        vec![cgroup(5, 1, "/a"), cgroup(40, 1, "/b"), cgroup(85, 2, "/c"), cgroup(99, 9, "/d")];
    let (at, last) = cgroups(&trace.analyse());
    assert_eq!(at, ["/a", "/a", "/c", "none"]);
    assert_eq!(last, ["/b", "/a", "/c", "none"]);
}

#[test]
fn traces_behind_each_other_keep_their_groups() {
    let of = |paths: [&str; 2]| {
        let mut trace = Trace::new().fault(fault(10, ANON, WRITE)).fault(fault(30, ANON, WRITE));
        trace.recording.cgroups = vec![cgroup(0, 1, paths[0]), cgroup(20, 1, paths[1])];
        trace.analyse()
    };
    let mut both = of(["/a", "/b"]);
    both.append(of(["/b", "/c"]), 1000);
    let (at, last) = cgroups(&both);
    assert_eq!(at, ["/a", "/b", "/b", "/c"]);
    assert_eq!(last, ["/b", "/c"]);
}
