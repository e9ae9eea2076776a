//! `pfreport dataset`: what it adds, what it passes over, and what it refuses.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;

use pft::record::{Fact, FaultBatch};
use polars::prelude::{DataFrame, DataType};
use polars_io::prelude::{ParquetReader, SerReader as _};

use crate::scene::{HEAP, START, Scene, assert_harmless, push, recording, text};

const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
const NONE: &str = "host=__HIVE_DEFAULT_PARTITION__/date=__HIVE_DEFAULT_PARTITION__/\
                    trace=__HIVE_DEFAULT_PARTITION__";
/// Tables of which [`scene`] has rows.
const FILLED: [&str; 7] =
    ["facts", "faults", "ledger", "mappings", "processes", "threads", "traces"];

/// A folder with two traces of one host: `run.pft` and `other.pft`.
fn scene() -> Scene {
    let scene = Scene::of(&trace(1, 3));
    fs::write(scene.path("other.pft"), trace(2, 5)).unwrap();
    scene
}

/// The trace of that number, with so many faults of the heap and two of a file.
fn trace(number: u8, touched: u64) -> Vec<u8> {
    recording(number, touched, true, 0, |writer| {
        let fact = |key: &str, value: &str| Fact { key: key.to_owned(), value: value.to_owned() };
        writer.host(&[fact("machine.hostname", "web/01"), fact("label.release", "1.4")]).unwrap();
    })
}

fn partition(number: u8) -> String {
    let uuid = format!("{number:02x}").repeat(16);
    format!("host=web%2F01/date=2026-11-20/trace={uuid}")
}

/// Every file below a folder by its path there, with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

fn frame(path: PathBuf) -> DataFrame {
    ParquetReader::new(File::open(path).unwrap()).finish().unwrap()
}

