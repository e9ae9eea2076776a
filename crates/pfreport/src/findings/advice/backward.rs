//! A file is read from its end to its start.

use super::{Advice, Evidence, FileRead, costliest};
use crate::findings::pattern::Order;
use crate::print::units::{count, percent};

/// Whether the rule is about such reads. An order is told of no fewer than 16 steps.
pub fn is_about(read: &FileRead) -> bool {
    read.steps.order() == Some(Order::Backward)
}

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let reads = evidence.files_read().iter().filter(|read| is_about(read));
    let backward = reads.map(|read| (read.rows.clone(), read.steps));
    let (rows, steps, cost, more) = costliest(evidence, backward, ("more file", "more files"))?;
    let order = format!(
        "{} of {} steps from one read to the next lead to a lower page",
        percent(steps.down, steps.all),
        count(steps.all)
    );
    Some(Advice {
        id: "backward-reads",
        title: "Reads of a file from its end to its start",
        place: evidence.main_place(&rows)?.name(),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("major fault", "major faults")),
        evidence: [Some(order), more].into_iter().flatten().collect(),
        worth_trying: "read forward: the kernel reads ahead of a walk only upwards, so that a walk downwards \
                       waits for each part; or load the range before it is touched (MADV_POPULATE_READ, \
                       MADV_WILLNEED)"
            .to_owned(),
        unknown: "how many bytes the disk read for each fault",
        is_general: false,
    })
}
