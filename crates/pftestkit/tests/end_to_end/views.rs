//! Every view of one recording says the same of faults that are known in advance.

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::recording::{Lab, Recording, User, is_root, pfreport, records};

const PAGES: u64 = 300;

/// Pages that are read, then written: a zero page and a copy of it each. Error codes tell the two apart.
fn recording() -> Option<(Recording, String)> {
    if !is_root() {
        eprintln!("skipped: reads and writes are told apart by root");
        return None;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("zero").args(["--pages", &PAGES.to_string()]);
    let recording = lab.launch(&workload)?;
    let expected = recording.expected(|cause| cause.to_owned());
    let [((_, start, end), kinds)] = &*expected.into_iter().collect::<Vec<_>>() else {
        panic!("one range of memory");
    };
    let known = [("cow/cow-zero".to_owned(), PAGES), ("minor/zero-page".to_owned(), PAGES)];
    assert_eq!(*kinds, BTreeMap::from(known));
    let condition = format!("addr >= {start:#x} AND addr < {end:#x}");
    Some((recording, condition))
}

fn output(recording: &Recording, args: &[&str]) -> Output {
    let output = pfreport(&recording.lab.trace(), args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(recording: &Recording, args: &[&str]) -> String {
    String::from_utf8(output(recording, args).stdout).unwrap()
}

#[test]
fn tables_and_documents() {
    let Some((recording, condition)) = recording() else { return };
    let select = ["--where", condition.as_str()];
    let with = |args: &[&str]| text(&recording, &[&select[..], args].concat());
    let n = PAGES.to_string();

    let by = |options: &[&str], count: &str| -> Vec<(String, String)> {
        let rows = records(&recording.lab.trace(), options).into_iter();
        let mut rows: Vec<_> = rows.map(|row| (row["cause"].clone(), row[count].clone())).collect();
        rows.sort();
        rows
    };
    let expected = [("cow-zero".to_owned(), n.clone()), ("zero-page".to_owned(), n.clone())];
    assert_eq!(by(&[&select[..], &["--by", "cause"]].concat(), "faults"), expected);
    let sql = format!("SELECT cause, COUNT(*) AS n FROM faults WHERE {condition} GROUP BY cause");
    assert_eq!(by(&["--sql", &sql], "n"), expected);
    let narrow = [&select[..], &["--class", "cow", "--by", "cause"]].concat();
    assert_eq!(by(&narrow, "faults"), expected[..1]);

    let lines = with(&["--jsonl"]);
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len() as u64, 2 * PAGES);
    let read = |row: &&Value| row["cause"] == "zero-page" && row["access"] == "read";
    assert_eq!(rows.iter().filter(read).count() as u64, PAGES);
    let stall_ns: u64 = rows.iter().map(|row| row["latency_ns"].as_u64().unwrap()).sum();

    let document: Value = serde_json::from_str(&with(&["--json"])).unwrap();
    assert_eq!(document["totals"]["faults"], 2 * PAGES, "{}", document["totals"]);
    assert_eq!(document["totals"]["stall_ns"], stall_ns);
    let all = recording.rows().len();
    assert_eq!(document["selection"]["of_faults"], all);

    let events = with(&["--events"]);
    assert_eq!(events.lines().count() as u64, 2 * PAGES + 1);
    let last = format!("Summary: major=0 minor={n} cow={n}");
    assert_eq!(events.lines().last(), Some(last.as_str()));
    assert!(with(&[]).ends_with(&format!("\n{last}\n")));
    let weights = with(&["--folded", "--weight", "stall"]);
    let weights = weights.lines().map(|line| line.rsplit_once(' ').unwrap().1);
    assert_eq!(weights.map(|weight| weight.parse::<u64>().unwrap()).sum::<u64>(), stall_ns);

    // Halves of the time are the whole.
    let part = |args: &[&str]| text(&recording, &[args, &["--csv"]].concat()).lines().count() - 1;
    assert_eq!(part(&["--to", "50%"]) + part(&["--from", "50%"]), all);
}

#[test]
fn pictures_pages_and_frames() {
    let Some((recording, condition)) = recording() else { return };
    let folder = recording.lab.dir.path();
    let drawn = format!("--svg={}", folder.join("pictures").display());
    text(&recording, &["--where", &condition, &drawn, "--size", "640x480"]);
    let regions = fs::read_to_string(folder.join("pictures/run.pft.regions.svg")).unwrap();
    assert!(regions.starts_with("<svg") || regions.starts_with("<?xml"), "{}", &regions[..80]);
    assert!(regions.contains(">[anon]"), "{regions}");

    let histogram = text(&recording, &["--where", &condition, "--histogram", "--ascii"]);
    for class in ["minor", "cow"] {
        let line = histogram.lines().find(|line| line.contains(class)).unwrap_or_default();
        assert!(line.contains(&PAGES.to_string()), "{class}: {histogram}");
    }

    let page = folder.join("page.html");
    text(&recording, &["--where", &condition, &format!("--html={}", page.display())]);
    let page = fs::read_to_string(page).unwrap();
    let (_, data) = page.split_once("<script id=\"data\" type=\"application/json\">").unwrap();
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    assert_eq!(data["summary"]["totals"]["faults"], 2 * PAGES);

    // What is stored: completed faults and those that failed or were in flight.
    let content = recording.content();
    let trace = recording.lab.trace();
    let trace = trace.to_str().unwrap();
    let run = |words: &[&str]| {
        let program = crate::recording::program("pfreport");
        let output = std::process::Command::new(program).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let info: Value = serde_json::from_str(&run(&["info", "--json", trace])).unwrap();
    let frames = info["traces"][0]["frames"].as_array().unwrap();
    let faults = frames.iter().find(|kind| kind["kind"] == "Faults").unwrap();
    let stored = faults["rows"].as_u64().unwrap();
    assert!(stored >= content.completed, "{faults}");
    let rows = run(&["dump", "--rows", "--kind", "faults", "-n", "1000000", trace]);
    assert_eq!(rows.lines().filter(|line| line.contains(" addr=")).count() as u64, stored);
}
