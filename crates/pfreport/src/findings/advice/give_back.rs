//! Memory is given back to the kernel and touched again.

use pfmodel::names::Cause;

use super::{Advice, Evidence, costliest};
use crate::figures::scope::Scope;
use crate::print::units::{bytes, percent};

/// What it is called.
pub const ID: &str = "given-back";

/// Least share of the faults of a place, percent: below, what is given back is mostly not needed again.
const AGAIN_MIN_PERCENT: u64 = 10;

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let places = evidence.rows(&[Cause::AnonRefault], |number, _| Some(number));
    let found = places.into_iter().filter(|(number, rows)| {
        let faults = evidence.places.rows(*number).len() as u64;
        rows.len() as u64 * 100 >= faults * AGAIN_MIN_PERCENT
    });
    let found = found.map(|(number, rows)| (rows, number));
    let (rows, number, cost, more) =
        costliest(evidence, found, ("more stretch of memory", "more stretches of memory"))?;
    let faults = &evidence.analysis().faults;
    let of_place = evidence.places.rows(number).len() as u64;
    let sizes = rows.iter().map(|row| faults.page_size_bytes[row].max(evidence.page_bytes));
    let size = sizes.fold(0, u64::saturating_add);
    let numbers = format!(
        "{} of the faults there ({}) are of pages that had been touched before and were gone",
        percent(cost.faults, of_place),
        bytes(size)
    );
    let reason = if Scope::of(evidence.loaded).calls == Some(true) {
        "each had been dropped by advice (MADV_DONTNEED, MADV_FREE) since its last fault"
    } else {
        "calls were not recorded, so that what took them is not known; mostly it is MADV_DONTNEED"
    };
    Some(Advice {
        id: ID,
        title: "Memory given back and touched again",
        place: evidence.place_of_process(evidence.places.all.get(number)?),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("re-fault", "re-faults")),
        evidence: [Some(numbers), Some(reason.to_owned()), more].into_iter().flatten().collect(),
        worth_trying:
            "let the allocator keep it (glibc: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD; jemalloc: \
                       dirty_decay_ms; Go: GOGC, GOMEMLIMIT), or reuse buffers"
                .to_owned(),
        unknown: "how much memory others needed meanwhile",
        is_general: false,
    })
}
