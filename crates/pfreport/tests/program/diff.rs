//! Comparison of runs.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::scene::{Scene, assert_harmless, program, recording, text};
use crate::schema::{self, violations};

/// A folder with traces of runs that touched so many pages: `a.pft`, `b.pft`, ….
fn runs(touched: &[u64]) -> Scene {
    let scene = Scene::new(1);
    for (number, &touched) in (b'a'..).zip(touched) {
        let bytes = recording(number, touched, true, 0, |_| ());
        fs::write(scene.path(&format!("{}.pft", char::from(number))), bytes).unwrap();
    }
    scene
}

fn ended(output: &Output) -> (Option<i32>, &str) {
    (output.status.code(), text(&output.stderr))
}

/// The report with its paragraphs on one line.
fn unwrapped(output: &Output) -> String {
    text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_verdict_comes_first() {
    let output = runs(&[1_000, 1_500]).run(&["diff", "a.pft", "b.pft"]);
    assert_eq!(ended(&output), (Some(0), ""));
    assert_harmless(&output.stdout);
    let report = text(&output.stdout);
    let mut lines = report.lines();
    assert_eq!(lines.next(), Some("Page faults of a.pft against b.pft"));
    let verdict = "  verdict    stall 900 µs → 1.25 ms (+39 %), faults 1,002 → 1,502 (+50 %)";
    assert!(lines.any(|line| line == verdict), "{report}");
    assert!(report.contains("\n  minor  anon-unknown       700µs  1.05ms"), "{report}");
}

#[test]
fn conditions_decide_the_exit_status() {
    let scene = runs(&[1_000, 1_500, 1_000]);
    let of = |condition: &str| scene.run(&["diff", "a.pft", "b.pft", "--fail-if", condition]);
    let holds = of("faults > +40%");
    assert_eq!(ended(&holds), (Some(4), ""));
    let line = "  FAILED: faults > +40%: faults 1,002 → 1,502 (+500, +50 %)";
    assert_eq!(text(&holds.stdout).lines().last(), Some(line));
    let passes = of("faults > +50%");
    assert_eq!(ended(&passes), (Some(0), ""));
    let line = "  passed: faults > +50%: faults 1,002 → 1,502 (+500, +50 %)";
    assert_eq!(text(&passes.stdout).lines().last(), Some(line));
    for (condition, status) in [
        ("stall > 1250us", 0),
        ("stall > 1249us", 4),
        ("major > 2", 0),
        ("major >= 2", 4),
        ("touched > +1MiB", 4),
        ("touched > +2MiB", 0),
        ("p50 > +0%", 0),
    ] {
        assert_eq!(ended(&of(condition)), (Some(status), ""), "{condition}");
    }
    let both = ["diff", "a.pft", "b.pft", "--fail-if", "major > 2", "--fail-if", "faults > 9"];
    assert_eq!(ended(&scene.run(&both)), (Some(4), ""));
    let wrong = of("stall > 10%");
    assert_eq!((wrong.status.code(), text(&wrong.stdout)), (Some(2), ""));
    assert!(text(&wrong.stderr).contains("a percentage is of the base and has a sign"));
}

#[test]
fn what_was_not_recorded_cannot_pass() {
    let scene = runs(&[100, 100]);
    let no_latency = recording(b'b', 100, true, 0, |writer| {
        let fact = |key: &str, value: &str| pft::record::Fact {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        writer.host(&[fact("capture.latency", "no")]).unwrap();
    });
    fs::write(scene.path("b.pft"), no_latency).unwrap();
    let output = scene.run(&["diff", "a.pft", "b.pft", "--fail-if", "failed > +10%"]);
    let message = "error: cannot judge `failed > +10%`: failed is not known of b.pft; judge something \
                   else, or record it as well\n";
    assert_eq!(ended(&output), (Some(2), message));
    // What can be told is told.
    assert!(text(&output.stdout).contains("DOUBTFUL   latencies recorded: base yes, new no\n"));
}

#[test]
fn traces_that_are_not_whole_are_3_unless_a_condition_holds() {
    let scene = runs(&[100]);
    fs::write(scene.path("b.pft"), recording(b'b', 200, false, 0, |_| ())).unwrap();
    let partial = scene.run(&["diff", "a.pft", "b.pft", "--fail-if", "faults > +200%"]);
    assert_eq!(ended(&partial), (Some(3), ""));
    let doubt =
        "  DOUBTFUL   faults: base all there, new the recording did not end in order (b.pft)";
    assert!(text(&partial.stdout).contains(doubt), "{}", text(&partial.stdout));
    let failed = scene.run(&["diff", "a.pft", "b.pft", "--fail-if", "faults > +50%"]);
    assert_eq!(failed.status.code(), Some(4));
}

#[test]
fn several_runs_a_side_tell_noise() {
    let scene = runs(&[1_000, 1_010, 1_005, 1_200, 1_210, 1_190]);
    let words = ["diff", "a.pft", "b.pft", "c.pft", "--", "d.pft", "e.pft", "f.pft"];
    let output = scene.run(&words);
    assert_eq!(output.status.code(), Some(0));
    let report = unwrapped(&output);
    assert!(report.contains("faults 1,007 → 1,202 (+19 %, beyond the noise)"), "{report}");
    assert!(report.contains(" medians of 3 runs and 3 runs; "), "{report}");
    assert!(report.contains(" by chance in 10.0 % of"), "{report}");
    let mixed = scene.run(&["diff", "a.pft", "d.pft", "--", "b.pft", "e.pft"]);
    assert!(unwrapped(&mixed).contains("faults 1,102 → 1,112 (+0.9 %, within the noise)"));
}

#[test]
fn wrong_usage_is_2_with_a_remedy() {
    let scene = runs(&[3, 4]);
    for (words, message) in [
        (
            &["diff", "a.pft"][..],
            "error: cannot compare 1 trace; give two traces, or several runs a side: pfreport diff A1 A2 \
             -- B1 B2\n",
        ),
        (
            &["diff", "a.pft", "--", "b.pft", "-n", "3"],
            "error: -n stands behind `--`, among the traces; options go before it\n",
        ),
        (&["diff", "-", "-"], "error: standard input is one trace; name a file for the other\n"),
    ] {
        assert_eq!(ended(&scene.run(words)), (Some(2), message));
    }
    assert_eq!(scene.run(&["diff"]).status.code(), Some(2));
    assert_eq!(scene.run(&["diff", "a.pft", "b.pft", "--metrics", "cow"]).status.code(), Some(2));
    let missing = scene.run(&["diff", "a.pft", "z.pft"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).starts_with("error: cannot read z.pft: No such file"));
}

#[test]
fn documents_follow_their_schema() {
    let schema = schema::of("diff.schema.json");
    let scene = runs(&[100, 150, 160]);
    for words in [
        &["diff", "--json", "a.pft", "b.pft", "--fail-if", "major > +1%"][..],
        &["diff", "--json", "a.pft", "--", "b.pft", "c.pft"],
    ] {
        let output = scene.run(words);
        assert_eq!(ended(&output), (Some(0), ""));
        assert_harmless(&output.stdout);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(violations(&schema, &document), [""; 0]);
    }
    let output = scene.run(&["diff", "--json", "-n", "1", "a.pft", "b.pft"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let stall = &document["totals"]["stall_ns"];
    assert_eq!(stall["base"], 270_000);
    assert_eq!(stall["new"], 305_000);
    assert_eq!(stall["change"], 35_000);
    assert_eq!(stall["within_noise"], Value::Null);
    let regions = document["sections"]["regions"].as_array().unwrap();
    assert_eq!(regions.len(), 1);
    assert_eq!(regions[0]["key"]["region"], "[heap]");
    assert_eq!(regions[0]["metrics"]["faults"]["new"], 150);
}

#[test]
fn golden_traces_are_compared_as_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let output = program()
        .current_dir(folder)
        .args(["diff", "v1.0-zero-page.pft", "v1.0-code.pft", "-n", "3"])
        .output()
        .unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diff-testdata.txt");
    if std::env::var_os("PFT_BLESS").is_some() {
        fs::write(&golden, &output.stdout).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(text(&output.stdout), expected, "PFT_BLESS=1 rewrites {}", golden.display());
}

#[test]
fn the_help_explains_conditions_and_noise() {
    let output = program().args(["diff", "--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    assert!(help.contains("Usage: pfreport diff [OPTIONS] BASE NEW\n"), "{help}");
    for words in ["  stall > +10%    the change", "Noise: a change is within", "  4  a condition"] {
        assert!(help.contains(words), "{words}: {help}");
    }
}
