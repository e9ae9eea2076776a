//! A file is read from disk by faults, with readahead: the thread waits for each part.

use pfmodel::names::Cause;

use super::{Advice, Evidence, costliest};
use crate::pattern::Order;
use crate::units::{count, percent};

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    // Minor faults that wait for a read in flight are part of the wait for the disk.
    let files = evidence.by_file(&[Cause::FileRead, Cause::FileWait]).into_iter();
    let cause = &evidence.analysis().faults.cause;
    let others = files.filter_map(|rows| {
        let reads: Vec<usize> =
            rows.iter().copied().filter(|&row| cause[row] == Cause::FileRead).collect();
        let steps = evidence.steps(&reads);
        let is_other = matches!(steps.order(), Some(Order::Forward) | None) && !reads.is_empty();
        is_other.then_some((rows, (reads.len() as u64, steps)))
    });
    let (rows, (reads, steps), cost, more) =
        costliest(evidence, others, ("more file", "more files"))?;
    let waits = cost.faults - reads;
    let waits = if waits > 0 {
        format!(", {} waited for a read that was under way", count(waits))
    } else {
        String::new()
    };
    let mut order = format!("{} of the faults read from the disk{waits}", count(reads));
    if steps.order().is_some() {
        order += &format!(
            "; {} of {} steps between reads lead at most 2 MiB ahead",
            percent(steps.ahead, steps.all),
            count(steps.all)
        );
    }
    Some(Advice {
        title: "Waiting for a file to be read, part by part",
        place: evidence.main_place(&rows)?.name().to_owned(),
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("fault", "faults")),
        evidence: [Some(order), more].into_iter().flatten().collect(),
        worth_trying: "start the reading before the data is needed (MADV_WILLNEED, MADV_POPULATE_READ in \
                       another thread, readahead(2)), larger readahead (MADV_SEQUENTIAL, read_ahead_kb), or \
                       keep the file cached between runs"
            .to_owned(),
        unknown: "how much each fault read ahead, and how fast the disk could have been",
        is_general: false,
    })
}
