//! Traces that end early or were damaged, and readers that stop listening.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::recording::{DAMAGED, Lab, Recorder, User, pfreport, program, summary_value, unwrapped};

#[test]
fn after_kill_9_the_trace_loads_up_to_there() {
    let lab = Lab::new(User::Own);
    let mut command = lab.pfrecord();
    command.arg("--").args(
        lab.workload("threads").args(["--threads", "2", "--seconds", "30", "--pages", "64"]).argv(),
    );
    let mut recorder = Recorder::start(&mut command);
    // Faults reach the file within a second or so.
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::metadata(lab.trace()).map_or(0, |meta| meta.len()) < 100_000 {
        assert!(Instant::now() < deadline, "nothing was written");
        std::thread::sleep(Duration::from_millis(20));
    }
    recorder.signal("KILL");
    let _ = recorder.child.wait();
    let output = pfreport(&lab.trace(), &[]);
    // The command was left running: its pid stands in the report.
    let text = unwrapped(&output.stdout);
    let pid = text.split("(pid ").nth(1).and_then(|rest| rest.split(')').next()).expect(&text);
    assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("not closed") || text.contains("incomplete"), "{text}");
    assert!(summary_value(&text, "minor") > 1000, "{text}");
}

#[test]
fn cut_and_flipped_traces_say_what_is_missing() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon").args(["--pages", "3000"]);
    let recording = lab.launch(&workload).unwrap();
    let bytes = std::fs::read(recording.lab.trace()).unwrap();
    let damaged = recording.lab.dir.path().join(DAMAGED);
    let mut places: Vec<usize> = (0..bytes.len()).step_by(bytes.len() / 40).collect();
    places.push(bytes.len() - 1);
    for &place in &places {
        std::fs::write(&damaged, &bytes[..place]).unwrap();
        let output = pfreport(&damaged, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = if place < 64 { 1 } else { 3 };
        assert_eq!(output.status.code(), Some(expected), "cut at {place}: {said}");
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        std::fs::write(&damaged, &flipped).unwrap();
        let output = pfreport(&damaged, &[]);
        let code = output.status.code();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(code, Some(1 | 3)), "flipped at {place}: {code:?} {said}");
        assert!(!said.contains("panicked"), "flipped at {place}: {said}");
    }
}

#[test]
fn a_reader_that_stops_listening_is_no_error() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon").args(["--pages", "20000"]);
    let recording = lab.launch(&workload).unwrap();
    let mut child = Command::new(program("pfreport"))
        .arg(recording.lab.trace())
        .arg("--csv")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 100];
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// How the error of a full disk ends.
const FULL: &str = "(os error 28): free room there, or record to another disk with -o; the command was \
                    ended with SIGTERM\n";

#[test]
fn a_full_disk_leaves_a_valid_trace() {
    // A small file system of its own; needs root.
    let lab = Lab::new(User::Own);
    let small = lab.dir.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&small)
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        eprintln!("skipped: cannot mount a small file system");
        return;
    }
    let trace = small.join("full.pft");
    let record = |trace: &Path| {
        let mut command = Command::new(program("pfrecord"));
        command.arg("-o").arg(trace).arg("--");
        let workload = lab.workload("threads").args(["--threads", "2", "--seconds", "1000"]);
        command.args(workload.argv()).output().unwrap()
    };
    let output = record(&trace);
    let report = pfreport(&trace, &[]);
    // Now there is no room at all.
    let filler = std::fs::write(small.join("filler"), [1; 64 << 10]);
    let none = record(&small.join("none.pft"));
    let left = small.join("none.pft").exists();
    let _ = Command::new("umount").arg(&small).status();
    assert!(filler.is_err() && !left);
    let said = String::from_utf8_lossy(&none.stderr);
    assert_eq!(none.status.code(), Some(1), "{said}");
    assert!(said.contains("none.pft: no trace is left there: "), "{said}");
    assert!(said.ends_with(FULL), "{said}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("full.pft: it ends after "), "{said}");
    assert!(said.ends_with(FULL), "{said}");
    assert_eq!(report.status.code(), Some(3), "{}", String::from_utf8_lossy(&report.stderr));
    let text = String::from_utf8_lossy(&report.stdout);
    assert!(text.lines().last().unwrap().starts_with("Summary: major="), "{text}");
}
