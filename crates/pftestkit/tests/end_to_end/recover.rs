//! Traces of real programs that are cut, damaged or were never closed, and what can be had of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pft::record::{FAULTS_BEHIND_NS, Frame, LATENCY_UNKNOWN, Outcome, TaskKind, flags};
use pft::{FrameKind, Trace};

use crate::recording::{Lab, Recorder, User, pfreport, program, unwrapped};

/// Two folders with a file of one name in each, so that reports on both read alike.
struct Pair {
    damaged: PathBuf,
    recovered: PathBuf,
}

impl Pair {
    fn new(lab: &Lab) -> Self {
        let file = |folder: &str| {
            let folder = lab.dir.path().join(folder);
            std::fs::create_dir(&folder).unwrap();
            folder.join("run.pft")
        };
        Self { damaged: file("damaged"), recovered: file("recovered") }
    }

    /// Recovers these bytes; the reports on both files are the same. Returns the exit code.
    fn check(&self, bytes: &[u8], what: &str) -> Option<i32> {
        std::fs::write(&self.damaged, bytes).unwrap();
        let recovered = Command::new(program("pfreport"))
            .args(["recover", "-f"])
            .arg(&self.damaged)
            .arg("-o")
            .arg(&self.recovered)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&recovered.stderr).into_owned();
        let code = recovered.status.code();
        assert!(matches!(code, Some(0 | 3)), "{what}: {code:?} {said}");
        let trace = Trace::open(&self.recovered).unwrap();
        assert!(trace.is_complete(), "{what}: {:?}", trace.damage());
        let rows = |trace: &Path| pfreport(trace, &["--csv"]).stdout;
        let (before, after) = (rows(&self.damaged), rows(&self.recovered));
        assert!(before == after, "{what}: the rows differ");
        let [(before, totals), (after, same)] =
            [&self.damaged, &self.recovered].map(|trace| self.exactness(trace));
        assert_eq!(totals, same, "{what}");
        // With the index alone missing, one file is damaged and the other is not.
        if code == Some(3) {
            assert_eq!(before, after, "{what}");
        }
        let whole = pfreport(&self.recovered, &[]).status.code();
        assert_eq!(whole, code, "{what}");
        code
    }

    /// What the summary says of completeness, and its last line.
    fn exactness(&self, trace: &Path) -> (Vec<String>, String) {
        let json = pfreport(trace, &["--json"]).stdout;
        let text = String::from_utf8(json).unwrap();
        let within = |line: &&str| !line.starts_with("  \"exactness\"");
        let exactness = text.lines().skip_while(within).take_while(|line| *line != "  },");
        let exactness = exactness.map(str::to_owned).collect();
        let summary = unwrapped(&pfreport(trace, &[]).stdout);
        (exactness, summary.split("Summary: ").nth(1).unwrap().to_owned())
    }
}

/// What section 5 of the format promises of the order of frames, on which all that is said of gaps relies.
fn assert_order(trace: &Trace) {
    let (mut reached_ns, mut latest_ns) = (0, 0);
    for (info, frame) in trace.iter() {
        let mut later = |time_ns: u64, what: &str| {
            assert!(time_ns > reached_ns, "{what} of {time_ns} behind faults of {reached_ns}");
            latest_ns = time_ns.max(latest_ns);
        };
        match frame.unwrap() {
            Frame::Maps(maps) => maps.iter().for_each(|map| later(map.time_ns, "map record")),
            Frame::Tasks(tasks) => {
                let changes = tasks.iter().filter(|task| task.kind != TaskKind::Present);
                changes.for_each(|task| later(task.time_ns, "task record"));
            }
            Frame::Calls(calls) => {
                let ended = calls.iter().filter(|call| call.end_ns != u64::MAX);
                ended.for_each(|call| later(call.end_ns, "call"));
            }
            Frame::Faults(batch) => {
                let columns = &batch.columns;
                let rows = columns.time_ns.iter().zip(&columns.latency_ns).zip(&columns.flags);
                for ((&time_ns, &latency_ns), &bits) in rows {
                    let outcome = bits & flags::OUTCOME_MASK;
                    let over_ns = time_ns.saturating_add(latency_ns);
                    if latency_ns != LATENCY_UNKNOWN && outcome <= Outcome::Major as u32 {
                        assert!(over_ns + FAULTS_BEHIND_NS > reached_ns, "fault {over_ns}");
                    }
                    latest_ns = time_ns.max(latest_ns);
                }
                reached_ns = info.last_ns.max(reached_ns);
            }
            Frame::Checkpoint(checkpoint) => {
                assert!(checkpoint.time_ns >= latest_ns, "{checkpoint:?} behind {latest_ns}");
                if checkpoint.end {
                    assert_eq!(trace.frames().last(), Some(info), "the closing checkpoint");
                }
            }
            _ => {}
        }
    }
}

