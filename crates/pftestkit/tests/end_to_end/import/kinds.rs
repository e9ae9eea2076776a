//! Sets of events and ways to record, each of a workload whose faults are known.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ALL, SOFTWARE, assert_as_perf_counts, attach, classes, data, has_perf, imported, launch,
    perf_counts, perf_record,
};
use pftestkit::Report;

use crate::programs::{faults, of_range};
use crate::recording::{Kinds, Lab, Range, Recording, User, pfreport, summary_value, unwrapped};

/// Modes whose faults are of the class that they were made for, whoever records.
const CONSTRUCTED: [&str; 14] = [
    "anon",
    "kernel-anon",
    "zero",
    "cow",
    "private-file-write",
    "private-file-cow",
    "cached-file",
    "cold-file-random",
    "shared-file-write",
    "shmem",
    "stack",
    "threads",
    "fork-storm",
    "exec",
];

fn class_of(kind: &str) -> String {
    kind.split('/').next().unwrap_or_default().to_owned()
}

/// Faults in the ranges of the workload, by class.
fn found_classes(recording: &Recording) -> BTreeMap<Range, Kinds> {
    let found = recording.found().into_iter().map(|(range, kinds)| {
        let mut classes = Kinds::new();
        for (kind, count) in kinds {
            *classes.entry(class_of(&kind)).or_default() += count;
        }
        (range, classes)
    });
    found.collect()
}

/// Until the kernel serves the faults as constructed: a page may be reclaimed or locked just then.
fn record(mode: &str, how: impl Fn(Lab) -> Option<Recording>) -> Option<Recording> {
    for _ in 0..5 {
        let recording = how(Lab::new(User::Own))?;
        if found_classes(&recording) == recording.expected(class_of) {
            return Some(recording);
        }
        let found = found_classes(&recording);
        eprintln!("{mode}: again: {found:?}, not {:?}", recording.expected(class_of));
    }
    panic!("{mode}: never as constructed");
}

#[test]
fn every_kind_of_fault_is_as_it_was_made() {
    if !has_perf() {
        return;
    }
    for mode in CONSTRUCTED {
        let Some(recording) = record(mode, |lab| {
            let workload = lab.workload(mode);
            launch(lab, &workload, ALL, &["-k", "CLOCK_MONOTONIC"])
        }) else {
            continue;
        };
        assert_as_perf_counts(&recording);
        let rows = recording.rows();
        let latency = rows.iter().filter(|row| row.latency_ns.is_some()).count();
        let perf = perf_counts(&data(&recording.lab));
        let completed = perf["minor-faults"] + perf.get("major-faults").unwrap_or(&0);
        // The clocks of two CPUs may differ by a little.
        assert!(latency as u64 + 2 >= completed, "{mode}: {latency} of {completed}");
        let said = &recording.said;
        assert!(!said.contains("warning") && !said.contains("time of day"), "{mode}: {said}");
    }
}

