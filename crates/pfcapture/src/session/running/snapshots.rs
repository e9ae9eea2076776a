//! Snapshots: which are asked for, and what becomes of them.

use pft::record::{Snapshot, SnapshotReason};

use super::Session;
use crate::snapshot::Taken;
use crate::store::Item;

/// Where a snapshot takes longer than this, unknown addresses are asked for one by one.
const ASK_NS: u64 = 1_000_000;
/// The first snapshots may take this long whatever the share of the time.
const SNAPSHOT_ALLOWANCE_NS: u64 = 20_000_000;

impl Session {
    /// Processes that were first seen in a record of their own have to be looked at.
    pub(super) fn meet_strangers(&mut self) {
        for (pid, first_ns) in std::mem::take(&mut self.drain.strangers) {
            self.strangers.insert(pid, first_ns);
            self.drain.want_first(pid);
            self.want_cgroup(pid);
        }
    }

    /// Has the files opened that new map records show.
    pub(super) fn open_new(&mut self) {
        let maps = &self.drain.maps;
        if let Some(opener) = &self.opener {
            opener.look_at_maps(maps.get(self.shown_to_opener..).unwrap_or_default());
        }
        self.shown_to_opener = maps.len();
    }

    /// Has the files opened that a snapshot shows.
    pub fn open_mapped(&self, taken: &Taken) {
        if let (Some(opener), Ok(snapshot)) = (&self.opener, &taken.result) {
            opener.look_at_vmas(snapshot.pid, &snapshot.vmas);
        }
    }

    fn keep(&mut self, snapshot: Snapshot) {
        if let Some(show) = &mut self.show {
            show.snapshots.push(snapshot.clone());
        }
        self.store.put(Item::Snapshot(snapshot));
    }

    pub(super) fn collect_snapshots(&mut self) {
        for taken in self.snapshots.collect() {
            self.take_in(taken);
        }
    }

    /// Asks for the first snapshots of processes.
    pub fn request_first(&mut self, pids: &[u32]) {
        for &pid in pids {
            // None is under way yet.
            let _ = self.snapshots.request(pid, SnapshotReason::Start);
        }
    }

    /// Takes in a snapshot, or that there is none.
    pub fn take_in(&mut self, taken: Taken) {
        self.snapshot_spent_ns += taken.took_ns + taken.beside_ns;
        self.drain.counts.snapshots_ns += taken.took_ns;
        if let Some(first_ns) = self.strangers.remove(&taken.pid) {
            self.drain.name_stranger(taken.pid, first_ns, taken.names);
        }
        if let Some(seen) = taken.cgroup {
            self.keep_cgroup(seen);
        }
        for shown in taken.stack_pointers {
            self.drain.note_stack_pointer(shown);
        }
        match taken.result {
            Ok(snapshot) if snapshot.reason == SnapshotReason::Query => {
                self.drain.learn_some(taken.pid, &snapshot.vmas, taken.end_ns, taken.took_ns);
                if !snapshot.vmas.is_empty() {
                    self.drain.counts.queries += 1;
                    self.keep(snapshot);
                }
            }
            Ok(snapshot) => {
                self.drain.learn(taken.pid, &snapshot.vmas, taken.end_ns, taken.took_ns);
                // A process that is just ending shows no maps any more: that says nothing.
                if !snapshot.vmas.is_empty() {
                    self.drain.counts.snapshots += 1;
                    self.keep(snapshot);
                }
            }
            Err(_) => {
                self.drain.counts.snapshots_failed += 1;
                self.drain.learn(taken.pid, &[], taken.end_ns, taken.took_ns);
            }
        }
    }

    /// Asks for the snapshots that the drain wants and the interval demands, inside the budget of
    /// one part in a hundred of the time. What is refused stays wanted.
    pub(super) fn request_snapshots(&mut self, now_ns: u64) {
        let elapsed_ns = now_ns.saturating_sub(self.start_ns);
        if self.snapshot_spent_ns > elapsed_ns / 100 + SNAPSHOT_ALLOWANCE_NS {
            return;
        }
        for (&pid, process) in &mut self.drain.processes {
            let periodic = process.active
                && now_ns >= process.rest_until_ns
                && now_ns.saturating_sub(process.snapshot_ns) >= self.maps_interval_ns;
            let reason = process.wanted.or(periodic.then_some(SnapshotReason::Periodic));
            let Some(reason) = reason else { continue };
            // So many mappings that the kernel is better asked for those that matter.
            let ask = reason == SnapshotReason::UnknownAddress && process.took_ns > ASK_NS;
            let under_way = if ask {
                self.snapshots.query(pid, process.unknown.clone())
            } else {
                self.snapshots.request(pid, reason)
            };
            if under_way {
                process.wanted = None;
                process.unknown.clear();
            }
        }
    }
}
