//! Sessions under stress: processes by the thousand, a recorder that is stopped, targets that are killed,
//! readers that wait, CPUs that go.

mod cpus;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pft::keys::ledger;
use pft::record::LostBy;
use pftestkit::Workload;

use crate::content::Content;
use crate::recording::{Lab, Recorder, User, is_root, pfreport, unwrapped};

const EXACT: &str = "0 lost, captured + lost = the kernel's count";

/// Waits until a condition holds that others bring about, for as long as a very busy machine may take.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A field of `/proc/PID/stat`, counted from the state, which is 0.
fn stat_field(pid: u32, field: usize) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(field).unwrap().to_owned()
}

#[test]
fn ten_thousand_short_children_are_all_seen() {
    if !is_root() {
        eprintln!("skipped: needs root, to tell copies from other faults");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("short-forks");
    let recording = lab.launch(&workload).unwrap();
    assert!(recording.said.contains(EXACT), "{}", recording.said);
    let expected = recording.expected(ToOwned::to_owned);
    let kinds: Vec<_> = expected.values().flatten().collect();
    assert!(kinds.contains(&(&"cow/cow-anon".to_owned(), &10_000)), "{kinds:?}");
    assert_eq!(recording.found(), expected);
}

#[test]
fn a_recorder_that_was_stopped_accounts_for_every_fault() {
    let lab = Lab::new(User::Own);
    // On one CPU, so that what is recorded later tells of the losses there.
    let anon = lab.workload("anon").args(["--pages", "1000", "--rounds", "50"]);
    let workload = Workload::new("taskset", "-c").arg("0").args(anon.argv());
    let mut running = workload.start().unwrap().unwrap();
    let pid = running.pid();
    let mut recorder = Recorder::start(lab.pfrecord().args(["-m", "64K", "-p", &pid.to_string()]));
    let recorder_pid = recorder.child.id();
    recorder.signal("STOP");
    wait_until("the stop", || stat_field(recorder_pid, 0) == "T");
    running.go().unwrap();
    recorder.signal("CONT");
    // Once faults are in the file, the ring has room again. Other frames say nothing of that.
    wait_until("faults in the file", || {
        let trace = pft::Trace::open(lab.trace());
        let is_faults = |info: &&pft::FrameInfo| info.kind == pft::FrameKind::Faults;
        let rows = |trace: &pft::Trace| -> u64 {
            trace.frames().iter().filter(is_faults).map(|info| info.rows).sum()
        };
        // More than the workload makes while it waits.
        trace.is_ok_and(|trace| rows(&trace) > 100)
    });
    let report = running.finish().unwrap();
    let (status, said) = recorder.finish();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("captured + lost = the kernel's count"), "{said}");
    assert!(said.contains("records found no room in a ring: try a larger one"), "{said}");

    let content = Content::open(&lab.trace());
    let of_event = |event: &str| {
        ["count", "lost"].map(|part| content.count(&format!("event.{event}.{part}")).unwrap())
    };
    let [minor, minor_lost] = of_event("minor-faults");
    let [major, major_lost] = of_event("major-faults");
    assert_eq!(content.count(ledger::CAPTURED_MINOR).unwrap() + minor_lost, minor);
    assert_eq!(content.count(ledger::CAPTURED_MAJOR).unwrap() + major_lost, major);
    assert_eq!(content.completed, content.captured());
    let made: u64 = report.expectations.iter().map(|e| e.count).sum();
    assert!(made == 50_000 && minor + major >= made, "{minor} {major}");
    // A ring of 64 KiB does not hold a thousand faults.
    assert!(minor_lost > 49_000, "{minor_lost}");

    // Every record that was lost is placed in time and on its CPU.
    let lost: u64 =
        content.last.ledger.iter().filter(|e| e.key.ends_with(".lost")).map(|e| e.value).sum();
    let placed: u64 = content.losses.iter().map(|loss| loss.count).sum();
    assert_eq!(placed, lost);
    for loss in &content.losses {
        assert_eq!((loss.cpu, loss.by), (0, LostBy::Ring), "{loss:?}");
        let inside = content.start_ns..content.last.time_ns;
        assert!(inside.contains(&loss.after_ns) && inside.contains(&loss.time_ns), "{loss:?}");
        assert!(loss.after_ns < loss.time_ns, "{loss:?}");
    }
    let output = pfreport(&lab.trace(), &[]);
    let summary = unwrapped(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{summary}");
    let faults = format!("LOST {} faults (completions) and ", minor_lost + major_lost);
    assert!(summary.replace(',', "").contains(&faults), "{summary}");
    assert!(summary.contains("; the rings held 64 KiB per CPU"), "{summary}");
    assert!(summary.contains(" s on CPU 0 (ring full)"), "{summary}");
    assert!(!summary.contains("none lost"), "{summary}");
}

#[test]
fn the_signal_for_a_flight_recorder_does_not_end_another_recording() {
    let lab = Lab::new(User::Own);
    for mut command in [lab.pfrecord(), lab.pfrecord_bare()] {
        let is_counting = command.get_args().len() == 0;
        command.args(is_counting.then_some("--stat"));
        let workload = lab.workload("anon").args(["--pages", "300"]);
        let mut running = workload.start().unwrap().unwrap();
        let mut recorder = Recorder::start(command.args(["-p", &running.pid().to_string()]));
        recorder.signal("USR2");
        running.go().unwrap();
        running.finish().unwrap();
        let (status, said) = recorder.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("the target exited after "), "{said}");
    }
    assert!(Content::open(&lab.trace()).captured() >= 300);
}