#[test]
fn without_tracepoints_accesses_are_not_known_and_nothing_else_is_lost() {
    if !has_perf() {
        return;
    }
    let recording = record("anon", |lab| {
        let workload = lab.workload("anon");
        launch(lab, &workload, SOFTWARE, &[])
    });
    let recording = recording.unwrap();
    assert_as_perf_counts(&recording);
    let expected = recording.expected(|kind| match kind {
        "minor/anon-first-touch" => "minor/anon-first-touch-or-zero".to_owned(),
        other => other.to_owned(),
    });
    assert_eq!(recording.found(), expected);
    let summary = recording.summary();
    assert!(summary.contains("at an unknown time for"), "{summary}");
    let rows = pfreport(&recording.lab.trace(), &["--jsonl"]).stdout;
    let rows = String::from_utf8(rows).unwrap();
    assert!(rows.lines().all(|row| row.contains(r#""wall_time":null"#)), "{rows}");
    assert!(rows.lines().all(|row| !row.contains(r#""cpu":null"#)), "{rows}");
}

#[test]
fn completions_alone_have_classes_and_no_latencies() {
    if !has_perf() {
        return;
    }
    let recording = record("cold-file-random", |lab| {
        let workload = lab.workload("cold-file-random");
        launch(lab, &workload, "minor-faults,major-faults", &["-k", "CLOCK_MONOTONIC"])
    });
    let recording = recording.unwrap();
    assert_as_perf_counts(&recording);
    assert!(recording.rows().iter().all(|row| row.latency_ns.is_none()));
    let content = recording.content();
    assert_eq!(content.fact("capture.latency"), Some("no"));
    assert_eq!(content.fact("capture.entry_event"), Some("none"));
    assert!(recording.said.contains("latencies are not known"), "{}", recording.said);
}

#[test]
fn entries_alone_are_faults_of_unknown_class() {
    if !has_perf() {
        return;
    }
    for (events, access) in [("exceptions:page_fault_user", "write"), ("page-faults", "unknown")] {
        let lab = Lab::new(User::Own);
        let workload = lab.workload("anon");
        let recording = launch(lab, &workload, events, &[]).unwrap();
        let perf = perf_counts(&data(&recording.lab));
        let all = BTreeMap::from([("unknown".to_owned(), perf[events])]);
        assert_eq!(classes(&recording), all);
        let range = &recording.report.expectations[0];
        let rows = faults(&recording);
        for row in of_range(&rows, range) {
            assert_eq!(
                (&*row["cause"], &*row["access"], &*row["latency_ns"]),
                ("unknown", access, "")
            );
            assert_eq!((&*row["region"], &*row["nth"]), ("[anon]", "1"));
        }
        let summary = recording.summary();
        assert_eq!(summary_value(&summary, "unknown"), perf[events]);
        assert!(summary.contains("major=unknown minor=unknown cow=unknown"), "{summary}");
        assert!(summary.contains("only entries of faults were recorded"), "{summary}");
        for options in
            [&["--by", "class,region"][..], &["--patterns"], &["--advice"], &["--html=-"]]
        {
            let output = pfreport(&recording.lab.trace(), options);
            assert!(output.status.success(), "{options:?}");
        }
    }
}

#[test]
fn where_one_kind_of_completion_is_missing_its_faults_are_of_unknown_class() {
    if !has_perf() {
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("cold-file-random");
    let recording = launch(lab, &workload, "page-faults,major-faults", &[]).unwrap();
    let perf = perf_counts(&data(&recording.lab));
    let classes = classes(&recording);
    assert_eq!(classes["major"], perf["major-faults"]);
    assert_eq!(classes["unknown"], perf["page-faults"] - perf["major-faults"]);
    assert_eq!(recording.content().fact("capture.completions"), Some("major"));
}

#[test]
fn addresses_in_a_file_are_offsets_in_it() {
    if !has_perf() {
        return;
    }
    let recording = record("cached-file", |lab| {
        let workload = lab.workload("cached-file");
        launch(lab, &workload, SOFTWARE, &[])
    });
    let recording = recording.unwrap();
    let range = recording.report.expectations.iter().find(|range| range.count > 0).unwrap();
    let rows = recording.rows_in((range.pid, range.start, range.end));
    assert_eq!(rows.len() as u64, range.count);
    for row in &rows {
        assert_eq!(row.file_offset, Some(row.addr - range.start));
        assert!(row.path.starts_with("/var/tmp/"), "{}", row.path);
    }
}

#[test]
fn mappings_from_before_are_known_and_not_fresh() {
    if !has_perf() {
        return;
    }
    for options in [&[][..], &["-a"]] {
        // With -a perf sees what neighbours fault, and samples of threads that they record are unlike its own.
        let lab = Lab::alone();
        let workload = lab.workload("anon").args(["--pages", "300"]);
        let recording = attach(lab, &workload, ALL, options).unwrap();
        assert_as_perf_counts(&recording);
        let range = &recording.report.expectations[0];
        let rows = recording.rows_in((range.pid, range.start, range.end));
        assert_eq!(rows.len() as u64, range.count, "{options:?}: {}", recording.said);
        for row in rows {
            assert_eq!((&*row.kind, &*row.access), ("minor/anon-unknown", "write"));
            assert_eq!((&*row.region, &*row.comm), ("[anon]", "pf-workload"));
        }
        let content = recording.content();
        let kind = if options.is_empty() { "processes" } else { "system" };
        assert_eq!(content.fact("target.kind"), Some(kind));
    }
}

#[test]
fn call_chains_are_those_of_perf() {
    if !has_perf() {
        return;
    }
    for events in [ALL, SOFTWARE, "exceptions:page_fault_user"] {
        let lab = Lab::new(User::Own);
        let workload = lab.workload("kernel-anon");
        let recording = launch(lab, &workload, events, &["-g"]).unwrap();
        let rows = faults(&recording);
        let without = rows.iter().filter(|row| row["callchain"].is_empty()).count();
        assert!(without * 20 < rows.len(), "{events}: {without} of {} have none", rows.len());
        let chains = pfreport(&recording.lab.trace(), &["--table", "callchains", "--csv"]);
        assert!(chains.status.success());
        let modes: BTreeSet<&str> = rows.iter().map(|row| &*row["mode"]).collect();
        assert_eq!(modes.contains("kernel"), events != "exceptions:page_fault_user");
    }
}

#[test]
fn packed_and_piped_recordings_are_the_same_to_an_import() {
    if !has_perf() {
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon");
    let recording = launch(lab, &workload, ALL, &["-z", "-k", "CLOCK_MONOTONIC"]).unwrap();
    assert_as_perf_counts(&recording);
    assert_eq!(found_classes(&recording), recording.expected(class_of));

    // The output of the command goes to standard error then.
    let lab = Lab::alongside(User::Own);
    let piped = std::fs::File::create(data(&lab)).unwrap();
    let mut command = perf_record(ALL, &["-k", "CLOCK_MONOTONIC"], "-".as_ref());
    let output = command.arg("--").args(workload.argv()).stdout(piped).output().unwrap();
    assert!(output.status.success());
    let report = Report::parse(&String::from_utf8_lossy(&output.stderr)).unwrap();
    let said = imported(&lab);
    let recording = Recording::of_launched(lab, report, said);
    assert_as_perf_counts(&recording);
    assert_eq!(found_classes(&recording), recording.expected(class_of));
}

#[test]
fn what_perf_lost_is_told() {
    if !has_perf() {
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("threads").args(["--pages", "20000"]);
    let mut command = perf_record(ALL, &["-m", "1"], &data(&lab));
    let output = command.arg("--").args(workload.argv()).output().unwrap();
    assert!(output.status.success());
    let output = super::import(&data(&lab), &lab.trace());
    let said = unwrapped(&output.stderr);
    if output.status.success() {
        eprintln!("skipped: perf lost nothing: {said}");
        return;
    }
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("warning: perf lost"), "{said}");
    let report = pfreport(&lab.trace(), &[]);
    assert_eq!(report.status.code(), Some(3));
    let summary = unwrapped(&report.stdout);
    assert!(summary.contains("LOST"), "{summary}");
}

#[test]
fn a_trace_by_default_says_where_it_comes_from() {
    if !has_perf() {
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon");
    let recording = launch(lab, &workload, SOFTWARE, &[]).unwrap();
    let content = recording.content();
    assert_eq!(content.fact("imported.from"), Some("perf.data"));
    assert!(content.fact("imported.by").is_some_and(|by| by.starts_with("perf ")));
    assert_eq!(content.fact("target.kind"), Some("command"));
    assert!(content.fact("target.command").is_some_and(|line| line.ends_with("pf-workload anon")));
    assert!(imported(&recording.lab).contains("imported"));
}
