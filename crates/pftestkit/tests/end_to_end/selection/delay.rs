//! A recording that waits before it records faults.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use pftestkit::{Phase, Report};
use rustix::time::{ClockId, clock_gettime};

use crate::recording::{AGREED, Lab, Recorder, Recording, User, is_root};

/// Launches a workload that makes a part of its faults, waits until the delay is over, and goes on.
/// `None` when the delay was over too early.
fn launch(delay: &str, mode: &str, args: &[&str]) -> Option<Recording> {
    let lab = Lab::new(User::Own);
    let workload = lab.workload(mode).args(args).arg("--wait");
    let mut command = lab.pfrecord();
    command.args(["-D", delay, "--"]).args(workload.argv());
    let mut recorder = Recorder::started(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut lines = BufReader::new(recorder.child.stdout.take().unwrap());
    let mut printed = String::new();
    lines.read_line(&mut printed).unwrap();
    assert!(printed.starts_with("ready "), "{printed}");
    let ready_ns = monotonic_ns();
    recorder.wait_for(&["pfrecord: the delay is over: faults are recorded from now on"]);
    let mut input = recorder.child.stdin.take().unwrap();
    input.write_all(b"\n\n").unwrap();
    lines.read_to_string(&mut printed).unwrap();
    let (status, said) = recorder.finish();
    assert!(status.success() && said.contains(AGREED), "{said}");
    let report = Report::parse(&printed).unwrap();
    let recording = Recording::of_running(lab, [report], said);
    let content = recording.content();
    let delay_ns: u64 = content.fact("capture.delay_ns").unwrap().parse().unwrap();
    (ready_ns < content.start_ns + delay_ns).then_some(recording)
}

/// The clock of traces.
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

/// The same with longer and longer delays.
fn launch_in_time(mode: &str, args: &[&str]) -> Recording {
    let delays = ["500ms", "2s", "8s", "30s"];
    delays
        .iter()
        .find_map(|delay| launch(delay, mode, args))
        .expect("the delay was always too short")
}

#[test]
fn what_comes_before_the_delay_is_not_recorded() {
    if !is_root() {
        eprintln!("skipped: needs root, for causes");
        return;
    }
    let recording = launch_in_time("cow", &["--pages", "70"]);
    let setup: u64 = recording.report.of_phase(Phase::Setup).map(|e| e.count).sum();
    assert_eq!(setup, 70);
    // The first touches, which decide what the copies are of, are those that were left out.
    let expected = recording.expected(|_| "cow/cow-anon-or-zero".to_owned());
    assert_eq!(recording.found(), expected, "{}", recording.said);
    let content = recording.content();
    content.assert_reconciled();
    let delay_ns: u64 = content.fact("capture.delay_ns").unwrap().parse().unwrap();
    assert!(recording.rows().iter().all(|row| row.time_ns >= delay_ns));
}

#[test]
fn what_was_mapped_before_the_delay_is_known() {
    if !is_root() {
        eprintln!("skipped: needs root, for causes");
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("mapped early");
    let path = file.to_str().unwrap();
    let recording = launch_in_time("private-file-write", &["--pages", "90", "--file", path]);
    let (_, start, end) = recording.expected(ToOwned::to_owned).into_keys().next().unwrap();
    let rows = recording.rows();
    let here: Vec<_> = rows.iter().filter(|row| (start..end).contains(&row.addr)).collect();
    assert_eq!(here.len(), 90);
    assert!(here.iter().all(|row| row.path == path), "{here:?}");
}
