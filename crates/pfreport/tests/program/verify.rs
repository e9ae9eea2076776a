//! `pfreport verify`, and traces of all versions in all that reads them.

use std::fs;

use pft::record::FaultBatch;
use serde_json::{Value, json};

use crate::golden::assert_golden;
use crate::info::{golden_traces, lacks_frames};
use crate::scene::{HEAP, START, Scene, assert_harmless, program, push, text, trace_bytes};
use crate::schema;

#[test]
fn golden_traces_are_sound() {
    for trace in golden_traces() {
        let folder = trace.parent().unwrap();
        let run_to = |words: &[&str], code: i32| {
            let name = trace.file_name().unwrap();
            let output = program().current_dir(folder).args(words).arg(name).output().unwrap();
            assert_harmless(&output.stdout);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{words:?} {}: {said}", trace.display());
            assert!(code == 3 || said.is_empty(), "{words:?} {}: {said}", trace.display());
            text(&output.stdout).to_owned()
        };
        let run = |words: &[&str]| run_to(words, 0);
        let name = trace.file_stem().unwrap().to_str().unwrap();
        assert_golden(&format!("verify-{name}.txt"), &run(&["verify"]));
        assert_eq!(run(&["verify", "-q"]), "");
        assert_ne!(run(&["dump", "--rows"]), "");
        let partial = if lacks_frames(&trace) { 3 } else { 0 };
        for reader in [&[][..], &["info"], &["--table", "ledger"]] {
            assert_ne!(run_to(reader, partial), "", "{reader:?}");
        }
    }
}

