//! Pages are copied because parent and child write what they share since a fork.

use std::collections::BTreeMap;

use pfmodel::names::Cause;
use pfmodel::table::NONE;

use super::{Advice, Evidence, costliest};
use crate::units::{bytes, count, counted, duration};

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
    // When each process first forked, and how often it did.
    let mut forks: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for child in analysis.processes.iter().filter(|child| child.parent != NONE) {
        let (first_ns, number) = forks.entry(child.parent).or_insert((u64::MAX, 0));
        *first_ns = child.first_seen_ns.min(*first_ns);
        *number += 1;
    }
    // A child that forks itself is a family of its own then.
    let family = |proc: u32| {
        let parent = || analysis.processes.get(proc as usize).map(|process| process.parent);
        if forks.contains_key(&proc) { Some(proc) } else { parent().filter(|&p| p != NONE) }
    };
    let families =
        evidence.rows(&[Cause::CowAnon, Cause::CowAnonOrZero], |_, place| family(place.proc));
    let found = families.into_iter().filter_map(|(family, rows)| {
        let &(first_ns, number) = forks.get(&family)?;
        let faults = &analysis.faults;
        let rows: Vec<usize> =
            rows.into_iter().filter(|&row| faults.time_ns[row] >= first_ns).collect();
        let by_children = rows.iter().filter(|&&row| faults.proc[row] != family).count() as u64;
        let is_unsure = |row: &&usize| faults.cause[**row] == Cause::CowAnonOrZero;
        let unsure = rows.iter().filter(is_unsure).count() as u64;
        let size = |&row: &usize| faults.page_size_bytes[row].max(evidence.page_bytes);
        let found = Found {
            family,
            by_children,
            unsure,
            forks: number,
            last_after_ns: faults.time_ns[*rows.last()?] - first_ns,
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
