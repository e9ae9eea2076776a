//! The records of a recording by number, each as long as it is needed.

use std::collections::VecDeque;

use pft::FrameKind;
use pft::record::{
    CallRecord, GapRecord, LostBy, LostRecord, MapRecord, Snapshot, StackPointerRecord, TaskRecord,
};

use crate::recording::Recording;

/// Records of one kind, numbered in order of arrival (modulo 2³²).
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// Forgotten ones are `None`; the first is not.
    records: VecDeque<Option<T>>,
    /// Number of the first.
    first: u32,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { records: VecDeque::new(), first: 0 }
    }
}

impl<T> From<Vec<T>> for Queue<T> {
    fn from(records: Vec<T>) -> Self {
        Self { records: records.into_iter().map(Some).collect::<Vec<_>>().into(), first: 0 }
    }
}

impl<T> Queue<T> {
    /// Adds a record; returns its number.
    pub(crate) fn push(&mut self, record: T) -> u32 {
        self.records.push_back(Some(record));
        self.first.wrapping_add(self.records.len() as u32).wrapping_sub(1)
    }

    /// A record by its number.
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.records.get(self.position(index))?.as_ref()
    }

    /// A record by its number, to change.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let position = self.position(index);
        self.records.get_mut(position)?.as_mut()
    }

    /// All records with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let numbered = (0..).zip(&self.records);
        numbered.filter_map(|(n, record)| Some((self.first.wrapping_add(n), record.as_ref()?)))
    }

    /// Drops a record.
    pub(crate) fn forget(&mut self, index: u32) {
        let position = self.position(index);
        if let Some(record) = self.records.get_mut(position) {
            *record = None;
        }
        while let Some(None) = self.records.front() {
            self.records.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    fn position(&self, index: u32) -> usize {
        index.wrapping_sub(self.first) as usize
    }
}

/// What moves the world.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub tasks: Queue<TaskRecord>,
    pub maps: Queue<MapRecord>,
    pub calls: Queue<CallRecord>,
    pub snapshots: Queue<Snapshot>,
    pub lost: Queue<LostRecord>,
    pub stack_pointers: Queue<StackPointerRecord>,
}

impl Records {
    /// Takes the lists out of a recording, except the losses, which its report needs too. Frames that may have told
    /// of address spaces and are not in the file are as good as lost in a ring; so are those that told of losses.
    pub(crate) fn take_from(recording: &mut Recording) -> Self {
        Self {
            tasks: std::mem::take(&mut recording.tasks).into(),
            maps: std::mem::take(&mut recording.maps).into(),
            calls: std::mem::take(&mut recording.calls).into(),
            snapshots: std::mem::take(&mut recording.snapshots).into(),
            lost: losses(recording).into(),
            stack_pointers: std::mem::take(&mut recording.stack_pointers).into(),
        }
    }
}

fn losses(recording: &Recording) -> Vec<LostRecord> {
    let kinds = [FrameKind::Tasks, FrameKind::Maps, FrameKind::Calls, FrameKind::Lost];
    let concerns = |gap: &&GapRecord| kinds.iter().any(|&kind| gap.may_hold(kind));
    let gaps = recording.gaps.iter().filter(concerns).map(|gap| LostRecord {
        after_ns: gap.after_ns,
        time_ns: gap.before_ns,
        cpu: 0,
        by: LostBy::Ring,
        count: 0,
    });
    recording.lost.iter().cloned().chain(gaps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_when_records_are_forgotten() {
        let mut queue = Queue::from(vec!['a', 'b', 'c']);
        assert_eq!(queue.push('d'), 3);
        queue.forget(1);
        assert_eq!((queue.get(0), queue.get(1), queue.get(3)), (Some(&'a'), None, Some(&'d')));
        assert_eq!(queue.records.len(), 4);
        queue.forget(0);
        assert_eq!(queue.records.len(), 2, "what is behind the first is gone with it");
        assert_eq!(queue.iter().collect::<Vec<_>>(), [(2, &'c'), (3, &'d')]);
        assert_eq!(queue.push('e'), 4);
        assert_eq!((queue.get(0), queue.get(9)), (None, None));
    }

    #[test]
    fn numbers_wrap() {
        let mut queue = Queue { first: u32::MAX, ..Queue::default() };
        assert_eq!((queue.push('a'), queue.push('b')), (u32::MAX, 0));
        queue.forget(u32::MAX);
        assert_eq!((queue.first, queue.get(0)), (0, Some(&'b')));
    }
}
