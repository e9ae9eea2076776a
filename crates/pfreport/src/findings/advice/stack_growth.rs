//! A stack grows by many faults.

use pfmodel::names::Cause;

use super::{Advice, Evidence, costliest};
use crate::findings::place::page_start;
use crate::print::units::{bytes, moment};

/// Fewest faults: 1 MiB of stack is nothing unusual.
const GROWTHS_MIN: usize = 256;

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let processes = evidence.rows(&[Cause::StackGrowth], |_, place| Some(place.proc));
    let found = processes.into_values().filter(|rows| rows.len() >= GROWTHS_MIN);
    let (rows, (), cost, more) =
        costliest(evidence, found.map(|rows| (rows, ())), ("more process", "more processes"))?;
    let analysis = evidence.analysis();
    let starts = rows.iter().filter_map(|row| page_start(analysis, row, evidence.page_bytes));
    let lowest = starts.clone().min()?;
    let depth = starts.max()?.saturating_sub(lowest).saturating_add(evidence.page_bytes);
    let time = |row: Option<usize>| row.map_or(0, |row| analysis.faults.time_ns[row]);
    let numbers = format!(
        "the kernel extended the stack at each of these faults, over {}, from {} to {}",
        bytes(depth),
        moment(time(rows.first())),
        moment(time(rows.last()))
    );
    Some(Advice {
        id: "stack-growth",
        title: "A stack that grows and grows",
        place: evidence.place_of_process(evidence.main_place(&rows)?),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("growth", "growths")),
        evidence: [Some(numbers), more].into_iter().flatten().collect(),
        worth_trying:
            "less recursion or smaller frames (large arrays belong on the heap), or touching the \
                       depth that is needed once, at the start"
                .to_owned(),
        unknown: "whether it was deep recursion or large frames; stacks of other threads are mapped whole \
                  and do not grow",
        is_general: false,
    })
}
