//! Counts of what is inside a window, for its ledger.

use std::collections::BTreeMap;

use pft::keys::ledger as keys;
use pft::record::{LostBy, LostRecord, SnapshotReason, TaskKind};

use super::Item;
use crate::counts::Counts;
use crate::drain::batch::StackCounts;

/// Counts by key of the ledger.
pub type Tally = BTreeMap<&'static str, u64>;

/// Adds what an item holds; `has_entries` tells whether entries of faults are recorded at all.
pub fn count(tally: &mut Tally, item: &Item, has_entries: bool) {
    let mut add = |key, value: u64| *tally.entry(key).or_default() += value;
    let dropped_by = |lost: &[LostRecord], by| {
        lost.iter().filter(|loss| loss.by == by).map(|loss| loss.count).sum()
    };
    match item {
        Item::Faults(_, batch) => {
            let mut counts = Counts::default();
            batch.rows.iter().for_each(|row| counts.add(row, has_entries));
            add(keys::CAPTURED_MINOR, counts.minor);
            add(keys::CAPTURED_MAJOR, counts.major);
            add(keys::CAPTURED_WITHOUT_ENTRY, counts.without_entry);
            add(keys::CAPTURED_SIGNALLED, counts.signalled);
            add(keys::CAPTURED_ABANDONED, counts.abandoned);
            add(keys::CAPTURED_IN_FLIGHT, counts.in_flight);
            add(keys::CAPTURED_INTERRUPTED, counts.interrupted);
            add(keys::CAPTURED_NEGATIVE_LATENCY, counts.negative_latency);
            if !batch.chain_ids.is_empty() {
                let chained = batch.chain_ids.iter().filter(|&&id| id != 0).count();
                let had = batch.rows.iter().filter(|row| !row.chain.is_empty()).count();
                add(keys::CAPTURED_CALL_CHAINS, chained as u64);
                add(keys::CALLCHAINS_DROPPED, had.saturating_sub(chained) as u64);
            }
            if batch.stack_counts != StackCounts::default() {
                let StackCounts { copied, unwound, failed, dropped } = batch.stack_counts;
                add(keys::STACKS_COPIED, copied);
                add(keys::STACKS_UNWOUND, unwound);
                add(keys::STACKS_FAILED, failed);
                add(keys::STACKS_DROPPED, dropped);
            }
        }
        Item::Tasks(tasks) => {
            let told = tasks.iter().filter(|task| task.kind != TaskKind::Present);
            add(keys::CAPTURED_SIDEBAND, told.count() as u64);
        }
        Item::Maps(maps) => add(keys::CAPTURED_SIDEBAND, maps.len() as u64),
        Item::Snapshot(snapshot) if snapshot.reason == SnapshotReason::Query => {
            add(keys::SNAPSHOTS_QUERIES, 1);
        }
        Item::Snapshot(_) => add(keys::SNAPSHOTS_TAKEN, 1),
        Item::Calls(calls) => add(keys::CAPTURED_CALLS, calls.len() as u64),
        Item::Oom(victims) => add(keys::CAPTURED_OOM, victims.len() as u64),
        Item::Lost(lost) => {
            add(keys::DROPPED_RECORDER, dropped_by(lost, LostBy::Recorder));
            add(keys::FLIGHT_LOST_IN_RINGS, dropped_by(lost, LostBy::Ring));
        }
        Item::CallChains(chains) => {
            add(keys::CALLCHAINS_DISTINCT, chains.len() as u64);
            add(keys::CALLCHAINS_CUT, chains.iter().filter(|chain| chain.cut).count() as u64);
        }
        Item::Facts(_)
        | Item::Modules(_)
        | Item::Symbols(_)
        | Item::Marks(_)
        | Item::StackPointers(_)
        | Item::Cgroups(_)
        | Item::Checkpoint(_)
        | Item::Segment(_)
        | Item::Dump(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use pft::record::{MapRecord, Outcome, flags};

    use super::*;
    use crate::drain::batch::{ChainSpan, FaultRow, FaultRows};
    use crate::store::tests::{row, snapshot, task};

    fn map() -> MapRecord {
        MapRecord {
            time_ns: 60,
            pid: 4,
            tid: 4,
            start: 0,
            end: 4096,
            file_offset: 0,
            dev_major: 0,
            dev_minor: 0,
            inode: 0,
            inode_generation: 0,
            prot: 0,
            flags: 0,
            path: Vec::new(),
        }
    }

    #[test]
    fn everything_is_counted_by_what_it_is() {
        let mut tally = Tally::new();
        let mut put = |item: &Item| count(&mut tally, item, true);
        let outcome = |outcome: Outcome| FaultRow { flags: outcome as u32, ..row(1, 2) };
        let bare = FaultRow { flags: flags::NO_ENTRY, ..row(1, 2) };
        let again = FaultRow { attempts: 2, ..row(1, 2) };
        let rows =
            vec![row(1, 2), bare, again, outcome(Outcome::Major), outcome(Outcome::InFlight)];
        put(&Item::Faults(0, rows.into()));
        put(&Item::Faults(1, vec![row(160, 2)].into()));
        let kinds = [TaskKind::Present, TaskKind::Comm, TaskKind::Exit];
        put(&Item::Tasks(kinds.map(|kind| task(kind, 60, 2, "")).to_vec()));
        put(&Item::Maps(vec![map()]));
        put(&snapshot(SnapshotReason::Periodic, 1));
        put(&snapshot(SnapshotReason::Query, 1));
        put(&snapshot(SnapshotReason::Query, 1));
        let loss = |by, count| LostRecord { after_ns: 60, time_ns: 61, cpu: 0, by, count };
        let losses = vec![loss(LostBy::Ring, 5), loss(LostBy::Recorder, 3), loss(LostBy::Ring, 6)];
        put(&Item::Lost(losses));
        let zero =
            [keys::CAPTURED_SIGNALLED, keys::CAPTURED_ABANDONED, keys::CAPTURED_NEGATIVE_LATENCY];
        assert!(zero.iter().all(|key| tally.remove(key) == Some(0)));
        assert_eq!(
            tally.into_iter().collect::<Vec<_>>(),
            [
                (keys::CAPTURED_IN_FLIGHT, 1),
                (keys::CAPTURED_INTERRUPTED, 1),
                (keys::CAPTURED_MAJOR, 1),
                (keys::CAPTURED_MINOR, 4),
                (keys::CAPTURED_SIDEBAND, 3),
                (keys::CAPTURED_WITHOUT_ENTRY, 1),
                (keys::DROPPED_RECORDER, 3),
                (keys::FLIGHT_LOST_IN_RINGS, 11),
                (keys::SNAPSHOTS_QUERIES, 2),
                (keys::SNAPSHOTS_TAKEN, 1),
            ]
        );
    }

    #[test]
    fn call_chains_and_stacks_are_counted_where_there_are_any() {
        let mut tally = Tally::new();
        let chain = ChainSpan { user: 1, ..ChainSpan::default() };
        let batch = FaultRows {
            rows: vec![FaultRow { chain, ..row(1, 2) }, FaultRow { chain, ..row(1, 2) }, row(1, 2)],
            callers: vec![9],
            chain_ids: vec![7, 0, 0],
            stack_counts: StackCounts { copied: 10, unwound: 5, failed: 3, dropped: 2 },
            ..FaultRows::default()
        };
        count(&mut tally, &Item::Faults(0, batch), true);
        tally.retain(|key, _| key.contains("stacks.") || key.contains("chains"));
        assert_eq!(
            tally.into_iter().collect::<Vec<_>>(),
            [
                (keys::CALLCHAINS_DROPPED, 1),
                (keys::CAPTURED_CALL_CHAINS, 1),
                (keys::STACKS_COPIED, 10),
                (keys::STACKS_DROPPED, 2),
                (keys::STACKS_FAILED, 3),
                (keys::STACKS_UNWOUND, 5),
            ]
        );
    }

    #[test]
    fn without_entries_none_is_missing() {
        let mut tally = Tally::new();
        let bare = FaultRow { flags: flags::NO_ENTRY, ..row(1, 2) };
        count(&mut tally, &Item::Faults(0, vec![bare].into()), false);
        assert_eq!(tally.get(keys::CAPTURED_WITHOUT_ENTRY), Some(&0));
    }
}
