//! Modes about kinds of memory, and about what became of it before.

use pftestkit::{Exactness, Phase};

use crate::{assert_by_construction, assert_counts_agree, kinds, run, workload};

#[test]
fn memory_of_many_kinds() {
    let report = assert_by_construction_of("regions", "--pages", "6");
    let places: Vec<&str> = report.places.iter().map(|place| place.kind.as_str()).collect();
    assert_eq!(places.len(), report.expectations.len());
    for (kind, at_least) in [("heap", 1), ("anon", 2), ("shmem", 5), ("file", 1)] {
        let found = places.iter().filter(|found| **found == kind).count();
        assert!(found >= at_least, "{kind}: {places:?}");
    }
    assert!(report.expectations.iter().all(|e| e.count == 6));
}

/// Runs a mode whose expectations are all by construction, and the kernel counts as many.
fn assert_by_construction_of(mode: &str, option: &str, value: &str) -> pftestkit::Report {
    let report = run(&workload(mode).args([option, value])).unwrap();
    assert!(report.expectations.iter().all(|e| e.exact == Exactness::Construction));
    report
}

#[test]
fn code_made_at_run_time() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let expected = "minor/anon-first-touch*6 minor/anon-first-touch*6 minor/shmem*6";
    let report = assert_by_construction(&workload("jit").args(["--pages", "6"]), expected).unwrap();
    let map = format!("/tmp/perf-{}.map", report.total.unwrap().pid);
    let described = std::fs::read_to_string(&map).unwrap();
    std::fs::remove_file(map).unwrap();
    let first = format!("{:x} 10 jit_write_pages\n", report.expectations[0].start);
    assert_eq!(described, first);
}

#[test]
fn the_image_of_the_kernel_faults_in_a_child() {
    let report = workload("vdso").run().unwrap();
    let [vdso] = &report.expectations[..] else { panic!("{report:#?}") };
    assert_ne!(vdso.pid, report.total.unwrap().pid);
    assert_eq!((vdso.end - vdso.start) / 4096, vdso.count);
}

#[test]
fn stacks_of_threads() {
    let report = workload("thread-stacks").args(["--threads", "3"]).run().unwrap();
    assert_eq!((report.expectations.len(), report.places.len()), (3, 3));
    let mut ranges: Vec<_> = report.expectations.iter().map(|e| (e.start, e.end)).collect();
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "{ranges:x?}");
    // A page may be lost at either end of what a thread writes.
    let touched: u64 = report.expectations.iter().map(|e| e.count).sum();
    assert!(report.total.unwrap().minflt > touched && touched >= 3 * 38, "{touched}");
}

#[test]
fn copies_of_old_pages() {
    let expected = "cow/cow-zero*8 cow/cow-file*8 cow/cow-anon*8 cow/cow-anon*8";
    let late = workload("late-cow").args(["--pages", "8"]);
    let report = assert_by_construction(&late, expected).unwrap();
    let setup: u64 = report.of_phase(Phase::Setup).map(|e| e.count).sum();
    assert_eq!(setup, 24);
}

#[test]
fn private_mappings_of_cold_files() {
    let cold = workload("private-file-cold").args(["--pages", "20"]);
    assert_by_construction(&cold, "major/file-private-write*20 major/file-read*20");
}

#[test]
fn two_readers_of_one_file() {
    let Some(report) = run(&workload("file-wait").args(["--pages", "100"])) else { return };
    let of_thread: Vec<u64> =
        report.expectations.chunks(2).map(|pair| pair.iter().map(|e| e.count).sum()).collect();
    assert_eq!(of_thread, [100, 100], "each access is a fault: {report:#?}");
    for pair in report.expectations.chunks(2) {
        assert!(pair[1].witness[0].1 <= pair[1].count, "{report:#?}");
    }
    let major: u64 =
        report.expectations.iter().filter(|e| e.class == "major").map(|e| e.count).sum();
    assert!(major >= 100, "somebody has to ask for each page: {report:#?}");
    assert_counts_agree(&report);
    assert!(kinds(&report).starts_with("major/file-read*"));
}
