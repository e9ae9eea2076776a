//! Where traces go other than into one file: standard output, files of a flight recorder; and files
//! that may not grow.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use pft::Trace;
use pft::keys::{fact, ledger};
use pftestkit::Report;

use crate::content::Content;
use crate::recording::{Lab, User, program};
use crate::robust::wait_until;

fn pfrecord(lab: &Lab, args: &[&str]) -> Command {
    let mut command = Command::new(program("pfrecord"));
    command.args(args).current_dir(lab.dir.path());
    command
}

/// Makes faults until it is ended.
const BUSY: [&str; 4] = ["--", "sh", "-c", "while :; do /bin/true; done"];

#[test]
fn standard_output_carries_the_trace_and_nothing_else() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon").args(["--pages", "500"]);
    let mut command = pfrecord(&lab, &["-q", "-o", "-", "--"]);
    let output = command.args(workload.argv()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    // What the command prints is beside it.
    let report = Report::parse(&said).unwrap();
    let content = Content::of(&Trace::from_bytes(output.stdout).unwrap());
    assert_eq!(content.completed, content.captured());
    let expected: u64 = report.expectations.iter().map(|expected| expected.count).sum();
    assert!(content.captured() >= expected && expected >= 500, "{expected}");
    assert_eq!(std::fs::read_dir(lab.dir.path()).unwrap().count(), 0);
}

#[test]
fn a_reader_that_goes_ends_the_recording() {
    let lab = Lab::new(User::Own);
    let mut command = pfrecord(&lab, &["-q", "-o", "-"]);
    command.args(BUSY).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut header = [0; pft::FILE_HEADER_BYTES];
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut header).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: nobody reads standard output any more: "), "{said}");
}

#[test]
fn a_trace_ends_when_it_has_its_size() {
    let lab = Lab::new(User::Own);
    let output =
        pfrecord(&lab, &["-o", "run.pft", "--max-size", "64K"]).args(BUSY).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("the trace has its largest size after "), "{said}");
    assert!(std::fs::metadata(lab.trace()).unwrap().len() >= 64 << 10);
    let content = Content::open(&lab.trace());
    assert_eq!(content.completed, content.captured());
}

/// Reads lines until one contains `word`.
fn wait_for(lines: &mut impl BufRead, word: &str) -> String {
    let mut said = String::new();
    loop {
        let from = said.len();
        assert!(lines.read_line(&mut said).unwrap() > 0, "no {word:?} in {said}");
        if said.get(from..).is_some_and(|line| line.contains(word)) {
            return said;
        }
    }
}

