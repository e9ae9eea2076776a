//! Minor faults that take far longer than minor faults do.

use std::collections::BTreeMap;

use pfmodel::names::Cause;

use super::{Advice, Evidence};
use crate::print::units::{count, duration, percent};
use crate::rows::row_set::RowSet;

/// What it is called.
pub const ID: &str = "slow-minor";

/// Least share of all stall time, percent: some minor faults are slow on any machine that does other
/// things as well.
const STALL_MIN_PERCENT: u64 = 10;

/// Faults that make a page of a file writable.
const WRITES_TO_FILES: [Cause; 2] = [Cause::WriteNotify, Cause::FileCachedOrWriteNotify];

/// Other faults on pages of files.
const OF_FILES: [Cause; 3] =
    [Cause::FileCached, Cause::FileCachedOrPrivateWrite, Cause::FilePrivateWrite];

/// What else a wait of a minor fault shows as, and has advice of its own.
const WAITS_FOR_FILES: [Cause; 1] = [Cause::FileWait];

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let analysis = evidence.analysis();
    let faults = &analysis.faults;
    let rows = RowSet::all(faults.len()).with(&faults.slow, |&slow| slow);
    let rows = rows.with(&faults.cause, |cause| !WAITS_FOR_FILES.contains(cause));
    let cost = evidence.cost(&rows);
    let share_of = |all_ns: u64| all_ns / 100 * STALL_MIN_PERCENT;
    if !cost.is_worth() || cost.stall_ns < evidence.stall_ns.map(share_of) {
        return None;
    }
    let mut causes: BTreeMap<Cause, (u64, u64)> = BTreeMap::new();
    for row in rows.iter() {
        let sum = causes.entry(faults.cause[row]).or_default();
        *sum = (sum.0.saturating_add(faults.stall_ns(row).unwrap_or(0)), sum.1 + 1);
    }
    let (cause, (stall_ns, number)) = causes.into_iter().max_by_key(|&(_, sum)| sum)?;
    let longest = rows.iter().filter_map(|row| faults.stall_ns(row)).max().unwrap_or(0);
    let numbers = format!(
        "each took longer than {}, the longest {}",
        duration(analysis.slow_threshold_ns),
        duration(longest)
    );
    let most = format!(
        "{} are {}, {} of their stall time",
        count(number),
        cause.as_str(),
        percent(stall_ns, cost.stall_ns.unwrap_or(0))
    );
    let hint = if cause == Cause::HugePage {
        "touch the memory ahead of use (MADV_POPULATE_WRITE): each of these faults zeroes a huge page"
    } else if WRITES_TO_FILES.contains(&cause) {
        "the first write to a page of a file waits for the file system (room on the disk, the journal, pages \
         under writeback): allocate the file ahead (posix_fallocate), write it back earlier or less often, or \
         write by write(2) from another thread"
    } else if OF_FILES.contains(&cause) {
        "look at what else works on the file (truncation, writeback, readers of the same pages), and at \
         threads that map and unmap while others fault: they share a lock"
    } else {
        "look at memory pressure (memory.pressure, allocstall in vmstat), and at threads that map and \
         unmap while others fault: they share a lock"
    };
    Some(Advice {
        id: ID,
        title: "Minor faults that wait",
        place: evidence.main_place(&rows).map_or_else(
            || "unknown memory".to_owned(),
            |place| format!("the most in {}", evidence.place_of_process(place)),
        ),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("slow minor fault", "slow minor faults")),
        evidence: vec![numbers, most],
        worth_trying: hint.to_owned(),
        unknown: if WRITES_TO_FILES.contains(&cause) || OF_FILES.contains(&cause) {
            "what they waited for: the file system, reclaim, a lock, another process on the CPU"
        } else {
            "what they waited for: reclaim, a lock, another process on the CPU, zeroing, userfaultfd"
        },
        is_general: false,
    })
}
