//! Modes about mappings that replace each other, move, are dropped, or are many.

use std::path::Path;

use pftestkit::Report;

use crate::{assert_by_construction, kinds, workload};

/// What the turns of the first range say: name of the file, offset, count.
fn turns(report: &Report, start: u64) -> Vec<(String, u64, u64)> {
    let pid = report.total.unwrap().pid;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_str().unwrap().to_owned();
    report.turns_at(pid, start).map(|t| (name(&t.path), t.offset_bytes, t.count)).collect()
}

#[test]
fn addresses_used_again() {
    let expected = "minor/file-cached*15 minor/anon-first-touch*5";
    let report = assert_by_construction(&workload("reuse").args(["--pages", "5"]), expected);
    let report = report.unwrap();
    let [files, anonymous] = &report.expectations[..] else { panic!("{report:#?}") };
    assert_eq!((files.start, files.end), (anonymous.start, anonymous.end));
    let file = format!("pf-workload-{}.bin", files.pid);
    let second = format!("{file}.second");
    let expected =
        [(file.clone(), 0, 5), (second, 0, 5), (String::new(), 0, 5), (file, 64 << 10, 5)];
    assert_eq!(turns(&report, files.start), expected);
}

#[test]
fn moved_and_grown() {
    let each = "minor/anon-first-touch*6 minor/file-cached*6";
    let mremap = workload("mremap").args(["--pages", "6"]);
    let report = assert_by_construction(&mremap, &[each, each].join(" ")).unwrap();
    let [memory, file, moved_memory, moved_file] = &report.expectations[..] else {
        panic!("{report:#?}")
    };
    for (before, after) in [(memory, moved_memory), (file, moved_file)] {
        assert_eq!(after.end - after.start, (before.end - before.start) * 2);
        assert!(after.start >= before.end);
        assert_eq!(turns(&report, before.start), turns(&report, after.start));
    }
}

#[test]
fn dropped_and_touched_again() {
    let expected = "minor/anon-first-touch*20 minor/anon-refault*10 minor/file-cached*30";
    assert_by_construction(&workload("dontneed").args(["--pages", "20"]), expected);
}

#[test]
fn many_mappings() {
    let many = workload("many-mappings").args(["--count", "5000", "--pages", "300"]);
    assert_by_construction(&many, "minor/anon-first-touch*300");
    assert_by_construction(
        &many.args(["--rounds", "3"]),
        "minor/anon-first-touch*300 minor/anon-refault*600",
    );
}

#[test]
fn as_many_mappings_as_there_are_by_default() {
    let Ok(mut running) = workload("many-mappings").start().unwrap() else {
        eprintln!("skipped: no room for 60 000 mappings");
        return;
    };
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", running.pid())).unwrap();
    running.go().unwrap();
    let report = running.finish().unwrap();
    assert_eq!(kinds(&report), "minor/anon-first-touch*20000");
    let (start, end) = (report.expectations[0].start, report.expectations[0].end);
    let inside = |line: &&str| {
        let (from, _) = line.split_once('-').unwrap();
        (start..end).contains(&u64::from_str_radix(from, 16).unwrap())
    };
    assert_eq!(maps.lines().filter(inside).count(), 60_000);
}

#[test]
fn more_mappings_than_the_kernel_allows() {
    let Some(limit) = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
        .filter(|limit| *limit < 1 << 20)
    else {
        eprintln!("skipped: no limit that can be exceeded");
        return;
    };
    let many = workload("many-mappings").args(["--count", &limit.to_string()]);
    let report = many.run().unwrap();
    assert!(report.skip.unwrap().contains("max_map_count"));
    assert!(report.expectations.is_empty());
}
