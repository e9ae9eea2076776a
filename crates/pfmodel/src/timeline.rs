//! All records except faults, in one order of time.

use pft::record::{CallKind, LostBy, SnapshotReason, TaskKind};

use crate::keyed_map::KeyedMap;
use crate::recording::Recording;

/// Changes of one process's mappings that are looked at to find a map record just ahead.
const MAX_AHEAD: usize = 16;

/// Changes of one process's mappings that are looked at as made while a snapshot was read; what later
/// ones explain counts from the start of the reading.
const MAX_DURING: usize = 4096;

/// What happens at one moment; the number is an index into the list of that kind in [`Recording`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Lost(u32),
    Task(u32),
    Snapshot(u32),
    Map(u32),
    /// A call begins.
    Call(u32),
    /// A call that moved memory has done so.
    Return(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    time_ns: u64,
    /// Order of what happens at one time.
    rank: u8,
    index: u32,
}

const RANK_LOST: u8 = 0;
const RANK_CREATE: u8 = 1;
const RANK_RENAME: u8 = 2;
const RANK_SNAPSHOT: u8 = 3;
const RANK_CALL: u8 = 4;
const RANK_MAP: u8 = 5;
const RANK_RETURN: u8 = 6;
/// Behind everything else: what a thread still does at that time comes before its end.
const RANK_EXIT: u8 = 7;

/// The events of a recording, to be taken in order.
#[derive(Debug)]
pub(crate) struct Timeline {
    slots: Vec<Slot>,
    next: usize,
    /// Slots of what changes the mappings of each process, in order.
    slots_by_pid: KeyedMap<u32, Vec<u32>>,
}

impl Timeline {
    /// Puts everything in order. A snapshot counts from when its reading began, so that records of
    /// changes made meanwhile go on top of it. The one taken at the start counts from when the first
    /// thread was under observation: what was mapped in between is in band.
    pub(crate) fn new(recording: &Recording) -> Self {
        let mut slots = Vec::new();
        let mut add = |time_ns, rank, index: usize| {
            slots.push(Slot { time_ns, rank, index: index as u32 });
        };
        for (index, lost) in recording.lost.iter().enumerate() {
            if lost.by == LostBy::Ring {
                add(lost.after_ns.min(lost.time_ns), RANK_LOST, index);
            }
        }
        for (index, task) in recording.tasks.iter().enumerate() {
            let rank = match task.kind {
                TaskKind::Present | TaskKind::Fork => RANK_CREATE,
                TaskKind::Comm | TaskKind::Exec => RANK_RENAME,
                TaskKind::Exit => RANK_EXIT,
            };
            add(task.time_ns, rank, index);
        }
        let mut present_ns: KeyedMap<u32, u64> = KeyedMap::default();
        for task in recording.tasks.iter().filter(|task| task.kind == TaskKind::Present) {
            let first_ns = present_ns.entry(task.pid).or_insert(task.time_ns);
            *first_ns = task.time_ns.min(*first_ns);
        }
        for (index, snapshot) in recording.snapshots.iter().enumerate() {
            let since_ns = present_ns
                .get(&snapshot.pid)
                .filter(|_| snapshot.reason == SnapshotReason::Start)
                .map_or(snapshot.start_ns, |&first_ns| first_ns.min(snapshot.start_ns));
            add(since_ns, RANK_SNAPSHOT, index);
        }
        for (index, map) in recording.maps.iter().enumerate() {
            add(map.time_ns, RANK_MAP, index);
        }
        for (index, call) in recording.calls.iter().enumerate() {
            add(call.time_ns, RANK_CALL, index);
            if call.kind == CallKind::Mremap && call.end_ns != u64::MAX && call.result >= 0 {
                add(call.end_ns.max(call.time_ns), RANK_RETURN, index);
            }
        }
        slots.sort_unstable();
        let mut slots_by_pid: KeyedMap<u32, Vec<u32>> = KeyedMap::default();
        for (at, slot) in slots.iter().enumerate() {
            let index = slot.index as usize;
            let pid = match slot.event() {
                Event::Map(_) => recording.maps.get(index).map(|map| map.pid),
                Event::Call(_) => recording
                    .calls
                    .get(index)
                    .filter(|call| call.kind != CallKind::Madvise)
                    .map(|call| call.pid),
                Event::Snapshot(_) => recording.snapshots.get(index).map(|snapshot| snapshot.pid),
                Event::Task(_) => recording
                    .tasks
                    .get(index)
                    .filter(|task| !matches!(task.kind, TaskKind::Comm | TaskKind::Present))
                    .map(|task| task.pid),
                Event::Lost(_) | Event::Return(_) => None,
            };
            if let Some(pid) = pid {
                slots_by_pid.entry(pid).or_default().push(at as u32);
            }
        }
        Self { slots, next: 0, slots_by_pid }
    }

