//! What records and snapshots change in the memory of a process.

use pft::record::MapRecord;

use super::{World, is_foreign};
use crate::address_space::{Moment, SnapshotWindow};
use crate::ranges::Ranges;
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
        let mm = self.mm_of(proc);
        if let Some(mm) = self.mms.get_mut(mm as usize) {
            mm.space.apply(&vma, Moment { ns: record.time_ns, ..now }, &mut self.rows);
        }
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
        let record = |index: u32| recording.maps.get(index as usize);
        // What is known of a gap in the records has to come from the snapshot alone.
        let told = if self.is_map_complete(mm) {
            let during = self.timeline.maps_during(snapshot.pid, now.ns, snapshot.end_ns);
            Ranges::new(during.filter_map(record).map(|map| (map.start, map.end)))
        } else {
            Ranges::default()
        };
        // Whatever is applied ahead of its time is ahead of now by no more than that.
        let ahead = self.timeline.maps_ahead(snapshot.pid, now.ns, u64::MAX).into_iter();
        let early = ahead.filter(|index| self.applied_early.contains(index)).filter_map(record);
        let early = Ranges::new(early.map(|map| (map.start, map.end)));
        if let Some(mm) = self.mms.get_mut(mm as usize) {
            let window = SnapshotWindow { start: now, end_ns: snapshot.end_ns };
            mm.space.apply_snapshot(&vmas, window, (&told, &early), &mut self.rows);
            mm.known_since_ns = Some(now.ns);
        }
    }
}
