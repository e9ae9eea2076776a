//! Profiles for other programs against folded stacks, of a program with call chains of a known path.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use pftestkit::Workload;
use serde_json::Value;

use crate::programs::{self, FRAME_POINTERS};
use crate::recording::{Lab, Recording, User, pfreport};

fn recording() -> Option<Recording> {
    let how = |lab: Lab, workload: &Workload| lab.launch_with(&["-g"], workload);
    programs::record(|| Lab::new(User::Own), FRAME_POINTERS, how)
}

fn output(recording: &Recording, args: &[&str]) -> Vec<u8> {
    let output = pfreport(&recording.lab.trace(), args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output.stdout
}

/// Faults of each folded stack.
fn folded(recording: &Recording) -> BTreeMap<String, u64> {
    let text = output(recording, &["--folded", "--weight", "faults"]);
    let lines = std::str::from_utf8(&text).unwrap().lines();
    let stacks = lines.map(|line| line.rsplit_once(' ').unwrap());
    stacks.map(|(stack, faults)| (stack.to_owned(), faults.parse().unwrap())).collect()
}

fn index(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// The names of an entry of a thread's stack table, behind that of its process.
fn stack(thread: &Value, entry: &Value) -> String {
    if entry.is_null() {
        return thread["processName"].as_str().unwrap().to_owned();
    }
    let (table, entry) = (&thread["stackTable"], index(entry));
    let function = index(&thread["frameTable"]["func"][index(&table["frame"][entry])]);
    let name = index(&thread["funcTable"]["name"][function]);
    let name = thread["stringArray"][name].as_str().unwrap();
    format!("{};{name}", stack(thread, &table["prefix"][entry]))
}

#[test]
fn the_firefox_profiler_gets_the_stacks_of_folded_ones() {
    let Some(recording) = recording() else { return };
    let folded = folded(&recording);
    assert!(folded.keys().any(|stack| stack.contains("main;outer;middle;between;inner;")));
    let profile = output(&recording, &["--firefox=-", "--weight", "faults"]);
    let profile: Value = serde_json::from_reader(GzDecoder::new(&profile[..])).unwrap();
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for thread in profile["threads"].as_array().unwrap() {
        let table = &thread["samples"];
        for row in 0..index(&table["length"]) {
            let faults = table["weight"][row].as_u64().unwrap();
            if faults > 0 {
                *found.entry(stack(thread, &table["stack"][row])).or_default() += faults;
            }
        }
    }
    assert_eq!(found, folded);
}

#[test]
fn pprof_counts_the_faults_of_folded_stacks() {
    let Some(recording) = recording() else { return };
    let folded = folded(&recording);
    let file = recording.lab.dir.path().join("run.pb.gz");
    output(&recording, &[&format!("--pprof={}", file.display())]);
    let top = |tags: &str| {
        let mut go = Command::new("go");
        go.args(["tool", "pprof", "-top", "-sample_index=faults", tags]).arg(&file);
        // It keeps its files in the home folder.
        go.env("HOME", recording.lab.dir.path()).env("GOTOOLCHAIN", "local").stdin(Stdio::null());
        let output = go.output().ok()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let Some(all) = top("-tagfocus=class=.") else {
        eprintln!("skipped: needs go, to read a profile with its own tool");
        return;
    };
    let total: u64 = folded.values().sum();
    assert!(all.contains(&format!("of {total} total\n")), "{total}: {all}");
    let touches = folded.iter().filter(|(stack, _)| stack.contains(";minor anon-first-touch;"));
    let touches: u64 = touches.map(|(_, faults)| faults).sum();
    let some = top("-tagfocus=cause=anon-first-touch").unwrap();
    assert!(some.contains(&format!("accounting for {touches}, ")), "{touches}: {some}");
}
