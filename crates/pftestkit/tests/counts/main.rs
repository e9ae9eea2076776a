//! Every mode against witnesses that need no recorder: the kernel's own counts of the same stretch of
//! the same process (`getrusage`), and what the workload observed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod cgroups;
mod mappings;
mod processes;
mod regions;
mod slow;

use std::collections::{BTreeMap, BTreeSet};

use pftestkit::{Exactness, Order, OrderKind, Phase, Report, Workload};

fn workload(mode: &str) -> Workload {
    Workload::new(env!("CARGO_BIN_EXE_pf-workload"), mode)
}

/// Runs a mode and compares its expectations with the kernel's counts. `None`, with the reason
/// printed, when the machine or the user cannot run it.
fn run(workload: &Workload) -> Option<Report> {
    let report = workload.run().unwrap();
    if let Some(reason) = &report.skip {
        eprintln!("skipped: {reason}");
        return None;
    }
    assert_counts_agree(&report);
    Some(report)
}

/// Each process that tells its counts must have expected just these.
fn assert_counts_agree(report: &Report) {
    let mut expected: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for e in report.of_phase(Phase::Run) {
        let (minflt, majflt) = expected.entry(e.pid).or_default();
        match e.class.as_str() {
            "minor" | "cow" => *minflt += e.count,
            "major" => *majflt += e.count,
            "failed" => {}
            other => panic!("class {other}"),
        }
    }
    let mut counted: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for usage in &report.usage {
        let (minflt, majflt) = counted.entry(usage.pid).or_default();
        *minflt += usage.minflt;
        *majflt += usage.majflt;
    }
    for (pid, counts) in counted {
        assert_eq!(expected.get(&pid), Some(&counts), "pid {pid}: {report:#?}");
    }
}

/// The faults of phase `run` in order, as `class/cause*count`.
fn kinds(report: &Report) -> String {
    let kind = |e: &pftestkit::Expectation| format!("{}/{}*{}", e.class, e.cause, e.count);
    report.of_phase(Phase::Run).map(kind).collect::<Vec<_>>().join(" ")
}

/// A mode that leaves the kernel no choice: exactly these faults, and the kernel counts as many.
fn assert_by_construction(workload: &Workload, expected: &str) -> Option<Report> {
    let report = run(workload)?;
    assert_eq!(kinds(&report), expected);
    assert!(report.of_phase(Phase::Run).all(|e| e.exact == Exactness::Construction));
    Some(report)
}

fn order(report: &Report, kind: OrderKind) -> &Order {
    report.orders.iter().find(|order| order.kind == kind).unwrap()
}

#[test]
fn anonymous_memory() {
    for (mode, expected) in [
        ("anon", "minor/anon-first-touch*100"),
        ("kernel-anon", "minor/anon-first-touch*100"),
        ("zero", "minor/zero-page*100 cow/cow-zero*100"),
        ("shmem", "minor/shmem*100 minor/shmem*100"),
    ] {
        let report = assert_by_construction(&workload(mode).args(["--pages", "100"]), expected);
        assert_eq!(report.unwrap().usage.len(), 1, "{mode}");
    }
}

#[test]
fn rounds_of_anonymous_memory() {
    let rounds = ["--pages", "10", "--rounds", "3"];
    let expected = "minor/anon-first-touch*10 minor/anon-refault*20";
    assert_by_construction(&workload("anon").args(rounds), expected);
    let expected = [expected; 2].join(" ");
    assert_by_construction(&workload("threads").args(["--threads", "2"]).args(rounds), &expected);
}

#[test]
fn rounds_until_time_is_over() {
    let timed = workload("threads").args(["--pages", "10", "--threads", "2", "--seconds", "0.2"]);
    let report = run(&timed).unwrap();
    assert!(report.usage[0].wall_ns >= 200_000_000, "{report:#?}");
    assert_eq!(report.expectations.len(), 4);
}

#[test]
fn cached_files() {
    for (mode, expected) in [
        ("cached-file", "minor/file-cached*32"),
        ("private-file-write", "minor/file-private-write*32"),
        ("private-file-cow", "minor/file-cached*32 cow/cow-file*32"),
        ("shared-file-write", "minor/file-cached*32 minor/write-notify*32"),
    ] {
        let report = assert_by_construction(&workload(mode).args(["--pages", "32"]), expected);
        assert_eq!(report.unwrap().usage.len(), 1, "{mode}");
    }
}

