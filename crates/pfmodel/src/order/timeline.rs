//! All records except faults, in one order of time.

use std::collections::VecDeque;

use pft::record::{
    CallKind, CallRecord, LostBy, LostRecord, MapRecord, Snapshot, SnapshotReason, TaskKind,
    TaskRecord,
};

use crate::collections::keyed_map::KeyedMap;
use crate::order::records::Records;

/// Changes of one process's mappings that are looked at to find a map record just ahead.
const MAX_AHEAD: usize = 16;

/// Changes of one process's mappings that are looked at as made while a snapshot was read; what later
/// ones explain counts from the start of the reading.
const MAX_DURING: usize = 4096;

/// What happens at one moment; the number is that of the record in the list of its kind in [`Records`].
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
    /// A thread shows where its stack is.
    StackPointer(u32),
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
const RANK_STACK: u8 = 7;
/// Behind everything else: what a thread still does at that time comes before its end.
const RANK_EXIT: u8 = 8;

/// A slot, and the process whose mappings it changes, if any.
type Placed = (Slot, Option<u32>);

/// The events of a recording, to be taken in order.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Those to come are in order; what arrived after its time comes before them.
    slots: VecDeque<Slot>,
    next: usize,
    /// What changes the mappings of each process, in order.
    slots_by_pid: KeyedMap<u32, VecDeque<Slot>>,
    /// When each process was first seen whose snapshot of the start has not come.
    present_ns: KeyedMap<u32, u64>,
    reached_ns: u64,
    forgotten_ns: u64,
}

impl Timeline {
    /// Puts everything in order.
    pub(crate) fn new(records: &Records) -> Self {
        let mut timeline = Self::default();
        let mut placed: Vec<Placed> =
            records.lost.iter().filter_map(|(index, lost)| place_lost(index, lost)).collect();
        placed.extend(records.tasks.iter().map(|(n, task)| timeline.place_task(n, task)));
        placed.extend(records.snapshots.iter().map(|(n, shot)| timeline.place_snapshot(n, shot)));
        placed.extend(records.maps.iter().map(|(n, map)| place_map(n, map)));
        placed.extend(records.calls.iter().flat_map(|(n, call)| place_call(n, call)));
        placed.extend(records.stack_pointers.iter().map(|(index, stack)| {
            (Slot { time_ns: stack.time_ns, rank: RANK_STACK, index }, None)
        }));
        // Each kind is nearly in order already, which a stable sort makes use of.
        placed.sort();
        for &(slot, pid) in &placed {
            timeline.slots.push_back(slot);
            if let Some(pid) = pid {
                timeline.slots_by_pid.entry(pid).or_default().push_back(slot);
            }
        }
        timeline
    }

    /// Adds a loss.
    pub(crate) fn add_lost(&mut self, index: u32, lost: &LostRecord) {
        if let Some(placed) = place_lost(index, lost) {
            self.add(placed);
        }
    }

    /// Adds a task record.
    pub(crate) fn add_task(&mut self, index: u32, task: &TaskRecord) {
        let placed = self.place_task(index, task);
        self.add(placed);
    }

    /// Adds a snapshot.
    pub(crate) fn add_snapshot(&mut self, index: u32, snapshot: &Snapshot) {
        let placed = self.place_snapshot(index, snapshot);
        if snapshot.reason == SnapshotReason::Start {
            self.present_ns.remove(&snapshot.pid);
        }
        self.add(placed);
    }

    /// Adds a map record.
    pub(crate) fn add_map(&mut self, index: u32, map: &MapRecord) {
        self.add(place_map(index, map));
    }

    /// Adds a call.
    pub(crate) fn add_call(&mut self, index: u32, call: &CallRecord) {
        place_call(index, call).for_each(|placed| self.add(placed));
    }

    fn add(&mut self, (slot, pid): Placed) {
        self.slots.insert(self.place_of(slot), slot);
        if let Some(pid) = pid {
            let of_pid = self.slots_by_pid.entry(pid).or_default();
            let at = of_pid.partition_point(|other| other < &slot);
            of_pid.insert(at, slot);
        }
    }

