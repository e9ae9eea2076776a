//! Files made to do harm, through all reports: each ends, with a report or a message, in memory that follows the
//! length of the file.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../damage/reports.rs"]
mod reports;
#[path = "../damage/watch.rs"]
mod watch;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use peak_alloc::PeakAlloc;
use pfdamage::{Hostile, hostile};
use reports::{every_report, quick_reports};
use watch::Watch;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory that a report on a file may take whatever its length, bytes.
const FREE_BYTES: usize = 512 << 20;
/// And for each byte of the file.
const BYTES_PER_BYTE: usize = 2_048;

/// Rows of the files that go through all reports, and of those that go through some: what takes more than its share
/// of time shows on many rows.
fn rows() -> [usize; 2] {
    let is_long = std::env::var_os("PFT_DAMAGE").is_some_and(|form| form == "long");
    if is_long { [2_000, 50_000] } else { [100, 1_000] }
}

/// One test, so that the memory of one file is measured at a time.
#[test]
fn every_report_on_a_hostile_file_ends_in_bounded_memory() {
    let only = std::env::var("PFT_HOSTILE").unwrap_or_default();
    let watch = Watch::new();
    let (mut files, mut peak_bytes) = (0, 0);
    let mut wrong = Vec::new();
    let [few, many] = rows();
    let all = hostile(few).map(|file| (file, false)).chain(hostile(many).map(|file| (file, true)));
    for (file, is_quick) in all.filter(|(file, _)| file.name.contains(&only)) {
        files += 1;
        match harm(&file, is_quick, &watch) {
            Ok(bytes) => peak_bytes = peak_bytes.max(bytes),
            Err(what) => wrong.push(format!("{}: {what}", file.name)),
        }
    }
    println!("hostile files {files}; peak memory {} MiB", peak_bytes >> 20);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The memory that reports on a file take at most; what is wrong with them.
fn harm(file: &Hostile, is_quick: bool, watch: &Watch) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pft");
    let bytes = file.bytes();
    let length = bytes.len();
    fs::write(&path, bytes).unwrap();
    let mut peak_bytes = 0;
    let mut last = String::new();
    let before = MEMORY.current_usage();
    let mut each = |report: &str| {
        let taken = MEMORY.peak_usage().saturating_sub(before);
        peak_bytes = peak_bytes.max(taken);
        MEMORY.reset_peak_usage();
        report.clone_into(&mut last);
        watch.look(&format!("{}: {report}", file.name));
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let outcome = match is_quick {
            true => quick_reports(&path, &mut each),
            false => every_report(&path, &mut each),
        };
        each("");
        outcome
    }));
    match outcome {
        Ok(outcome) => outcome?,
        Err(_) => return Err(format!("{last} panics")),
    }
    if peak_bytes > FREE_BYTES + BYTES_PER_BYTE * length {
        return Err(format!("takes {} MiB of memory for {length} bytes", peak_bytes >> 20));
    }
    Ok(peak_bytes)
}
