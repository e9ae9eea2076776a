//! Pages are copied because parent and child write what they share since a fork.

use std::collections::{BTreeMap, HashMap};

use pfmodel::names::{Cause, Class};
use pfmodel::table::NONE;

use super::{Advice, Evidence, costliest};
use crate::print::units::{bytes, count, counted, duration};
use crate::rows::row_set::RowSet;

/// Stands for a page that the trace did not see touched.
const NEVER: u64 = u64::MAX;

/// When each process forked, in order.
type Forks = BTreeMap<u32, Vec<u64>>;

#[derive(Debug)]
struct Found {
    family: u32,
    by_children: u64,
    unsure: u64,
    forks: u64,
    last_after_ns: u64,
    bytes: u64,
}

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let analysis = evidence.analysis();
    // When each process forked.
    let mut forks: Forks = BTreeMap::new();
    for child in analysis.processes.iter().filter(|child| child.parent != NONE) {
        forks.entry(child.parent).or_default().push(child.first_seen_ns);
    }
    forks.values_mut().for_each(|times| times.sort_unstable());
    // A child that forks itself is a family of its own then.
    let family = |proc: u32| {
        let parent = || analysis.processes.get(proc as usize).map(|process| process.parent);
        if forks.contains_key(&proc) { Some(proc) } else { parent().filter(|&p| p != NONE) }
    };
    let families =
        evidence.rows(&[Cause::CowAnon, Cause::CowAnonOrZero], |_, place| family(place.proc));
    let found = families.into_iter().filter_map(|(family, rows)| {
        let times = forks.get(&family)?;
        let &first_ns = times.first()?;
        let faults = &analysis.faults;
        let rows = rows.filter(|row| faults.time_ns[row] >= first_ns);
        // What is below the bar needs no closer look.
        let rows =
            if evidence.cost(&rows).is_worth() { shared(evidence, &forks, rows) } else { rows };
        let by_children = rows.iter().filter(|&row| faults.proc[row] != family).count() as u64;
        let is_unsure = |row: &usize| faults.cause[*row] == Cause::CowAnonOrZero;
        let unsure = rows.iter().filter(is_unsure).count() as u64;
        let size = |row: usize| faults.page_size_bytes[row].max(evidence.page_bytes);
        let found = Found {
            family,
            by_children,
            unsure,
            forks: times.len() as u64,
            last_after_ns: faults.time_ns[rows.last()?] - first_ns,
            bytes: rows.iter().map(size).fold(0, u64::saturating_add),
        };
        Some((rows, found))
    });
    let (rows, found, cost, more) = costliest(evidence, found, ("more process", "more processes"))?;
    let copied = format!(
        "at most {} copied after {}, {} by the parent and {} by children, the last {} after the first fork",
        bytes(found.bytes),
        counted(found.forks, "fork"),
        count(cost.faults - found.by_children),
        count(found.by_children),
        duration(found.last_after_ns)
    );
    // Their pages were in memory before the recording.
    let unsure = (found.unsure > 0).then(|| {
        format!(
            "{} of them are on pages whose past the trace did not see: the copy may be the first of the \
             zero page there",
            count(found.unsure)
        )
    });
    let place = evidence.main_place(&rows)?;
    let most = format!("the most in {}", evidence.place_of_process(place));
    Some(Advice {
        id: "copy-after-fork",
        title: "Copying memory after fork",
        place: format!("memory of {} and its children", evidence.process(found.family)),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("copy-on-write fault", "copy-on-write faults")),
        evidence: [Some(copied), Some(most), unsure, more].into_iter().flatten().collect(),
        worth_trying: "write less while a child shares the memory, keep such children short, posix_spawn where \
                       a child only runs a program, MADV_DONTFORK for what children do not need"
            .to_owned(),
        unknown: "which of these faults copied: a page that the other side no longer has is used again \
                  without a copy",
        is_general: false,
    })
}

/// The writes of these to pages that may be shared since a fork: of the pages that the process touched since
/// its last fork, or since it was forked, each is its own. A page that was swapped in since is written once
/// more after it was read, fork or not.
fn shared(evidence: &Evidence<'_>, forks: &Forks, rows: RowSet) -> RowSet {
    let analysis = evidence.analysis();
    let faults = &analysis.faults;
    let page = |row: usize| (faults.proc[row], faults.addr[row] / evidence.page_bytes);
    // When each page of these was touched last before; the entry of one of them is that of its fault before.
    let mut touched: HashMap<(u32, u64), u64> = rows.iter().map(|row| (page(row), NEVER)).collect();
    let is_shared = |row: usize, touched_ns: u64| {
        let proc = faults.proc[row];
        let process = analysis.processes.get(proc as usize);
        let born_ns = process.filter(|process| process.parent != NONE).map(|p| p.first_seen_ns);
        let times = forks.get(&proc).map_or(&[][..], Vec::as_slice);
        let until = times.partition_point(|&fork_ns| fork_ns <= faults.time_ns[row]);
        let forked_ns = times.get(..until).and_then(<[u64]>::last).copied().max(born_ns);
        touched_ns == NEVER || forked_ns.is_some_and(|forked_ns| touched_ns <= forked_ns)
    };
    let mut candidates = rows.iter().peekable();
    let mut shared = RowSet::default();
    for row in (0..faults.len()).filter(|&row| faults.class[row] != Class::Failed) {
        let is_candidate = candidates.next_if_eq(&row).is_some();
        if let Some(touched_ns) = touched.get_mut(&page(row)) {
            if is_candidate && is_shared(row, *touched_ns) {
                shared.push(row..row + 1);
            }
            *touched_ns = faults.time_ns[row];
        }
    }
    shared
}
