//! Records that arrive while faults are looked at.

use pft::record::{CallRecord, LostRecord, MapRecord, Snapshot, TaskRecord};

use super::World;
use crate::order::timeline::{Event, is_return_awaited};
use crate::space::address_space::Moment;

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
                Event::Lost(_) | Event::StackPointer(_) => None,
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
                Some(Event::StackPointer(index)) => records.stack_pointers.forget(index),
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::records::Records;
    use crate::recording::Recording;
    use pft::record::{CallKind, Fact, TaskKind, TraceHeader};

    const PAGE: u64 = 0x1000;
    const MOVED: u64 = 0x80_0000;

    /// Process 1 with a mapping of two pages at `PAGE`; calls are recorded.
    fn world() -> World {
        let header = TraceHeader {
            uuid: [0; 16],
            page_size_bytes: PAGE as u32,
            clock_id: 1,
            start_ns: 0,
            start_realtime_ns: 0,
        };
        let recording = Recording {
            facts: vec![Fact { key: "capture.calls".into(), value: "yes".into() }],
            ..Recording::new(header)
        };
        let mut world = World::new(&recording, Records::default());
        let (pid, kind) = (1, TaskKind::Exec);
        let comm = Vec::new();
        let (parent_pid, parent_tid) = (0, 0);
        let exec = TaskRecord { time_ns: 1, kind, pid, tid: pid, parent_pid, parent_tid, comm };
        world.add_task(exec);
        world.add_map(map(2, PAGE, 3));
        world
    }

    fn map(time_ns: u64, start: u64, prot: u32) -> MapRecord {
        MapRecord {
            time_ns,
            pid: 1,
            tid: 1,
            start,
            end: start + 2 * PAGE,
            file_offset: 0,
            dev_major: 0,
            dev_minor: 0,
            inode: 0,
            inode_generation: 0,
            prot,
            flags: 2,
            path: b"//anon".to_vec(),
        }
    }

    fn call(kind: CallKind, (time_ns, end_ns): (u64, u64)) -> CallRecord {
        CallRecord {
            time_ns,
            end_ns,
            pid: 1,
            tid: 1,
            kind,
            addr: PAGE,
            len_bytes: 2 * PAGE,
            new_len_bytes: 2 * PAGE,
            argument: 1,
            result: if kind == CallKind::Mremap { MOVED as i64 } else { 0 },
        }
    }

    /// Another mapping changes back and forth, until more changes have been applied than are remembered.
    fn go_on(world: &mut World, from_ns: u64) -> u64 {
        let to_ns = from_ns + KEPT_RECORDS as u64 + 10;
        for time_ns in from_ns..to_ns {
            world.add_map(map(time_ns, 0x40_0000, 1 + 2 * (time_ns % 2) as u32));
            advance(world, time_ns);
        }
        to_ns
    }

    fn advance(world: &mut World, ns: u64) {
        world.advance(Moment { ns, faults: 0 });
        world.forget_applied();
    }

    fn is_mapped(world: &mut World, addr: u64) -> bool {
        let mm = world.live_processes.get(&1).map(|&proc| world.mm_of(proc));
        mm.and_then(|mm| world.piece_at(mm, addr)).is_some()
    }

    #[test]
    fn a_call_is_remembered_until_its_end_is_past() {
        let mut world = world();
        let end_ns = 10 * KEPT_RECORDS as u64;
        world.add_call(call(CallKind::Mremap, (10, end_ns)));
        world.add_call(call(CallKind::Madvise, (10, 11)));
        go_on(&mut world, 20);
        assert_eq!(world.records.calls.iter().count(), 1);
        assert!(!is_mapped(&mut world, PAGE) && !is_mapped(&mut world, MOVED));
        advance(&mut world, end_ns);
        assert!(is_mapped(&mut world, MOVED));
        go_on(&mut world, end_ns + 1);
        assert_eq!(world.records.calls.iter().count(), 0);
    }

    #[test]
    fn a_call_from_before_all_that_is_remembered_leaves_a_doubt() {
        let mut world = world();
        let now_ns = go_on(&mut world, 20);
        let mm = world.live_processes.get(&1).map_or(0, |&proc| world.mm_of(proc));
        assert!(world.is_absence_known(mm, PAGE));
        world.add_call(call(CallKind::Munmap, (10, now_ns)));
        advance(&mut world, now_ns);
        assert!(is_mapped(&mut world, PAGE));
        assert!(!world.is_absence_known(mm, PAGE));
    }
}
