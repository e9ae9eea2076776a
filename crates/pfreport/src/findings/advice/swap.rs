//! Memory that was swapped out is read back.

use pfmodel::names::{Cause, Class};
use pft::keys::fact;

use super::{Advice, Evidence};
use crate::print::units::{bytes, count, counted_as};
use crate::rows::row_set::RowSet;

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let class = &evidence.analysis().faults.class;
    // Shared memory comes back from swap by major faults too; a machine without swap space has other reasons.
    let has_no_swap = evidence.loaded.fact(fact::VM_SWAP_TOTAL_BYTES) == Some("0");
    let shared = if has_no_swap { Cause::SwapIn } else { Cause::Shmem };
    // Want of memory is rarely that of one process, so all of them count together.
    let mut processes = evidence.rows(&[Cause::SwapIn, shared], |_, place| Some(place.proc));
    for rows in processes.values_mut() {
        *rows = rows.with(class, |&class| class == Class::Major);
    }
    processes.retain(|_, rows| !rows.is_empty());
    let rows = RowSet::joined(processes.values());
    let cost = evidence.cost(&rows);
    if !cost.is_worth() {
        return None;
    }
    let stall = |rows: &RowSet| evidence.cost(rows).stall_ns;
    let most = processes.values().map(|rows| (stall(rows), rows)).max_by_key(|most| most.0)?.1;
    let place = evidence.place_of_process(evidence.main_place(most)?);
    let others = processes.len() as u64 - 1;
    let others = (others > 0).then(|| counted_as(others, "other process", "other processes"));
    let faults = &evidence.analysis().faults;
    let seen = rows.iter().filter(|&row| faults.nth[row] > 1).count() as u64;
    let sizes = rows.iter().map(|row| faults.page_size_bytes[row].max(evidence.page_bytes));
    let size = sizes.fold(0, u64::saturating_add);
    let numbers = format!(
        "at least {} came back from swap; {} of these pages had been used earlier in the trace",
        bytes(size),
        count(seen)
    );
    // A page that is still, or already, in memory comes back by a minor fault.
    let hits = evidence
        .rows(&[Cause::AnonUnknown], |_, place| processes.contains_key(&place.proc).then_some(()));
    let hits = hits.values().map(|rows| rows.with(&faults.nth, |&nth| nth > 1).len() as u64).sum();
    let hits = (hits > 0).then(|| {
        let faults = counted_as(hits, "minor fault", "minor faults");
        format!("{faults} of these processes on pages used earlier probably found them in the swap cache")
    });
    let swap = evidence.loaded.fact(fact::VM_SWAPPINESS);
    let swappiness = swap.map(|value| {
        format!("vm.swappiness was {}", crate::print::text::printable(value.as_bytes()))
    });
    Some(Advice {
        id: "swap-in",
        title: "Waiting for swap",
        place: others.map_or_else(|| place.clone(), |others| format!("{place} and {others}")),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("swap-in", "swap-ins")),
        evidence: [Some(numbers), hits, swappiness].into_iter().flatten().collect(),
        worth_trying: "more memory for this workload, protecting what it needs (memory.low, mlock), or faster \
                       swap (zswap, zram)"
                .to_owned(),
        unknown: "when and for whom the pages were swapped out, and whether shared memory came from swap or \
                  from userfaultfd",
        is_general: false,
    })
}
