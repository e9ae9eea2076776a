//! A file is read from disk page after page, each page by a fault of its own.

use super::{Advice, Evidence, FileRead, costliest};
use crate::findings::pattern::Order;
use crate::print::units::{count, percent};

/// Fewest reads: a few pages in a row are read singly in any case, around the ends of files.
const READS_MIN: usize = 64;

/// Whether the rule is about such reads.
pub fn is_about(read: &FileRead) -> bool {
    read.rows.len() >= READS_MIN && read.steps.order() == Some(Order::Sequential)
}

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    // Readahead brings in some dozens of pages at a time, so that major faults skip as many.
    let sequential = evidence
        .files_read()
        .iter()
        .filter(|read| is_about(read))
        .map(|read| (read.rows.clone(), read.steps));
    let (rows, steps, cost, more) = costliest(evidence, sequential, ("more file", "more files"))?;
    let order = format!(
        "{} of {} steps from one read to the next lead to the very next page, which readahead would have \
         brought in",
        percent(steps.next_page, steps.all),
        count(steps.all)
    );
    Some(Advice {
        id: "no-readahead",
        title: "Sequential reads of a file without readahead",
        place: evidence.main_place(&rows)?.name(),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("major fault", "major faults")),
        evidence: [Some(order), more].into_iter().flatten().collect(),
        worth_trying:
            "leave out MADV_RANDOM, or give MADV_SEQUENTIAL; raise read_ahead_kb of the disk if \
                       it is 0; load ahead of use (MADV_POPULATE_READ)"
                .to_owned(),
        unknown: "what turned readahead off, and whether the file system has any",
        is_general: false,
    })
}
