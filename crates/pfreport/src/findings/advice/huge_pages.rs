//! Large anonymous memory is touched a small page at a time.

use pfmodel::names::{Cause, RegionKind};
use pft::keys::fact;
use rayon::slice::ParallelSliceMut as _;

use super::{Advice, Evidence, costliest};
use crate::findings::pattern::before;
use crate::findings::place::page_start;
use crate::print::units::{bytes, counted_as};
use crate::rows::row_set::RowSet;

/// Least memory: below, the faults take some ten milliseconds once, and huge pages can waste memory.
const TOUCHED_MIN_BYTES: u64 = 64 << 20;

/// One part in so many of a huge page is touched at least: else it would waste memory.
const DENSITY: u64 = 2;

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let causes = [Cause::AnonFirstTouch, Cause::AnonFirstTouchOrZero, Cause::HugePage];
    let places = evidence.rows(&causes, |number, place| {
        let kinds = [RegionKind::Anon, RegionKind::Heap, RegionKind::Bss, RegionKind::ThreadStack];
        kinds.contains(&place.kind).then_some(number)
    });
    let found = places.into_iter().filter_map(|(place, rows)| {
        let is_large = |rows: &RowSet| {
            (rows.len() as u64).saturating_mul(evidence.page_bytes) >= TOUCHED_MIN_BYTES
        };
        let (rows, huge_pages) = dense(evidence, place, Some(rows).filter(is_large)?);
        is_large(&rows).then_some((rows, (place, huge_pages)))
    });
    let (rows, (number, huge_pages), cost, more) =
        costliest(evidence, found, ("more stretch of memory", "more stretches of memory"))?;
    let place = evidence.places.all.get(number)?;
    let (each, huge) = (bytes(evidence.page_bytes), bytes(evidence.huge_bytes()));
    let saved = format!(
        "{} were touched {each} at a time; {} would do",
        bytes(cost.faults.saturating_mul(evidence.page_bytes)),
        counted_as(huge_pages, &format!("fault of {huge}"), &format!("faults of {huge}"))
    );
    let (setting, try_first) = setting(evidence.loaded.fact(fact::VM_THP_ENABLED));
    let here = format!("it is at {:#x}, {} mapped", place.start, bytes(place.mapped_bytes));
    Some(Advice {
        id: "no-huge-pages",
        title: "First touch of large memory without huge pages",
        place: evidence.place_of_process(place),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("first touch", "first touches")),
        evidence: [Some(saved), Some(setting.to_owned()), Some(here), more]
            .into_iter()
            .flatten()
            .collect(),
        worth_trying: format!("{try_first}; or reuse the memory rather than map it anew"),
        unknown: "whether the machine had huge pages to give, and what zeroing them costs at once",
        is_general: false,
    })
}

/// What the machine's setting means, and what to try first.
fn setting(enabled: Option<&str>) -> (&'static str, &'static str) {
    match enabled.map(str::trim) {
        Some("never") => (
            "transparent huge pages were off on this machine (never)",
            "transparent_hugepage/enabled = madvise and MADV_HUGEPAGE, or MAP_HUGETLB",
        ),
        Some("madvise") => (
            "transparent huge pages were given on request only (madvise)",
            "MADV_HUGEPAGE on this memory (malloc: GLIBC_TUNABLES=glibc.malloc.hugetlb=1)",
        ),
        Some("always") => (
            "transparent huge pages were on (always), and yet it got none: MADV_NOHUGEPAGE, \
             PR_SET_THP_DISABLE, small pieces, or no free huge page",
            "find out which of these it is; mappings of many MiB at once, MADV_COLLAPSE",
        ),
        _ => (
            "whether transparent huge pages were on was not recorded",
            "transparent huge pages (MADV_HUGEPAGE)",
        ),
    }
}

/// The small first touches in ranges of huge pages that lie inside the place and of which at least half was
/// touched so, and how many ranges these are. A range that is touched in each of several mappings that were
/// there one after another counts for each: it takes a fault of a huge page each time.
fn dense(evidence: &Evidence<'_>, place: usize, rows: RowSet) -> (RowSet, u64) {
    let (analysis, huge_bytes) = (evidence.analysis(), evidence.huge_bytes());
    let bounds = evidence.places.all.get(place).map_or((0, 0), |place| (place.start, place.end));
    let start = |row: usize| {
        let small = analysis.faults.page_size_bytes[row] < huge_bytes;
        let start = page_start(analysis, row, evidence.page_bytes).filter(|_| small)?;
        let range = start & !(huge_bytes - 1);
        let is_inside = range >= bounds.0 && range.saturating_add(huge_bytes) <= bounds.1;
        is_inside.then_some((start, row))
    };
    let touches: Vec<(u64, usize)> = rows.iter().filter_map(start).collect();
    let pages: Vec<u64> = touches.iter().map(|touch| touch.0 / evidence.page_bytes).collect();
    // How often the page had been touched for the first time, and the range.
    let mut rounds: Vec<(u32, u64)> = Vec::with_capacity(touches.len());
    for (&(start, _), &before) in touches.iter().zip(&before(&pages)) {
        let round = rounds.get(before as usize).map_or(0, |earlier| earlier.0 + 1);
        rounds.push((round, start & !(huge_bytes - 1)));
    }
    let mut ranges = rounds.clone();
    ranges.par_sort_unstable();
    let least = huge_bytes / DENSITY / evidence.page_bytes;
    let same = ranges.chunk_by(|a, b| a == b).filter(|same| same.len() as u64 >= least);
    let dense: Vec<(u32, u64)> = same.filter_map(|same| same.first().copied()).collect();
    let rows = touches.iter().zip(&rounds);
    let rows = rows.filter(|(_, round)| dense.binary_search(round).is_ok());
    (rows.map(|(&(_, row), _)| row).collect(), dense.len() as u64)
}