#[test]
fn reports_on_what_is_left_say_the_same() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("threads").args(["--threads", "2", "--seconds", "2"]);
    let recording = lab.launch(&workload).unwrap();
    let bytes = std::fs::read(recording.lab.trace()).unwrap();
    let trace = Trace::from_bytes(bytes.clone()).unwrap();
    assert_order(&trace);
    let pair = Pair::new(&recording.lab);
    assert_eq!(pair.check(&bytes, "whole"), Some(0));
    assert_eq!(std::fs::read(&pair.recovered).unwrap(), bytes);
    let frames = trace.frames();
    let end = frames.last().map(|last| (last.offset + last.stored_bytes) as usize).unwrap();
    assert_eq!(pair.check(&bytes[..end], "without index"), Some(0));
    let kinds = [FrameKind::Maps, FrameKind::Faults, FrameKind::Tasks, FrameKind::Snapshot];
    for kind in kinds {
        let Some(info) = frames.iter().rfind(|info| info.kind == kind) else { continue };
        let span = info.offset as usize..(info.offset + info.stored_bytes) as usize;
        let mut flipped = bytes.clone();
        flipped[span.end - 1] ^= 4;
        assert_eq!(pair.check(&flipped, "flipped"), Some(3), "{kind}");
        let mut removed = bytes.clone();
        removed.drain(span.clone());
        assert_eq!(pair.check(&removed, "removed"), Some(3), "{kind}");
        let mut unclosed = bytes[..end].to_vec();
        unclosed.drain(span);
        assert_eq!(pair.check(&unclosed, "removed from an unclosed file"), Some(3), "{kind}");
    }
    for place in (100..end).step_by(end / 3) {
        assert_eq!(pair.check(&bytes[..place], "cut"), Some(3), "cut at {place}");
    }
}

#[test]
fn after_kill_9_what_is_left_becomes_a_trace_that_says_so() {
    let lab = Lab::new(User::Own);
    let mut command = lab.pfrecord();
    let workload = lab.workload("threads").args(["--threads", "2", "--seconds", "30"]);
    command.arg("--").args(workload.args(["--pages", "64"]).argv());
    let mut recorder = Recorder::start(&mut command);
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::metadata(lab.trace()).map_or(0, |meta| meta.len()) < 100_000 {
        assert!(Instant::now() < deadline, "nothing was written");
        std::thread::sleep(Duration::from_millis(20));
    }
    recorder.signal("KILL");
    let _ = recorder.child.wait();
    let bytes = std::fs::read(lab.trace()).unwrap();
    let trace = Trace::from_bytes(bytes.clone()).unwrap();
    let text = unwrapped(&pfreport(&lab.trace(), &[]).stdout);
    let pid = text.split("(pid ").nth(1).and_then(|rest| rest.split(')').next()).expect(&text);
    assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
    assert_order(&trace);

    let pair = Pair::new(&lab);
    assert_eq!(pair.check(&bytes, "killed"), Some(3));
    let mode = std::fs::metadata(&pair.recovered).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
    let text = unwrapped(&pfreport(&pair.recovered, &[]).stdout);
    assert!(text.contains("lost: whatever was recorded after "), "{text}");
    assert!(text.contains("the recording did not end in order"), "{text}");
}
