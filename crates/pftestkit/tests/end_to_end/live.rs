//! Faults shown while they are recorded, against the trace of the same run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};

use pft::keys::ledger;
use pft::record::{Frame, Snapshot};
use serde_json::Value;

use crate::content::Content;
use crate::recording::{Lab, User, pfreport, summary_value};

fn fault_lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == "fault").collect()
}

/// What both tell of a fault, by thread, time and address.
type Told = BTreeMap<(u64, u64, String), Vec<String>>;

const TOLD: [&str; 6] = ["class", "cause", "access", "latency_ns", "path", "file_offset"];

fn told_live(text: &str) -> Told {
    let text_of = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let told = fault_lines(text).into_iter().map(|fault| {
        let number = |key: &str| fault[key].as_u64().unwrap();
        let key = (number("tid"), number("time_ns"), text_of(&fault["addr"]));
        (key, TOLD.map(|name| text_of(&fault[name])).to_vec())
    });
    told.collect()
}

fn told_offline(csv: &[u8]) -> Told {
    let mut reader = csv::Reader::from_reader(csv);
    let told = reader.deserialize::<BTreeMap<String, String>>().map(|record| {
        let record = record.unwrap();
        let number = |key: &str| record[key].parse::<u64>().unwrap();
        let key = (number("tid"), number("time_ns"), record["addr"].clone());
        (key, TOLD.map(|name| record[name].clone()).to_vec())
    });
    told.collect()
}

