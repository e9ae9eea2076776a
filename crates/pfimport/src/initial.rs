//! What perf found when it began: threads and mappings that were there before, in records without a time.

use std::collections::BTreeMap;

use pft::record::{Snapshot, SnapshotReason, TaskKind, TaskRecord, Vma};

use crate::perf::record::Map;

/// As many mappings, and as many threads, are kept until the time of the first record is known.
const MOST: usize = 1 << 22;
/// `MAP_SHARED`.
const SHARED: u32 = 1;

/// Threads and mappings that were there before.
#[derive(Debug, Default)]
pub struct Initial {
    tasks: Vec<TaskRecord>,
    maps: BTreeMap<u32, BTreeMap<u64, Vma>>,
    mappings: usize,
    /// Those for which there was no room.
    pub dropped: u64,
}

impl Initial {
    /// A thread that is there.
    pub fn thread(&mut self, pid: u32, tid: u32, comm: &[u8]) {
        if self.tasks.len() >= MOST {
            self.dropped += 1;
            return;
        }
        let (kind, comm) = (TaskKind::Present, comm.to_vec());
        let task = TaskRecord { time_ns: 0, kind, pid, tid, parent_pid: 0, parent_tid: 0, comm };
        self.tasks.push(task);
    }

    /// A mapping that is there. One over another that is listed replaces it: the list was read while it changed.
    pub fn map(&mut self, map: &Map<'_>) {
        if self.mappings >= MOST {
            self.dropped += 1;
            return;
        }
        let maps = self.maps.entry(map.pid).or_default();
        while let Some((&start, below)) = maps.range(..map.end).next_back() {
            if below.end <= map.start {
                break;
            }
            maps.remove(&start);
            self.mappings -= 1;
        }
        let path = if map.path == b"//anon" { Vec::new() } else { map.path.to_vec() };
        let vma = Vma {
            start: map.start,
            end: map.end,
            prot: map.prot,
            shared: map.flags & SHARED != 0,
            file_offset: map.file_offset,
            dev_major: map.device.0,
            dev_minor: map.device.1,
            inode: map.inode,
            path,
        };
        maps.insert(map.start, vma);
        self.mappings += 1;
    }

    /// All that were found so far, as records of the time `at_ns`.
    pub fn take(&mut self, at_ns: u64) -> (Vec<TaskRecord>, Vec<Snapshot>) {
        let mut tasks = std::mem::take(&mut self.tasks);
        tasks.iter_mut().for_each(|task| task.time_ns = at_ns);
        let maps = std::mem::take(&mut self.maps);
        self.mappings = 0;
        let snapshots = maps.into_iter().map(|(pid, vmas)| Snapshot {
            pid,
            start_ns: at_ns,
            end_ns: at_ns,
            // perf may have missed some, so that what is not listed may have been mapped all the same.
            reason: SnapshotReason::Query,
            vmas: vmas.into_values().collect(),
        });
        (tasks, snapshots.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(start: u64, end: u64) -> Map<'static> {
        Map {
            pid: 7,
            tid: 7,
            start,
            end,
            file_offset: 0,
            device: (0, 0),
            inode: 0,
            inode_generation: 0,
            prot: 3,
            flags: 2,
            path: b"//anon",
        }
    }

    #[test]
    fn mappings_are_in_order_and_apart() {
        let mut initial = Initial::default();
        for (start, end) in [(50, 60), (10, 20), (20, 30), (15, 55), (60, 70)] {
            initial.map(&map(start, end));
        }
        initial.thread(7, 8, b"a");
        let (tasks, snapshots) = initial.take(99);
        assert_eq!((tasks.len(), tasks[0].time_ns, tasks[0].kind), (1, 99, TaskKind::Present));
        let ranges: Vec<_> = snapshots[0].vmas.iter().map(|vma| (vma.start, vma.end)).collect();
        assert_eq!(ranges, [(15, 55), (60, 70)]);
        assert!(snapshots[0].vmas[0].path.is_empty() && !snapshots[0].vmas[0].shared);
        assert_eq!(initial.take(100), (Vec::new(), Vec::new()));
    }
}
