//! The whole machine.

use std::collections::BTreeSet;

use super::{start, whole};
use crate::causes::attached_cause;
use crate::recording::{AGREED, Lab, Range, Recorder, Recording, is_root};

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
        let recording = whole(lab.launch_anyhow(&ALL, &workload));
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
    let recording = whole(lab.launch_anyhow(&ALL, &workload));
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

/// A file that is mapped before the recording begins.
const FILE_NAME: &str = "data.bin";

#[test]
fn what_ran_before_is_known_by_name_and_maps() {
    if !is_root() {
        eprintln!("skipped: needs root, to watch the machine");
        return;
    }
    let lab = Lab::alone();
    let file = lab.dir.path().join(FILE_NAME);
    let of_file = lab.workload("private-file-write").args(["--pages", "80", "--file"]);
    let mut of_file = start(&of_file.arg(&file));
    let mut anonymous = start(&lab.workload("anon").args(["--pages", "120"]));
    let mut recorder = Recorder::start(lab.pfrecord().args(ALL));
    let recorder_pid = recorder.child.id();
    of_file.go().unwrap();
    anonymous.go().unwrap();
    // Stopped at once: what is to be found out about them is found out at the end, if not before.
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    let reports = [of_file, anonymous].map(|running| running.finish().unwrap());
    let recording = whole((status, Recording::of_running(lab, reports, said)));
    assert!(recording.said.contains("recording all processes"), "{}", recording.said);
    assert_eq!(recording.found(), recording.expected(attached_cause), "{}", recording.said);
    let file = recording.lab.dir.path().join(FILE_NAME);
    let expected = recording.expected(ToOwned::to_owned);
    for row in recording.rows() {
        let within = |range: &&Range| range.0 == row.pid && (range.1..range.2).contains(&row.addr);
        if let Some(range) = expected.keys().find(within) {
            let of_file = expected[range].contains_key("minor/file-private-write");
            let path = if of_file { file.to_str().unwrap() } else { "" };
            assert_eq!((row.comm.as_str(), row.path.as_str()), ("pf-workload", path));
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
    let (status, said) = recorder.finish();
    let recording = whole((status, Recording::of_running(lab, [], said)));
    assert!(recording.said.contains("the duration is over"), "{}", recording.said);
    assert_sound(&recording, Some(recorder_pid));
}
