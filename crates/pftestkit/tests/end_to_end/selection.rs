//! What is recorded of a target, and what is left out on request: nothing else is missing, and what is
//! missing is counted or said.

mod delay;
mod marks;

use std::process::{Child, Command};

use pftestkit::Phase;

use crate::causes::{record, unprivileged_cause};
use crate::content::Content;
use crate::recording::{AGREED, Lab, Recorder, Recording, Row, User, is_root};

/// Faults that take so long in `slow` and `slow-minor`, at least.
const SLOW_NS: u64 = 60_000_000;

/// A recording of slow faults between fast ones, launched with options; `None` where the kernel does
/// not let a workload make them.
fn slow(mode: &str, options: &[&str]) -> Option<Recording> {
    let lab = Lab::new(User::Own);
    let workload = lab.workload(mode);
    let recording = lab.launch_with(options, &workload)?;
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    Some(recording)
}

/// The stored faults among the slow ones and among the fast ones.
fn slow_and_fast(recording: &Recording) -> (Vec<Row>, Vec<Row>) {
    let range = |slow: bool| {
        let mut of_run = recording.report.of_phase(Phase::Run);
        of_run.find(|e| (e.cause == "any") == slow).map(|e| e.start..e.end).unwrap()
    };
    let rows = recording.rows();
    let within = |slow: bool| {
        let range = range(slow);
        rows.iter().filter(|row| range.contains(&row.addr)).cloned().collect()
    };
    (within(true), within(false))
}

/// The slow faults that the workload counted in a class.
fn made(recording: &Recording, class: &str) -> usize {
    let slow = recording.report.of_phase(Phase::Run).filter(|e| e.cause == "any");
    slow.filter(|e| e.class == class).map(|e| usize::try_from(e.count).unwrap()).sum()
}

#[test]
fn major_faults_only() {
    for latency in [true, false] {
        let options =
            if latency { &["--major-only"][..] } else { &["--major-only", "--no-latency"] };
        let Some(recording) = slow("slow", options) else { return };
        let (slow, fast) = slow_and_fast(&recording);
        assert_eq!((slow.len(), made(&recording, "major"), fast.len()), (8, 8, 0));
        for row in &slow {
            assert!(row.kind.starts_with("major/"), "{row:?}");
            let long = row.latency_ns.map(|latency_ns| latency_ns >= SLOW_NS);
            assert_eq!(long, latency.then_some(true), "{row:?}");
        }
        let content = recording.content();
        assert_eq!(content.fact("capture.major_only"), Some("yes"));
        assert_eq!(content.fact("capture.latency"), Some(if latency { "yes" } else { "no" }));
        assert_eq!(content.count("event.minor-faults.count"), None);
        let entries = content.count("event.page-faults.count");
        assert_eq!(entries.is_some(), latency, "{entries:?}");
        assert_eq!(content.count("captured.not_major").unwrap() >= 1000, latency);
        content.assert_reconciled();
        let majors = content.count("captured.major").unwrap();
        let last = format!("Summary: major={majors} minor=unrecorded cow=unrecorded");
        let summary = recording.summary();
        assert!(summary.trim_end().ends_with(&last), "{last}: {summary}");
        let rows = recording.rows();
        assert!(
            rows.iter().all(|row| !row.kind.starts_with("minor") && !row.kind.starts_with("cow"))
        );
        assert_eq!(rows.iter().filter(|row| row.kind.starts_with("major/")).count() as u64, majors);
    }
}

#[test]
fn without_latencies_each_fault_is_one_sample() {
    if !is_root() {
        eprintln!("skipped: needs root, for faults in kernel mode");
        return;
    }
    for mode in ["anon", "kernel-anon", "cow", "cold-file-random", "fork-storm"] {
        // The workload's getrusage counts what was constructed.
        let launch = |lab: Lab, workload: &_| lab.launch_with(&["--no-latency"], workload);
        let Some(recording) = record(mode, User::Own, launch) else { continue };
        // Privileged or not, an error code comes with the entry.
        let like = if mode == "kernel-anon" { "anon" } else { mode };
        let expected = recording.expected(|kind| unprivileged_cause(like, kind).to_owned());
        assert_eq!(recording.found(), expected, "{mode}: {}", recording.said);
        assert!(recording.rows().iter().all(|row| row.latency_ns.is_none()), "{mode}");
        let content = recording.content();
        let unused = ["page-faults", "tracepoint-user", "tracepoint-kernel", "signal"];
        for event in unused {
            assert_eq!(content.count(&format!("event.{event}.count")), None, "{mode}");
        }
        assert_eq!(content.count("captured.entries"), Some(0));
        assert_eq!(content.completed, content.captured());
        content.assert_reconciled();
        assert!(recording.summary().trim_end().ends_with("cow=unknown"));
    }
}