/// A flight recorder that keeps everything, of a command that ends when its input does.
fn fly(lab: &Lab, args: &[&str]) -> Child {
    let mut command = pfrecord(lab, &["-o", "run.pft", "--flight-recorder", "1h"]);
    command.args(args).args(["--", "sh", "-c", "while read line; do /bin/true; done"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_signal_writes_the_window_while_the_recording_goes_on() {
    let lab = Lab::new(User::Own);
    let mut child = fly(&lab, &[]);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut said, "recording");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-USR2", &pid]).status().unwrap().success());
    wait_for(&mut said, "wrote run.pft on SIGUSR2: ");
    let first = Content::open(&lab.trace());
    assert_eq!(first.fact(fact::FLIGHT_WRITTEN_ON), Some("signal"));
    assert_eq!(first.fact(fact::FLIGHT_LIMITED_BY), Some("start"));
    assert_eq!(first.fact(fact::TARGET_EXIT_STATUS), None);
    assert_eq!(first.completed, first.captured());
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"one\ntwo\n").unwrap();
    drop(input);
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert!(rest.contains("wrote run.2.pft at the end: "), "{rest}");
    assert!(rest.contains("captured + lost = the kernel's count"), "{rest}");
    let last = Content::open(&lab.dir.path().join("run.2.pft"));
    assert_eq!(last.fact(fact::FLIGHT_WRITTEN_ON), Some("end"));
    assert_eq!(last.fact(fact::TARGET_EXIT_STATUS), Some("0"));
    assert_eq!(last.completed, last.captured());
    assert_eq!(last.count(ledger::MINOR_FAULTS_COUNT), None);
    // Nothing was lost between the two: the second window reaches back to the start as well.
    let faults: u64 = rest.split(" faults (").next().and_then(last_number).unwrap();
    assert_eq!(last.captured(), faults);
    assert!(first.captured() < last.captured());
}

#[test]
fn a_window_that_is_asked_for_too_early_is_written_when_there_is_one() {
    let lab = Lab::new(User::Own);
    let lines = lab.dir.path().join("lines");
    assert!(Command::new("mkfifo").arg(&lines).status().unwrap().success());
    let mut child = fly(&lab, &["--live", "--live-out", "lines"]);
    // Before anything is recorded, the pipe is opened, and that waits for its reader.
    let pid = child.id().to_string();
    wait_until("the wait for a reader", || {
        let place = std::fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap();
        place == "wait_for_partner"
    });
    assert!(Command::new("kill").args(["-USR2", &pid]).status().unwrap().success());
    // For writing too: that does not wait for a recorder that is gone.
    let reader = std::fs::File::options().read(true).write(true).open(&lines).unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut said, "wrote run.pft on SIGUSR2: ");
    drop((child.stdin.take(), reader));
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
}

#[test]
fn a_command_has_the_default_for_the_signal_of_the_recorder() {
    let lab = Lab::new(User::Own);
    for options in [&["--live", "--live-out", "lines", "-f"][..], &["--stat"]] {
        let mut command = pfrecord(&lab, options);
        let output = command.args(["--", "grep", "^Sig", "/proc/self/status"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let masks: Vec<u64> = text
            .lines()
            .filter(|line| !line.starts_with("SigQ"))
            .filter_map(|line| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok())
            .collect();
        // Pending, blocked, ignored, caught.
        assert_eq!(masks.len(), 4, "{text}");
        assert!(masks.iter().all(|mask| mask & 1 << (12 - 1) == 0), "{text}");
    }
}

fn last_number(text: &str) -> Option<u64> {
    text.rsplit(' ').next()?.replace(',', "").parse().ok()
}

#[test]
fn a_slow_fault_writes_the_window_that_holds_it() {
    let lab = Lab::new(User::Own);
    let mut child = fly(&lab, &["--trigger-latency", "1ns"]);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    // The exec of the command is slow enough.
    wait_for(&mut said, "wrote run.pft on a slow fault: ");
    let content = Content::open(&lab.trace());
    assert_eq!(content.fact(fact::FLIGHT_WRITTEN_ON), Some("latency"));
    let slow = |latency_ns: u64| latency_ns > 1 && latency_ns != pft::record::LATENCY_UNKNOWN;
    assert!(content.latencies_ns.iter().any(|&latency_ns| slow(latency_ns)));
    // Many more are slow, and write nothing.
    child.stdin.take().unwrap().write_all(b"one\n").unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert!(!rest.contains("on a slow fault"), "{rest}");
    assert!(rest.contains("wrote run.2.pft at the end: "), "{rest}");
    assert_eq!(std::fs::read_dir(lab.dir.path()).unwrap().count(), 2);
}

#[test]
fn a_window_that_cannot_be_written_is_said_and_counts() {
    let lab = Lab::new(User::Own);
    let mut child = fly(&lab, &[]);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut said, "recording");
    std::fs::create_dir(lab.trace()).unwrap();
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-USR2", &pid]).status().unwrap().success());
    wait_for(&mut said, "error: ");
    std::fs::remove_dir(lab.trace()).unwrap();
    drop(child.stdin.take());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
    assert!(rest.contains("wrote run.pft at the end: "), "{rest}");
    assert_eq!(Content::open(&lab.trace()).fact(fact::FLIGHT_WRITTEN_ON), Some("end"));
}