    /// The next event that a fault at `time_ns` has to know of.
    pub(crate) fn take_until(&mut self, time_ns: u64) -> Option<(u64, Event)> {
        let slot = *self.slots.get(self.next)?;
        slot.comes_before_fault_at(time_ns).then(|| self.take()).flatten()
    }

    /// The next event.
    pub(crate) fn take(&mut self) -> Option<(u64, Event)> {
        let slot = *self.slots.get(self.next)?;
        self.next += 1;
        Some((slot.time_ns, slot.event()))
    }

    /// The first few map records of a process behind one moment and not behind another, as indices; up
    /// to the next `exec` or end of a thread, which they must not overtake. Of snapshots and calls they
    /// may: one from before such a record was made does not undo it (`world::mappings`, `world::calls`).
    pub(crate) fn maps_ahead(&self, pid: u32, after_ns: u64, to_ns: u64) -> Vec<u32> {
        let passable = |slot: &Slot| matches!(slot.rank, RANK_MAP | RANK_SNAPSHOT | RANK_CALL);
        let slots = self.slots_behind(pid, (after_ns, to_ns), MAX_AHEAD, passable);
        slots.filter(|slot| slot.rank == RANK_MAP).map(|slot| slot.index).collect()
    }

    /// The map records and calls of a process behind one moment and not behind another.
    pub(crate) fn changes_during(
        &self,
        pid: u32,
        after_ns: u64,
        to_ns: u64,
    ) -> impl Iterator<Item = Event> + '_ {
        self.slots_behind(pid, (after_ns, to_ns), MAX_DURING, |_| true).map(Slot::event)
    }

    /// The first `most` changes of a process's mappings behind one moment and not behind another, up to
    /// the first one that may not be passed.
    fn slots_behind(
        &self,
        pid: u32,
        (after_ns, to_ns): (u64, u64),
        most: usize,
        passable: impl Fn(&Slot) -> bool,
    ) -> impl Iterator<Item = Slot> {
        let slot = |&at: &u32| self.slots.get(at as usize).copied();
        let of_pid = self.slots_by_pid.get(&pid).map_or(&[][..], |list| list);
        let first = of_pid.partition_point(|at| {
            slot(at).is_some_and(|slot| slot.comes_before_fault_at(after_ns))
        });
        of_pid[first..]
            .iter()
            .take(most)
            .map_while(slot)
            .take_while(move |slot| slot.time_ns <= to_ns && passable(slot))
    }
}

impl Slot {
    /// Whether a fault at `time_ns` has to know of it.
    fn comes_before_fault_at(self, time_ns: u64) -> bool {
        self.time_ns < time_ns || self.time_ns == time_ns && self.rank != RANK_EXIT
    }

    fn event(self) -> Event {
        match self.rank {
            RANK_LOST => Event::Lost(self.index),
            RANK_SNAPSHOT => Event::Snapshot(self.index),
            RANK_MAP => Event::Map(self.index),
            RANK_CALL => Event::Call(self.index),
            RANK_RETURN => Event::Return(self.index),
            _ => Event::Task(self.index),
        }
    }
}
