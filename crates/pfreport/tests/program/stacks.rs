//! Flame graphs and folded stacks.

use std::fs;
use std::process::Stdio;

use crate::scene::{START, Scene, assert_harmless, program, text};
use pft::Writer;
use pft::record::{Checkpoint, TraceHeader};

const COMM: &str = "\\x1b[2Jevil,\"name\"";

#[test]
fn folded_stacks_go_to_standard_output_or_a_file() {
    let scene = Scene::new(3);
    let stall = scene.run(&["run.pft", "--folded"]);
    assert_eq!((stall.status.code(), text(&stall.stderr)), (Some(0), ""));
    assert_harmless(&stall.stdout);
    let lines = |touched, read| {
        format!(
            "{COMM};[unknown];major file-or-swap;\\u{{9b}}31m\\u{{202e}}data.bin {read}\n\
             {COMM};[unknown];minor anon-unknown;[heap] {touched}\n"
        )
    };
    assert_eq!(text(&stall.stdout), lines(2_100, 200_000));
    let output = scene.run(&["run.pft", "--folded=out.folded", "--weight=faults"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "out.folded\n"));
    assert_eq!(fs::read_to_string(scene.path("out.folded")).unwrap(), lines(3, 2));
    let bytes = scene.run(&["run.pft", "--folded", "--weight=bytes"]);
    assert_eq!(text(&bytes.stdout), lines(3 * 4_096, 2 * 4_096));
    let again = scene.run(&["run.pft", "--folded=out.folded"]);
    assert_eq!(again.status.code(), Some(2));
}

#[test]
fn flame_graphs_are_files() {
    let scene = Scene::new(3);
    let output = scene.run(&["run.pft", "--flamegraph"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "run.pft.flamegraph.svg\n");
    let svg = fs::read_to_string(scene.path("run.pft.flamegraph.svg")).unwrap();
    assert!(svg.contains("<title>minor anon-unknown (2,100 ns, 1.04%)</title>"), "{svg}");
    assert_eq!(scene.run(&["run.pft", "--flamegraph"]).status.code(), Some(2));
    assert_eq!(scene.run(&["run.pft", "--flamegraph", "-f"]).status.code(), Some(0));
    let onto_itself = scene.run(&["run.pft", "--flamegraph=run.pft", "-f"]);
    assert_eq!(onto_itself.status.code(), Some(2));
    assert!(text(&onto_itself.stderr).contains("is the trace being read"));
    let both = scene.run(&["run.pft", "--flamegraph=a.svg", "--folded"]);
    assert_eq!(both.status.code(), Some(0));
    assert_eq!(text(&both.stdout).lines().count(), 2);
}

fn empty_trace() -> Vec<u8> {
    let header = TraceHeader {
        uuid: [3; 16],
        page_size_bytes: 4_096,
        clock_id: 1,
        start_ns: START,
        start_realtime_ns: START,
    };
    let mut writer = Writer::create(Vec::new(), &header, 1).unwrap();
    writer.checkpoint(&Checkpoint { time_ns: START, end: true, ..Checkpoint::default() }).unwrap();
    writer.finish().unwrap()
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let scene = Scene::new(3);
    for (table, name) in [("--csv", "--csv"), ("--by=class", "a text")] {
        let two = scene.run(&["run.pft", table, "--folded"]);
        assert_eq!((two.status.code(), text(&two.stdout)), (Some(2), ""));
        let message = format!("error: {name} and --folded would both go to standard output");
        assert!(text(&two.stderr).starts_with(&message), "{}", text(&two.stderr));
    }
    assert_eq!(scene.run(&["run.pft", "--weight", "stall"]).status.code(), Some(2));
    // No fault at all.
    let empty = Scene::of(&empty_trace());
    let output = empty.run(&["run.pft", "--flamegraph=a.svg"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "error: no flame graph: the trace has no faults\n");
    assert!(!empty.path("a.svg").exists());
    let folded = empty.run(&["run.pft", "--folded"]);
    assert_eq!((folded.status.code(), text(&folded.stdout)), (Some(0), ""));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let scene = Scene::new(3);
    let mut child = program()
        .arg(&scene.trace)
        .arg("--folded")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}
