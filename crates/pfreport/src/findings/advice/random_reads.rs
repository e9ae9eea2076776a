//! A file is read from disk page by page, in random order.

use std::collections::HashSet;

use super::readahead::{Readahead, Verdict};
use super::{Advice, Evidence, FileRead, costliest};
use crate::findings::pattern::{Order, Steps};
use crate::print::units::{bytes, count, counted, duration, percent};
use crate::rows::row_set::RowSet;

/// Fewest reads: with fewer an order says little, even of a slow disk.
const READS_MIN: usize = 64;

/// Fewest pages used of what each read brings along for which reading along may be worth it: the kernel
/// reads 32 pages by default, and one read of them takes as long as few reads of one.
const USED_MIN: u64 = 8;

/// What to try where each page is read for itself.
const LOAD: &str = "load what is needed before it is touched, many pages at a time (MADV_WILLNEED, \
                    MADV_POPULATE_READ), or the whole file if it fits";

/// Whether the rule is about such reads.
pub fn is_about(read: &FileRead) -> bool {
    read.rows.len() >= READS_MIN && read.steps.order() == Some(Order::Random)
}

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let reads = evidence.files_read().iter().filter(|read| is_about(read));
    let random = reads.map(|read| (read.rows.clone(), (read.file, read.steps)));
    let (rows, (file, steps), cost, more) =
        costliest(evidence, random, ("more file", "more files"))?;
    let found = Readahead::of(evidence, file);
    let near = counted_touches(found.near());
    let (seen, worth_trying) = match found.verdict(cost.each_ns) {
        Verdict::On => {
            let used = found.cached as f64 / rows.len() as f64;
            let is_used = found.cached >= USED_MIN * rows.len() as u64;
            let soon = found.soon_cached + found.soon_read;
            // Where pages do not stay, those near the last reads tell.
            let (cached, all, place) = if found.near_cached * 2 >= found.near() && found.near() > 0
            {
                (found.near_cached, found.near(), "64 KiB of an earlier read")
            } else {
                (found.soon_cached, soon, "1 MiB of one of the 8 reads before")
            };
            let near = counted_touches(all);
            let seen = format!(
                "{} of {near} within {place} ({}) found their page in memory: each read brings \
                 its neighbours along, of which {used:.1} were used per read",
                count(cached),
                percent(cached, all)
            );
            let less = "MADV_RANDOM on this mapping, or a smaller read_ahead_kb of the disk, so that each fault \
                        reads what it needs";
            let again = "more memory where pages are read again";
            let advice = if is_used {
                format!("{LOAD}; where less of what is read along gets used, {less}")
            } else {
                format!("{less}; {again}; or {LOAD}")
            };
            (seen, advice)
        }
        Verdict::Off => {
            let seen = format!(
                "{} of {near} within 64 KiB of an earlier read ({}) had to read as well, though reading around \
                 a fault brings pages in by default: readahead is off or pages did not stay",
                count(found.near_read),
                percent(found.near_read, found.near())
            );
            let first = "look for MADV_RANDOM and at read_ahead_kb first: while readahead is off, populating \
                         reads page by page, too";
            (seen, format!("{first}; then {LOAD}"))
        }
        Verdict::Unknown => {
            let each = match cost.each_ns {
                0 => String::new(),
                ns => format!("; each took {}, where 4 KiB take an SSD about 0.1 ms", duration(ns)),
            };
            let seen = format!(
                "reads may bring neighbours along that are not used or do not stay, or readahead is off, which \
                 the trace does not tell: {} of {near} within 64 KiB of an earlier read had to read as well{each}",
                count(found.near_read)
            );
            let advice = format!(
                "compare the size of the disk's reads (iostat: rareq-sz) with a page: if larger, MADV_RANDOM or a \
                 smaller read_ahead_kb; if not, {LOAD}"
            );
            (seen, advice)
        }
    };
    Some(Advice {
        id: "random-reads",
        title: "Random reads of a file, a page at a time",
        place: evidence.main_place(&rows)?.name(),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("major fault", "major faults")),
        evidence: [Some(seen), Some(order(evidence, &rows, steps)), more]
            .into_iter()
            .flatten()
            .collect(),
        worth_trying,
        unknown: "how many bytes the disk read for each fault, and who else read the file",
        is_general: false,
    })
}

fn counted_touches(number: u64) -> String {
    crate::print::units::counted_as(number, "first touch", "first touches")
}

fn order(evidence: &Evidence<'_>, rows: &RowSet, steps: Steps) -> String {
    let faults = &evidence.analysis().faults;
    let sizes: HashSet<u64> = rows.iter().map(|row| faults.page_size_bytes[row]).collect();
    let each = match sizes.iter().next() {
        Some(&size) if sizes.len() == 1 && size > 0 => format!("each installs {}; ", bytes(size)),
        _ => String::new(),
    };
    format!(
        "{each}{} of {} lead to the next page, {} at most 2 MiB ahead",
        percent(steps.next_page, steps.all),
        counted(steps.all, "step"),
        percent(steps.ahead, steps.all)
    )
}
