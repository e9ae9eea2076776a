//! Minor faults that took long: those that waited for input which was on its way, and the others.

use std::time::Duration;

use pftestkit::Phase;

use crate::recording::{
    AGREED, How, Lab, Range, Recording, Row, User, is_root, pfreport, rows_with, unwrapped,
};

/// A recording of two threads that read the same pages at the same time, in which at least one waited
/// for what the other one had asked for; how many did, and the ranges.
fn waiting(user: User, how: How) -> Option<(Recording, u64, Vec<Range>)> {
    for _ in 0..5 {
        let lab = Lab::new(user);
        let workload = lab.workload("file-wait");
        let recording = how(lab, &workload)?;
        assert!(recording.said.contains(AGREED), "{}", recording.said);
        let minor = recording.report.of_phase(Phase::Run).filter(|e| e.class == "minor");
        let minor: Vec<_> = minor.collect();
        let waited = minor.iter().map(|e| e.witness[0].1).sum();
        let ranges = minor.iter().map(|e| (e.pid, e.start, e.end)).collect();
        if waited > 0 {
            return Some((recording, waited, ranges));
        }
        eprintln!("again: no thread waited for the other one");
    }
    panic!("in five runs no thread waited for the other one");
}

fn assert_waits(user: User, how: How) {
    let Some((recording, waited, ranges)) = waiting(user, how) else { return };
    let trace = recording.lab.trace();
    let count = |class: &str| -> u64 {
        let of_class = recording.report.of_phase(Phase::Run).filter(|e| e.class == class);
        of_class.map(|e| e.count).sum()
    };
    let inside = |options: &[&str]| -> Vec<Row> {
        let mut rows = rows_with(&trace, options);
        rows.retain(|row| ranges.iter().any(|&(_, start, end)| (start..end).contains(&row.addr)));
        rows
    };
    // Each access of each thread is a fault: major or minor as the thread's own counters say.
    let of_kind = |rows: &[Row], kind: &str| -> u64 {
        rows.iter().filter(|row| row.kind == kind).count() as u64
    };
    for threshold_ns in [0, 20_000, 100_000, 1_000_000, 3_600_000_000_000_u64] {
        let rows = inside(&["--slow-threshold", &format!("{threshold_ns}ns")]);
        assert_eq!(rows.len() as u64, count("major") + count("minor"));
        assert_eq!(of_kind(&rows, "major/file-read"), count("major"));
        for row in rows.iter().filter(|row| row.kind.starts_with("minor/")) {
            let long = row.latency_ns.unwrap() > threshold_ns;
            let kind = if long { "minor/file-wait" } else { "minor/file-cached" };
            assert_eq!((row.kind.as_str(), row.slow), (kind, long), "{threshold_ns}: {row:?}");
        }
    }
    // By default, the threshold is at most as long as a read from storage takes.
    let by_default = of_kind(&inside(&[]), "minor/file-wait");
    assert!(by_default > 0, "{waited} waited, says the kernel");
    assert!(unwrapped(&pfreport(&trace, &[]).stdout).contains("took longer than "));
}

#[test]
fn a_minor_fault_that_waits_for_input_on_its_way() {
    assert_waits(User::Own, Lab::launch);
    assert_waits(User::Own, Lab::attach);
}

#[test]
fn without_privileges_waits_are_seen_as_well() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    assert_waits(User::Nobody, Lab::launch);
}

#[test]
fn a_major_fault_that_waited_for_another_thread_is_no_input() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("slow");
    let Some(recording) = lab.launch(&workload) else { return };
    let slow = recording.report.of_phase(Phase::Run).find(|e| e.class == "major");
    let slow = slow.filter(|e| e.count > 0).unwrap();
    let rows = recording.rows_in((slow.pid, slow.start, slow.end));
    let major: Vec<&Row> = rows.iter().filter(|row| row.kind.starts_with("major/")).collect();
    assert_eq!(major.len() as u64, slow.count);
    // Where there is swap space, nothing tells this from a page that was read from there.
    let kind = if recording.content().had_swap() { "major/swap-in" } else { "major/unknown" };
    for row in major {
        assert_eq!(row.kind, kind, "{row:?}");
        assert!(row.latency_ns.unwrap() >= slow.witness[0].1, "{row:?}");
    }
}

/// Twenty times the median of the minor faults, within bounds: the default of the report.
fn derived_threshold_ns(rows: &[Row]) -> u64 {
    let minor = rows.iter().filter(|row| row.kind.starts_with("minor/"));
    let mut latencies: Vec<u64> = minor.filter_map(|row| row.latency_ns).collect();
    latencies.sort_unstable();
    (latencies[latencies.len() / 2] * 20).clamp(20_000, 100_000)
}

#[test]
fn slow_minor_faults_are_those_beyond_the_threshold_that_is_stated() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("slow-minor");
    let Some(recording) = lab.launch(&workload) else { return };
    let trace = recording.lab.trace();
    let slow = recording.report.of_phase(Phase::Run).find(|e| e.cause == "any" && e.count > 0);
    let Some(slow) = slow.filter(|e| e.class == "minor") else {
        eprintln!("skipped: before Linux 6.6 these faults are major");
        return;
    };
    let derived_ns = derived_threshold_ns(&rows_with(&trace, &[]));
    for (options, threshold_ns) in
        [(&["--slow-threshold", "50ms"][..], 50_000_000), (&[][..], derived_ns)]
    {
        let rows = rows_with(&trace, options);
        let of_class = |class: &str| -> Vec<&Row> {
            rows.iter().filter(|row| row.kind.starts_with(class)).collect()
        };
        for row in of_class("minor/").into_iter().chain(of_class("cow/")) {
            let long = row.latency_ns.is_some_and(|latency_ns| latency_ns > threshold_ns);
            assert_eq!(row.slow, long, "{threshold_ns}: {row:?}");
        }
        assert!(of_class("major/").iter().all(|row| !row.slow));
        // Those that waited for the other thread are among them, all of them.
        let waited = rows.iter().filter(|row| (slow.start..slow.end).contains(&row.addr));
        assert_eq!(waited.filter(|row| row.slow).count() as u64, slow.count);
        let summary = unwrapped(&pfreport(&trace, options).stdout);
        // Either a finding of its own, which leaves out what has other advice (a read of the page cache that had to
        // wait), or a sentence.
        let finding = summary.split_once(" slow minor fault");
        let counts = |row: &&Row| row.slow && (finding.is_none() || row.kind != "minor/file-wait");
        let number = rows.iter().filter(counts).count();
        let before = finding.or_else(|| summary.split_once(" took longer than "));
        let before = before.unwrap().0.trim_end_matches('s').trim_end_matches(" minor fault");
        let stated = before.rsplit(' ').next().unwrap();
        assert_eq!(stated.replace(',', ""), number.to_string(), "{summary}");
    }
    let at_least = Duration::from_nanos(slow.witness[0].1);
    assert!(at_least >= Duration::from_millis(50));
    let summary = unwrapped(&pfreport(&trace, &["--slow-threshold", "50ms"]).stdout);
    assert!(summary.contains(" took longer than 50 ms"), "{summary}");
}
