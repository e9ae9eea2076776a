//! More major faults than the usual alert allows.

use pfmodel::names::Class;

use super::{Advice, Evidence};
use crate::print::units::{count, counted_as, duration};
use crate::rows::row_set::RowSet;

/// Rate of major faults per second at which the usual alert fires.
const ALERT_PER_SECOND: u64 = 500;

/// Shortest recording over which a rate per second means something.
const RECORDED_MIN_NS: u64 = 1_000_000_000;

/// The alert waits so long.
const ALERT_AFTER_NS: u64 = 15 * 60 * 1_000_000_000;

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let class = &evidence.analysis().faults.class;
    let recorded_ns = evidence.loaded.recorded_ns();
    let rows = RowSet::all(class.len()).with(class, |&class| class == Class::Major);
    let per_second = rows.len() as f64 * 1e9 / recorded_ns as f64;
    if recorded_ns < RECORDED_MIN_NS || per_second <= ALERT_PER_SECOND as f64 {
        return None;
    }
    let cost = evidence.cost(&rows);
    let processes: std::collections::BTreeSet<u32> =
        rows.iter().filter_map(|row| evidence.analysis().faults.proc.get(row).copied()).collect();
    let numbers = format!(
        "{} major faults/s over the whole recording exceed the usual alert of {ALERT_PER_SECOND}/s",
        count(per_second.round() as u64)
    );
    let alert = format!(
        "they are of {}; the alert fires after {} of it",
        counted_as(processes.len() as u64, "process", "processes"),
        duration(ALERT_AFTER_NS)
    );
    Some(Advice {
        id: "major-rate",
        title: "Major faults beyond the usual alert",
        place: "the whole recording".to_owned(),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("major fault", "major faults")),
        evidence: vec![numbers, alert],
        worth_trying:
            "see the advice above on what reads; where there is none, --by path,cause names it"
                .to_owned(),
        unknown: "the rate beyond the recording",
        is_general: true,
    })
}
