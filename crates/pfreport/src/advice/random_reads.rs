//! A file is read from disk page by page, in random order.

use std::collections::HashSet;

use pfmodel::table::NONE;

use super::{Advice, Evidence, costliest};
use crate::pattern::{Order, Steps, before};
use crate::place::page_start;
use crate::units::{bytes, count, percent};

/// Fewest reads: with fewer an order says little, even of a slow disk.
const READS_MIN: usize = 64;

/// How far the kernel reads around a fault by default, to either side, bytes: half of `read_ahead_kb`, 128.
const AROUND_BYTES: u64 = 64 << 10;

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let random = evidence
        .files_read()
        .iter()
        .filter(|read| read.rows.len() >= READS_MIN && read.steps.order() == Some(Order::Random))
        .map(|read| (read.rows.clone(), read.steps));
    let (rows, steps, cost, more) = costliest(evidence, random, ("more file", "more files"))?;
    let near = near_earlier(evidence, &rows);
    let is_off = near * 2 >= rows.len() as u64;
    let readahead = if near == 0 {
        "no read is within 64 KiB of an earlier one, so that reading around each fault gains nothing; \
         whether it is on is not to be seen"
            .to_owned()
    } else {
        format!(
            "{} of the reads ({}) are within 64 KiB of an earlier one, where reading around a fault \
             brings pages in by default: {}",
            count(near),
            percent(near, rows.len() as u64),
            if is_off { "readahead is off or pages did not stay" } else { "most reads are apart" }
        )
    };
    let check = if is_off { "look for MADV_RANDOM and at read_ahead_kb; " } else { "" };
    Some(Advice {
        title: "Random reads of a file, a page at a time",
        place: evidence.main_place(&rows)?.name().to_owned(),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("major fault", "major faults")),
        evidence: [Some(order(evidence, &rows, steps)), Some(readahead), more]
            .into_iter()
            .flatten()
            .collect(),
        worth_trying: format!(
            "{check}load what is needed before it is touched, many pages at a time (MADV_WILLNEED, \
             MADV_POPULATE_READ), or the whole file if it fits"
        ),
        unknown: "how many bytes the disk read for each fault, and who else read the file",
        is_general: false,
    })
}

fn order(evidence: &Evidence<'_>, rows: &[usize], steps: Steps) -> String {
    let faults = &evidence.analysis().faults;
    let sizes: HashSet<u64> = rows.iter().map(|&row| faults.page_size_bytes[row]).collect();
    let each = match sizes.iter().next() {
        Some(&size) if sizes.len() == 1 && size > 0 => format!("each installs {}; ", bytes(size)),
        _ => String::new(),
    };
    format!(
        "{each}{} of {} steps lead to the next page, {} at most 2 MiB ahead",
        percent(steps.next_page, steps.all),
        count(steps.all),
        percent(steps.ahead, steps.all)
    )
}

/// How many reads are in a stretch of the file, as long as the kernel reads to either side, in which there
/// was a read before. Those across the border of two stretches are not counted.
fn near_earlier(evidence: &Evidence<'_>, rows: &[usize]) -> u64 {
    let start = |&row: &usize| page_start(evidence.analysis(), row, evidence.page_bytes);
    let stretches: Vec<u64> = rows.iter().filter_map(start).map(|at| at / AROUND_BYTES).collect();
    before(&stretches).into_iter().filter(|&earlier| earlier != NONE).count() as u64
}
