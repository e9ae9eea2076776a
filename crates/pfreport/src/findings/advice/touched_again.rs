//! Memory that the program gave back by unmapping it, or by taking back the end of the heap, and uses again.

use std::collections::BTreeSet;

use pfmodel::names::{Cause, RegionKind};
use pfmodel::table::NONE;

use super::{Advice, Evidence, costliest};
use crate::findings::pattern::before;
use crate::findings::place::page_start;
use crate::print::units::{bytes, count, counted, percent};
use crate::rows::row_set::RowSet;

/// What it is called where a heap shrank and grew.
pub const HEAP_ID: &str = "heap-given-back";

/// Least share of the faults of a place, percent: below, what is given back is mostly not needed again.
const AGAIN_MIN_PERCENT: u64 = 10;

/// Later touches of a heap from which pages vanished without a call that the trace records.
pub fn heap(evidence: &Evidence<'_>) -> Option<Advice> {
    let faults = &evidence.analysis().faults;
    // Pages that come out of the swap cache look alike.
    let swapped: BTreeSet<u32> =
        evidence.rows(&[Cause::SwapIn], |_, place| Some(place.proc)).into_keys().collect();
    let places = evidence.rows(&[Cause::AnonUnknown, Cause::AnonFirstTouch], |number, place| {
        (place.kind == RegionKind::Heap && !swapped.contains(&place.proc)).then_some(number)
    });
    let found = places.into_iter().filter_map(|(number, rows)| {
        let rows = rows.with(&faults.nth, |&nth| nth > 1);
        is_large_part(evidence, number, &rows).then_some((rows, number))
    });
    let (rows, number, cost, more) = costliest(evidence, found, ("more heap", "more heaps"))?;
    let place = evidence.places.all.get(number)?;
    let pages: BTreeSet<u64> = rows
        .iter()
        .filter_map(|row| page_start(evidence.analysis(), row, evidence.page_bytes))
        .collect();
    let most = rows.iter().map(|row| faults.nth[row]).max().unwrap_or(0);
    let numbers = format!(
        "{} of the faults there touch pages that had been there before, {} of them, up to {} times each",
        percent(cost.faults, evidence.places.rows(number).len() as u64),
        bytes((pages.len() as u64).saturating_mul(evidence.page_bytes)),
        count(u64::from(most))
    );
    let open = "what took the pages is not recorded: most likely the allocator gave the end of the heap back \
                (brk) and grew it again";
    Some(Advice {
        id: HEAP_ID,
        title: "Heap given back and touched again",
        place: evidence.place_of_process(place),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("later touch", "later touches")),
        evidence: [Some(numbers), Some(open.to_owned()), more].into_iter().flatten().collect(),
        worth_trying: "let malloc keep what is freed (mallopt M_TRIM_THRESHOLD and M_TOP_PAD, or \
                       GLIBC_TUNABLES=glibc.malloc.trim_threshold=BYTES:glibc.malloc.top_pad=BYTES, more than the \
                       program frees at once), or reuse buffers"
            .to_owned(),
        unknown: "whether brk, reclaim, or the kernel's NUMA balancing took the pages",
        is_general: false,
    })
}

/// First touches of memory at addresses where memory of the same kind was touched and unmapped before.
pub fn mapped_anew(evidence: &Evidence<'_>) -> Option<Advice> {
    let faults = &evidence.analysis().faults;
    let causes = [Cause::AnonFirstTouch, Cause::AnonFirstTouchOrZero, Cause::HugePage];
    let places = evidence.rows(&causes, |number, place| {
        (place.kind == RegionKind::Anon && place.overlaps).then_some(number)
    });
    let found = places.into_iter().filter_map(|(number, rows)| {
        let start = |row: usize| page_start(evidence.analysis(), row, evidence.page_bytes);
        let pages: Vec<u64> =
            rows.iter().filter_map(start).map(|at| at / evidence.page_bytes).collect();
        if pages.len() != rows.len() {
            return None;
        }
        let before = before(&pages);
        let again = rows.iter().zip(&before).filter(|&(_, &before)| before != NONE);
        let again: RowSet = again.map(|(row, _)| row).collect();
        let mappings: BTreeSet<u32> = rows.iter().map(|row| faults.mapping[row]).collect();
        let is_found = mappings.len() > 1 && is_large_part(evidence, number, &again);
        is_found.then_some((again, (number, mappings.len() as u64)))
    });
    let (rows, (number, mappings), cost, more) =
        costliest(evidence, found, ("more stretch of memory", "more stretches of memory"))?;
    let place = evidence.places.all.get(number)?;
    let numbers = format!(
        "{} of the faults there touch addresses that were in use before, unmapped and mapped anew: {} in a \
         stretch of {}",
        percent(cost.faults, evidence.places.rows(number).len() as u64),
        counted(mappings, "mapping"),
        bytes(place.mapped_bytes)
    );
    Some(Advice {
        id: "mapped-anew",
        title: "Memory mapped anew and touched again",
        place: evidence.place_of_process(place),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("first touch", "first touches")),
        evidence: [Some(numbers), more].into_iter().flatten().collect(),
        worth_trying: "reuse buffers instead of freeing them; or have malloc take them from its heap rather than \
                       from mmap and keep them (mallopt M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, \
                       GLIBC_TUNABLES=glibc.malloc.mmap_threshold=BYTES:glibc.malloc.trim_threshold=BYTES)"
            .to_owned(),
        unknown: "whether malloc or the program itself mapped it",
        is_general: false,
    })
}

fn is_large_part(evidence: &Evidence<'_>, place: usize, rows: &RowSet) -> bool {
    let of_place = evidence.places.rows(place).len() as u64;
    !rows.is_empty() && rows.len() as u64 * 100 >= of_place * AGAIN_MIN_PERCENT
}
