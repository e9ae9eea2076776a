//! The whole machine.

use std::collections::BTreeSet;

use pftestkit::Report;

use super::{ended, start, stopped};
use crate::causes::attached_cause;
use crate::recording::{AGREED, Lab, Recorder, Recording, is_root};

/// Everything on the machine, with room for it.
const ALL: [&str; 3] = ["-a", "-m", "64M"];

/// The ledger of a recording of the machine: nothing of the recorder itself, and all adds up.
fn assert_sound(recording: &Recording, recorder_pid: Option<u32>) {
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    let content = recording.content();
    content.assert_reconciled();
    assert_eq!(content.fact("target.kind"), Some("system"));
    assert_eq!(content.fact("capture.reach"), Some("cpu"));
    if let Some(pid) = recorder_pid {
        assert!(!content.pids.contains(&pid));
        assert!(content.count("captured.own.minor").unwrap() > 0);
    }
}

#[test]
fn a_command_is_exact_while_the_machine_is_watched() {
    if !is_root() {
        eprintln!("skipped: needs root, to watch the machine");
        return;
    }
    for mode in ["anon", "zero", "cow", "shmem", "stack", "exec", "fork-storm", "thread-storm"] {
        let lab = Lab::alone();
        let workload = lab.workload(mode).args(["--pages", "40"]);
        let recording = lab.launch_with(&ALL, &workload).unwrap();
        let expected = recording.expected(ToOwned::to_owned);
        assert_eq!(recording.found(), expected, "{mode}: {}", recording.said);
        assert!(recording.said.contains("the command ended (exit status: 0)"));
        assert_sound(&recording, None);
    }
}

#[test]
fn children_too_short_for_a_snapshot_are_known_by_their_records() {
    if !is_root() {
        eprintln!("skipped: needs root, to watch the machine");
        return;
    }
    let lab = Lab::alone();
    let workload = lab.workload("short-forks").args(["--count", "200", "--pages", "2"]);
    let recording = lab.launch_with(&ALL, &workload).unwrap();
    let content = recording.content();
    let parent = recording.report.total.unwrap().pid;
    let children: BTreeSet<u32> =
        content.forks.iter().filter(|fork| fork.0 == parent).map(|fork| fork.1).collect();
    assert_eq!(children.len(), 200);
    let (_, start, end) = recording.expected(ToOwned::to_owned).into_keys().next().unwrap();
    let mut rows = recording.rows();
    rows.retain(|row| (start..end).contains(&row.addr) && children.contains(&row.pid));
    assert_eq!(rows.len(), 400);
    for row in rows {
        assert_eq!((row.kind.as_str(), row.comm.as_str()), ("cow/cow-anon", "pf-workload"));
    }
    assert_sound(&recording, None);
}

#[test]
fn what_ran_before_is_known_by_name_and_maps() {
    if !is_root() {
        eprintln!("skipped: needs root, to watch the machine");
        return;
    }
    let lab = Lab::alone();
    let file = lab.dir.path().join("data.bin");
    let mut of_file =
        start(&lab.workload("private-file-write").args(["--pages", "80", "--file"]).arg(&file));
    let mut anonymous = start(&lab.workload("anon").args(["--pages", "120"]));
    let mut recorder = Recorder::start(lab.pfrecord().args(ALL));
    let recorder_pid = recorder.child.id();
    of_file.go().unwrap();
    anonymous.go().unwrap();
    // Stopped at once: what is to be found out about them is found out at the end, if not before.
    let said = stopped(&mut recorder);
    assert!(said.contains("recording all processes"), "{said}");
    let pids = [of_file.pid(), anonymous.pid()];
    let reports: [Report; 2] = [of_file, anonymous].map(|running| running.finish().unwrap());
    let recording = Recording::of_running(lab, reports, said);
    assert_eq!(recording.found(), recording.expected(attached_cause), "{}", recording.said);
    let ranges: Vec<_> = recording.expected(attached_cause).into_keys().collect();
    let in_ranges = |pid: u32, addr: u64| {
        ranges.iter().any(|range| range.0 == pid && (range.1..range.2).contains(&addr))
    };
    for row in recording.rows() {
        if pids.contains(&row.pid) {
            assert_eq!(row.comm, "pf-workload", "{row:?}");
        }
        if in_ranges(row.pid, row.addr) {
            let path = if row.pid == pids[0] { file.to_str().unwrap() } else { "" };
            assert_eq!(row.path, path);
        }
    }
    assert_sound(&recording, Some(recorder_pid));
}

#[test]
fn a_recording_of_the_machine_ends_after_its_duration() {
    if !is_root() {
        eprintln!("skipped: needs root, to watch the machine");
        return;
    }
    let lab = Lab::alone();
    let mut recorder = Recorder::start(lab.pfrecord().args(ALL).args(["-d", "300ms"]));
    let recorder_pid = recorder.child.id();
    let said = ended(&mut recorder);
    assert!(said.contains("the duration is over"), "{said}");
    assert_sound(&Recording::of_running(lab, [], said), Some(recorder_pid));
}