#[test]
fn cold_file_in_random_order() {
    let random = workload("cold-file-random").args(["--pages", "50"]);
    let Some(report) = assert_by_construction(&random, "major/file-read*50") else {
        return;
    };
    let order = order(&report, OrderKind::Access);
    let distinct: BTreeSet<_> = order.offsets.iter().collect();
    let file_bytes = report.expectations[0].end - report.expectations[0].start;
    assert_eq!((order.offsets.len(), distinct.len()), (50, 50));
    assert!(order.offsets.iter().all(|o| o % order.page_size_bytes == 0 && *o < file_bytes));
    assert!(!order.offsets.is_sorted());
    assert!(!order.path.exists(), "the work file is deleted");
}

#[test]
fn order_file_and_seed() {
    let path = std::env::temp_dir().join(format!("pf-order-{}", std::process::id()));
    let random = workload("cold-file-random").args(["--pages", "50", "--seed", "7"]);
    let Some(inline) = run(&random) else { return };
    let in_file = run(&random.arg("--order-file").arg(&path)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let offsets: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(order(&in_file, OrderKind::Access).offsets_file, Some(path));
    assert_eq!(offsets, order(&inline, OrderKind::Access).offsets);
}

#[test]
fn cold_file_with_read_ahead() {
    let Some(report) = run(&workload("cold-file-sequential").args(["--pages", "1024"])) else {
        return;
    };
    let (major, minor) = (order(&report, OrderKind::Major), order(&report, OrderKind::Minor));
    let counts: Vec<u64> = report.expectations.iter().map(|e| e.count).collect();
    assert_eq!(counts, [major.offsets.len() as u64, minor.offsets.len() as u64]);
    // Two witnesses of one thing: pages missing in the page table, and faults counted.
    let absent = &report.expectations[0].witness[0];
    assert_eq!(*absent, ("absent_pages".to_owned(), counts[0] + counts[1]));
    assert_eq!(major.offsets[0], 0, "the first access finds nothing");
    assert!(counts[0] + counts[1] < 1024, "read-ahead and fault-around save faults");
}

#[test]
fn interrupted_reads() {
    let Some(report) = run(&workload("interrupted").args(["--pages", "300"])) else {
        return;
    };
    let sum: u64 = report.expectations.iter().map(|e| e.count).sum();
    assert_eq!(sum, 300, "each page completes one fault: {report:#?}");
}

#[test]
fn cold_files_need_a_disk() {
    let shm = std::path::Path::new("/dev/shm");
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mounts") else {
        return;
    };
    if !mounts.lines().any(|line| line.contains(" /dev/shm tmpfs ")) {
        eprintln!("skipped: /dev/shm is no tmpfs");
        return;
    }
    for mode in ["cold-file-random", "cold-file-sequential", "interrupted", "mixed"] {
        let report = workload(mode).args(["--pages", "16", "--dir"]).arg(shm).run().unwrap();
        assert!(report.skip.unwrap().starts_with("/dev/shm/pf-workload-"), "{mode}");
        assert!(report.expectations.is_empty());
    }
}

#[test]
fn copy_on_write() {
    let report = assert_by_construction(
        &workload("cow").args(["--pages", "100"]),
        "cow/cow-anon*100 cow/cow-anon*100",
    )
    .unwrap();
    let run: Vec<u32> = report.of_phase(Phase::Run).map(|e| e.pid).collect();
    let setup: Vec<_> = report.of_phase(Phase::Setup).collect();
    assert_ne!(run[0], run[1]);
    assert_eq!((setup.len(), setup[0].pid, setup[0].count), (1, run[1], 100));
    assert_eq!(report.usage.len(), 2, "child and parent");
}

#[test]
fn stack() {
    let growth = workload("stack").args(["--pages", "40"]);
    assert_by_construction(&growth, "minor/stack-growth*40");
    let report = assert_by_construction(&workload("stack-overflow"), "failed/stack-overflow*1");
    let report = report.unwrap();
    assert_ne!(report.expectations[0].pid, report.total.unwrap().pid, "a child dies");
    assert_by_construction(&workload("thread-stack-overflow"), "failed/stack-overflow*1");
}

#[test]
fn failures() {
    assert_by_construction(&workload("efault").args(["--pages", "30"]), "failed/efault*30");
    let each = "failed/invalid*1 minor/zero-page*1 failed/invalid*1 failed/invalid*1";
    let invalid = workload("invalid").args(["--pages", "2"]);
    let report = assert_by_construction(&invalid, &[each, each].join(" ")).unwrap();
    let pids: BTreeSet<_> = report.expectations.iter().map(|e| e.pid).collect();
    assert_eq!(pids.len(), 6, "one child for each access");
}

