//! Files are read from disk by faults, with readahead: threads wait for each part.

use std::collections::BTreeMap;

use pfmodel::names::Cause;

use super::{Advice, Evidence, FileRead, backward, costliest, no_readahead, random_reads};
use crate::findings::pattern::Order;
use crate::print::units::{count, counted_as, duration};
use crate::rows::row_set::RowSet;

/// What to try where the reads are in random order: reading ahead more would make it worse.
const RANDOM: &str = "load what is needed before it is touched (MADV_WILLNEED, MADV_POPULATE_READ), keep the \
                      file cached, or, where little of what is read around each fault is used, MADV_RANDOM";

pub fn look(evidence: &Evidence<'_>) -> Option<Advice> {
    let faults = &evidence.analysis().faults;
    // Other rules are about other orders.
    let is_other = |read: &&FileRead| {
        !random_reads::is_about(read) && !no_readahead::is_about(read) && !backward::is_about(read)
    };
    let reads: Vec<&FileRead> = evidence.files_read().iter().filter(is_other).collect();
    // Minor faults that wait for a read in flight are part of the wait for the disk.
    let is_read = |file: u32| reads.binary_search_by_key(&file, |read| read.file).is_ok();
    let waits =
        evidence.rows(&[Cause::FileWait], |_, place| place.file.filter(|&file| is_read(file)));
    let mut sets = Vec::new();
    let mut stalls: BTreeMap<u32, u64> = BTreeMap::new();
    let order_of = |file: u32| {
        let read = reads.iter().find(|read| read.file == file);
        read.and_then(|read| read.steps.order())
    };
    let by_file = reads.iter().map(|read| (&read.file, &read.rows));
    for (&file, file_rows) in by_file.chain(&waits) {
        let stall_ns = file_rows.iter().filter_map(|row| faults.stall_ns(row));
        let sum = stalls.entry(file).or_default();
        *sum = stall_ns.fold(*sum, u64::saturating_add);
        sets.push(file_rows);
    }
    let rows = RowSet::joined(sets);
    let (rows, (), cost, _) = costliest(evidence, [(rows, ())], ("", ""))?;
    let (&file, &stall_ns) = stalls.iter().rev().max_by_key(|&(_, stall_ns)| *stall_ns)?;
    let name = evidence.places.all.iter().find(|place| place.file == Some(file))?.name();
    let more = stalls.len() as u64 - 1;
    let is_random = order_of(file) == Some(Order::Random);
    let random = is_random.then(|| format!("the reads of {name} are few, but in random order"));
    let what_was_read = match cost.faults - cost.major {
        0 => "all of them read from the disk".to_owned(),
        waits => format!(
            "{} of them read from the disk, {} waited for a read that was under way",
            count(cost.major),
            count(waits)
        ),
    };
    let most = format!("the costliest file is {name}: {}", duration(stall_ns));
    Some(Advice {
        id: "reads-on-demand",
        title: "Waiting for files to be read, part by part",
        place: match more {
            0 => name.to_owned(),
            more => format!("{name} and {}", counted_as(more, "other file", "other files")),
        },
        culprit: evidence.culprit(&rows),
        cost,
        cost_text: evidence.cost_text(&cost, ("fault", "faults")),
        evidence: [Some(what_was_read), Some(most).filter(|_| more > 0), random]
            .into_iter()
            .flatten()
            .collect(),
        worth_trying: if is_random {
            RANDOM
        } else {
            "start reading before the data is needed (MADV_WILLNEED, MADV_POPULATE_READ in another \
                       thread), larger readahead (MADV_SEQUENTIAL, read_ahead_kb), or keep the files cached"
        }
        .to_owned(),
        unknown: "how much each fault read ahead, and how fast the disk could have been",
        is_general: false,
    })
}
