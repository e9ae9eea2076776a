//! The OOM killer took a process.

use super::{Advice, Cost, Evidence};
use crate::outputs::summary::oom::line;
use crate::print::units::{bytes, counted, counted_as};

/// What it is called.
pub const ID: &str = "oom-kill";

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let analysis = evidence.analysis();
    let faults = &analysis.faults;
    let victims = &evidence.loaded.oom;
    // Of several the one that touched the most, then the first.
    let touched = |pid: u32| {
        let is_victim =
            |proc: u32| analysis.processes.get(proc as usize).is_some_and(|p| p.pid == pid);
        let rows =
            (0..faults.len()).filter(|&row| faults.nth[row] == 1 && is_victim(faults.proc[row]));
        let sizes = rows.map(|row| faults.page_size_bytes[row].max(evidence.page_bytes));
        sizes.fold((0_u64, 0_u64), |(bytes, number), size| (bytes.saturating_add(size), number + 1))
    };
    let all = victims.iter().rev().map(|victim| (victim, touched(victim.pid)));
    let (victim, (size, number)) = all.max_by_key(|&(_, touched)| touched)?;
    let others = victims.len() as u64 - 1;
    let name = analysis.processes.iter().rposition(|process| process.pid == victim.pid);
    let name = name.map_or_else(
        || format!("pid {}, of which no fault was recorded", victim.pid),
        |proc| evidence.process(proc as u32),
    );
    Some(Advice {
        id: ID,
        title: "Killed because memory ran out",
        place: match others {
            0 => name,
            others => format!("{name} and {}", counted(others, "more victim")),
        },
        culprit: None,
        cost: Cost::default(),
        cost_text: format!(
            "at least {} touched in the trace ({})",
            bytes(size),
            counted_as(number, "first touch", "first touches")
        ),
        evidence: vec![line(evidence.loaded, victim)],
        worth_trying: "more memory for this workload (memory.max of its cgroup, or the machine), a bound on what it \
                       takes (-Xmx, GOMEMLIMIT, fewer workers), memory.high so that it slows down before, or swap \
                       space; --by region,cause shows what grew"
            .to_owned(),
        unknown: "whether a limit of a cgroup or the machine's memory was reached, and what others held",
        is_general: false,
    })
}
