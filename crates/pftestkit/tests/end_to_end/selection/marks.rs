//! Phases that are stamped into a running recording.

use std::process::{Command, Output};

use crate::recording::{Lab, Recorder, Recording, User, is_root, program};
use crate::refusals::refused;

/// `pfrecord mark` in the network of a recorder, where no other one is.
fn mark(recorder: &Recorder, name: &str) -> Output {
    let target = format!("--target={}", recorder.child.id());
    let mut command = Command::new("nsenter");
    command.args([target.as_str(), "--net"]).arg(program("pfrecord")).args(["mark", name]);
    command.output().unwrap()
}

/// A command in a network of its own.
fn apart(command: &Command) -> Command {
    let mut apart = Command::new("unshare");
    apart.arg("--net").arg(command.get_program()).args(command.get_args());
    apart
}

#[test]
fn each_fault_belongs_to_the_phase_in_which_it_happened() {
    if !is_root() {
        eprintln!("skipped: needs root, for a network of its own");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon").args(["--pages", "80"]);
    let mut running: Vec<_> = (0..4).map(|_| workload.start().unwrap().unwrap()).collect();
    let pids: Vec<u32> = running.iter().map(pftestkit::Running::pid).collect();
    let list: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let mut command = lab.pfrecord();
    let mut recorder = Recorder::start(&mut apart(command.args(["-p", &list.join(",")])));
    let phases = ["", "one", "phase, \"two\"", "one"];
    for (running, phase) in running.iter_mut().zip(phases) {
        if !phase.is_empty() {
            let output = mark(&recorder, phase);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        running.go().unwrap();
    }
    let long = "x".repeat(256);
    for (name, reason) in [("", "needs a name"), (&long, "a name of 1 to 255 bytes")] {
        refused(&mark(&recorder, name), 2, reason);
    }
    let reports: Vec<_> = running.into_iter().map(|running| running.finish().unwrap()).collect();
    let (status, said) = recorder.finish();
    assert!(status.success(), "{said}");
    let recording = Recording::of_running(lab, reports, said);
    let ranges: Vec<_> = recording.expected(ToOwned::to_owned).into_keys().collect();
    let mut found: Vec<(u32, String)> = Vec::new();
    for row in recording.rows() {
        if ranges.iter().any(|range| range.0 == row.pid && (range.1..range.2).contains(&row.addr)) {
            found.push((row.pid, row.phase));
        }
    }
    let expected: Vec<(u32, String)> = pids
        .iter()
        .zip(phases)
        .flat_map(|(&pid, phase)| std::iter::repeat_n((pid, phase.to_owned()), 80))
        .collect();
    assert_eq!(found, expected);
    let summary = recording.summary();
    assert!(summary.contains("phase, \"two\""), "{summary}");
}

#[test]
fn there_is_nothing_to_mark() {
    let own = std::process::id().to_string();
    let mut command = Command::new(program("pfrecord"));
    let output = command.args(["mark", "x", "--to", &own]).output().unwrap();
    refused(&output, 2, &format!("process {own} takes no marks"));
    if is_root() {
        let mut command = Command::new(program("pfrecord"));
        let output = apart(command.args(["mark", "x"])).output().unwrap();
        refused(&output, 2, "no recording to mark");
    }
}
