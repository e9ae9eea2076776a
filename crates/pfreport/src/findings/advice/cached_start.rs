//! A file that is in memory already is mapped page by page.

use std::collections::HashSet;

use pfmodel::names::{Cause, Class, RegionKind};

use super::{Advice, Evidence, costliest};
use crate::findings::place::page_start;
use crate::print::units::{bytes, percent};

/// What one fault maps of a cached file by default, bytes (`fault_around_bytes`).
const WINDOW_BYTES: u64 = 64 << 10;

/// Least share of the mapping that is used, percent: else mapping all of it would be waste.
const USED_MIN_PERCENT: u64 = 50;

/// One read in so many cached pages at most: with more, it may be reads that brought the pages in. A read
/// brings in 32 pages by default, and up to some thousands on disks that are set up so.
const READS_MAX_PART: usize = 4_096;

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    // What the loader maps, a program can hardly map otherwise.
    let places = evidence.rows(&[Cause::FileCached], |number, place| {
        (place.kind == RegionKind::File).then_some(number)
    });
    let class = &evidence.analysis().faults.class;
    let found = places.into_iter().filter_map(|(number, rows)| {
        let place = evidence.places.all.get(number)?;
        // Reads bring pages in for the faults after them.
        let reads = evidence.places.rows(number).with(class, |&class| class == Class::Major).len();
        if reads * READS_MAX_PART > rows.len() {
            return None;
        }
        let start = |row: usize| page_start(evidence.analysis(), row, evidence.page_bytes);
        let windows: HashSet<u64> =
            rows.iter().filter_map(start).map(|start| start / WINDOW_BYTES).collect();
        let used = (windows.len() as u64).saturating_mul(WINDOW_BYTES).min(place.mapped_bytes);
        let is_most = used >= place.mapped_bytes / 100 * USED_MIN_PERCENT;
        (is_most && used > 0).then_some((rows, (number, used)))
    });
    let (rows, (number, used), cost, more) =
        costliest(evidence, found, ("more mapping", "more mappings"))?;
    let place = evidence.places.all.get(number)?;
    let coverage = format!(
        "its pages were in memory already; the faults are in {} of the 64 KiB windows of the mapping ({})",
        percent(used, place.mapped_bytes),
        bytes(place.mapped_bytes)
    );
    Some(Advice {
        id: "cached-page-by-page",
        title: "A cached file mapped page by page",
        place: evidence.place_of_process(place),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("minor fault", "minor faults")),
        evidence: [Some(coverage), more].into_iter().flatten().collect(),
        worth_trying:
            "map it in one go (MAP_POPULATE, MADV_POPULATE_READ), in another thread if it may \
                       take time; MADV_WILLNEED does not help, since the data is cached"
                .to_owned(),
        unknown: "whether it will be cached the next time",
        is_general: false,
    })
}
