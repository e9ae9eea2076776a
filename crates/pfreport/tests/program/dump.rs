//! `pfreport dump`.

use std::fs;

use pft::record::{Fact, MarkRecord};
use pft::{FrameKind, Trace};

use crate::golden::assert_golden;
use crate::info::golden_traces;
use crate::scene::{START, Scene, assert_harmless, program, text, trace_bytes};

fn scene() -> Scene {
    Scene::of(&trace_bytes(3, true, 0, |writer| {
        let fact = |key: &str, value: &str| Fact { key: key.to_owned(), value: value.to_owned() };
        writer.host(&[fact("label.run", "a \"b\" x=1\n")]).unwrap();
        let name = b"warm\x1b[2J-up".to_vec();
        writer.marks(&[MarkRecord { time_ns: START + 2_000, name }]).unwrap();
    }))
}

/// Where the first frame of a kind begins, and behind its end.
fn frame(scene: &Scene, kind: FrameKind) -> (usize, usize) {
    let trace = Trace::open(&scene.trace).unwrap();
    let frame = trace.frames().iter().find(|frame| frame.kind == kind).unwrap();
    (frame.offset as usize, (frame.offset + frame.stored_bytes) as usize)
}

#[test]
fn golden_traces_are_shown_as_ever() {
    for trace in golden_traces() {
        let folder = trace.parent().unwrap();
        let name = trace.file_name().unwrap();
        let run = |words: &[&str]| {
            let output =
                program().current_dir(folder).arg("dump").arg(name).args(words).output().unwrap();
            assert_harmless(&output.stdout);
            assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
            text(&output.stdout).to_owned()
        };
        let stem = trace.file_stem().unwrap().to_str().unwrap();
        assert_golden(&format!("dump-{stem}.txt"), &run(&[]));
        assert_golden(&format!("dump-rows-{stem}.txt"), &run(&["--rows", "-n", "4"]));
    }
}

#[test]
fn records_are_shown_of_what_is_asked_for() {
    let scene = scene();
    let marks = scene.run(&["dump", "run.pft", "--kind", "marks"]);
    assert_eq!((marks.status.code(), text(&marks.stderr)), (Some(0), ""));
    assert_harmless(&marks.stdout);
    let lines: Vec<&str> = text(&marks.stdout).lines().collect();
    // The trace, the columns, its header, the frame, the mark, the trailer.
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert_eq!(lines[4], "  mark time_ns=100000002000 name=\"warm\\x1b[2J-up\"");

    let host = scene.run(&["dump", "run.pft", "--kind=host", "--frame", "2"]);
    let fact = "  fact key=label.run value=\"a \\x22b\\x22 x=1\\x0a\"\n";
    assert!(text(&host.stdout).contains(fact), "{}", text(&host.stdout));

    let faults = scene.run(&["dump", "run.pft", "--kind", "faults", "-n", "1"]);
    let fault = "  fault time_ns=100000001000 latency_ns=700 addr=0x555500000000 ip=0x401000 pid=4242 \
                 tid=4242 cpu=0 outcome=Minor flags=0xc0620 attempts=1\n  ... 4 more\n";
    assert!(text(&faults.stdout).contains(fault), "{}", text(&faults.stdout));

    let none = scene.run(&["dump", "run.pft", "--kind", "oom"]);
    assert_eq!(none.status.code(), Some(0));
    let said = text(&none.stdout);
    assert!(said.contains("\nnone of the 8 frames is of this number and kind\n"), "{said}");

    let wrong = scene.run(&["dump", "run.pft", "--kind", "fault"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("the kinds are host, tasks, "));
}

#[test]
fn wrong_bytes_are_told_where_they_are() {
    let scene = scene();
    let whole = fs::read(&scene.trace).unwrap();
    let (faults, faults_end) = frame(&scene, FrameKind::Faults);

    let mut payload = whole.clone();
    payload[faults + 64] ^= 1;
    fs::write(&scene.trace, payload).unwrap();
    let output = scene.run(&["dump", "run.pft", "--rows"]);
    assert_eq!(output.status.code(), Some(3));
    let wrong: Vec<&str> = text(&output.stdout)
        .lines()
        .filter(|line| line.ends_with(" wrong checksum of the payload"))
        .collect();
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].trim_start().starts_with(&format!("{faults} Faults ")), "{wrong:?}");
    assert!(!text(&output.stdout).contains("  fault "));

    // A frame header is overwritten: the walk goes on behind it.
    let mut header = whole.clone();
    header[faults + 8] ^= 1;
    fs::write(&scene.trace, header).unwrap();
    let output = scene.run(&["dump", "run.pft"]);
    assert_eq!(output.status.code(), Some(3));
    let skipped = format!("! {} bytes at byte {faults} are no frame", faults_end - faults);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    let at = lines.iter().position(|line| line.starts_with(&skipped)).unwrap();
    assert!(lines[at + 1].trim_start().starts_with(&format!("{faults_end} ")), "{lines:?}");

    fs::write(&scene.trace, &whole[..faults_end - 3]).unwrap();
    let output = scene.run(&["dump", "run.pft"]);
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stdout);
    assert!(said.contains("! the index at the end is missing: "), "{said}");
    let inside = format!("! the file ends inside a frame: at byte {faults}, ");
    assert!(said.contains(&inside), "{said}");
    assert!(!said.contains("trailer"), "{said}");
}

#[test]
fn repeated_frames_are_shown_twice() {
    let scene = scene();
    let mut bytes = fs::read(&scene.trace).unwrap();
    let (marks, end) = frame(&scene, FrameKind::Marks);
    let again = bytes[marks..end].to_vec();
    bytes.splice(end..end, again);
    fs::write(&scene.trace, bytes).unwrap();
    let output = scene.run(&["dump", "run.pft", "--rows"]);
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stdout);
    assert_eq!(said.lines().filter(|line| line.contains(" Marks ")).count(), 2, "{said}");
    assert_eq!(said.matches("  mark time_ns=").count(), 1, "{said}");
    assert!(said.contains(&format!(" at byte {end} and was left out\n")), "{said}");
}

/// CRC-32 over the identity of the trace and these bytes, as frames have it.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in [3; 16].iter().chain(bytes) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn frames_of_unknown_kinds_are_listed() {
    let scene = scene();
    let mut bytes = fs::read(&scene.trace).unwrap();
    let (marks, _) = frame(&scene, FrameKind::Marks);
    bytes[marks + 8] = 200;
    let crc = checksum(&bytes[marks..marks + 60]);
    bytes[marks + 60..marks + 64].copy_from_slice(&crc.to_le_bytes());
    // The index has another kind there.
    bytes.truncate(bytes.len() - 32);
    fs::write(&scene.trace, bytes).unwrap();
    let output = scene.run(&["dump", "run.pft", "--kind", "200"]);
    assert_eq!(output.status.code(), Some(3));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert!(lines[3].trim_start().starts_with(&format!("{marks} unknown 200 ")), "{lines:?}");
    assert!(lines[3].ends_with(" ok, of an unknown kind"), "{lines:?}");
    assert!(lines[4].starts_with("! the index at the end is missing: "), "{lines:?}");
    let info = scene.run(&["info", "run.pft"]);
    let note = "  note       1 frames of unknown kind 200 version 1, written by a newer program, were skipped";
    assert!(text(&info.stdout).contains(note), "{}", text(&info.stdout));
}
