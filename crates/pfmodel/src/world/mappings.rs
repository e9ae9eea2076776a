//! What records and snapshots change in the memory of a process.

use pft::record::{MapRecord, SnapshotReason};

use super::{World, is_foreign};
use crate::address_space::{Moment, SnapshotWindow};
use crate::ranges::Ranges;
use crate::timeline::Event;
use crate::vma::Vma;

impl<'a> World<'a> {
    /// Looks for a map record of a process between two moments (the first excluded) that covers `addr`
    /// and satisfies `what`, and applies it and those before it ahead of their turn: it belongs to the
    /// fault being looked at.
    pub(crate) fn apply_map_ahead(
        &mut self,
        pid: u32,
        addr: u64,
        (after, to_ns): (Moment, u64),
        what: impl Fn(&MapRecord) -> bool,
    ) -> Option<&'a MapRecord> {
        let maps = &self.recording.maps;
        let ahead = self.timeline.maps_ahead(pid, after.ns, to_ns);
        let found = ahead.iter().position(|&index| {
            maps.get(index as usize)
                .is_some_and(|map| map.start <= addr && addr < map.end && what(map))
        })?;
        for &index in &ahead[..=found] {
            if self.applied_early.insert(index) {
                self.apply_map(index, after);
            }
        }
        maps.get(*ahead.get(found)? as usize)
    }

    pub(super) fn apply_map(&mut self, index: u32, now: Moment) {
        let Some(record) = self.recording.maps.get(index as usize) else {
            return;
        };
        if is_foreign(record.pid) {
            return;
        }
        let proc = self.process(record.pid, now.ns);
        let vma = Vma::of_record(record, &mut self.names);
        let mm_index = self.mm_of(proc);
        if let Some(mm) = self.mms.get_mut(mm_index as usize) {
            mm.space.apply(&vma, Moment { ns: record.time_ns, ..now }, &mut self.rows);
        }
        self.note_record(mm_index, (record.start, record.end), record.time_ns);
    }

    pub(super) fn apply_snapshot(&mut self, index: u32, now: Moment) {
        let recording = self.recording;
        let Some(snapshot) = recording.snapshots.get(index as usize) else {
            return;
        };
        // A process that is ending shows an empty list: no news of its mappings.
        if is_foreign(snapshot.pid) || snapshot.vmas.is_empty() {
            return;
        }
        let proc = self.process(snapshot.pid, now.ns);
        let names = &mut self.names;
        let mut vmas: Vec<Vma> =
            snapshot.vmas.iter().map(|line| Vma::of_snapshot(line, names)).collect();
        if !vmas.is_sorted_by_key(|vma| vma.start) {
            vmas.sort_by_key(|vma| vma.start);
        }
        let mm = self.mm_of(proc);
        let (mut told, mut kept) = (Vec::new(), Vec::new());
        // What is known of a gap in the records has to come from the snapshot alone.
        if self.is_map_complete(mm) {
            for change in self.timeline.changes_during(snapshot.pid, now.ns, snapshot.end_ns) {
                match change {
                    Event::Map(index) => told.extend(recording.maps.get(index as usize)),
                    // What is taken away while the snapshot is read may be missing in it already.
                    Event::Call(index) => kept.extend(
                        recording.calls.get(index as usize).and_then(|call| self.taken_away(call)),
                    ),
                    _ => {}
                }
            }
        }
        kept.extend(self.applied_early_ranges(snapshot.pid, now.ns).overlap(0, u64::MAX));
        let told = told.iter().map(|map| (map.start, map.end));
        if let Some(mm) = self.mms.get_mut(mm as usize) {
            // What calls take away that began before may still be shown.
            let told = Ranges::new(told.chain(mm.calls.vanishing(now.ns)));
            let whole = snapshot.reason != SnapshotReason::Query;
            let window = SnapshotWindow { start: now, end_ns: snapshot.end_ns, whole };
            let kept = Ranges::new(kept.into_iter());
            mm.space.apply_snapshot(&vmas, window, (&told, &kept), &mut self.rows);
            if whole {
                mm.known_since_ns = Some(now.ns);
                mm.calls.settle(now.ns);
            }
        }
    }
}