#[test]
fn what_a_newer_version_added_is_told_and_the_rest_is_there() {
    let newer = golden_traces().into_iter().find(|path| path.ends_with("v1.9-newer.pft")).unwrap();
    let run = |words: &[&str]| {
        let output = program().args(words).arg(&newer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        text(&output.stdout).to_owned()
    };
    let notes = [
        "1 frames of unknown kind 12 version 9, written by a newer program, were skipped",
        "2 frames of unknown kind 200 version 1, written by a newer program, were skipped",
        "2 frames of unknown kind 201 version 1, written by a newer program, were skipped",
        "1 frames of unknown kind 65535 version 1, written by a newer program, were skipped",
    ];
    for reader in [&[][..], &["info"], &["verify"]] {
        let said = run(reader);
        assert!(notes.iter().all(|note| said.contains(note)), "{reader:?}: {said}");
    }
    let summary = run(&[]);
    assert!(summary.contains("3 faults, none lost"), "{summary}");
    assert!(summary.ends_with("Summary: major=1 minor=2 cow=0\n"), "{summary}");
    assert_eq!(run(&["--csv"]).lines().count(), 4);
    let document: Value = serde_json::from_str(&run(&["info", "--json"])).unwrap();
    let trace = &document["traces"][0];
    assert_eq!(
        (&trace["format"], &trace["notes"]),
        (&json!({"major": 1, "minor": 9}), &json!(notes))
    );
    assert_eq!(trace["facts"]["capture.by_a_newer_version"], "some value");
    assert_eq!(trace["checkpoint"]["ledger"]["captured.by_a_newer_version"], 42);
}

#[test]
fn another_major_version_is_refused_by_name() {
    let scene = Scene::new(3);
    let mut bytes = fs::read(&scene.trace).unwrap();
    bytes[8] = 2;
    fs::write(&scene.trace, bytes).unwrap();
    for words in
        [&["run.pft"][..], &["info", "run.pft"], &["dump", "run.pft"], &["verify", "run.pft"]]
    {
        let output = scene.run(words);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{words:?}");
        let said = "error: cannot read run.pft: the trace has format version 2, this program reads version 1; ";
        assert!(text(&output.stderr).starts_with(said), "{words:?}: {}", text(&output.stderr));
    }
}

/// With two faults in disorder, of which the ledger does not know.
fn unsound() -> Scene {
    Scene::of(&trace_bytes(3, true, 0, |writer| {
        let mut batch = FaultBatch::default();
        push(&mut batch, START + 500, HEAP, false);
        push(&mut batch, START + 400, HEAP, false);
        writer.faults(&batch).unwrap();
    }))
}

#[test]
fn findings_are_lines_and_few_of_each_rule() {
    let scene = unsound();
    let output = scene.run(&["verify", "run.pft"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(3), ""));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let offset = lines[0].strip_prefix("run.pft: byte ").unwrap().split(',').next().unwrap();
    assert_eq!(
        lines[0],
        format!(
            "run.pft: byte {offset}, Faults frame 2, row 1: the time 100000000400 is before that of the \
             row before, 100000000500 [row-order, section 5]"
        )
    );
    let rows = "run.pft: the whole file: by captured.minor of the ledger there should be 3, and there are 5 \
                [ledger-rows, section 7]";
    assert_eq!(lines[1], rows);
    let closing = lines[2];
    assert!(closing.starts_with("run.pft: 2 findings: 7 frames, 7 faults, "), "{closing}");
    assert!(closing.ends_with(" rules checked, ledger differs"), "{closing}");

    let quiet = scene.run(&["verify", "-q", "run.pft"]);
    assert_eq!((quiet.status.code(), text(&quiet.stdout).lines().count()), (Some(3), 2));
    let counted = scene.run(&["verify", "-n", "0", "-q", "run.pft"]);
    let expected = "run.pft: 1 more of row-order\nrun.pft: 1 more of ledger-rows\n";
    assert_eq!(text(&counted.stdout), expected);
}

#[test]
fn several_files_and_files_that_are_no_traces() {
    let scene = unsound();
    fs::write(scene.path("sound.pft"), trace_bytes(3, true, 5, |_| ())).unwrap();
    fs::write(scene.path("text.pft"), "no trace, but long enough to be one").unwrap();
    fs::write(scene.path("more.pft"), "not this one either").unwrap();
    let sound = scene.run(&["verify", "sound.pft"]);
    assert_eq!(sound.status.code(), Some(0));
    let said = text(&sound.stdout);
    assert!(said.starts_with("sound.pft: sound: 7 frames, 5 faults, "), "{said}");
    assert!(said.ends_with(" rules checked, ledger agrees (4 figures)\n"), "{said}");

    let names = ["verify", "-q", "text.pft", "run.pft", "more.pft", "sound.pft"];
    let all = scene.run(&names);
    assert_eq!(all.status.code(), Some(1));
    let said = text(&all.stderr);
    assert!(said.starts_with("error: cannot read text.pft: not a pft trace; "), "{said}");
    assert_eq!(said.lines().count(), 1);
    let lines: Vec<&str> = text(&all.stdout).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[2], "more.pft: cannot read more.pft: not a pft trace");
    assert_eq!(scene.run(&["verify", "absent.pft"]).status.code(), Some(2));
    assert_eq!(scene.run(&["verify"]).status.code(), Some(2));
}

#[test]
fn the_document_is_as_its_schema_says() {
    let scene = unsound();
    fs::write(scene.path("sound.pft"), trace_bytes(3, true, 5, |_| ())).unwrap();
    let output = scene.run(&["verify", "--json", "run.pft", "sound.pft"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(3), ""));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema::violations(&schema::of("verify.schema.json"), &document), [""; 0]);
    let [wrong, sound] = document["traces"].as_array().unwrap().as_slice() else {
        panic!("{document}");
    };
    assert_eq!((&wrong["sound"], &sound["sound"]), (&json!(false), &json!(true)));
    assert_eq!(wrong["counts"], json!({"row-order": 1, "ledger-rows": 1}));
    let finding = &wrong["findings"][0];
    assert_eq!((&finding["rule"], &finding["section"]), (&json!("row-order"), &json!("5")));
    let place = [&finding["sequence"], &finding["kind"], &finding["row"]];
    assert_eq!(place, [&json!(2), &json!("Faults"), &json!(1)]);
    assert_eq!(wrong["ledger"], json!({"state": "differs", "figures": null, "reason": null}));
    assert_eq!(sound["ledger"], json!({"state": "agrees", "figures": 4, "reason": null}));
}

#[test]
fn the_rules_are_listed() {
    let output = program().args(["verify", "--rules"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), pft::verify::Rule::ALL.len());
    assert!(lines.contains(&"row-order        5            Rows of a frame are in order of time."));
}
