//! Faults on files: which file, which offset, in which order, how long.

use std::collections::BTreeSet;

use pftestkit::OrderKind;

use crate::recording::{Lab, Recording, Row, User, is_root};

/// The faults in the file's mapping, in order of time.
fn faults_of(recording: &Recording) -> Vec<Row> {
    let (_, start, end) = recording.expected(ToOwned::to_owned).into_keys().next().unwrap();
    let mut rows = recording.rows();
    rows.retain(|row| (start..end).contains(&row.addr));
    rows.sort_by_key(|row| row.time_ns);
    rows
}

fn offsets(rows: &[Row]) -> Vec<u64> {
    rows.iter().map(|row| row.file_offset.unwrap()).collect()
}

#[test]
fn random_cold_reads_name_file_and_offsets_in_order() {
    let lab = Lab::new(User::Own);
    let file = lab.dir.path().join("model.bin");
    let workload = lab
        .workload("cold-file-random")
        .args(["--pages", "16384", "--file"])
        .arg(&file)
        .arg("--order-file")
        .arg(lab.dir.path().join("order"));
    let recording = lab.launch(&workload).unwrap();
    let rows = faults_of(&recording);
    let order = recording.report.orders.iter().find(|o| o.kind == OrderKind::Access).unwrap();
    let expected = match &order.offsets_file {
        Some(path) => std::fs::read_to_string(path)
            .unwrap()
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect(),
        None => order.offsets.clone(),
    };
    assert_eq!(offsets(&rows), expected);
    assert_eq!(rows.len(), 16384);
    for row in &rows {
        assert_eq!(row.kind, "major/file-read");
        assert!(row.path.contains("model.bin"), "{}", row.path);
    }
    // A read from storage takes at least some microseconds, and the times do not overlap.
    let latencies: Vec<u64> = rows.iter().map(|row| row.latency_ns.unwrap()).collect();
    let mut sorted = latencies.clone();
    sorted.sort_unstable();
    assert!((3_000..100_000_000).contains(&sorted[sorted.len() / 2]), "median {}", sorted[8192]);
    for pair in rows.windows(2) {
        assert!(pair[0].time_ns + pair[0].latency_ns.unwrap() <= pair[1].time_ns);
    }
    let summary = recording.summary();
    assert!(summary.contains("model.bin"), "{summary}");
}

#[test]
fn sequential_cold_reads_fault_at_the_offsets_of_the_witness() {
    let lab = Lab::new(User::Own);
    let file = lab.dir.path().join("model.bin");
    let workload =
        lab.workload("cold-file-sequential").args(["--pages", "16384", "--file"]).arg(&file);
    let recording = lab.launch(&workload).unwrap();
    let rows = faults_of(&recording);
    let witness = |kind: OrderKind| -> BTreeSet<u64> {
        let orders = recording.report.orders.iter().filter(|order| order.kind == kind);
        orders.flat_map(|order| order.offsets.iter().copied()).collect()
    };
    let of_class = |class: &str| -> BTreeSet<u64> {
        let rows = rows.iter().filter(|row| row.kind.starts_with(class));
        rows.map(|row| row.file_offset.unwrap()).collect()
    };
    assert_eq!(of_class("major/"), witness(OrderKind::Major));
    assert_eq!(of_class("minor/"), witness(OrderKind::Minor));
    let sorted = offsets(&rows).windows(2).all(|pair| pair[0] < pair[1]);
    assert!(sorted && rows.iter().all(|row| row.path.contains("model.bin")));
}

#[test]
fn interrupted_waits_are_one_fault_each() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("interrupted");
    let recording = lab.launch(&workload).unwrap();
    let rows = faults_of(&recording);
    let majors = rows.iter().filter(|row| row.kind == "major/file-read").count() as u64;
    // A wait that a signal interrupted and that ends in the page cache is a wait all the same.
    let waited = |row: &&Row| row.kind == "minor/file-wait" && row.attempts > 1;
    let cached = |row: &&Row| row.kind == "minor/file-cached" && row.attempts == 1;
    let minors = rows.iter().filter(|row| waited(row) || cached(row)).count() as u64;
    let of_class = |class: &str| -> u64 {
        recording.report.expectations.iter().filter(|e| e.class == class).map(|e| e.count).sum()
    };
    // Every page once; the kernel's own counts are the witness of how each was completed.
    assert_eq!((majors, minors), (of_class("major"), of_class("minor")));
    assert_eq!(rows.len() as u64, majors + minors);
    let distinct: BTreeSet<u64> = offsets(&rows).into_iter().collect();
    assert_eq!(distinct.len(), rows.len());
    assert!(rows.iter().any(|row| row.attempts > 1), "no wait was interrupted");
}

#[test]
fn swapped_pages_come_back_as_swap_in() {
    if !is_root() {
        eprintln!("skipped: needs root, for a swap file");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("swap-in");
    let Some(recording) = lab.launch(&workload) else {
        return;
    };
    let expected: u64 = recording
        .report
        .expectations
        .iter()
        .filter(|e| e.cause == "swap-in")
        .map(|e| e.count)
        .sum();
    let found: u64 = recording
        .found()
        .into_values()
        .filter_map(|kinds| kinds.get("major/swap-in").copied())
        .sum();
    assert!(expected > 0);
    assert_eq!(found, expected);
}
