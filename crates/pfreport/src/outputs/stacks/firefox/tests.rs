use serde_json::{Value, json};

use super::{MARKERS, SAMPLES, profile};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, LOOP, MAIN, Row};
use crate::outputs::stacks::tests::faults;
use crate::outputs::stacks::{Sites, Weight};

fn written(loaded: &Loaded, weight: Weight, most: (usize, usize)) -> (Value, Vec<String>) {
    profile(loaded, &Sites::of(loaded), weight, most).unwrap()
}

fn whole(loaded: &Loaded, weight: Weight) -> Value {
    written(loaded, weight, (SAMPLES, MARKERS)).0
}

fn text(thread: &Value, index: &Value) -> String {
    let index = usize::try_from(index.as_u64().unwrap()).unwrap();
    thread["stringArray"][index].as_str().unwrap().to_owned()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// `root;…;leaf` of an entry of the stack table.
fn stack(thread: &Value, index: &Value) -> String {
    if index.is_null() {
        return String::new();
    }
    let (table, index) = (&thread["stackTable"], number(index));
    let function = number(&thread["frameTable"]["func"][number(&table["frame"][index])]);
    let name = text(thread, &thread["funcTable"]["name"][function]);
    match stack(thread, &table["prefix"][index]) {
        prefix if prefix.is_empty() => name,
        prefix => format!("{prefix};{name}"),
    }
}

/// Samples as stack, weight, stall and milliseconds since the one before.
fn samples(thread: &Value) -> Vec<(String, Value, Value, Value)> {
    let table = &thread["samples"];
    let sample = |row: usize| {
        let column = |name: &str| table[name][row].clone();
        let (weight, stall) = (column("weight"), column("threadCPUDelta"));
        (stack(thread, &table["stack"][row]), weight, stall, column("timeDeltas"))
    };
    (0..number(&table["length"])).map(sample).collect()
}

/// Time, number of the thread and stall time set apart, so that samples have an order.
fn in_order(mut loaded: Loaded) -> Loaded {
    for (row, time_ns) in loaded.analysis.faults.time_ns.iter_mut().enumerate() {
        *time_ns = (row as u64 + 1) * 1_000_000;
    }
    loaded
}

#[test]
fn faults_are_samples_at_their_end() {
    let json = whole(&in_order(faults()), Weight::Stall);
    let [thread] = &json["threads"].as_array().unwrap()[..] else { panic!("one thread") };
    assert_eq!(thread["samples"]["weightType"], "tracing-ms");
    let sample = |stack: &str, weight: f64, stall: f64, since: f64| {
        (stack.to_owned(), json!(weight), json!(stall), json!(since))
    };
    let read = "main;serve::loop;Table::grow;Table::touch;major file-read;model.gguf";
    assert_eq!(
        samples(thread),
        [
            sample("", 0.0, 0.0, 0.0),
            sample(read, 0.09, 90.0, 1.09),
            sample(read, 0.01, 10.0, 0.92),
            sample(
                "[no call chain];server;serve::loop;minor anon-first-touch;[heap]",
                0.001,
                1.0,
                0.991
            ),
            sample(
                "[cut off];main;[libfoo.so];copy_from_user_[k];minor anon-first-touch;[heap]",
                0.001,
                1.0,
                1.0
            ),
            sample("[no call chain];libfoo.so;minor anon-first-touch;[heap]", 0.001, 1.0, 2.0),
        ]
    );
    let by_faults = whole(&in_order(faults()), Weight::Faults);
    let thread = &by_faults["threads"][0];
    assert_eq!(thread["samples"]["weightType"], "samples");
    assert_eq!(thread["samples"]["weight"], json!([0, 1, 1, 1, 1, 1, 1]));
    let by_bytes = whole(&in_order(faults()), Weight::Bytes);
    let table = &by_bytes["threads"][0]["samples"];
    assert_eq!(table["weightType"], "bytes");
    assert_eq!(table["weight"], json!([0, 4_096, 4_096, 4_096, 4_096, 2 << 20]));
}

#[test]
fn faults_are_markers_with_what_is_known() {
    let mut loaded = in_order(faults());
    made_up::mark(&mut loaded, 2_000_000, "warm\u{fc}p");
    made_up::mark(&mut loaded, 3_000_000, "serve");
    let json = whole(&loaded, Weight::Stall);
    let thread = &json["threads"][0];
    let markers = &thread["markers"];
    assert_eq!(markers["length"], 6 + 2);
    let data = |row: usize| &markers["data"][row];
    assert_eq!(text(thread, &markers["name"][0]), "major");
    assert_eq!((&markers["startTime"][0], &markers["endTime"][0]), (&json!(1.0), &json!(1.09)));
    assert_eq!(data(0)["type"], "PageFault");
    let fields = ["reason", "region", "address", "latency"].map(|key| text(thread, &data(0)[key]));
    assert_eq!(fields, ["file-read", "model.gguf", "0x1000", "90 µs"]);
    assert!(stack(thread, &data(0)["cause"]["stack"]).starts_with("main;serve::loop;"));
    assert_eq!(data(2).get("cause"), None, "no call chain");
    // The failed one has no end.
    assert_eq!(text(thread, &data(4)["latency"]), "unknown");
    assert_eq!(markers["phase"][4], 0, "a moment");
    let phases: Vec<_> = (6..8)
        .map(|row| {
            assert_eq!(data(row)["type"], "Phase");
            let times = (markers["startTime"][row].clone(), markers["endTime"][row].clone());
            (text(thread, &data(row)["phase"]), times)
        })
        .collect();
    assert_eq!(
        phases,
        [
            ("warmüp".to_owned(), (json!(2.0), json!(3.0))),
            ("serve".to_owned(), (json!(3.0), json!(10_000.0)))
        ]
    );
}

#[test]
fn tracks_are_threads_with_faults() {
    let mut loaded = made_up::two_processes();
    let touch = Row { mapping: HEAP, ..Row::default() };
    for (proc, tid) in [(0, 100), (1, 4_243), (0, 4_242), (0, 100)] {
        made_up::push(&mut loaded.analysis, Row { proc, tid, ..touch });
    }
    let mut loaded = in_order(loaded);
    loaded.analysis.comms[1] = b"\x1b[2Jworker".to_vec();
    loaded.analysis.processes[1].exit_ns = Some(3_000_000_000);
    let json = whole(&loaded, Weight::Stall);
    let threads = json["threads"].as_array().unwrap().iter().map(|thread| {
        let samples = thread["samples"]["length"].clone();
        let text = |key: &str| thread[key].as_str().unwrap().to_owned();
        (text("processName"), text("pid"), text("name"), text("tid"), samples)
    });
    let thread = |process: &str, pid: &str, name: &str, tid: &str, samples: u32| {
        let text = str::to_owned;
        (text(process), text(pid), text(name), text(tid), json!(samples))
    };
    assert_eq!(
        threads.collect::<Vec<_>>(),
        [
            thread("server", "4242", "server", "4242", 2),
            thread("server", "4242", "server", "100", 3),
            thread("\\x1b[2Jworker", "4243", "\\x1b[2Jworker", "4243", 2),
        ]
    );
    assert_eq!(json["threads"][1]["unregisterTime"], 10_000.0);
    assert_eq!(json["threads"][2]["processShutdownTime"], 3_000.0);
    let categories = json["meta"]["categories"].as_array().unwrap();
    let categories = categories.iter().map(|c| (c["name"].as_str(), c["color"].as_str()));
    assert_eq!(
        categories.skip(3).collect::<Vec<_>>(),
        [
            (Some("minor"), Some("lightblue")),
            (Some("major"), Some("orange")),
            (Some("cow"), Some("green")),
            (Some("failed"), Some("magenta")),
            (Some("unknown"), Some("grey"))
        ]
    );
}

#[test]
fn the_profile_says_what_it_is() {
    let json = whole(&faults(), Weight::Stall);
    let meta = &json["meta"];
    assert_eq!(meta["preprocessedProfileVersion"], 55);
    assert_eq!(meta["product"], "page faults of run.pft");
    assert_eq!(meta["symbolicated"], true);
    assert_eq!(meta["startTime"], 1_795_178_096_000.0);
    assert_eq!(meta["profilingEndTime"], 10_000.0);
    let remarks = meta["extra"][0]["entries"].as_array().unwrap();
    let has = |label: &str, value: &str| {
        remarks.contains(&json!({ "label": label, "format": "string", "value": value }))
    };
    assert!(has("captured", "6 faults, none lost: 5 completed, 1 failed"), "{remarks:#?}");
    assert!(has("note", "1 fault of unknown latency with no stall time"), "{remarks:#?}");
}

#[test]
fn a_trace_without_latencies_has_no_heights() {
    let mut loaded = faults();
    loaded.analysis.faults.latency_ns.fill(pft::record::LATENCY_UNKNOWN);
    let (json, notes) = written(&loaded, Weight::Faults, (SAMPLES, 2));
    assert_eq!(json["threads"][0]["samples"].get("threadCPUDelta"), None);
    assert_eq!(notes, ["2 of 6 faults as markers: the first"]);
    assert_eq!(json["threads"][0]["markers"]["startTime"], json!([0.0, 0.0]));
}

/// Two stacks that take turns, a millisecond each time.
fn turns() -> Loaded {
    let mut loaded = made_up::with_code();
    let analysis = &mut loaded.analysis;
    analysis.call_chains =
        vec![made_up::chain(&[], &[LOOP, MAIN], false), made_up::chain(&[], &[MAIN], false)];
    for turn in 0..1_000_u64 {
        let (chain, latency) = if turn % 2 == 0 { (0, 300_000) } else { (1, 100_000 + turn) };
        let row = Row { time: turn * 1_000_000, latency: Some(latency), chain, ..Row::default() };
        made_up::push(analysis, Row { mapping: HEAP, ..row });
    }
    analysis.duration_ns = 1_000_000_000;
    loaded
}

#[test]
fn many_faults_are_a_bounded_number_of_samples_and_markers() {
    let loaded = turns();
    let stall_ms = |thread: &Value| {
        let weights = thread["samples"]["weight"].as_array().unwrap().iter();
        weights.map(|weight| weight.as_f64().unwrap()).sum::<f64>()
    };
    let total = stall_ms(&whole(&loaded, Weight::Stall)["threads"][0]);
    assert!((total - 200.25).abs() < 1e-6, "{total}");

    let (json, notes) = written(&loaded, Weight::Stall, (100, 3));
    assert_eq!(
        notes,
        [
            "faults of one stack within 20 ms are one sample",
            "3 of 1,000 faults as markers: the costliest"
        ]
    );
    let thread = &json["threads"][0];
    assert_eq!(thread["samples"]["length"], 100 + 1);
    assert!((stall_ms(thread) - total).abs() < 1e-6);
    // Ten faults of each stack within 20 ms; the first stack stalled three of four milliseconds.
    let rows = samples(thread);
    assert_eq!((rows[1].1.clone(), rows[1].2.clone()), (json!(3.0), json!(3_000.0)));
    let since = rows[1].3.as_f64().unwrap();
    assert!((since - 15.0).abs() < 0.01, "{since}");
    assert_eq!(json["meta"]["interval"], 20.0);
    // The first of equals.
    assert_eq!(thread["markers"]["startTime"], json!([0.0, 2.0, 4.0]));
}

#[test]
fn rare_stacks_give_way_last() {
    let (json, notes) = written(&turns(), Weight::Stall, (1, 0));
    assert_eq!(
        notes,
        [
            "faults of one stack within 2 s are one sample",
            "the cheapest stacks, of 500 faults, are together under [other stacks]",
            "0 of 1,000 faults as markers: the costliest"
        ]
    );
    let rows = samples(&json["threads"][0]);
    let shown = rows.iter().map(|(stack, weight, ..)| (&**stack, weight.as_f64().unwrap()));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("", 0.0),
            ("main;serve::loop;minor anon-first-touch;[heap]", 150.0),
            ("[other stacks]", 50.25)
        ]
    );
}
