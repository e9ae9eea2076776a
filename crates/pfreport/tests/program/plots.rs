//! Pictures in files, and plots on the terminal.

use std::fs;

use crate::scene::{Scene, assert_harmless, program, text};

const NAMES: [&str; 5] = ["latency", "timeline", "regions", "heatmap", "working-set"];

#[test]
fn pictures_are_named_after_the_trace_in_a_folder_that_is_made() {
    let scene = Scene::new(3);
    let output = scene.run(&["run.pft", "--png=new/pictures", "--svg", "--size=400x300"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let png = NAMES.map(|name| format!("new/pictures/run.pft.{name}.png"));
    let svg = NAMES.map(|name| format!("./run.pft.{name}.svg"));
    let written: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(written, png.iter().chain(&svg).collect::<Vec<_>>());
    for path in &png {
        assert_eq!(fs::read(scene.path(path)).unwrap()[16..24], [0, 0, 1, 144, 0, 0, 1, 44]);
    }
    for path in &svg {
        let svg = fs::read(scene.path(path)).unwrap();
        assert!(text(&svg).contains(" width=\"400\" height=\"300\" "));
        assert_harmless(&svg);
    }
    let again = scene.run(&["run.pft", "--png=new/pictures"]);
    assert_eq!(again.status.code(), Some(2));
    let message = "error: new/pictures/run.pft.latency.png exists; use -f to replace it\n";
    assert_eq!(text(&again.stderr), message);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let scene = Scene::new(3);
    let output = scene.run(&["run.pft", "--svg=run.pft/pictures"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    let begin = "error: cannot write run.pft/pictures: Not a directory";
    assert!(text(&output.stderr).starts_with(begin), "{}", text(&output.stderr));
}

#[test]
fn sizes_and_themes_are_checked_before_anything_is_read() {
    let scene = Scene::new(3);
    for (words, said) in [
        (["none.pft", "--png", "--size=100x100"], "from 320x240 to 8000x8000 pixels"),
        (["none.pft", "--png", "--theme=blue"], "[possible values: light, dark]"),
        (["none.pft", "--heatmap", "--size=800x600"], "required"),
        (["none.pft", "--histogram", "--csv"], "a text and --csv would both go to standard output"),
    ] {
        let output = scene.run(&words);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

#[test]
fn plots_stand_in_for_the_summary() {
    let scene = Scene::new(3);
    let plot = |locale: &str, words: &[&str]| {
        let mut program = program();
        program.current_dir(scene.path("")).env("LC_ALL", locale).arg("run.pft").args(words);
        let output = program.output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
        assert_harmless(&output.stdout);
        text(&output.stdout).to_owned()
    };
    let bar = |c: &str| c.repeat(78);
    assert_eq!(
        plot("C.UTF-8", &["--histogram"]),
        format!(
            "run.pft: latency of 5 faults\n  entry to completion\n\n\
             minor: 3 faults, p50 700 ns, p99 700 ns\n   465 ns  {0}  3   100 %\n\n\
             major: 2 faults, p50 100 µs, p99 100 µs\n   100 µs  {0}  2   100 %\n\n\
             \x20 each bar begins at the latency before it; % of the faults of its class\n",
            bar("█")
        )
    );
    let ascii = plot("C", &["--histogram"]);
    assert!(ascii.contains(&format!("   100 us  {}  2   100 %\n", bar("#"))), "{ascii}");
    assert_eq!(plot("C.UTF-8", &["--histogram", "--ascii"]), ascii);

    let both = plot("C.UTF-8", &["--heatmap", "--histogram"]);
    assert!(both.starts_with(&plot("C.UTF-8", &["--histogram"])), "{both}");
    assert!(both.contains("\n\nrun.pft: addresses over time\n  low addresses"), "{both}");
    assert!(both.contains("\n  file, 8 KiB, 2 faults"), "{both}");
    assert!(both.contains("\n  heap, 12 KiB, 3 faults"), "{both}");
}