    /// Where a slot belongs among those to come.
    fn place_of(&self, slot: Slot) -> usize {
        let (mut low, mut high) = (self.next, self.slots.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.slots.get(middle).is_some_and(|other| other < &slot) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn place_task(&mut self, index: u32, task: &TaskRecord) -> Placed {
        let rank = match task.kind {
            TaskKind::Present | TaskKind::Fork => RANK_CREATE,
            TaskKind::Comm | TaskKind::Exec => RANK_RENAME,
            TaskKind::Exit => RANK_EXIT,
        };
        if task.kind == TaskKind::Present {
            let first_ns = self.present_ns.entry(task.pid).or_insert(task.time_ns);
            *first_ns = task.time_ns.min(*first_ns);
        }
        let changes_maps = !matches!(task.kind, TaskKind::Comm | TaskKind::Present);
        (Slot { time_ns: task.time_ns, rank, index }, changes_maps.then_some(task.pid))
    }

    /// A snapshot counts from when its reading began, so that records of changes made meanwhile go on
    /// top of it. The one taken at the start counts from when the first thread was under observation:
    /// what was mapped in between is in band.
    fn place_snapshot(&self, index: u32, snapshot: &Snapshot) -> Placed {
        let time_ns = self
            .present_ns
            .get(&snapshot.pid)
            .filter(|&&first_ns| {
                snapshot.reason == SnapshotReason::Start && self.reached_ns <= first_ns
            })
            .map_or(snapshot.start_ns, |&first_ns| first_ns.min(snapshot.start_ns));
        (Slot { time_ns, rank: RANK_SNAPSHOT, index }, Some(snapshot.pid))
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
        self.reached_ns = self.reached_ns.max(slot.time_ns);
        Some((slot.time_ns, slot.event()))
    }

    /// How many events are to come.
    pub(crate) fn waiting(&self) -> usize {
        self.slots.len() - self.next
    }

    /// The latest time of anything taken. While events are taken in order this is the time of the
    /// last one; what arrives after its time finds the records up to here taken already.
    pub(crate) fn reached_ns(&self) -> u64 {
        self.reached_ns
    }

    /// Records up to here may have been forgotten.
    pub(crate) fn forgotten_ns(&self) -> u64 {
        self.forgotten_ns
    }

    /// Forgets the first event if more than `keep` have been taken. `pid_of` tells the process whose
    /// mappings it changed.
    pub(crate) fn forget_beyond(
        &mut self,
        keep: usize,
        pid_of: impl FnOnce(Event) -> Option<u32>,
    ) -> Option<Event> {
        if self.next <= keep {
            return None;
        }
        let slot = self.slots.pop_front()?;
        self.next -= 1;
        self.forgotten_ns = self.forgotten_ns.max(slot.time_ns);
        let event = slot.event();
        if let Some(pid) = pid_of(event)
            && let Some(of_pid) = self.slots_by_pid.get_mut(&pid)
        {
            if let Ok(at) = of_pid.binary_search(&slot) {
                of_pid.remove(at);
            }
            if of_pid.is_empty() {
                self.slots_by_pid.remove(&pid);
            }
        }
        Some(event)
    }

    /// Forgets when a process that has ended was first seen.
    pub(crate) fn forget_process(&mut self, pid: u32) {
        self.present_ns.remove(&pid);
    }

    /// The first few map records of a process behind one moment and not behind another, as indices; up
    /// to the next `exec` or end of a thread, which they must not overtake. Of snapshots and calls they
    /// may: one from before such a record was made does not undo it (`world::mappings`, `world::calls`).
    pub(crate) fn maps_ahead(&self, pid: u32, after_ns: u64, to_ns: u64) -> Vec<u32> {
        let passable = |slot: &Slot| matches!(slot.rank, RANK_MAP | RANK_SNAPSHOT | RANK_CALL);
        let slots = self.slots_behind(pid, (after_ns, to_ns), MAX_AHEAD, passable);
        slots.filter(|slot| slot.rank == RANK_MAP).map(|slot| slot.index).collect()
    }

    /// The map records and calls of a process behind one moment and not behind another; of very many
    /// the first.
    pub(crate) fn changes_during(
        &self,
        pid: u32,
        after_ns: u64,
        to_ns: u64,
    ) -> impl Iterator<Item = Event> + '_ {
        self.slots_behind(pid, (after_ns, to_ns), MAX_DURING, |_| true).map(Slot::event)
    }

    /// What changes the mappings of a process behind one moment, up to where events have been taken, in
    /// order of time; as far as it is remembered.
    pub(crate) fn taken_behind(
        &self,
        pid: u32,
        after_ns: u64,
    ) -> impl Iterator<Item = (u64, Event)> + '_ {
        let of_pid = self.slots_by_pid.get(&pid);
        let first =
            of_pid.map_or(0, |of_pid| of_pid.partition_point(|slot| slot.time_ns <= after_ns));
        let behind = of_pid.into_iter().flat_map(move |of_pid| of_pid.range(first..));
        let taken = behind.take_while(|slot| slot.time_ns <= self.reached_ns);
        taken.map(|slot| (slot.time_ns, slot.event()))
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
        let of_pid = self.slots_by_pid.get(&pid);
        let first = of_pid.map_or(0, |of_pid| {
            of_pid.partition_point(|slot| slot.comes_before_fault_at(after_ns))
        });
        of_pid
            .into_iter()
            .flat_map(move |of_pid| of_pid.range(first..))
            .filter(|slot| slot.rank != RANK_RETURN)
            .take(most)
            .copied()
            .take_while(move |slot| slot.time_ns <= to_ns && passable(slot))
    }
}

