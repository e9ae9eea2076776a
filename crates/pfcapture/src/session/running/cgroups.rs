//! Control groups of processes: which are looked at, and what becomes of them.

use pft::record::CgroupRecord;

use super::Session;

/// The first looks may take this long whatever the share of the time.
const ALLOWANCE_NS: u64 = 20_000_000;
/// Processes that may wait for a look: others are looked at with their snapshots only.
const MAX_WAITING: usize = 10_000;

/// What is known and what is still to be found out.
#[derive(Debug, Default)]
pub struct Cgroups {
    /// Rows that wait for the store.
    pub(super) pending: Vec<CgroupRecord>,
    /// Processes to be looked at.
    waiting: Vec<u32>,
    spent_ns: u64,
}

impl Session {
    /// A process is to be looked at before it is gone, however long its snapshot has to wait.
    pub(super) fn want_cgroup(&mut self, pid: u32) {
        let waiting = &mut self.cgroups.waiting;
        if waiting.len() < MAX_WAITING && !waiting.contains(&pid) {
            waiting.push(pid);
        }
    }

    /// Takes in what was found out.
    pub(super) fn collect_cgroups(&mut self) {
        for seen in self.snapshots.collect_cgroups() {
            self.cgroups.spent_ns += seen.took_ns;
            seen.cgroup.into_iter().for_each(|seen| self.keep_cgroup(seen));
        }
    }

    /// Asks for the control groups of processes that are new, or that called `execve(2)`: who starts a container
    /// moves itself first. Inside a budget of one part in a hundred of the time.
    pub(super) fn look_at_cgroups(&mut self, now_ns: u64) {
        for pid in std::mem::take(&mut self.drain.executed) {
            self.want_cgroup(pid);
        }
        let elapsed_ns = now_ns.saturating_sub(self.start_ns);
        if self.cgroups.spent_ns <= elapsed_ns / 100 + ALLOWANCE_NS {
            let waiting = std::mem::take(&mut self.cgroups.waiting);
            waiting.into_iter().for_each(|pid| self.snapshots.look_at_cgroup(pid));
        }
    }

    /// Keeps where a process was seen, unless it is known to be there.
    pub(super) fn keep_cgroup(&mut self, seen: CgroupRecord) {
        if self.drain.learn_cgroup(&seen) {
            self.cgroups.pending.push(seen);
        }
    }
}
