//! What is known of a process: how much of its address space, and what calls for a snapshot.

use std::rc::Rc;

use pft::record::{CgroupRecord, SnapshotReason, Vma};

use super::Drain;
use crate::drain::known_ranges::KnownRanges;

/// A process as the recorder needs to know it.
#[derive(Debug, Default)]
pub struct Process {
    pub(super) threads: u32,
    pub(super) known: Rc<KnownRanges>,
    /// It faulted since its last snapshot.
    pub active: bool,
    /// End of its last snapshot.
    pub snapshot_ns: u64,
    /// Before this, only a new address space or a loss is worth a snapshot.
    pub rest_until_ns: u64,
    /// What calls for a snapshot, until one is under way.
    pub wanted: Option<SnapshotReason>,
    /// The first few addresses that no record describes, since the last snapshot.
    pub unknown: Vec<u64>,
    /// How long its last whole snapshot took.
    pub took_ns: u64,
    /// Path of the control group in which it was seen last.
    pub(super) cgroup: Option<Box<[u8]>>,
}

impl Process {
    /// Asks for a snapshot; the reason that says more about the maps is kept.
    pub(super) fn want(&mut self, reason: SnapshotReason) {
        // The reasons are numbered in that order.
        if self.wanted.is_none_or(|known| (reason as u8) < known as u8) {
            self.wanted = Some(reason);
        }
    }
}

impl Drain {
    /// Takes in where a process was seen; whether that is news.
    pub fn learn_cgroup(&mut self, seen: &CgroupRecord) -> bool {
        let Some(process) = self.processes.get_mut(&seen.pid) else { return true };
        let is_news = process.cgroup.as_deref() != Some(&*seen.path);
        if is_news {
            process.cgroup = Some(seen.path.as_slice().into());
        }
        is_news
    }

    /// Every control group is news again, as a segment of a flight recorder needs it.
    pub fn forget_cgroups(&mut self) {
        self.processes.values_mut().for_each(|process| process.cgroup = None);
    }

    /// Takes in what is mapped at unknown addresses, as the kernel answered.
    pub fn learn_some(&mut self, pid: u32, vmas: &[Vma], end_ns: u64, took_ns: u64) {
        if let Some(process) = self.processes.get_mut(&pid) {
            let known = Rc::make_mut(&mut process.known);
            vmas.iter().for_each(|vma| known.insert(vma.start..vma.end));
            let rest_until_ns = end_ns.saturating_add(took_ns.saturating_mul(100));
            process.rest_until_ns = process.rest_until_ns.max(rest_until_ns);
        }
    }

    /// Takes in the ranges of a snapshot; none when it could not be taken.
    pub fn learn(&mut self, pid: u32, vmas: &[Vma], end_ns: u64, took_ns: u64) {
        let Some(process) = self.processes.get_mut(&pid) else {
            return;
        };
        process.took_ns = took_ns;
        process.unknown.clear();
        if !vmas.is_empty() {
            let known = Rc::make_mut(&mut process.known);
            for vma in vmas {
                known.insert(vma.start..vma.end);
            }
        }
        process.active = false;
        process.snapshot_ns = end_ns;
        // Reading the maps holds the target's mmap lock: at most one part in a hundred.
        process.rest_until_ns = end_ns.saturating_add(took_ns.saturating_mul(100));
        // It answers for all unknown addresses up to now; what else was asked for meanwhile stands.
        if process.wanted == Some(SnapshotReason::UnknownAddress) {
            process.wanted = None;
        }
        // The next fault of each thread shows again that the process is active.
        for thread in self.threads.values_mut().filter(|thread| thread.pid == pid) {
            thread.range = 0..0;
        }
    }
}
