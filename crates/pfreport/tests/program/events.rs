//! `pfreport --events`.

use crate::golden::assert_golden;
use crate::info::{golden_traces, lacks_frames};
use crate::scene::{Scene, assert_harmless, program, text};

#[test]
fn golden_traces_have_these_lines() {
    for trace in golden_traces() {
        let name = trace.file_stem().unwrap().to_str().unwrap();
        for (words, kind) in [(&[][..], "events"), (&["--fixed-ts"], "events-fixed")] {
            let output = program().arg(&trace).arg("--events").args(words).output().unwrap();
            let (lacks, said) = (lacks_frames(&trace), text(&output.stderr));
            assert_eq!(output.status.code(), Some(if lacks { 3 } else { 0 }), "{said}");
            assert_eq!(said.starts_with("warning: the file is damaged, "), lacks, "{said}");
            assert!(lacks || said.is_empty(), "{said}");
            assert_harmless(&output.stdout);
            assert_golden(&format!("{kind}-{name}.txt"), text(&output.stdout));
        }
    }
}

#[test]
fn lines_are_in_order_and_end_with_the_summary() {
    let scene = Scene::new(3);
    let output = scene.run(&["run.pft", "--events"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_harmless(&output.stdout);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(
        lines[0],
        "[   0.000001000] minor  0x0000555500000000 [heap]+0x0                            700 ns"
    );
    assert!(lines[4].contains(" major  0x00007f0000001000 \\u{9b}31m\\u{202e}data.bin+0x1000 "));
    assert_eq!(lines[5], "Summary: major=2 minor=3 cow=0");

    let first = scene.run(&["run.pft", "--events", "-n", "2"]);
    let said = text(&first.stdout);
    let end = "\n... 3 more faults (-n N shows more)\nSummary: major=2 minor=3 cow=0\n";
    assert!(said.ends_with(end) && said.lines().count() == 4, "{said}");
    let wrong = scene.run(&["run.pft", "--fixed-ts"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_lossy_trace_says_so_beside_its_lines() {
    let output = Scene::with(3, true, 9).run(&["run.pft", "--events"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with("warning: records were lost while recording"));
}