#[test]
fn a_target_killed_while_it_faults_ends_the_recording() {
    for _ in 0..3 {
        let lab = Lab::new(User::Own);
        let workload = lab.workload("anon").args(["--pages", "500", "--seconds", "1000"]);
        let mut running = workload.start().unwrap().unwrap();
        let pid = running.pid();
        let mut recorder = Recorder::start(lab.pfrecord().args(["-p", &pid.to_string()]));
        let minor = || stat_field(pid, 7).parse::<u64>().unwrap();
        let before = minor();
        running.send_go().unwrap();
        wait_until("faults", || minor() > before + 5_000);
        kill(pid);
        let (status, said) = recorder.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("the target exited") && said.contains(EXACT), "{said}");
        let content = Content::open(&lab.trace());
        assert!(content.captured() > 5_000, "{said}");
        assert_eq!(content.completed, content.captured());
        // One thread, so at most one fault under way.
        assert!(content.count(ledger::CAPTURED_IN_FLIGHT).unwrap() <= 1);
        assert_eq!(pfreport(&lab.trace(), &[]).status.code(), Some(0));
    }
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_fault_under_way_when_its_process_is_killed_is_in_flight() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("slow").args(["--slow-ms", "60000", "--count", "1"]);
    let mut running = match workload.start().unwrap() {
        Ok(running) => running,
        Err(reason) => {
            eprintln!("skipped: {reason}");
            return;
        }
    };
    let pid = running.pid();
    let mut recorder = Recorder::start(lab.pfrecord().args(["-p", &pid.to_string()]));
    running.send_go().unwrap();
    // A thread that sleeps outside of any system call waits in a fault.
    wait_until("the slow fault", || {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let calls = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("syscall")));
        calls.flatten().any(|call| call.starts_with("-1 "))
    });
    kill(pid);
    let (status, said) = recorder.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("the target exited") && said.contains(EXACT), "{said}");
    let content = Content::open(&lab.trace());
    assert_eq!(content.count(ledger::CAPTURED_IN_FLIGHT), Some(1), "{:?}", content.last);
    let summary = unwrapped(&pfreport(&lab.trace(), &[]).stdout);
    assert!(summary.contains("1 in flight"), "{summary}");
}

#[test]
fn a_reader_that_stops_reading_costs_faults_and_not_the_target() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon").args(["--pages", "5000", "--rounds", "400"]);
    let mut running = workload.start().unwrap().unwrap();
    let pid = running.pid().to_string();
    let mut recorder = lab
        .pfrecord_bare()
        .args(["-o", "-", "-p", &pid])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(recorder.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("pfrecord: recording ") {
        assert_ne!(std::io::BufRead::read_line(&mut stderr, &mut said).unwrap(), 0, "{said}");
    }
    // Nobody reads while the target makes two million faults and ends.
    running.go().unwrap();
    let report = running.finish().unwrap();
    let output = recorder.wait_with_output().unwrap();
    std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    let content = Content::of(&pft::Trace::from_bytes(output.stdout).unwrap());
    let dropped = content.count(ledger::DROPPED_RECORDER).unwrap();
    assert!(dropped > 0, "{said}");
    let made: u64 = report.expectations.iter().map(|e| e.count).sum();
    assert_eq!(made, 2_000_000);
    assert!(content.sum(&[ledger::MINOR_FAULTS_COUNT, ledger::MAJOR_FAULTS_COUNT]) >= made);
    let placed: u64 =
        content.losses.iter().filter(|l| l.by == LostBy::Recorder).map(|l| l.count).sum();
    assert_eq!(placed, dropped);
    assert_eq!(content.completed + dropped, content.captured());
    assert!(said.contains("were dropped because writing fell behind"), "{said}");
}
