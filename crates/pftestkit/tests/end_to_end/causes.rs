//! Every kind of fault, launched and attached, as root and without privileges: the counts by class
//! and cause in the workload's ranges are exactly those that it made.

use std::collections::BTreeMap;

use pftestkit::{Phase, Report, Workload};

use crate::recording::{Kinds, Lab, Range, Recording, User, is_root};
use crate::witness;

/// Modes whose counts are exact by construction.
const CONSTRUCTED: &[&str] = &[
    "anon",
    "kernel-anon",
    "zero",
    "cow",
    "private-file-write",
    "private-file-cow",
    "private-file-cold",
    "cached-file",
    "cold-file-random",
    "shared-file-write",
    "shmem",
    "stack",
    "huge",
    "invalid",
    "stack-overflow",
    "efault",
    "threads",
    "thread-storm",
    "fork-storm",
    "exec",
    "dontneed",
    "regions",
    "vdso",
    "jit",
];

fn assert_exact(mode: &str, recording: &Recording, expected: &BTreeMap<Range, Kinds>) {
    assert_eq!(&recording.found(), expected, "{mode}: {}", recording.said);
    let agreed = recording.said.contains("0 lost, captured + lost = the kernel's count");
    assert!(agreed, "{mode}: {}", recording.said);
}

/// Records `mode` until the workload's own counters (getrusage) show that the kernel served its faults
/// as they were constructed: a page that is reclaimed or locked by someone else just then becomes a
/// major fault, and the recording is right to say so. `None` when the mode cannot run here.
pub fn record(
    mode: &str,
    user: User,
    how: impl Fn(Lab, &Workload) -> Option<Recording>,
) -> Option<Recording> {
    for _ in 0..5 {
        let lab = Lab::new(user);
        let workload = lab.workload(mode);
        let recording = how(lab, &workload)?;
        if mode == "jit" {
            // What it describes is in the trace by now.
            let pid = recording.report.total.unwrap().pid;
            std::fs::remove_file(format!("/tmp/perf-{pid}.map")).unwrap();
        }
        if as_constructed(&recording.report) {
            return Some(recording);
        }
        eprintln!("{mode}: again, the kernel counted other faults: {:?}", recording.report.usage);
    }
    panic!("{mode}: the kernel never served the faults as constructed");
}

fn as_constructed(report: &Report) -> bool {
    report.usage.iter().all(|usage| {
        // A program that executes itself tells its counts twice.
        let of_pid = || report.usage.iter().filter(|other| other.pid == usage.pid);
        let (minflt, majflt): (u64, u64) =
            (of_pid().map(|u| u.minflt).sum(), of_pid().map(|u| u.majflt).sum());
        let of_class = |class: &str| -> u64 {
            let of_pid = report.of_phase(Phase::Run).filter(|e| e.pid == usage.pid);
            of_pid.filter(|e| e.class == class).map(|e| e.count).sum()
        };
        majflt == of_class("major") && minflt == of_class("minor") + of_class("cow")
    })
}

#[test]
fn launched() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    for mode in CONSTRUCTED {
        if let Some(recording) = record(mode, User::Own, Lab::launch) {
            assert_exact(mode, &recording, &recording.expected(ToOwned::to_owned));
        }
    }
}

#[test]
fn short_children_are_all_seen() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("short-forks").args(["--count", "300", "--pages", "2"]);
    let recording = lab.launch(&workload).unwrap();
    assert_exact("short-forks", &recording, &recording.expected(ToOwned::to_owned));
}

#[test]
fn attached() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    for mode in CONSTRUCTED.iter().filter(|&&mode| mode != "exec") {
        if let Some(recording) = record(mode, User::Own, Lab::attach) {
            let expected = recording.expected(|kind| match kind {
                // A page of which nobody knows whether it has a private copy, which may be in swap.
                "major/file-private-write" | "major/file-read"
                    if *mode == "private-file-cold" && recording.content().had_swap() =>
                {
                    "major/file-or-swap".to_owned()
                }
                known => attached_cause(known),
            });
            assert_exact(mode, &recording, &expected);
        }
    }
}

#[test]
fn attached_before_an_exec() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("exec").args(["--pages", "100"]);
    let recording = lab.attach(&workload).unwrap();
    // The mapping of the first program is older than the recording, that of the second is not.
    let found: Vec<String> =
        recording.found().into_values().map(|kinds| format!("{kinds:?}")).collect();
    let expected = [r#"{"minor/anon-unknown": 100}"#, r#"{"minor/anon-first-touch": 100}"#];
    assert_eq!(found, expected);
}

/// What can be said of a page whose history before the recording is unknown.
pub fn attached_cause(kind: &str) -> String {
    match kind {
        "minor/anon-first-touch" | "minor/zero-page" | "minor/huge-page" => "minor/anon-unknown",
        "cow/cow-zero" | "cow/cow-anon" => "cow/cow-anon-or-zero",
        known => known,
    }
    .to_owned()
}

#[test]
fn unprivileged() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    for mode in CONSTRUCTED {
        if let Some(recording) = record(mode, User::Nobody, Lab::launch) {
            assert_exact(mode, &recording, &unprivileged_expected(mode, &recording));
            let summary = recording.summary();
            assert!(summary.trim_end().ends_with("cow=unknown"), "{mode}: {summary}");
            assert!(summary.contains("kernel mode"), "{mode}: {summary}");
        }
    }
}

#[test]
fn unprivileged_and_attached() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    for mode in ["cold-file-random", "cached-file", "shmem", "stack"] {
        if let Some(recording) = record(mode, User::Nobody, Lab::attach) {
            assert_exact(mode, &recording, &recording.expected(ToOwned::to_owned));
        }
    }
}

/// What an unprivileged recording can know of what the workload made.
fn unprivileged_expected(mode: &str, recording: &Recording) -> BTreeMap<Range, Kinds> {
    let mut expected = recording.expected(|kind| unprivileged_cause(mode, kind).to_owned());
    for (&range, kinds) in &mut expected {
        let unknown = kinds.remove("");
        // The one that touches unmapped memory: the mapping is known to be gone if a snapshot shows it.
        if mode == "invalid" && kinds.is_empty() && witness::shows_hole(recording, range) {
            kinds.insert("failed/invalid".to_owned(), unknown.unwrap());
        }
    }
    expected
}

/// What can be said without an error code and without faults in kernel mode: neither read nor write
/// is known, and whether a mapping forbids an access depends on that. Empty: nothing.
pub fn unprivileged_cause<'a>(mode: &str, kind: &'a str) -> &'a str {
    match (mode, kind) {
        ("kernel-anon" | "efault", _) | ("invalid", "failed/invalid") => "",
        // In a mapping that cannot be written, the access was a read.
        ("invalid", "minor/zero-page") => kind,
        (_, "minor/anon-first-touch" | "minor/zero-page") => "minor/anon-first-touch-or-zero",
        // Of a page that faults a second time: was it dropped, or is it the zero page, or shared?
        (_, "minor/anon-refault" | "cow/cow-zero" | "cow/cow-anon") => "minor/anon-unknown",
        ("private-file-write" | "private-file-cow", _) => "minor/file-cached-or-private-write",
        (_, "major/file-private-write") => "major/file-read",
        ("shared-file-write", _) => "minor/file-cached-or-write-notify",
        _ => kind,
    }
}