/// Records a workload with live lines; both are in the folder of the lab. Where records became visible so
/// late that they came out of order, or were lost, the lines cannot know what the report knows: then
/// again.
fn record_in_order(format: &str, mode: &str, args: &[&str]) -> (Lab, String) {
    for _ in 0..5 {
        // Under load snapshots come late.
        let lab = Lab::alone();
        let lines = lab.dir.path().join("lines");
        let mut command = lab.pfrecord();
        command.args(["-q", format, "--live-out"]).arg(&lines).arg("--");
        let output = command.args(lab.workload(mode).args(args).argv()).output().unwrap();
        let code = output.status.code();
        // A recorder that gets no CPU loses records.
        assert!(matches!(code, Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
        let content = Content::open(&lab.trace());
        match content.count(ledger::CAPTURED_OUT_OF_ORDER) {
            Some(0) if code == Some(0) => return (lab, std::fs::read_to_string(&lines).unwrap()),
            late => eprintln!("again: {late:?} records out of order, exit code {code:?}"),
        }
    }
    panic!("records came out of order or were lost five times");
}

#[test]
fn live_lines_tell_what_the_report_tells() {
    for mode in ["anon", "cow", "private-file-cow", "fork-storm", "invalid", "slow-minor"] {
        assert!((0..5).any(|_| tell_the_same(mode)), "{mode}: the stack was named late five times");
    }
}

/// Whether lines and report of a run tell the same. Where the first snapshot that has the stack was read only after a fault on it,
/// the lines cannot know what the report knows: such a run counts for nothing. Any other difference is a failure.
fn tell_the_same(mode: &str) -> bool {
    let (lab, lines) = record_in_order("--live=json", mode, &[]);
    let live = told_live(&lines);
    // Live there is no threshold of slowness.
    let csv = pfreport(&lab.trace(), &["--csv", "--slow-threshold", "1h"]).stdout;
    let offline = told_offline(&csv);
    assert!(!offline.is_empty());
    assert_eq!(live.len(), offline.len(), "{mode}");
    let differing: Vec<_> =
        offline.iter().filter(|(key, told)| live.get(key) != Some(told)).collect();
    let trace = pft::Trace::open(lab.trace()).unwrap();
    let start_ns = trace.header().start_ns;
    let snapshots = trace.iter().filter_map(|(_, frame)| match frame.unwrap() {
        Frame::Snapshot(snapshot) => Some(snapshot),
        _ => None,
    });
    let has_stack = |snapshot: &Snapshot| snapshot.vmas.iter().any(|vma| vma.path == b"[stack]");
    let named: Vec<(u64, u64)> = snapshots
        .filter(has_stack)
        .map(|snapshot| (snapshot.pid.into(), snapshot.end_ns - start_ns))
        .collect();
    let is_late = |&(&(tid, time_ns, _), told): &(&(u64, u64, String), &Vec<String>)| {
        let is_known = named.iter().any(|&(pid, end_ns)| pid == tid && end_ns <= time_ns);
        told.iter().any(|word| word == "stack-growth") && !is_known
    };
    assert!(differing.iter().all(is_late), "{mode}: {differing:?}, the stack known at {named:?}");
    if !differing.is_empty() {
        eprintln!("{mode}: again: the stack was named late");
    }
    differing.is_empty()
}

#[test]
fn lines_come_in_order_of_time_and_end_with_the_summary() {
    let (lab, text) = record_in_order("--live", "threads", &["--threads", "4", "--pages", "2000"]);
    let (faults, last) = text.trim_end().rsplit_once('\n').unwrap();
    let seconds = |line: &str| {
        let (time, rest) = line.strip_prefix('[').expect(line).split_once("] ").unwrap();
        assert!(rest.contains(" 0x"), "{line}");
        time.trim().parse::<f64>().unwrap()
    };
    let times: Vec<f64> = faults.lines().map(seconds).collect();
    assert!(times.is_sorted());
    let report = String::from_utf8(pfreport(&lab.trace(), &[]).stdout).unwrap();
    assert!(report.trim_end().ends_with(last), "{last}: {report}");
    let told: u64 = ["major", "minor", "cow"].map(|key| summary_value(&report, key)).iter().sum();
    assert_eq!(times.len() as u64, told, "{report}");
}

#[test]
fn what_is_left_out_on_request_is_summed_up_as_in_the_report() {
    for left_out in [
        &["--min-latency", "1h"][..],
        &["--major-only"],
        &["--major-only", "--no-latency"],
        &["--no-latency"],
    ] {
        let lab = Lab::new(User::Own);
        let lines = lab.dir.path().join("lines");
        let mut command = lab.pfrecord();
        command.args(["-q", "--live", "--live-out"]).arg(&lines).args(left_out).arg("--");
        let output = command.args(lab.workload("anon").argv()).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
        let report = String::from_utf8(pfreport(&lab.trace(), &[]).stdout).unwrap();
        let lines = std::fs::read_to_string(&lines).unwrap();
        assert_eq!(lines.lines().last(), report.lines().last(), "{left_out:?}");
        assert!(!lines.contains("minor=0 "), "{left_out:?}");
    }
}

#[test]
fn without_a_file_nothing_is_written() {
    let lab = Lab::new(User::Own);
    let mut command = lab.pfrecord_bare();
    command.args(["-q", "--live", "--"]).args(["true"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().last().unwrap().starts_with("Summary: major="), "{text}");
    let files: Vec<_> = std::fs::read_dir(lab.dir.path()).unwrap().collect();
    assert!(files.is_empty(), "{files:?}");
}

#[test]
fn lines_that_nobody_reads_end_a_recording_without_a_file_only() {
    let lab = Lab::new(User::Own);
    let mut command = lab.pfrecord_bare();
    command.args(["--live", "--", "sleep", "30"]);
    let (status, said) = read_one_line(&mut command);
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("pfrecord: nobody reads the live lines any more after "), "{said}");

    let mut command = lab.pfrecord();
    command.args(["--live", "--", "sh", "-c", "read line; exec /bin/true"]);
    let (status, said) = read_one_line(&mut command);
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("the command ended (exit status: 0) after "), "{said}");
    assert_eq!(said.matches("the reader of the live lines went away").count(), 1, "{said}");
    let content = Content::open(&lab.trace());
    assert_eq!(content.completed, content.captured());
}

/// Reads no more than a line of what a recording prints; how it ended, and what it said.
fn read_one_line(command: &mut Command) -> (ExitStatus, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut recorder = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(recorder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('['), "{line}");
    // Closes the input that the command may wait for.
    let output = recorder.wait_with_output().unwrap();
    (output.status, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_slow_reader_costs_lines_and_says_how_many() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon").args(["--pages", "200000"]);
    let mut command = lab.pfrecord();
    command.args(["-q", "--live=json", "--", "sh", "-c", "exec \"$@\" >/dev/null", "sh"]);
    command.args(workload.argv()).current_dir(lab.dir.path());
    let mut recorder = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stream = BufReader::new(recorder.stdout.take().unwrap());
    // Nobody reads until the workload has ended: a pipe and the queues hold far less than its faults.
    let mut text = String::new();
    stream.read_line(&mut text).unwrap();
    wait_for_end_of_children(recorder.id());
    stream.read_to_string(&mut text).unwrap();
    let status = recorder.wait().unwrap();
    // Records that found no room in a ring are neither in the trace nor in the lines.
    assert!(matches!(status.code(), Some(0 | 3)), "{status}");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let dropped: u64 = lines
        .filter(|line| line["type"] == "dropped")
        .map(|line| line["count"].as_u64().unwrap())
        .sum();
    let shown = fault_lines(&text).len() as u64;
    assert!(dropped > 0);
    let report = pfreport(&lab.trace(), &["--csv"]).stdout;
    assert_eq!(
        shown + dropped,
        told_offline(&report).len() as u64,
        "no fault is missing in the trace"
    );
    assert_eq!(Content::open(&lab.trace()).count(ledger::DROPPED_LIVE), Some(dropped));
}

/// Returns when the only child of `pid` has ended; it may still have to be waited for.
fn wait_for_end_of_children(pid: u32) {
    loop {
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let running = children.split_whitespace().any(|child| {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
        });
        if !running {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn two_runs_of_a_fixed_workload_are_the_same_to_the_byte() {
    // Other tests drop the page cache.
    let lab = Lab::alone();
    let lines = lab.dir.path().join("lines.txt");
    let run = || {
        let mut command = lab.pfrecord_bare();
        command.args(["-q", "--no-aslr", "--live", "--fixed-ts", "-f", "--live-out"]).arg(&lines);
        command.arg("--").args(lab.workload("anon").args(["--pages", "300"]).argv());
        assert!(command.output().unwrap().status.success());
        std::fs::read_to_string(&lines).unwrap()
    };
    // The cache is warm when nothing was read and mapped anew since the run before.
    let mut before = run();
    assert!(before.lines().count() > 300);
    for _ in 0..8 {
        let now = run();
        if now == before {
            return;
        }
        before = now;
    }
    assert_eq!(before, run());
}
