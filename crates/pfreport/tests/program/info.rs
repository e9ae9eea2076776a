//! `pfreport info`.

use std::fs;
use std::path::{Path, PathBuf};

use pft::record::{Fact, MarkRecord};
use pft::{FrameKind, Trace};
use serde_json::{Value, json};

use crate::golden::assert_golden;
use crate::scene::{START, Scene, assert_harmless, program, text, trace_bytes};
use crate::schema;

/// A trace with labels and marks that a terminal would obey.
fn hostile() -> Scene {
    Scene::of(&trace_bytes(50, true, 0, |writer| {
        let fact = |key: &str, value: &str| Fact { key: key.to_owned(), value: value.to_owned() };
        writer.host(&[fact("label.r\x1b[2Jun", "7\n"), fact("kernel.release", "6.18")]).unwrap();
        let name = b"warm\x1b[2J-up".to_vec();
        writer.marks(&[MarkRecord { time_ns: START + 2_000, name }]).unwrap();
    }))
}

/// The traces of released formats.
pub fn golden_traces() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut traces: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "pft"))
        .collect();
    traces.sort();
    assert!(traces.len() >= 3);
    traces
}

/// Whether a trace of a released format says that it lacks frames.
pub fn lacks_frames(trace: &Path) -> bool {
    trace.with_extension("gaps.csv").exists()
}

#[test]
fn golden_traces_are_described_as_ever() {
    for trace in golden_traces() {
        let output = program().arg("info").arg(&trace).output().unwrap();
        assert_harmless(&output.stdout);
        let name = trace.file_stem().unwrap().to_str().unwrap();
        let code = output.status.code().unwrap();
        let page = format!("{}exit code {code}\n", text(&output.stdout));
        assert_golden(&format!("info-{name}.txt"), &page);
    }
}

#[test]
fn names_are_harmless_and_several_traces_follow_each_other() {
    let scene = hostile();
    let output = scene.run(&["info", "run.pft", "run.pft"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_harmless(&output.stdout);
    let page = text(&output.stdout);
    assert!(page.contains("Labels\n  r\\x1b[2Jun  7\\x0a\n"), "{page}");
    assert!(page.contains("Marks\n  0.000 s  warm\\x1b[2J-up\n"), "{page}");
    assert_eq!(page.matches("\nFrames\n").count(), 2);
    let (first, second) = page.split_once("\n\nrun.pft\n").unwrap();
    assert_eq!(first.trim_start_matches("run.pft\n"), second.trim_end());
}

#[test]
fn payloads_of_faults_are_not_read() {
    let scene = hostile();
    let sound = scene.run(&["info", "run.pft"]).stdout;
    let mut bytes = fs::read(&scene.trace).unwrap();
    let trace = Trace::open(&scene.trace).unwrap();
    let unread = [FrameKind::Faults, FrameKind::Snapshot, FrameKind::Tasks];
    let frames = trace.frames().iter().filter(|frame| unread.contains(&frame.kind));
    for frame in frames {
        let (from, to) = (frame.offset + 64, frame.offset + frame.stored_bytes);
        bytes[from as usize..to as usize].fill(0xa5);
    }
    fs::write(&scene.trace, &bytes).unwrap();
    let output = scene.run(&["info", "run.pft"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), text(&sound));
    // It is damaged all the same.
    assert_eq!(scene.run(&["run.pft"]).status.code(), Some(3));
}

#[test]
fn damage_and_an_end_out_of_order_are_3() {
    let scene = hostile();
    let whole = fs::read(&scene.trace).unwrap();
    fs::write(&scene.trace, &whole[..whole.len() - 40]).unwrap();
    let cut = scene.run(&["info", "run.pft"]);
    assert_eq!(cut.status.code(), Some(3));
    let said = "run.pft\n  DAMAGED    the index at the end is missing: ";
    assert!(text(&cut.stdout).starts_with(said), "{}", text(&cut.stdout));
    let unfinished = Scene::with(5, false, 0).run(&["info", "run.pft"]);
    assert_eq!(unfinished.status.code(), Some(3));
    let page = text(&unfinished.stdout);
    assert!(page.contains("  INCOMPLETE the recording did not end in order\n"), "{page}");
    assert!(page.contains("\nLedger at 2.000 s, the last checkpoint that is there\n"), "{page}");
}

#[test]
fn the_checkpoint_before_a_damaged_one_counts() {
    let scene = hostile();
    let mut bytes = fs::read(&scene.trace).unwrap();
    let trace = Trace::open(&scene.trace).unwrap();
    let last = trace.frames().iter().rfind(|frame| frame.kind == FrameKind::Checkpoint).unwrap();
    bytes[last.offset as usize + 64] ^= 1;
    fs::write(&scene.trace, &bytes).unwrap();
    let output = scene.run(&["info", "--json", "run.pft"]);
    assert_eq!(output.status.code(), Some(3));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["traces"][0]["checkpoint"], Value::Null);
    let (whole, ended) = (&document["traces"][0]["whole"], &document["traces"][0]["ended"]);
    assert_eq!((whole, ended), (&json!(false), &json!(false)));
    let flaws = ["the file is damaged", "the recording did not end in order"];
    assert_eq!(document["traces"][0]["flaws"], json!(flaws));
    let damage = document["traces"][0]["damage"][0].as_str().unwrap();
    assert!(damage.starts_with("Checkpoint frame ") && damage.contains("checksum"), "{damage}");
}

#[test]
fn the_document_is_as_its_schema_says() {
    let scene = hostile();
    let allowed = schema::of("info.schema.json");
    let mut documents = vec![scene.run(&["info", "--json", "run.pft", "run.pft"]).stdout];
    for trace in golden_traces() {
        documents.push(program().args(["info", "--json"]).arg(trace).output().unwrap().stdout);
    }
    for document in &documents {
        let document: Value = serde_json::from_slice(document).unwrap();
        assert_eq!(schema::violations(&allowed, &document), [""; 0]);
    }
    let document: Value = serde_json::from_slice(&documents[0]).unwrap();
    let trace = &document["traces"][1];
    assert_eq!(trace["facts"]["kernel.release"], "6.18");
    assert_eq!(trace["labels"]["r\\x1b[2Jun"], "7\\x0a");
    assert_eq!(trace["marks"][0]["time_ns"], 2_000);
    assert_eq!(trace["checkpoint"]["ledger"]["captured.minor"], 50);
    let kinds = trace["frames"].as_array().unwrap();
    let faults = kinds.iter().find(|kind| kind["kind"] == "Faults").unwrap();
    assert_eq!((&faults["rows"], &faults["first_ns"]), (&52.into(), &1_000.into()));
}

#[test]
fn schemas_allow_what_newer_programs_add_and_tests_do_not() {
    for name in ["summary", "diff", "info", "live"] {
        let schema = schema::of(&format!("{name}.schema.json"));
        let text = schema.to_string();
        assert!(!text.contains("additionalProperties") && !text.contains("unevaluated"), "{name}");
        assert!(text.contains("pass over those that you do not know"), "{name}");
    }
    let info = schema::of("info.schema.json");
    let output = Scene::new(3).run(&["info", "--json", "run.pft"]);
    let mut document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema::violations(&info, &document), [""; 0]);
    document["traces"][0]["more"] = json!(1);
    assert_eq!(schema::violations(&info, &document).len(), 1);
}