fn said(output: &Output) -> (Option<i32>, &str, &str) {
    assert_harmless(&output.stdout);
    assert_harmless(&output.stderr);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_trace_has_a_partition_in_every_table_that_it_has_rows_of() {
    let scene = scene();
    let output = scene.run(&["dataset", "run.pft", "other.pft", "-o", "fleet"]);
    let (code, out, error) = said(&output);
    assert_eq!((code, error), (Some(0), ""));
    assert!(out.starts_with("fleet: 2 traces added (12 faults, "), "{out}");
    let files = files(&scene.path("fleet"));
    let of = |partition: &str| {
        let there = files.keys().filter(|name| name.contains(partition));
        there.map(|name| name.split('/').next().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of(&partition(1)), FILLED);
    assert_eq!(of(&partition(2)), FILLED);
    // Tables without rows have their columns all the same.
    assert_eq!(of(NONE).len(), 12);
    assert_eq!(files.len(), 12 + 2 * FILLED.len() + 1);
    let marker = text(&files["dataset.json"]);
    assert!(marker.contains("\"schema\":\"pft-dataset/1\""), "{marker}");

    let place = |table: &str, partition: &str| {
        scene.path("fleet").join(table).join(partition).join("part-0.parquet")
    };
    let faults = frame(place("faults", &partition(2)));
    assert_eq!(faults.height(), 7);
    let stall = faults.column("latency_ns").unwrap().i64().unwrap();
    assert_eq!(stall.iter().flatten().sum::<i64>(), 5 * 700 + 2 * 100_000);
    let about = frame(place("traces", &partition(2)));
    let number = |name: &str| about.column(name).unwrap().i64().unwrap().get(0);
    let word = |name: &str| about.column(name).unwrap().str().unwrap().get(0).map(str::to_owned);
    assert_eq!(
        ["faults", "minor", "major", "cow", "failed", "unknown", "stall_ns"].map(number),
        [Some(7), Some(5), Some(2), Some(0), Some(0), Some(0), Some(203_500)]
    );
    assert_eq!(word("file").as_deref(), Some("other.pft"));
    assert_eq!(word("flaws"), None);
    let empty = frame(place("oom", NONE));
    assert_eq!((empty.height(), empty.width()), (0, 12));
}

#[test]
fn rows_are_those_of_the_tables() {
    let scene = scene();
    scene.run(&["dataset", "run.pft", "-o", "fleet"]);
    for table in FILLED.into_iter().filter(|&table| table != "traces") {
        let path = scene.path("fleet").join(table).join(partition(1)).join("part-0.parquet");
        let kept = frame(path);
        let output = scene.run(&["run.pft", "--table", table, "--parquet=table.parquet", "-f"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let whole = frame(scene.path("table.parquet"));
        assert_eq!(kept.height(), whole.height());
        let names = whole.get_column_names().into_iter().filter(|name| *name != "trace");
        assert_eq!(kept.get_column_names(), names.clone().collect::<Vec<_>>());
        for name in names.filter(|name| *name != "wall_time") {
            let text =
                |frame: &DataFrame| frame.column(name).unwrap().cast(&DataType::String).unwrap();
            assert!(text(&kept).equals_missing(&text(&whole)), "{table}.{name}");
        }
    }
}

#[test]
fn the_same_trace_twice_changes_nothing() {
    let scene = scene();
    scene.run(&["dataset", "run.pft", "-o", "fleet"]);
    let before = files(&scene.path("fleet"));
    fs::copy(&scene.trace, scene.path("copy.pft")).unwrap();
    let output = scene.run(&["dataset", "copy.pft", "run.pft", "-o", "fleet"]);
    assert_eq!(said(&output), (Some(0), "fleet: 0 traces added, 2 there already\n", ""));
    assert_eq!(files(&scene.path("fleet")), before);
    // Others join.
    scene.run(&["dataset", "other.pft", "run.pft", "-o", "fleet"]);
    let mut after = files(&scene.path("fleet"));
    assert_eq!(after.len(), before.len() + FILLED.len());
    after.retain(|name, _| before.contains_key(name));
    assert_eq!(after, before);
    // By force it is written again, which makes it no other.
    let output = scene.run(&["dataset", "run.pft", "-f", "-o", "fleet"]);
    assert!(text(&output.stdout).starts_with("fleet: 1 trace added ("));
    assert_eq!(files(&scene.path("fleet")).len(), before.len() + FILLED.len());
}

#[test]
fn what_an_interrupted_run_left_is_made_whole() {
    let scene = scene();
    scene.run(&["dataset", "run.pft", "other.pft", "-o", "fleet"]);
    let whole = files(&scene.path("fleet"));
    // Table `traces` comes last, so it lacks first.
    let fleet = scene.path("fleet");
    fs::remove_dir_all(fleet.join("traces").join(partition(1))).unwrap();
    fs::remove_dir_all(fleet.join("threads").join(partition(1))).unwrap();
    fs::write(fleet.join("faults").join(partition(1)).join("part-1.parquet"), "stale").unwrap();
    fs::create_dir(fleet.join(".0123.partial")).unwrap();
    let output = scene.run(&["dataset", "run.pft", "other.pft", "-o", "fleet"]);
    let out = text(&output.stdout);
    assert!(out.starts_with("fleet: 1 trace added (5 faults, "), "{out}");
    assert!(out.ends_with(", 1 there already\n"), "{out}");
    assert_eq!(files(&fleet), whole);
}

#[test]
fn damaged_traces_are_reported_and_left_out() {
    let scene = scene();
    let bytes = fs::read(&scene.trace).unwrap();
    fs::write(scene.path("cut.pft"), &bytes[..bytes.len() - 1_000]).unwrap();
    let mut flipped = bytes.clone();
    // In the payload of a frame of faults, which shows only when that is read.
    let place = flipped.len() / 2;
    flipped[place] ^= 1;
    fs::write(scene.path("flipped\x1b.pft"), flipped).unwrap();
    fs::write(scene.path("text.pft"), "no trace").unwrap();
    let words = ["dataset", "cut.pft", "flipped\x1b.pft", "text.pft", "gone.pft", "other.pft"];
    let output = scene.run(&[&words[..], &["-o", "fleet"]].concat());
    let (code, out, error) = said(&output);
    assert_eq!(code, Some(3));
    assert!(out.starts_with("fleet: 1 trace added (7 faults, "), "{out}");
    assert!(out.ends_with(", 4 skipped\n"), "{out}");
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(
        lines[0],
        "skipped: cut.pft is damaged: the index at the end is missing: the recording was not closed, or \
         the file was cut; make it whole first: pfreport recover cut.pft -o WHOLE.pft"
    );
    assert!(lines[1].starts_with("skipped: flipped\\x1b.pft is damaged: "), "{error}");
    assert!(lines[2].starts_with("skipped: cannot read text.pft: not a pft trace; "), "{error}");
    assert!(lines[3].starts_with("skipped: cannot read gone.pft: No such file"), "{error}");
    assert_eq!(lines.len(), 4);
    let files = files(&scene.path("fleet"));
    assert_eq!(files.len(), 12 + FILLED.len() + 1);
    let quiet = scene.run(&["dataset", "-q", "cut.pft", "-o", "fleet"]);
    assert_eq!((quiet.status.code(), text(&quiet.stderr)), (Some(3), ""));

    // What is left of it is a trace, the one that it was.
    scene.run(&["recover", "cut.pft", "-o", "whole.pft"]);
    let output = scene.run(&["dataset", "whole.pft", "-o", "fleet"]);
    let (code, out, error) = said(&output);
    assert_eq!((code, error), (Some(3), ""));
    assert!(
        out.ends_with(
            "1 trace lacks something that happened: columns whole and flaws of table traces\n"
        ),
        "{out}"
    );
    let output = scene.run(&["dataset", "run.pft", "-o", "fleet"]);
    assert_eq!(said(&output), (Some(0), "fleet: 0 traces added, 1 there already\n", ""));
}

#[test]
fn a_trace_beyond_memory_comes_in_parts() {
    let bytes = recording(9, 0, true, 0, |writer| {
        for frame in 0..2 {
            let mut batch = FaultBatch::default();
            for i in 0..50_000 {
                let time_ns = START + (frame * 50_000 + i) * 10;
                push(&mut batch, time_ns, HEAP + i % 1_000 * 4_096, false);
            }
            writer.faults(&batch).unwrap();
        }
    });
    let scene = Scene::of(&bytes);
    scene.run(&["dataset", "run.pft", "-o", "whole"]);
    scene.run(&["dataset", "run.pft", "-o", "parts", "--memory=4M"]);
    let (whole, parts) = (files(&scene.path("whole")), files(&scene.path("parts")));
    assert_eq!(whole.keys().collect::<Vec<_>>(), parts.keys().collect::<Vec<_>>());
    for (name, bytes) in &whole {
        // Row groups may be cut elsewhere.
        if name.starts_with("faults/") {
            let read = |folder: &str| frame(scene.path(folder).join(name));
            assert!(read("whole").equals_missing(&read("parts")), "{name}");
        } else {
            assert_eq!(bytes, &parts[name], "{name}");
        }
    }
}

#[test]
fn redacted_traces_have_no_names_and_the_same_pseudonyms() {
    let scene = scene();
    let words = ["-o", "share", "--redact", "--seed", "a long secret"];
    let output = scene.run(&[&["dataset", "run.pft", "other.pft"], &words[..]].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let files = files(&scene.path("share"));
    let added: Vec<&String> = files.keys().filter(|name| !name.contains(NONE)).collect();
    for name in &added {
        assert!(!name.contains("web") && !name.contains("2026"), "{name}");
        assert!(!name.contains(&"01".repeat(16)), "{name}");
    }
    let hosts = added.iter().filter_map(|name| name.split('/').nth(1));
    let hosts: std::collections::BTreeSet<&str> = hosts.collect();
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    assert!(hosts.iter().all(|host| host.starts_with("host=x")), "{hosts:?}");
    let mut paths = Vec::new();
    for name in added.iter().filter(|name| name.ends_with(".parquet")) {
        let frame = frame(scene.path("share").join(name));
        assert!(name.contains(&format!("date={NULL}")), "{name}");
        for column in frame.columns().iter().filter(|column| column.dtype() == &DataType::String) {
            for value in column.str().unwrap().iter().flatten() {
                for secret in ["data.bin", "web", "01", "run.pft", "other.pft", "1.4", "evil"] {
                    assert!(!value.contains(secret), "{name}: {value}");
                }
                if name.starts_with("faults/") && column.name() == "path" {
                    paths.push(value.to_owned());
                }
            }
        }
    }
    paths.dedup();
    assert_eq!(paths.len(), 1, "{paths:?}");
    // With the same seed it is the same trace.
    let output = scene.run(&[&["dataset", "run.pft"], &words[..]].concat());
    assert_eq!(said(&output), (Some(0), "share: 0 traces added, 1 there already\n", ""));
    // One does not go without the other.
    for (option, other) in
        [("--redact", "--seed"), ("--seed=x", "--redact"), ("--hide=web", "--redact")]
    {
        let output = scene.run(&["dataset", "run.pft", "-o", "share", option]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(other), "{}", text(&output.stderr));
    }
}

#[test]
fn other_folders_are_left_alone() {
    let scene = scene();
    fs::create_dir(scene.path("full")).unwrap();
    fs::write(scene.path("full/precious"), "").unwrap();
    fs::create_dir(scene.path("future")).unwrap();
    fs::write(scene.path("future/dataset.json"), "{\"schema\":\"pft-dataset/2\"}").unwrap();
    fs::write(scene.path("file"), "").unwrap();
    for (folder, reason) in [
        ("full", "error: full is no dataset to add to: it is not empty and has no dataset.json"),
        (
            "future",
            "error: future is no dataset to add to: it is a dataset of version pft-dataset/2, not \
             pft-dataset/1",
        ),
        ("file", "error: cannot write file: Not a directory"),
    ] {
        let output = scene.run(&["dataset", "run.pft", "-o", folder]);
        let (code, out, error) = said(&output);
        assert_eq!((code, out), (Some(2), ""));
        assert!(error.starts_with(reason), "{error}");
    }
    assert_eq!(fs::read_dir(scene.path("full")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(scene.path("future")).unwrap().count(), 1);
    // An empty one is as good as none.
    fs::create_dir(scene.path("empty")).unwrap();
    assert_eq!(scene.run(&["dataset", "run.pft", "-o", "empty"]).status.code(), Some(0));
}

#[test]
fn a_trace_that_comes_anew_from_another_host_is_there_once() {
    let scene = scene();
    scene.run(&["dataset", "run.pft", "-o", "fleet"]);
    // The same uuid, and no fact of a host.
    fs::write(&scene.trace, recording(1, 3, true, 0, |_| ())).unwrap();
    let output = scene.run(&["dataset", "run.pft", "-f", "-o", "fleet"]);
    assert!(text(&output.stdout).starts_with("fleet: 1 trace added (5 faults, "));
    let files = files(&scene.path("fleet"));
    let there = |partition: &str| files.keys().filter(|name| name.contains(partition)).count();
    let uuid = "01".repeat(16);
    assert_eq!(
        (there("host=web"), there(&format!("host={NULL}/date=2026-11-20/trace={uuid}"))),
        (0, 6)
    );
}
