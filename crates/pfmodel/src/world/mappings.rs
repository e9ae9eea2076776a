//! What records and snapshots change in the memory of a process.

use pft::record::{MapRecord, SnapshotReason};

use super::{World, is_foreign};
use crate::collections::ranges::Ranges;
use crate::order::timeline::Event;
use crate::space::address_space::{Moment, SnapshotWindow};
use crate::space::vma::Vma;

impl World {
    /// Looks for a map record of a process between two moments (the first excluded) that covers `addr`
    /// and satisfies `what`, and applies it and those before it ahead of their turn: it belongs to the
    /// fault being looked at. Returns the thread that made it.
    pub(crate) fn apply_map_ahead(
        &mut self,
        pid: u32,
        addr: u64,
        (after, to_ns): (Moment, u64),
        what: impl Fn(&MapRecord) -> bool,
    ) -> Option<u32> {
        let maps = &self.records.maps;
        let ahead = self.timeline.maps_ahead(pid, after.ns, to_ns);
        let found = ahead.iter().position(|&index| {
            maps.get(index).is_some_and(|map| map.start <= addr && addr < map.end && what(map))
        })?;
        for &index in &ahead[..=found] {
            if !self.is_applied(index) && self.applied_early.insert(index) {
                self.changes += 1;
                self.apply_map(index, after);
            }
        }
        self.records.maps.get(*ahead.get(found)?).map(|map| map.tid)
    }

    /// Whether something behind `time_ns` has been applied, beside what [`World::apply_map_ahead`] did.
    pub(crate) fn is_ahead_of(&self, time_ns: u64) -> bool {
        self.timeline.reached_ns() > time_ns
    }

    fn is_applied(&self, index: u32) -> bool {
        let map = self.records.maps.get(index);
        map.is_some_and(|map| map.time_ns <= self.timeline.reached_ns())
    }

    pub(super) fn apply_map(&mut self, index: u32, now: Moment) {
        let Some(record) = self.records.maps.get(index) else {
            return;
        };
        let (pid, time_ns) = (record.pid, record.time_ns);
        if is_foreign(pid) {
            return;
        }
        let vma = Vma::of_record(record, &mut self.names);
        let range = (record.start, record.end);
        let proc = self.process(pid, now.ns);
        let mm_index = self.mm_of(proc);
        if let Some(mm) = self.mms.get_mut(mm_index as usize) {
            mm.space.apply(&vma, Moment { ns: time_ns, ..now }, &mut self.rows);
        }
        self.note_record(mm_index, range, time_ns);
    }

    pub(super) fn apply_snapshot(&mut self, index: u32, now: Moment) {
        let Some(snapshot) = self.records.snapshots.get_mut(index) else {
            return;
        };
        let (pid, end_ns) = (snapshot.pid, snapshot.end_ns);
        let whole = snapshot.reason != SnapshotReason::Query;
        let lines = std::mem::take(&mut snapshot.vmas);
        // A process that is ending shows an empty list: no news of its mappings.
        if is_foreign(pid) || lines.is_empty() || self.is_overtaken(pid, now.ns) {
            return;
        }
        let proc = self.process(pid, now.ns);
        let names = &mut self.names;
        let mut vmas: Vec<Vma> = lines.iter().map(|line| Vma::of_snapshot(line, names)).collect();
        if !vmas.is_sorted_by_key(|vma| vma.start) {
            vmas.sort_by_key(|vma| vma.start);
        }
        let mm = self.mm_of(proc);
        // What is applied already cannot go on top of it any more.
        let (mut told, mut kept) = (Vec::new(), Vec::new());
        for change in self.applied_behind(pid, now.ns) {
            told.push(change.range);
            kept.push(change.range);
        }
        told.extend(self.vanished_behind(pid, now.ns));
        // What is known of a gap in the records has to come from the snapshot alone.
        if self.is_map_complete(mm) {
            let after_ns = now.ns.max(self.timeline.reached_ns());
            for change in self.timeline.changes_during(pid, after_ns, end_ns) {
                match change {
                    Event::Map(index) => {
                        let map = self.records.maps.get(index);
                        told.extend(map.map(|map| (map.start, map.end)));
                    }
                    // What is taken away while the snapshot is read may be missing in it already.
                    Event::Call(index) => kept.extend(
                        self.records.calls.get(index).and_then(|call| self.taken_away(call)),
                    ),
                    _ => {}
                }
            }
        }
        kept.extend(self.applied_early_ranges(pid, now.ns).overlap(0, u64::MAX));
        if let Some(mm) = self.mms.get_mut(mm as usize) {
            // What calls take away that began before may still be shown.
            let told = Ranges::new(told.into_iter().chain(mm.calls.vanishing(now.ns)));
            let kept = Ranges::new(kept.into_iter());
            let window = SnapshotWindow { start: now, end_ns, whole };
            mm.space.apply_snapshot(&vmas, window, (&told, &kept), &mut self.rows);
            if whole {
                mm.known_since_ns = mm.known_since_ns.max(Some(now.ns));
                mm.calls.settle(now.ns);
            }
        }
    }

    /// Whether a snapshot arrives so late that it may show what is no more: another address space, or
    /// mappings whose changes since then are forgotten.
    fn is_overtaken(&self, pid: u32, time_ns: u64) -> bool {
        if !self.is_ahead_of(time_ns) {
            return false;
        }
        let proc = self.live_processes.get(&pid).copied();
        let mm = proc.and_then(|proc| self.mms.get(self.mm_of(proc) as usize));
        time_ns < self.timeline.forgotten_ns() || mm.is_none_or(|mm| time_ns < mm.made_ns)
    }
}
