//! How much memory a trace takes.

use std::path::Path;

use pft::{Damage, FrameInfo, FrameKind, Trace};

use super::faults::FaultFrames;
use super::opened::Scope;
use crate::error::Error;

/// Bytes that a row of the fault table takes while a report is made of it: measured on ten million faults, 110 for the
/// summary and exports, 150 for `--patterns`.
const ROW_BYTES: u64 = 150;

/// Bytes that the history of the page of a fault takes, for each page once: measured, some 90 where each page lies
/// alone, and 32 more where there was advice (`madvise`); a quarter of that where pages lie together. Every fault is
/// taken to be of a page of its own.
const PAGE_BYTES: u64 = 120;

/// Memory that a report takes if nobody says how much it may, where the system does not tell how much there is.
const WITHOUT_MEMINFO_BYTES: u64 = 4 << 30;

/// Half of the memory that is available, 4 GiB where the system does not tell; never more than half of the address space.
#[must_use]
pub fn default_bytes() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of_memory = available_bytes(&meminfo).map_or(WITHOUT_MEMINFO_BYTES, |bytes| bytes / 2);
    of_memory.min(usize::MAX as u64 / 2)
}

fn available_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Memory that records other than faults may take once decoded whatever the length of the file, bytes.
const FREE_RECORD_BYTES: u64 = 64 << 20;
/// And for each byte of the file. Measured on recordings of programs with call chains, of thousands of threads, of many
/// forks and of stress tests: 2 to 14, and 22 for a process with tens of thousands of mappings. Single frames reach
/// 64: snapshots of its maps, which may be most of a long recording of a process that does little else. This is eight
/// times that.
const RECORD_BYTES_PER_BYTE: u64 = 512;
/// What the model and a report make of records, in parts of their decoded size.
const MADE_OF_RECORDS: u64 = 4;

/// Those of the frames with records other than faults that are to be decoded, in order; the others, and what to say of them.
///
/// They are held all at once, so they may take no more than the length of the file and the memory allowed justify:
/// a file of some kilobytes may hold frames that decompress to gigabytes.
pub(super) fn records(
    trace: &Trace,
    limit_bytes: Option<u64>,
) -> (Vec<&FrameInfo>, Option<(Vec<FrameInfo>, Damage)>) {
    let of_length = trace.file_bytes().saturating_mul(RECORD_BYTES_PER_BYTE);
    let of_length = FREE_RECORD_BYTES.saturating_add(of_length);
    let allowed = limit_bytes.unwrap_or(u64::MAX) / MADE_OF_RECORDS;
    let budget = of_length.min(allowed.max(FREE_RECORD_BYTES));
    let (mut frames, mut left, mut left_out) = (Vec::new(), budget, Vec::new());
    for info in trace.frames().iter().filter(|info| info.kind != FrameKind::Faults) {
        match left.checked_sub(info.decoded_bytes()) {
            Some(rest) => {
                left = rest;
                frames.push(info);
            }
            None => left_out.push(*info),
        }
    }
    let damage = Damage::OverBudget { frames: left_out.len() as u64, limit_bytes: budget };
    (frames, (!left_out.is_empty()).then_some((left_out, damage)))
}

/// What a report on these faults takes at most, bytes, by the number of rows in the headers of frames.
pub(super) fn estimate_bytes(faults: &FaultFrames<'_>, scope: &Scope) -> u64 {
    let rows = faults.rows_meeting(scope.window_ns.as_ref());
    let pages = faults.rows();
    rows.saturating_mul(ROW_BYTES).saturating_add(pages.saturating_mul(PAGE_BYTES))
}

/// Whether a trace may be read as a whole.
///
/// # Errors
/// [`Error::Memory`].
pub(super) fn check(
    path: &Path,
    faults: &FaultFrames<'_>,
    scope: &Scope,
    limit_bytes: Option<u64>,
) -> Result<(), Error> {
    let Some(limit_bytes) = limit_bytes else { return Ok(()) };
    let needed_bytes = estimate_bytes(faults, scope);
    if needed_bytes <= limit_bytes {
        return Ok(());
    }
    let rows = faults.rows_meeting(scope.window_ns.as_ref());
    Err(Error::Memory { path: path.to_owned(), rows, needed_bytes, limit_bytes })
}

/// Whether so many rows may be kept.
///
/// # Errors
/// [`Error::Memory`].
pub(super) fn check_kept(path: &Path, rows: u64, limit_bytes: Option<u64>) -> Result<(), Error> {
    check_bytes(path, rows, rows.saturating_mul(ROW_BYTES), limit_bytes)
}

/// Whether what is kept of so many rows may take so much.
///
/// # Errors
/// [`Error::Memory`].
pub fn check_bytes(
    path: &Path,
    rows: u64,
    needed_bytes: u64,
    limit_bytes: Option<u64>,
) -> Result<(), Error> {
    match limit_bytes.filter(|&limit_bytes| needed_bytes > limit_bytes) {
        Some(limit_bytes) => {
            Err(Error::Memory { path: path.to_owned(), rows, needed_bytes, limit_bytes })
        }
        None => Ok(()),
    }
}

/// Rows that a report may keep all at once, if it may take so much memory.
#[must_use]
pub fn kept_rows(limit_bytes: u64) -> usize {
    usize::try_from(limit_bytes / ROW_BYTES).unwrap_or(usize::MAX)
}

/// Rows of a stretch of time, of which two or three are kept while parts come, if a report may take so much memory.
#[must_use]
pub fn stretch_rows(limit_bytes: u64) -> usize {
    // Of whole parts, so that none is the costliest only because it is the longest.
    let part_rows = part_rows(limit_bytes);
    (kept_rows(limit_bytes) / 8 / part_rows).max(1).saturating_mul(part_rows)
}

/// Rows of a part, if a report may take so much memory.
pub(super) fn part_rows(limit_bytes: u64) -> usize {
    // A quarter for the part: the rest is for tables, pages and what is made of the part.
    usize::try_from((limit_bytes / 4 / ROW_BYTES).clamp(LEAST_ROWS, MOST_ROWS))
        .unwrap_or(usize::MAX)
}

const LEAST_ROWS: u64 = 1 << 12;
const MOST_ROWS: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::{available_bytes, kept_rows, part_rows, stretch_rows};

    #[test]
    fn stretches_are_of_whole_parts() {
        let parts = |limit_bytes| stretch_rows(limit_bytes) / part_rows(limit_bytes);
        for (limit_bytes, expected) in [(0, 1), (512 << 20, 1), (2 << 30, 1), (16 << 30, 13)] {
            assert_eq!(parts(limit_bytes), expected);
            assert_eq!(stretch_rows(limit_bytes) % part_rows(limit_bytes), 0);
        }
        assert!(stretch_rows(16 << 30) <= kept_rows(16 << 30) / 8);
    }

    #[test]
    fn available_memory_is_read_from_meminfo() {
        let meminfo = "MemTotal:       24613040 kB\nMemFree: 1 kB\nMemAvailable:   23100000 kB\n";
        assert_eq!(available_bytes(meminfo), Some(23_100_000 << 10));
        assert_eq!(available_bytes("MemTotal: 5 kB\n"), None);
        assert_eq!(available_bytes("MemAvailable: many\n"), None);
    }
}
