//! Profiles for other programs.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Output, Stdio};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::scene::{Scene, program, text};

/// As a frame of a stack, and as a value of its own.
const COMM: &str = "\\x1b[2Jevil,\"name\"";
const REGION: &str = "\\u{9b}31m\\u{202e}data.bin";

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut unpacked).unwrap();
    unpacked
}

fn firefox(bytes: &[u8]) -> Value {
    serde_json::from_slice(&unpacked(bytes)).unwrap()
}

#[test]
fn profiles_are_files_beside_the_working_directory() {
    let scene = Scene::new(3);
    let output = scene.run(&["run.pft", "--pprof", "--firefox"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_eq!(text(&output.stdout), "run.pft.pb.gz\nrun.pft.firefox.json.gz\n");
    let profile = fs::read(scene.path("run.pft.pb.gz")).unwrap();
    for option in ["--pprof", "--firefox"] {
        assert_eq!(scene.run(&["run.pft", option]).status.code(), Some(2), "{option}");
        assert_eq!(scene.run(&["run.pft", option, "-f"]).status.code(), Some(0), "{option}");
        let onto_itself = scene.run(&["run.pft", &format!("{option}=run.pft"), "-f"]);
        assert_eq!(onto_itself.status.code(), Some(2));
        assert!(text(&onto_itself.stderr).contains("is the trace being read"));
    }
    assert_eq!(fs::read(scene.path("run.pft.pb.gz")).unwrap(), profile, "the same each time");
    let elsewhere = scene.run(&["run.pft", "--pprof=none/a.pb.gz"]);
    assert_eq!(elsewhere.status.code(), Some(2));
}

#[test]
fn a_dash_is_standard_output() {
    let scene = Scene::new(3);
    let pprof = scene.run(&["run.pft", "--pprof=-"]);
    assert_eq!((pprof.status.code(), text(&pprof.stderr)), (Some(0), ""));
    let profile = unpacked(&pprof.stdout);
    let holds = |part: &str| profile.windows(part.len()).any(|at| at == part.as_bytes());
    for part in ["stall", "nanoseconds", "file-or-swap", COMM, REGION] {
        assert!(holds(part), "{part}");
    }
    assert!(!profile.contains(&0x1b));
    let json = firefox(&scene.run(&["run.pft", "--firefox=-"]).stdout);
    assert_eq!(json["threads"][0]["processName"], COMM);
    // Names of other outputs stay away from data.
    let both = scene.run(&["run.pft", "--firefox=-", "--flamegraph=a.svg"]);
    assert_eq!(firefox(&both.stdout), json);
    assert!(scene.path("a.svg").exists());
    for words in [
        ["--pprof=-", "--firefox=-"],
        ["--pprof=-", "--folded"],
        ["--firefox=-", "--csv"],
        ["--pprof=-", "--by=class"],
    ] {
        let two = scene.run(&[&["run.pft"], &words[..]].concat());
        assert_eq!((two.status.code(), text(&two.stdout)), (Some(2), ""), "{words:?}");
    }
    assert!(!scene.path("-").exists());
}

#[test]
fn weights_are_those_of_folded_stacks() {
    let scene = Scene::new(3);
    for (weight, kind, total) in
        [("stall", "tracing-ms", 0.2021), ("faults", "samples", 5.0), ("bytes", "bytes", 20_480.0)]
    {
        let output = scene.run(&["run.pft", "--firefox=-", "--weight", weight]);
        let table = firefox(&output.stdout)["threads"][0]["samples"].clone();
        assert_eq!(table["weightType"], kind);
        let weights = table["weight"].as_array().unwrap().iter();
        let sum: f64 = weights.map(|weight| weight.as_f64().unwrap()).sum();
        assert!((sum - total).abs() < 1e-9, "{weight}: {sum}");
    }
}

#[test]
fn what_is_missing_is_said() {
    let lossy = Scene::with(20_003, true, 9).run(&["run.pft", "--firefox=-", "--weight=faults"]);
    assert_eq!(lossy.status.code(), Some(3));
    let said = text(&lossy.stderr);
    assert!(said.contains("note: 20,000 of 20,005 faults as markers: the costliest\n"), "{said}");
    assert!(said.contains("warning: records were lost while recording"), "{said}");
    let json = firefox(&lossy.stdout);
    let remarks = json["meta"]["extra"][0]["entries"].as_array().unwrap().clone();
    let loss = json!({ "label": "LOST", "format": "string", "value": "9 faults (completions)" });
    assert!(remarks.contains(&loss), "{remarks:#?}");
    let markers = &json["threads"][0]["markers"];
    assert_eq!(markers["length"], 20_000);
    assert_eq!(json["threads"][0]["samples"]["length"], 20_005 + 1);
}

/// What `go tool pprof` says of a profile, if there is one.
fn go(scene: &Scene, words: &[&str]) -> Option<Output> {
    let words = [&["tool", "pprof"], words, &["run.pft.pb.gz"]].concat();
    let mut go = Command::new("go");
    // It keeps its files in the home folder.
    go.args(words).current_dir(scene.path("")).env("HOME", scene.path(""));
    go.env("GOTOOLCHAIN", "local").stdin(Stdio::null()).output().ok()
}

#[test]
fn pprof_reads_the_profile() {
    let scene = Scene::new(3);
    assert_eq!(scene.run(&["run.pft", "--pprof"]).status.code(), Some(0));
    let Some(stall) = go(&scene, &["-top", "-unit=ns"]) else {
        eprintln!("skipped: needs go, to read a profile with its own tool");
        return;
    };
    assert!(stall.status.success(), "{}", text(&stall.stderr));
    let said = text(&stall.stdout);
    assert!(said.contains("Type: stall\n"), "{said}");
    assert!(said.contains("100% of 202100ns total\n"), "{said}");
    let faults = go(&scene, &["-top", "-sample_index=faults"]).unwrap();
    assert!(text(&faults.stdout).contains("100% of 5 total\n"), "{}", text(&faults.stdout));
    let bytes = go(&scene, &["-top", "-sample_index=installed", "-unit=B"]).unwrap();
    assert!(text(&bytes.stdout).contains("100% of 20480B total\n"), "{}", text(&bytes.stdout));
    for focus in ["class=major", "cause=file-or-swap", "region=data.bin"] {
        let output = go(&scene, &["-top", "-unit=ns", &format!("-tagfocus={focus}")]).unwrap();
        let said = text(&output.stdout);
        assert!(said.contains("accounting for 200000ns, 98.96% of 202100ns total\n"), "{said}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let scene = Scene::new(3);
    for option in ["--pprof=-", "--firefox=-"] {
        let mut child = program()
            .arg(&scene.trace)
            .arg(option)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{option}");
    }
}
