//! The program as a user runs it, on traces written as a recorder writes them.

// Clippy knows tests by their attribute; the helpers around them have none.
#![allow(clippy::unwrap_used, clippy::panic)]

mod browser;
mod cgroups;
mod code;
mod dataset;
mod diff;
mod dump;
mod events;
mod exports;
mod golden;
mod habits;
mod hostile;
mod html;
mod info;
mod marked;
mod memory;
mod page_sizes;
mod plots;
mod profiles;
mod query;
mod recover;
mod redact;
mod scene;
mod schema;
mod several;
mod stacks;
mod stretches;
mod verify;
mod windows;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use pft::FrameKind;
use scene::{Scene, assert_harmless, program, text};

#[test]
fn a_summary_ends_with_its_line_for_scripts() {
    let output = Scene::new(50).run(&["run.pft"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    assert_harmless(&output.stdout);
    let text = text(&output.stdout);
    assert_eq!(text.lines().last(), Some("Summary: major=2 minor=50 cow=0"));
    assert!(text.contains("52 faults, none lost"), "{text}");
    assert!(text.contains("minor 50 = the kernel's"), "{text}");
    assert!(text.contains("/srv/\\u{9b}31m\\u{202e}data.bin"), "{text}");
}

#[test]
fn csv_goes_to_standard_output_or_a_file() {
    let scene = Scene::new(3);
    let first = scene.run(&["--csv", "run.pft"]);
    assert_eq!(first.status.code(), Some(0));
    assert_eq!(first.stdout, scene.run(&["run.pft", "--csv"]).stdout);
    assert_harmless(&first.stdout);
    let lines: Vec<&str> = text(&first.stdout).lines().collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(
        lines[4],
        "run.pft,,1000000000,2026-11-20T12:34:57.000000000Z,100000,major,file-or-swap,,false,read,user,0,\
         4242,4242,\"\\x1b[2Jevil,\"\"name\"\"\",0,0x7f0000000000,4096,1,1,\\u{9b}31m\\u{202e}data.bin,file,\
         /srv/\\u{9b}31m\\u{202e}data.bin,0,rw-p,0x0000,7,exact,0x401000,,,,,,,,1,"
    );

    let to_file = scene.run(&["run.pft", "--csv=out.csv"]);
    assert_eq!((to_file.status.code(), text(&to_file.stdout)), (Some(0), "out.csv\n"));
    assert_eq!(fs::read(scene.path("out.csv")).unwrap(), first.stdout);
    let again = scene.run(&["run.pft", "--csv=out.csv"]);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(text(&again.stderr), "error: out.csv exists; use -f to replace it\n");
    let forced = scene.run(&["run.pft", "--by=class", "--csv=out.csv", "-f"]);
    assert_eq!(forced.status.code(), Some(0));
    assert_eq!(
        fs::read_to_string(scene.path("out.csv")).unwrap(),
        "class,faults,major,pages,touched_bytes,stall_ns,p50_ns,p90_ns,p99_ns,max_ns\n\
         major,2,2,2,8192,200000,100000,100000,100000,100000\n\
         minor,3,0,3,12288,2100,700,700,700,700\n"
    );
}

#[test]
fn the_trace_is_never_overwritten() {
    let scene = Scene::new(3);
    let whole = fs::read(&scene.trace).unwrap();
    let picture = scene.path("run.pft.heatmap.png");
    fs::hard_link(&scene.trace, &picture).unwrap();
    for words in [["run.pft", "-f", "--csv=./run.pft"], ["run.pft", "-f", "--png"]] {
        let output = scene.run(&words);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("is the trace being read"));
    }
    assert_eq!(scene.run(&["run.pft", "-f", "--csv=/dev/null"]).status.code(), Some(2));
    assert_eq!(fs::read(&scene.trace).unwrap(), whole);
}

#[test]
fn words_of_the_command_line_are_harmless_in_errors() {
    let scene = Scene::new(3);
    for words in [["run.pft", "--by=\x1b[2J"], ["run.pft", "--bo\x1b[2J"], ["\x1b[2J", "--csv"]] {
        let output = scene.run(&words);
        assert_ne!(output.status.code(), Some(0));
        assert_harmless(&output.stderr);
    }
}

#[test]
fn groups_on_the_screen() {
    let scene = Scene::new(3);
    let output =
        scene.run(&["run.pft", "--by", "class,region_kind", "-n", "1", "--sort", "faults"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "  class  region_kind  faults  major  pages  touched  stall    p50    p99    max\n  \
           minor  heap              3      0      3    12KiB  2.1µs  700ns  700ns  700ns\n  \
           and 1 more group (-n N shows more)\n"
    );
}

#[test]
fn nothing_is_shortened_in_a_pipe() {
    let output =
        Scene::new(3).run(&["run.pft", "--by", "trace,comm,path,region,wall_time,addr,ip"]);
    let rows = text(&output.stdout);
    assert!(rows.lines().all(|line| line.chars().count() > 150), "{rows}");
    assert!(rows.contains("  /srv/\\u{9b}31m\\u{202e}data.bin  "), "{rows}");
    assert!(rows.contains("  0x7f0000000000  0x401000  "), "{rows}");
    assert!(!rows.contains('…'), "{rows}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let scene = Scene::new(20_000);
    for words in [&["--csv"][..], &["--by", "addr", "-n", "20000"]] {
        let mut child = program()
            .arg(&scene.trace)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut head = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut head).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    }
}

#[test]
fn wrong_usage_is_2() {
    let scene = Scene::new(3);
    let unknown = scene.run(&["run.pft", "--by", "regoin"]);
    assert_eq!(unknown.status.code(), Some(2));
    let message = text(&unknown.stderr);
    assert!(
        message.starts_with("error: no column `regoin`, perhaps `region`; the columns are trace, ")
    );
    assert_eq!(message.lines().count(), 1);
    for words in [&["run.pft", "--sort", "faults"][..], &[], &["run.pft", "--bogus"]] {
        assert_eq!(scene.run(words).status.code(), Some(2));
    }
    let sort = scene.run(&["run.pft", "--by", "class", "--sort", "region"]);
    assert_eq!(sort.status.code(), Some(2));
}

#[test]
fn what_is_no_trace_is_1_and_what_is_not_there_2() {
    let scene = Scene::new(3);
    fs::write(scene.path("garbage"), vec![b'x'; 5_000]).unwrap();
    let garbage = scene.run(&["garbage"]);
    assert_eq!(garbage.status.code(), Some(1));
    let message = "error: cannot read garbage: not a pft trace; record one with: pfrecord -o run.pft -- COMMAND\n";
    assert_eq!(text(&garbage.stderr), message);
    fs::write(scene.path("empty"), "").unwrap();
    assert_eq!(scene.run(&["empty"]).status.code(), Some(1));
    let missing = scene.run(&["missing.pft"]);
    assert_eq!(missing.status.code(), Some(2));
    let message = text(&missing.stderr);
    assert!(
        message.starts_with("error: cannot read missing.pft: No such file or directory"),
        "{message}"
    );
}

#[test]
fn what_is_left_of_a_trace_is_reported_with_3() {
    let scene = Scene::new(500);
    let whole = fs::read(&scene.trace).unwrap();
    for length in [whole.len() - 1, whole.len() * 3 / 4, whole.len() / 2] {
        fs::write(&scene.trace, &whole[..length]).unwrap();
        let output = scene.run(&["run.pft"]);
        assert_eq!(output.status.code(), Some(3), "cut at {length}");
        assert!(text(&output.stdout).contains("DAMAGED"), "cut at {length}");
        assert!(text(&output.stdout).lines().last().unwrap().starts_with("Summary: major="));
    }
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    fs::write(&scene.trace, &flipped).unwrap();
    let output = scene.run(&["run.pft", "--csv"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with("warning: the file is damaged"));
}

/// The line of a summary with this label, unwrapped.
fn labelled(summary: &str, label: &str) -> String {
    let mut lines = summary.lines().skip_while(|line| !line.starts_with(&format!("  {label} ")));
    let first = lines.next().unwrap_or_default().get(13..).unwrap_or_default();
    let more = lines.take_while(|line| line.starts_with("             ")).map(str::trim);
    std::iter::once(first).chain(more).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_damage_took_is_counted() {
    let scene = Scene::new(50);
    let whole = fs::read(&scene.trace).unwrap();
    let trace = pft::Trace::open(&scene.trace).unwrap();
    let summary_without = |kind: FrameKind| {
        let frame = trace.frames().iter().find(|frame| frame.kind == kind).unwrap();
        let mut flipped = whole.clone();
        let last = usize::try_from(frame.offset + frame.stored_bytes - 1).unwrap();
        flipped[last] ^= 1;
        fs::write(&scene.trace, &flipped).unwrap();
        let output = scene.run(&["run.pft"]);
        assert_eq!(output.status.code(), Some(3));
        text(&output.stdout).to_owned()
    };

    let faults = summary_without(FrameKind::Faults);
    let captured = "0 faults known from the file; 52 more completed, and the damage took them";
    assert_eq!(labelled(&faults, "captured"), captured);
    let counters = "minor 50 = the kernel's; major 2 = the kernel's";
    let before = format!("before the damage, captured + lost: {counters}");
    assert_eq!(labelled(&faults, "counters"), before);
    assert!(!faults.contains("none failed"), "{faults}");

    let snapshot = summary_without(FrameKind::Snapshot);
    let captured = "52 faults known from the file; the damage took none that completed";
    assert_eq!(labelled(&snapshot, "captured"), captured);
    assert_eq!(labelled(&snapshot, "counters"), format!("captured + lost: {counters}"));

    let checkpoint = summary_without(FrameKind::Checkpoint);
    let captured = "52 faults known from the file; how many more there were is not known";
    assert_eq!(labelled(&checkpoint, "captured"), captured);
    assert!(labelled(&checkpoint, "counters").starts_with("none in the file"), "{checkpoint}");
}

#[test]
fn unfinished_and_lossy_recordings_are_3() {
    let unfinished = Scene::with(50, false, 0).run(&["run.pft"]);
    assert_eq!(unfinished.status.code(), Some(3));
    assert!(text(&unfinished.stdout).contains("INCOMPLETE"));
    let lossy = Scene::with(50, true, 9).run(&["run.pft"]);
    assert_eq!(lossy.status.code(), Some(3));
    let report = text(&lossy.stdout);
    assert!(report.contains("LOST       9 faults (completions)\n"), "{report}");
    assert!(report.contains("minor 59 = the kernel's"), "{report}");
    assert_eq!(report.lines().last(), Some("Summary: major=2 minor=50 cow=0"));
}

#[test]
fn help_names_the_trace_and_gives_examples() {
    let output = program().arg("--help").current_dir(Path::new("/")).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    assert!(help.contains("Usage: pfreport [OPTIONS] <TRACE>"), "{help}");
    assert!(help.contains("pfreport run.pft --by path,cause -n 5"), "{help}");
}

#[test]
fn the_golden_trace_is_explained_as_ever() {
    // 64 pages of anonymous memory at this address, read, then written: `testdata/README.md`.
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/v1.0-zero-page.pft");
    let range = 0x10_0000_0000..0x10_0004_0000;
    let output = program().arg(&trace).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().last(), Some("Summary: major=2 minor=188 cow=84"));
    let csv = String::from_utf8(program().arg(&trace).arg("--csv").output().unwrap().stdout);
    let csv = csv.unwrap();
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let column = |name: &str| names.iter().position(|&known| known == name).unwrap();
    let (addr, class, cause) = (column("addr"), column("class"), column("cause"));
    let (mut zero_page, mut cow_zero) = (0, 0);
    for fields in lines {
        let address = fields[addr].strip_prefix("0x").unwrap();
        if range.contains(&u64::from_str_radix(address, 16).unwrap()) {
            match (fields[class], fields[cause]) {
                ("minor", "zero-page") => zero_page += 1,
                ("cow", "cow-zero") => cow_zero += 1,
                other => assert_eq!(other, ("", "")),
            }
        }
    }
    assert_eq!((zero_page, cow_zero), (64, 64));
}

#[test]
fn patterns_are_a_table_for_people_and_for_programs() {
    let scene = Scene::new(20);
    let output = scene.run(&["run.pft", "--patterns"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_harmless(&output.stdout);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert!(lines[0].starts_with("  pid   region "), "{lines:?}");
    assert!(lines[1].contains("data.bin") && lines[2].contains("[heap]"), "{lines:?}");
    assert!(lines[2].contains("  ascending  "), "{lines:?}");

    let csv = scene.run(&["run.pft", "--patterns", "--csv"]);
    assert_harmless(&csv.stdout);
    let lines: Vec<&str> = text(&csv.stdout).lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("proc,pid,region,region_kind,path,addr,mapped_pages,faults,"));
    assert!(lines[2].starts_with("0,4242,[heap],heap,,0x555500000000,"), "{lines:?}");
    let first = scene.run(&["run.pft", "--patterns", "--csv", "-n", "1"]);
    assert_eq!(text(&first.stdout).lines().count(), 2);
}

#[test]
fn advice_is_what_the_rules_find() {
    let output = Scene::new(20).run(&["run.pft", "--advice"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("  No advice: "), "{}", text(&output.stdout));
    let lost = Scene::with(20, true, 5).run(&["run.pft", "--advice"]);
    assert_eq!(lost.status.code(), Some(3));
    let said = text(&lost.stdout);
    assert!(said.contains("\nNot every fault is in the table, so these numbers are"), "{said}");
    assert!(text(&lost.stderr).starts_with("warning: records were lost"));
    for words in [["--advice", "--csv"], ["--advice", "--patterns"], ["--patterns", "--by=pid"]] {
        let output = Scene::new(3).run(&[&["run.pft"], &words[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
    }
}
