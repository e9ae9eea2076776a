//! The same pages are read from disk again and again.

use pfmodel::names::{Cause, Class};

use super::{Advice, Evidence, costliest};
use crate::findings::pattern::{before, before_of_keys};
use crate::findings::place::page_start;
use crate::print::units::{count, counted, duration, percent};
use crate::rows::row_set::RowSet;

/// What it is called.
pub const ID: &str = "thrashing";

/// Fewest pages read again: some come back in any program that uses more than memory holds now and then.
const AGAIN_MIN: u64 = 64;

/// Least share of reads that are of a page read before, percent: below, more memory would hardly help.
const AGAIN_MIN_PERCENT: u64 = 10;

/// What a group of pages is backed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Backing {
    /// A file, whichever process maps it.
    File(u32),
    /// Swap, of a process.
    Swap(u32),
}

#[derive(Debug)]
struct Found {
    backing: Backing,
    reads: u64,
    pages: u64,
    most: u32,
    median_ns: u64,
}

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let reads = [Cause::FileRead, Cause::SwapIn, Cause::FileOrSwap, Cause::Shmem];
    let groups = evidence
        .rows(&reads, |_, place| Some(place.file.map_or(Backing::Swap(place.proc), Backing::File)));
    let found = groups.into_iter().filter_map(|(backing, rows)| again(evidence, backing, &rows));
    let (rows, found, cost, more) =
        costliest(evidence, found, ("more file or process", "more files or processes"))?;
    let again = cost.faults;
    let place = evidence.main_place(&rows)?;
    let of = match found.backing {
        Backing::File(_) => place.name(),
        Backing::Swap(_) => evidence.place_of_process(place),
    };
    let numbers = format!(
        "{} of {} reads ({}) are of a page that the trace saw being read before, up to {} times; {} after \
         the read before (median)",
        count(again),
        count(found.reads),
        percent(again, found.reads),
        found.most,
        duration(found.median_ns)
    );
    let set = format!("the reads are of {}", counted(found.pages, "distinct page"));
    Some(Advice {
        id: ID,
        title: "Thrashing: the same pages are read again and again",
        place: of,
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("repeated read", "repeated reads")),
        evidence: [Some(numbers), Some(set), more].into_iter().flatten().collect(),
        worth_trying:
            "more memory for this workload (memory.max, memory.high), a smaller working set, or \
                       protecting it from others (memory.low, mlock)"
                .to_owned(),
        unknown: "what took the pages away: want of memory, another process, or the program itself \
                  (POSIX_FADV_DONTNEED, a file written anew)",
        is_general: false,
    })
}

/// The reads of pages that were read before, if they are many.
fn again(evidence: &Evidence<'_>, backing: Backing, rows: &RowSet) -> Option<(RowSet, Found)> {
    let analysis = evidence.analysis();
    let faults = &analysis.faults;
    let reads: Vec<(u32, u64, usize)> = rows
        .with(&faults.class, |&class| class == Class::Major)
        .iter()
        .filter_map(|row| {
            // Private pages of a file are each process's own; those that are only read are everybody's.
            let owner = match (backing, faults.cause[row]) {
                (Backing::File(_), Cause::FileRead) => u32::MAX,
                _ => faults.proc[row],
            };
            Some((owner, page_start(analysis, row, evidence.page_bytes)?, row))
        })
        .collect();
    let before = if reads.iter().all(|read| Some(read.0) == reads.first().map(|first| first.0)) {
        let pages: Vec<u64> = reads.iter().map(|read| read.1 / evidence.page_bytes).collect();
        before(&pages)
    } else {
        let keys: Vec<(u32, u64)> = reads.iter().map(|&(owner, start, _)| (owner, start)).collect();
        before_of_keys(&keys)
    };
    let end_ns = |row: usize| faults.time_ns[row].saturating_add(faults.stall_ns(row).unwrap_or(0));
    let (mut again, mut after_ns, mut pages) = (RowSet::default(), Vec::new(), 0);
    // How often each page had been read then.
    let mut times: Vec<u32> = Vec::with_capacity(reads.len());
    for (&(.., row), &before) in reads.iter().zip(&before) {
        let earlier = times.get(before as usize).copied().zip(reads.get(before as usize));
        let Some((earlier, &(.., before))) = earlier else {
            times.push(1);
            pages += 1;
            continue;
        };
        // Two that wait for one read are no second read.
        let ns = faults.time_ns[row].checked_sub(end_ns(before));
        times.push(earlier + u32::from(ns.is_some()));
        if let Some(ns) = ns {
            again.push(row..row + 1);
            after_ns.push(ns);
        }
    }
    let (reads, most) = (reads.len() as u64, times.into_iter().max().unwrap_or(0));
    let number = again.len() as u64;
    if number < AGAIN_MIN || number * 100 < reads * AGAIN_MIN_PERCENT {
        return None;
    }
    let middle = (after_ns.len() - 1) / 2;
    let median_ns = *after_ns.select_nth_unstable(middle).1;
    Some((again, Found { backing, reads, pages, most, median_ns }))
}
