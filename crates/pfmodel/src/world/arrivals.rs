//! Records that arrive while faults are looked at.

use pft::record::{CallRecord, LostRecord, MapRecord, Snapshot, TaskRecord};

use super::World;
use crate::address_space::Moment;
use crate::timeline::{Event, is_return_awaited};

/// Records that are remembered after they have been applied: a snapshot that arrives late must not undo
/// what they told. A snapshot of tens of thousands of mappings takes a tenth of a second, in which a
/// busy process changes some thousand mappings.
const KEPT_RECORDS: usize = 1 << 15;

/// Records that may wait for a fault behind them.
const MAX_WAITING: usize = 1 << 15;

impl World {
    /// Adds a task record.
    pub(crate) fn add_task(&mut self, record: TaskRecord) {
        let index = self.records.tasks.push(record);
        if let Some(record) = self.records.tasks.get(index) {
            self.timeline.add_task(index, record);
        }
    }

    /// Adds a map record.
    pub(crate) fn add_map(&mut self, record: MapRecord) {
        let index = self.records.maps.push(record);
        if let Some(record) = self.records.maps.get(index) {
            self.timeline.add_map(index, record);
        }
    }

    /// Adds a snapshot.
    pub(crate) fn add_snapshot(&mut self, snapshot: Snapshot) {
        let index = self.records.snapshots.push(snapshot);
        if let Some(snapshot) = self.records.snapshots.get(index) {
            self.timeline.add_snapshot(index, snapshot);
        }
    }

    /// Adds a call.
    pub(crate) fn add_call(&mut self, record: CallRecord) {
        let index = self.records.calls.push(record);
        if let Some(record) = self.records.calls.get(index) {
            self.timeline.add_call(index, record);
        }
    }

    /// Adds a loss.
    pub(crate) fn add_lost(&mut self, record: LostRecord) {
        let index = self.records.lost.push(record);
        if let Some(record) = self.records.lost.get(index) {
            self.timeline.add_lost(index, record);
        }
    }

    /// Applies the first of the records that wait, where there are too many, after `faults` faults.
    pub(crate) fn keep_up(&mut self, faults: u32) {
        while self.timeline.waiting() > MAX_WAITING
            && let Some((ns, event)) = self.timeline.take()
        {
            self.apply(event, Moment { ns, faults });
            self.forget_applied();
        }
    }

    /// Forgets the records that have been applied, except the latest.
    pub(crate) fn forget_applied(&mut self) {
        let records = &mut self.records;
        loop {
            let pid_of = |event| match event {
                Event::Map(index) => records.maps.get(index).map(|map| map.pid),
                Event::Snapshot(index) => records.snapshots.get(index).map(|shot| shot.pid),
                Event::Task(index) => records.tasks.get(index).map(|task| task.pid),
                Event::Call(index) | Event::Return(index) => {
                    records.calls.get(index).map(|call| call.pid)
                }
                Event::Lost(_) => None,
            };
            match self.timeline.forget_beyond(KEPT_RECORDS, pid_of) {
                Some(Event::Map(index)) => records.maps.forget(index),
                Some(Event::Snapshot(index)) => records.snapshots.forget(index),
                Some(Event::Task(index)) => records.tasks.forget(index),
                Some(Event::Lost(index)) => records.lost.forget(index),
                Some(Event::Call(index)) => {
                    if !records.calls.get(index).is_some_and(is_return_awaited) {
                        records.calls.forget(index);
                    }
                }
                Some(Event::Return(index)) => records.calls.forget(index),
                None => break,
            }
        }
    }
}