fn place_lost(index: u32, lost: &LostRecord) -> Option<Placed> {
    let time_ns = lost.after_ns.min(lost.time_ns);
    (lost.by == LostBy::Ring).then_some((Slot { time_ns, rank: RANK_LOST, index }, None))
}

fn place_map(index: u32, map: &MapRecord) -> Placed {
    (Slot { time_ns: map.time_ns, rank: RANK_MAP, index }, Some(map.pid))
}

fn place_call(index: u32, call: &CallRecord) -> impl Iterator<Item = Placed> {
    let begin = Slot { time_ns: call.time_ns, rank: RANK_CALL, index };
    // Advice changes no mapping.
    let pid = (call.kind != CallKind::Madvise).then_some(call.pid);
    let end_ns = call.end_ns.max(call.time_ns);
    let end = Slot { time_ns: end_ns, rank: RANK_RETURN, index };
    let returns = is_return_awaited(call).then_some((end, Some(call.pid)));
    [(begin, pid)].into_iter().chain(returns)
}

/// Whether there is an [`Event::Return`] of a call.
pub(crate) fn is_return_awaited(call: &CallRecord) -> bool {
    call.kind == CallKind::Mremap && call.end_ns != u64::MAX && call.result >= 0
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
            RANK_STACK => Event::StackPointer(self.index),
            _ => Event::Task(self.index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(time_ns: u64) -> LostRecord {
        LostRecord { after_ns: time_ns, time_ns, cpu: 0, by: LostBy::Ring, count: 1 }
    }

    #[test]
    fn what_arrives_late_comes_next_in_order() {
        let mut timeline = Timeline::default();
        let add = |timeline: &mut Timeline, times: &[u64]| {
            times.iter().for_each(|&time_ns| timeline.add_lost(0, &lost(time_ns)));
        };
        add(&mut timeline, &[10, 50, 51, 52, 53, 54, 60]);
        while timeline.take_until(55).is_some() {}
        add(&mut timeline, &[20, 40, 30]);
        let rest: Vec<u64> = std::iter::from_fn(|| timeline.take().map(|(ns, _)| ns)).collect();
        assert_eq!((rest, timeline.reached_ns()), (vec![20, 30, 40, 60], 60));
    }
}
