//! Maps, names and tasks: passed on, and followed as far as pairing and snapshots need.

use std::rc::Rc;

use perf_event_open_sys::bindings as b;
use pft::record::{SnapshotReason, TaskKind, TaskRecord};

use super::{Drain, Process, Relation, is_foreign};
use crate::parse;

/// A thread copies its parent's events early in its creation and is announced at the end of it. A
/// thread announced so shortly after its parent's events were opened may have missed some.
const CREATION_NS: u64 = 20_000_000;

impl Drain {
    pub(super) fn map(&mut self, ring: usize, record: &[u8], root: u32, only_root: bool) {
        let Some(map) = parse::parse_mmap2(record) else {
            self.counts.unparsed += 1;
            return;
        };
        if is_foreign(map.pid, map.tid) {
            self.counts.foreign_namespace += 1;
            return;
        }
        let thread = self.thread(ring, map.pid, map.tid);
        let key = (b::PERF_RECORD_MMAP2, map.start ^ map.end.rotate_left(32));
        if !only_root && thread.sightings.is_repeat(key, map.time_ns, root) {
            self.counts.duplicate_sideband += 1;
            return;
        }
        let process = self.processes.entry(map.pid).or_default();
        Rc::make_mut(&mut process.known).insert(map.start..map.end);
        self.counts.sideband += 1;
        self.maps.push(map);
    }

    pub(super) fn comm(
        &mut self,
        ring: usize,
        time_ns: u64,
        record: &[u8],
        root: u32,
        only_root: bool,
    ) {
        let Some(comm) = parse::parse_comm(record) else {
            self.counts.unparsed += 1;
            return;
        };
        if is_foreign(comm.pid, comm.tid) {
            self.counts.foreign_namespace += 1;
            return;
        }
        let thread = self.thread(ring, comm.pid, comm.tid);
        let key = (b::PERF_RECORD_COMM, u64::from(comm.exec));
        if !only_root && thread.sightings.is_repeat(key, time_ns, root) {
            self.counts.duplicate_sideband += 1;
            return;
        }
        if comm.exec {
            self.exec(ring, comm.pid, comm.tid);
        }
        self.task(TaskRecord {
            time_ns,
            kind: if comm.exec { TaskKind::Exec } else { TaskKind::Comm },
            pid: comm.pid,
            tid: comm.tid,
            parent_pid: 0,
            parent_tid: 0,
            comm: comm.name.to_vec(),
        });
    }

    /// The other threads are gone, and the one that called exec has the process's number: where
    /// another had called it, no record tells the end of that one's own number.
    fn exec(&mut self, ring: usize, pid: u32, tid: u32) {
        let others = self.threads.iter().filter(|(other, t)| **other != tid && t.pid == pid);
        let others: Vec<u32> = others.map(|(&other, _)| other).collect();
        for other in others {
            self.end_thread(ring, other);
        }
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.range = 0..0;
            thread.stack_pointers.clear();
        }
        let wanted = Some(SnapshotReason::Exec);
        let cgroup = self.processes.remove(&pid).and_then(|process| process.cgroup);
        let process = Process { threads: 1, wanted, cgroup, ..Process::default() };
        self.processes.insert(pid, process);
        self.executed.push(pid);
    }

    pub(super) fn fork(
        &mut self,
        ring: usize,
        time_ns: u64,
        record: &[u8],
        root: u32,
        only_root: bool,
    ) {
        let Some(task) = parse::parse_task(record) else {
            self.counts.unparsed += 1;
            return;
        };
        if is_foreign(task.pid, task.tid) || is_foreign(task.parent_pid, task.parent_tid) {
            self.counts.foreign_namespace += 1;
            return;
        }
        if task.pid != task.parent_pid && !self.scope.has_children() {
            return;
        }
        let mut covered = only_root;
        // The recorder may start a command in its own scope, and is no part of it itself.
        if self.scope.relation(task.parent_pid) == Relation::Target {
            let parent = self.thread(ring, task.parent_pid, task.parent_tid);
            let key = (b::PERF_RECORD_FORK, u64::from(task.tid));
            if !only_root && parent.sightings.is_repeat(key, time_ns, root) {
                self.counts.duplicate_sideband += 1;
                return;
            }
            covered |= parent
                .covered_since_ns
                .is_some_and(|since_ns| since_ns.saturating_add(CREATION_NS) < time_ns);
        }
        if task.pid != task.parent_pid && !self.processes.contains_key(&task.pid) {
            let known = self
                .processes
                .get(&task.parent_pid)
                .map_or_else(Rc::default, |parent| Rc::clone(&parent.known));
            self.processes.insert(task.pid, Process { known, ..Process::default() });
        }
        let thread = self.thread(ring, task.pid, task.tid);
        thread.announced = true;
        if covered {
            thread.covered_since_ns = Some(time_ns);
        }
        self.task(TaskRecord {
            time_ns,
            kind: TaskKind::Fork,
            pid: task.pid,
            tid: task.tid,
            parent_pid: task.parent_pid,
            parent_tid: task.parent_tid,
            comm: Vec::new(),
        });
    }

    pub(super) fn exit(&mut self, ring: usize, time_ns: u64, record: &[u8], only_root: bool) {
        let Some(task) = parse::parse_task(record) else {
            self.counts.unparsed += 1;
            return;
        };
        if is_foreign(task.pid, task.tid) {
            self.counts.foreign_namespace += 1;
            return;
        }
        if !self.end_thread(ring, task.tid) && !only_root {
            // The first of several reports has ended it.
            self.counts.duplicate_sideband += 1;
            return;
        }
        self.task(TaskRecord {
            time_ns,
            kind: TaskKind::Exit,
            pid: task.pid,
            tid: task.tid,
            parent_pid: task.parent_pid,
            parent_tid: task.parent_tid,
            comm: Vec::new(),
        });
    }

    fn task(&mut self, task: TaskRecord) {
        self.counts.sideband += 1;
        self.tasks.push(task);
    }
}
