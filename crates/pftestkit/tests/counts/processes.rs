//! Modes with thousands of threads or processes, and with one that outlives its parent.

use std::collections::BTreeSet;

use pftestkit::Phase;

use crate::{assert_by_construction, assert_counts_agree, kinds, workload};

#[test]
fn many_threads() {
    let crowd = workload("many-threads").args(["--count", "50", "--pages", "3"]);
    assert_by_construction(&crowd, "minor/anon-first-touch*150");
}

#[test]
fn all_of_many_threads_exist_before_they_touch() {
    let Ok(mut running) = workload("many-threads").start().unwrap() else {
        eprintln!("skipped: no room for 2000 threads");
        return;
    };
    let tasks = std::fs::read_dir(format!("/proc/{}/task", running.pid())).unwrap();
    assert_eq!(tasks.count(), 2001);
    running.go().unwrap();
    let report = running.finish().unwrap();
    assert_counts_agree(&report);
    assert_eq!(kinds(&report), "minor/anon-first-touch*6000");
}

#[test]
fn short_forks() {
    let forks = workload("short-forks").args(["--count", "30", "--pages", "2"]);
    let report = assert_by_construction(&forks, "cow/cow-anon*60").unwrap();
    let lines: Vec<_> = report.expectations.iter().map(|e| (e.phase, e.pid, e.count)).collect();
    assert_eq!(lines, [(Phase::Setup, 0, 2), (Phase::Run, 0, 60)]);
    assert_eq!(report.usage[0].pid, 0);
    assert!(report.total.unwrap().children_minflt >= 60);
}

#[test]
fn orphan() {
    let mut running = workload("orphan").args(["--pages", "10"]).start().unwrap().unwrap();
    let parent = running.pid();
    running.go().unwrap();
    // The parent has ended when its child touches anything.
    let status = std::fs::read_to_string(format!("/proc/{parent}/stat")).unwrap();
    assert!(status.contains(") Z "), "{status}");
    let report = running.finish().unwrap();
    assert_counts_agree(&report);
    let child = report.total.unwrap().pid;
    let pids: Vec<u32> = report.expectations.iter().map(|e| e.pid).collect();
    assert_ne!(child, parent);
    assert_eq!(pids, [parent, parent, child]);
    assert_eq!(kinds(&report), ["minor/anon-first-touch*10"; 3].join(" "));
    let ranges: BTreeSet<u64> = report.expectations.iter().map(|e| e.start).collect();
    assert_eq!(ranges.len(), 3);
    assert_eq!(report.usage.len(), 2);
}
