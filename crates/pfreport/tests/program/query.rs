//! Selections, tables and queries.

use std::process::Output;

use crate::scene::{Scene, assert_harmless, text};

fn ok(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    assert_harmless(&output.stdout);
    text(&output.stdout)
}

/// The one line of an error in usage.
fn refused(output: &Output) -> &str {
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    assert_harmless(&output.stderr);
    text(&output.stderr)
}

#[test]
fn every_view_is_about_the_selection() {
    let scene = Scene::new(50);
    let summary = scene.run(&["run.pft", "--class", "major", "--where", "latency_ns = 1e5"]);
    let summary = ok(&summary);
    let selected = "  selected   2 of 52 faults: class major, where latency_ns = 1e5\n";
    assert!(summary.contains(selected), "{summary}");
    // What is said about completeness goes on to be about all of it.
    assert!(summary.contains("  captured   52 faults, none lost\n"), "{summary}");
    assert!(summary.contains("minor 50 = the kernel's; major 2 = the kernel's\n"), "{summary}");
    assert_eq!(summary.lines().last(), Some("Summary: major=2 minor=0 cow=0"));

    let groups = scene.run(&["run.pft", "--by", "class", "--from", "1s", "--csv"]);
    let expected = "class,faults,major,pages,touched_bytes,stall_ns,p50_ns,p90_ns,p99_ns,max_ns\n\
                    major,2,2,2,8192,200000,100000,100000,100000,100000\n";
    assert_eq!(ok(&groups), expected);
    let rows = |words: &[&str]| {
        ok(&scene.run(&[&["run.pft", "--csv"], words].concat())).lines().count() - 1
    };
    assert_eq!(rows(&[]), 52);
    assert_eq!(rows(&["--to", "11us"]), 10);
    assert_eq!(rows(&["--from", "50%"]), 2);
    assert_eq!(rows(&["--pid", "4242", "--class", "minor,cow"]), 50);
    assert_eq!(rows(&["--where", "addr >= 0x555500000000 AND addr < 0x555500003000"]), 3);
    assert_eq!(rows(&["--where", "region = '[nowhere]'"]), 0);
    let folded = scene.run(&["run.pft", "--folded", "--weight=faults", "--class=major"]);
    assert!(ok(&folded).trim_end().ends_with(" 2"), "{}", ok(&folded));
    let nothing = scene.run(&["run.pft", "--from", "5s"]);
    assert!(ok(&nothing).contains("  selected   0 of 52 faults: from 5 s\n"), "{}", ok(&nothing));
}

#[test]
fn rates_and_shares_refer_to_the_window() {
    let scene = Scene::new(50);
    let summary = scene.run(&["run.pft", "--from", "1s", "--to", "1.1s"]);
    let summary = ok(&summary);
    // 200 µs of 100 ms rather than of 2 s.
    assert!(summary.contains("wall: share of the 100 ms in which"), "{summary}");
    assert!(summary.contains("(0.2 % by any fault)"), "{summary}");
    assert!(summary.contains(" UTC for 2 s"), "{summary}");
}

#[test]
fn wrong_selections_are_2() {
    let scene = Scene::new(3);
    let class = scene.run(&["run.pft", "--class", "majro"]);
    assert!(refused(&class).contains("the classes are minor, major, cow, failed"));
    let pid = scene.run(&["run.pft", "--pid", "7"]);
    assert_eq!(refused(&pid), "error: no process 7 in the trace; there are 4242\n");
    let time = scene.run(&["run.pft", "--from", "soon"]);
    assert!(refused(&time).contains("a time since the start, as 2s, 150ms, 1.5s or 10%"));
    let window = scene.run(&["run.pft", "--from", "2s", "--to", "1s"]);
    assert_eq!(refused(&window), "error: no time is from 2 s to 1 s\n");
    for (condition, begin) in [
        ("regoin = 'x'", "error: no column `regoin`; the columns are trace, phase, "),
        ("class = 'major' AND", "error: wrong condition: "),
        ("latency_ns + 1", "error: wrong condition: it is neither true nor false"),
    ] {
        let output = scene.run(&["run.pft", "--where", condition]);
        let message = refused(&output);
        assert!(message.starts_with(begin), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    // Before the trace is read: there is none.
    assert_eq!(scene.run(&["none.pft", "--where", "1"]).status.code(), Some(2));
}
