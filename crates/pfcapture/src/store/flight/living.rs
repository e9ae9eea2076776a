//! Threads that live, as far as task records tell.

use std::collections::{BTreeMap, HashSet};

use pft::record::{TaskKind, TaskRecord};

#[derive(Debug)]
struct Thread {
    pid: u32,
    comm: Vec<u8>,
}

/// The threads by number.
#[derive(Debug, Default)]
pub struct Living {
    threads: BTreeMap<u32, Thread>,
}

impl Living {
    /// Takes in what happened to a task.
    pub fn apply(&mut self, task: &TaskRecord) {
        let comm = match task.kind {
            TaskKind::Present | TaskKind::Comm | TaskKind::Exec => task.comm.clone(),
            // A new thread has the name of the one that made it.
            TaskKind::Fork => {
                let parent = self.threads.get(&task.parent_tid);
                parent.map_or_else(Vec::new, |parent| parent.comm.clone())
            }
            TaskKind::Exit => {
                self.threads.remove(&task.tid);
                return;
            }
        };
        if task.kind == TaskKind::Exec {
            // The others are gone, and the thread that called it has the number of the process.
            self.threads.retain(|_, thread| thread.pid != task.pid);
        }
        self.threads.insert(task.tid, Thread { pid: task.pid, comm });
    }

    /// All of them, as records of `time_ns`.
    pub fn present(&self, time_ns: u64) -> Vec<TaskRecord> {
        let record = |(&tid, thread): (&u32, &Thread)| TaskRecord {
            time_ns,
            kind: TaskKind::Present,
            pid: thread.pid,
            tid,
            parent_pid: 0,
            parent_tid: 0,
            comm: thread.comm.clone(),
        };
        self.threads.iter().map(record).collect()
    }

    /// Their processes.
    pub fn pids(&self) -> HashSet<u32> {
        self.threads.values().map(|thread| thread.pid).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(kind: TaskKind, tid: u32, parent_tid: u32, comm: &str) -> TaskRecord {
        let (pid, parent_pid) = (10, if parent_tid > 0 { 10 } else { 0 });
        let comm = comm.as_bytes().to_vec();
        TaskRecord { time_ns: 1, kind, pid, tid, parent_pid, parent_tid, comm }
    }

    fn names(living: &Living) -> Vec<(u32, String)> {
        let present = living.present(7);
        assert!(present.iter().all(|one| one.time_ns == 7 && one.kind == TaskKind::Present));
        present.into_iter().map(|one| (one.tid, String::from_utf8(one.comm).unwrap())).collect()
    }

    #[test]
    fn threads_are_followed_from_record_to_record() {
        let mut living = Living::default();
        living.apply(&task(TaskKind::Present, 10, 0, "main"));
        living.apply(&task(TaskKind::Fork, 11, 10, ""));
        living.apply(&task(TaskKind::Fork, 12, 10, ""));
        living.apply(&task(TaskKind::Comm, 12, 0, "worker"));
        let name = |tid, name: &str| (tid, name.to_owned());
        assert_eq!(names(&living), [name(10, "main"), name(11, "main"), name(12, "worker")]);
        living.apply(&task(TaskKind::Exit, 11, 10, ""));
        assert_eq!(names(&living), [name(10, "main"), name(12, "worker")]);
        living.apply(&task(TaskKind::Exec, 10, 0, "next"));
        assert_eq!(names(&living), [name(10, "next")]);
        assert_eq!(living.pids(), HashSet::from([10]));
    }
}
