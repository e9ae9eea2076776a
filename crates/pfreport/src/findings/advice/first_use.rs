//! Memory that is touched page by page where one call would have it ready: shared memory, and memory that is
//! read before it is written.

use std::collections::HashSet;

use pfmodel::names::{Cause, Class};

use super::{Advice, Evidence, costliest};
use crate::findings::place::{page_size, page_start};
use crate::print::units::{bytes, count};

/// Least memory: below, the faults take some ten milliseconds once.
const TOUCHED_MIN_BYTES: u64 = 64 << 20;

/// From this size on a page is huge.
const HUGE_BYTES: u64 = 2 << 20;

/// Shared memory that is touched a small page at a time.
pub fn shared(evidence: &Evidence<'_>) -> Option<Advice> {
    let analysis = evidence.analysis();
    let faults = &analysis.faults;
    let places = evidence.rows(&[Cause::Shmem], |number, _| Some(number));
    let found = places.into_iter().filter_map(|(number, rows)| {
        let rows = rows.filter(|row| {
            let is_small = page_size(analysis, row, evidence.page_bytes) < HUGE_BYTES;
            faults.class[row] == Class::Minor && is_small
        });
        let sizes = rows.iter().map(|row| page_size(analysis, row, evidence.page_bytes));
        let size = sizes.fold(0, u64::saturating_add);
        (size >= TOUCHED_MIN_BYTES).then_some((rows, (number, size)))
    });
    let (rows, (number, size), cost, more) =
        costliest(evidence, found, ("more shared memory", "more shared memories"))?;
    let place = evidence.places.all.get(number)?;
    let numbers = format!(
        "{} were mapped by small pages, one fault each, of {} of shared memory",
        bytes(size),
        bytes(place.mapped_bytes)
    );
    Some(Advice {
        id: "shared-page-by-page",
        title: "Shared memory touched page by page",
        place: evidence.place_of_process(place),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("minor fault", "minor faults")),
        evidence: [Some(numbers), more].into_iter().flatten().collect(),
        worth_trying: "map it in one go (MAP_POPULATE, MADV_POPULATE_WRITE), or huge pages for it \
                       (transparent_hugepage/shmem_enabled = advise and MADV_HUGEPAGE, huge= of the tmpfs, \
                       MFD_HUGETLB, SHM_HUGETLB)"
            .to_owned(),
        unknown: "whether another process had touched the pages before",
        is_general: false,
    })
}

/// Anonymous memory of which each page is read first and written afterwards, at a fault each.
pub fn read_first(evidence: &Evidence<'_>) -> Option<Advice> {
    let analysis = evidence.analysis();
    let faults = &analysis.faults;
    let places = evidence.rows(&[Cause::ZeroPage, Cause::CowZero], |number, _| Some(number));
    let found = places.into_iter().filter_map(|(number, rows)| {
        let start = |row: usize| page_start(analysis, row, evidence.page_bytes);
        let of = |cause| {
            let rows = rows.iter().filter(move |&row| faults.cause[row] == cause);
            rows.filter_map(start).collect::<HashSet<u64>>()
        };
        let (read, written) = (of(Cause::ZeroPage), of(Cause::CowZero));
        let both: HashSet<u64> = read.intersection(&written).copied().collect();
        let rows = rows.filter(|row| start(row).is_some_and(|start| both.contains(&start)));
        (!rows.is_empty()).then_some((rows, (number, both.len() as u64)))
    });
    let (rows, (number, pages), cost, more) =
        costliest(evidence, found, ("more stretch of memory", "more stretches of memory"))?;
    let numbers = format!(
        "{} pages ({}) were read before they were first written, so that each took two faults: one for the zero \
         page, one for a page of its own",
        count(pages),
        bytes(pages.saturating_mul(evidence.page_bytes))
    );
    Some(Advice {
        id: "read-before-write",
        title: "Memory read before it is first written",
        place: evidence.place_of_process(evidence.places.all.get(number)?),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("fault", "faults")),
        evidence: [Some(numbers), more].into_iter().flatten().collect(),
        worth_trying: "write first, or have the memory ready (MADV_POPULATE_WRITE), rather than read what is zero \
                       anyway"
            .to_owned(),
        unknown: "whether all of what was read had to be read",
        is_general: false,
    })
}