#[test]
fn faults_in_kernel_mode_are_left_out() {
    for mode in ["kernel-anon", "anon"] {
        let lab = Lab::new(User::Own);
        let workload = lab.workload(mode).args(["--pages", "200"]);
        let recording = lab.launch_with(&["--user-only"], &workload).unwrap();
        let found: u64 = recording.found().values().flat_map(|kinds| kinds.values()).sum();
        assert_eq!(found, if mode == "anon" { 200 } else { 0 }, "{mode}: {}", recording.said);
        assert!(recording.rows().iter().all(|row| row.mode == "user"), "{mode}");
        let content = recording.content();
        content.assert_reconciled();
        assert!(recording.said.contains(AGREED), "{}", recording.said);
        if is_root() {
            assert_eq!(content.fact("capture.user_only"), Some("yes"));
            let summary = recording.summary();
            assert!(summary.contains("were left out on request"), "{summary}");
        }
    }
}

#[test]
fn fast_faults_are_counted_and_not_stored() {
    let Some(recording) = slow("slow-minor", &["--min-latency", "30ms"]) else { return };
    let (slow, fast) = slow_and_fast(&recording);
    // Minor faults since Linux 6.6.
    let (minor, major) = (made(&recording, "minor"), made(&recording, "major"));
    assert_eq!((slow.len(), minor + major), (8, 8));
    assert!(slow.iter().all(|row| row.latency_ns.unwrap() >= SLOW_NS), "{slow:?}");
    // On a busy machine a thread may lose its CPU in the midst of a fast fault.
    assert!(fast.iter().all(|row| row.latency_ns.unwrap() >= 30_000_000), "{fast:?}");
    let content = recording.content();
    let count = |key: &str| content.count(key).unwrap();
    let skipped = count("skipped.fast.minor") + count("skipped.fast.major");
    assert!(skipped + fast.len() as u64 >= 1000, "{skipped}");
    assert_eq!(content.completed + skipped, content.captured());
    content.assert_reconciled();
    assert_eq!(content.fact("capture.min_latency_ns"), Some("30000000"));
    let known: Vec<u64> = recording.rows().iter().filter_map(|row| row.latency_ns).collect();
    assert!(known.iter().all(|&latency_ns| latency_ns >= 30_000_000));
    let (majors, minors) = (count("captured.major"), count("captured.minor"));
    let last = format!("Summary: major={majors} minor={minors} cow=unknown");
    let summary = recording.summary();
    assert!(summary.trim_end().ends_with(&last), "{last}: {summary}");
}

/// A process that does nothing. Killed when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn the_duration_ends_the_recording_and_not_its_target() {
    let lab = Lab::new(User::Own);
    let mut sleeper = Sleeper::start();
    let mut command = lab.pfrecord();
    let mut recorder =
        Recorder::start(command.args(["-d", "200ms", "-p", &sleeper.0.id().to_string()]));
    let (status, said) = recorder.finish();
    assert!(status.success() && said.contains("the duration is over"), "{said}");
    assert!(sleeper.0.try_wait().unwrap().is_none());
}

#[test]
fn settings_and_labels_are_noted() {
    let lab = Lab::new(User::Own);
    let sleeper = Sleeper::start();
    let mut command = lab.pfrecord();
    command.args(["-d", "100ms", "--maps-interval", "50ms", "--level", "19", "-m", "64K"]);
    command.args(["--label", "release=1.4", "--label", "note=a=b c", "-p"]);
    let mut recorder = Recorder::start(command.arg(sleeper.0.id().to_string()));
    let (status, said) = recorder.finish();
    assert!(status.success() && said.contains("ring 64 KiB on each of "), "{said}");
    let recording = Recording::of_running(lab, [], said);
    let content = recording.content();
    for (key, value) in [
        ("capture.maps_interval_ns", "50000000"),
        ("trace.compression_level", "19"),
        ("ring.bytes_per_cpu", "65536"),
        ("ring.requested_bytes_per_cpu", "65536"),
        ("label.release", "1.4"),
        ("label.note", "a=b c"),
    ] {
        assert_eq!(content.fact(key), Some(value), "{key}");
    }
    let summary = recording.summary();
    assert!(summary.contains("release=1.4") && summary.contains("note=a=b c"), "{summary}");
}

#[test]
fn the_recorder_goes_before_other_threads_and_its_command_does_not() {
    let lab = Lab::new(User::Own);
    // Prints the nice value that it has.
    let printed = |command: &mut Command| -> i32 {
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    let own = printed(&mut Command::new("nice"));
    assert_eq!(printed(lab.pfrecord().args(["--", "nice"])), own);
    let expected = if own == 0 && is_root() { -20 } else { own };
    let content = Content::open(&lab.trace());
    assert_eq!(content.fact("recorder.nice"), Some(&*expected.to_string()));
}
