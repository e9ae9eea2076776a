//! Several traces in one report.

use std::fs;

use crate::scene::{Scene, assert_harmless, text, trace_bytes};

/// A sound trace of 52 faults, and `lossy.pft`, of which records were lost.
fn scene() -> Scene {
    let scene = Scene::new(50);
    fs::write(scene.path("lossy.pft"), trace_bytes(3, true, 7, |_| ())).unwrap();
    scene
}

#[test]
fn the_summary_lists_them_and_adds_them_up() {
    let scene = scene();
    let output = scene.run(&["run.pft", "lossy.pft"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_harmless(&output.stdout);
    let text = text(&output.stdout);
    let line = |name: &str| {
        let found = text.lines().find(|line| line.starts_with(&format!("  {name} ")));
        found.unwrap_or_else(|| panic!("{name}: {text}")).to_owned()
    };
    assert!(text.starts_with("run.pft and 1 more: page faults of 2 recordings\n"), "{text}");
    assert!(line("run.pft").contains("  whole  "), "{text}");
    assert!(line("run.pft").contains("  52  "), "{text}");
    assert!(line("lossy.pft").contains("records were lost while recording"), "{text}");
    assert!(text.contains("pfreport run.pft lossy.pft --by trace,class,cause"), "{text}");
    assert!(text.ends_with("\nSummary: major=4 minor=53 cow=0\n"), "{text}");
}

#[test]
fn exports_have_the_rows_of_each() {
    let scene = scene();
    let csv = |words: &[&str]| {
        let output = scene.run(words);
        assert_eq!(output.stderr.is_empty(), output.status.code() == Some(0));
        text(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let [one, other] = [csv(&["run.pft", "--csv"]), csv(&["lossy.pft", "--csv"])];
    let both = csv(&["run.pft", "lossy.pft", "--csv"]);
    // Processes, mappings and call chains are numbered through all traces.
    let rest = |line: &String| {
        let cells: Vec<&str> = line.split(',').collect();
        [&cells[..11], &cells[12..cells.len() - 2], &cells[cells.len() - 1..]].concat().join(",")
    };
    let expected: Vec<String> = one.iter().chain(&other[1..]).map(rest).collect();
    assert_eq!(both.iter().map(rest).collect::<Vec<_>>(), expected);
    let groups = csv(&["lossy.pft", "run.pft", "--by=trace", "--csv", "--sort=trace"]);
    let counts: Vec<String> =
        groups.iter().skip(1).map(|l| l.split(',').take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(counts, ["lossy.pft 5 2", "run.pft 52 2"]);
}

#[test]
fn warnings_name_the_trace() {
    let output = scene().run(&["run.pft", "lossy.pft", "--by=class"]);
    assert_eq!(output.status.code(), Some(3));
    let warning = "warning: lossy.pft: records were lost while recording";
    assert!(text(&output.stderr).starts_with(warning), "{}", text(&output.stderr));
}

#[test]
fn none_of_them_is_overwritten_and_files_are_named_after_the_first() {
    let scene = scene();
    let output = scene.run(&["run.pft", "lossy.pft", "--csv=lossy.pft", "-f"]);
    assert_eq!(output.status.code(), Some(2));
    let output = scene.run(&["run.pft", "lossy.pft", "--png"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(scene.path("run.pft+1.heatmap.png").exists());
}

#[test]
fn one_that_cannot_be_read_is_an_error() {
    let scene = scene();
    fs::write(scene.path("text"), "hello").unwrap();
    for (other, code) in [("text", 1), ("missing.pft", 2)] {
        let output = scene.run(&["run.pft", other]);
        assert_eq!(output.status.code(), Some(code));
        assert!(text(&output.stderr).contains(other), "{}", text(&output.stderr));
    }
}