#[test]
fn huge_pages() {
    let Some(report) = run(&workload("huge").args(["--pages", "4"])) else {
        return;
    };
    let [huge, small] = &report.expectations[..] else { panic!("{report:#?}") };
    assert_eq!((huge.cause.as_str(), small.cause.as_str()), ("huge-page", "anon-first-touch"));
    assert_eq!(huge.count + small.count, 4);
    let size = (huge.end - huge.start) / 4;
    assert_eq!(huge.witness, [("anon_huge_bytes".to_owned(), huge.count * size)]);
}

#[test]
fn swap() {
    let Some(report) = run(&workload("swap-in").args(["--pages", "64"])) else {
        return;
    };
    let swap_in = report.of_phase(Phase::Run).find(|e| e.cause == "swap-in").unwrap();
    let witness = |key, value| (String::from(key), value);
    assert_eq!(swap_in.witness, [witness("swapped_pages", 64), witness("swap_cached_pages", 0)]);
    assert_eq!(kinds(&report), "major/swap-in*64 minor/any*0");
}

#[test]
fn thread_storm() {
    let storm = workload("thread-storm").args(["--pages", "8", "--count", "60"]);
    assert_by_construction(&storm, "minor/anon-first-touch*480");
}

#[test]
fn thread_storm_rages_before_it_counts() {
    let storm = workload("thread-storm").args(["--pages", "8", "--count", "60"]);
    let mut running = storm.start().unwrap().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    running.go().unwrap();
    let report = running.finish().unwrap();
    assert_counts_agree(&report);
    assert_eq!(kinds(&report), "minor/anon-first-touch*480");
    let setup: Vec<_> = report.of_phase(Phase::Setup).collect();
    assert_eq!((setup.len(), setup[0].exact), (1, Exactness::AtMost));
    assert!(setup[0].count >= 8, "it rages: {report:#?}");
}

#[test]
fn fork_storm() {
    let storm = workload("fork-storm").args(["--pages", "20", "--count", "10"]);
    let expected = ["minor/anon-first-touch*20"; 10].join(" ");
    let report = assert_by_construction(&storm, &expected).unwrap();
    let pids: BTreeSet<_> = report.expectations.iter().map(|e| e.pid).collect();
    assert_eq!(pids.len(), 10);
    assert!(report.total.unwrap().children_minflt >= 200);
}

#[test]
fn exec_keeps_the_process_and_leaves_the_ranges() {
    let report = assert_by_construction(
        &workload("exec").args(["--pages", "30"]),
        "minor/anon-first-touch*30 minor/anon-first-touch*30",
    )
    .unwrap();
    let [before, after] = &report.expectations[..] else { panic!("{report:#?}") };
    assert_eq!(before.pid, after.pid);
    assert!(before.end <= after.start, "{report:#?}");
    assert_eq!(report.usage.len(), 2);
}

#[test]
fn a_bit_of_everything() {
    let mixed = workload("mixed").args(["--pages", "100", "--seconds", "0.2"]);
    let expected =
        "major/file-read*100 minor/anon-first-touch*200 cow/cow-anon*200 cow/cow-anon*200";
    assert_by_construction(&mixed, expected);
}

#[test]
fn faults_come_after_go() {
    let mut running = workload("cow").args(["--pages", "10"]).start().unwrap().unwrap();
    let pid = running.pid();
    running.go().unwrap();
    let report = running.finish().unwrap();
    assert_counts_agree(&report);
    assert_eq!(report.total.map(|total| total.pid), Some(pid));
    let minflt: Vec<u64> = report.usage.iter().map(|usage| usage.minflt).collect();
    assert_eq!(minflt, [10, 10]);
}

#[test]
fn a_skipped_mode_is_never_ready() {
    if !std::path::Path::new("/dev/shm").is_dir() {
        eprintln!("skipped: no /dev/shm");
        return;
    }
    let cold = workload("cold-file-random").args(["--pages", "16", "--dir", "/dev/shm"]);
    assert!(cold.start().unwrap().is_err());
}

#[test]
fn a_work_file_is_never_overwritten() {
    let path = std::env::temp_dir().join(format!("pf-precious-{}", std::process::id()));
    std::fs::write(&path, "precious").unwrap();
    let result = workload("cached-file").arg("--file").arg(&path).run();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(result, Err(pftestkit::Error::Failed { .. })), "{result:?}");
}
