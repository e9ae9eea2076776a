//! Files made to do harm, through all reports: each ends, with a report or a message, in memory that follows the
//! length of the file.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../damage/reports.rs"]
mod reports;
#[path = "../damage/watch.rs"]
mod watch;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

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

/// One test, so that the memory of one file is measured at a time.
#[test]
fn every_report_on_a_hostile_file_ends_in_bounded_memory() {
    let rows = std::env::var("PFT_HOSTILE_ROWS").ok().and_then(|rows| rows.parse().ok());
    let only = std::env::var("PFT_HOSTILE").unwrap_or_default();
    let watch = Watch::new();
    let (mut files, mut peak_bytes) = (0, 0);
    let mut wrong = Vec::new();
    for file in hostile(rows.unwrap_or(300)).filter(|file| file.name.contains(&only)) {
        files += 1;
        match harm(&file, &watch) {
            Ok(bytes) => peak_bytes = peak_bytes.max(bytes),
            Err(what) => wrong.push(format!("{}: {what}", file.name)),
        }
    }
    println!("hostile files {files}; peak memory {} MiB", peak_bytes >> 20);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The memory that reports on a file take at most; what is wrong with them.
fn harm(file: &Hostile, watch: &Watch) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pft");
    let bytes = file.bytes();
    let length = bytes.len();
    fs::write(&path, bytes).unwrap();
    let is_quick = std::env::var_os("PFT_HOSTILE_QUICK").is_some();
    let is_told = std::env::var_os("PFT_HOSTILE_ROWS").is_some();
    let mut peak_bytes = 0;
    let mut last = (String::new(), Instant::now());
    let before = MEMORY.current_usage();
    let mut each = |report: &str| {
        let taken = MEMORY.peak_usage().saturating_sub(before);
        peak_bytes = peak_bytes.max(taken);
        let took = last.1.elapsed().as_secs_f64();
        if is_told && (took > 1.0 || taken > 300 << 20) && !last.0.is_empty() {
            println!("{took:7.1} s {:5} MiB {} ({length}): {}", taken >> 20, file.name, last.0);
        }
        MEMORY.reset_peak_usage();
        last = (report.to_owned(), Instant::now());
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
        Err(_) => return Err(format!("{} panics", last.0)),
    }
    if peak_bytes > FREE_BYTES + BYTES_PER_BYTE * length {
        return Err(format!("takes {} MiB of memory for {length} bytes", peak_bytes >> 20));
    }
    Ok(peak_bytes)
}
