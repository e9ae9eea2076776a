//! System calls that change an address space without a map record, and the OOM killer's victims.

use pft::record::{CallKind, CallRecord};

use super::scope::Relation;
use super::{Drain, is_foreign};
use crate::event::EventKind;
use crate::parse;
use crate::targets::EventRef;

/// Advice of `madvise(2)` that drops pages: `MADV_DONTNEED`, `MADV_FREE`, `MADV_REMOVE`,
/// `MADV_DONTNEED_LOCKED` (Linux 5.18).
const DROPPING: [i32; 4] = [libc::MADV_DONTNEED, libc::MADV_FREE, libc::MADV_REMOVE, 24];

impl Drain {
    pub(super) fn call(&mut self, ring: usize, record: &[u8], event: EventRef, only_root: bool) {
        match event.kind {
            EventKind::CallEntry(kind) => {
                let Some(call) = parse::parse_call_entry(record, kind, &self.layout) else {
                    self.counts.unparsed += 1;
                    return;
                };
                if is_foreign(call.pid, call.tid) {
                    self.counts.foreign_namespace += 1;
                    return;
                }
                let thread = self.thread(ring, call.pid, call.tid);
                let key = (event.kind.number(), call.addr);
                if !only_root && thread.sightings.is_repeat(key, call.time_ns, event.root_tid) {
                    self.counts.duplicate_sideband += 1;
                    return;
                }
                // A thread is in one call at a time: the exit of the one before was lost.
                let before = thread.call.replace(call);
                if let Some(before) = before {
                    self.store_call(before);
                }
            }
            EventKind::CallExit(kind) => {
                let Some(exit) = parse::parse_call_exit(record, kind, &self.layout) else {
                    self.counts.unparsed += 1;
                    return;
                };
                if is_foreign(exit.pid, exit.tid) {
                    self.counts.foreign_namespace += 1;
                    return;
                }
                // Without its entry nothing is known but that there was one; a repeat has none left.
                let call = self.thread(ring, exit.pid, exit.tid).call.take_if(|c| c.kind == kind);
                if let Some(mut call) = call {
                    call.end_ns = exit.time_ns;
                    call.result = exit.result;
                    self.store_call(call);
                }
            }
            _ => self.counts.unparsed += 1,
        }
    }

    /// Keeps a call, unless it is advice that leaves pages where they are.
    pub(super) fn store_call(&mut self, call: CallRecord) {
        if call.kind != CallKind::Madvise || DROPPING.contains(&call.argument.cast_signed()) {
            self.counts.calls += 1;
            self.calls.push(call);
        }
    }

    /// The OOM killer chose a victim: recorded if that is a target, whoever ran out of memory.
    pub(super) fn oom_victim(&mut self, record: &[u8]) {
        let Some(victim) = parse::parse_oom(record, &self.layout) else {
            self.counts.unparsed += 1;
            return;
        };
        let is_target = match self.scope.relation(victim.pid) {
            // These records come from all tasks of the machine, whatever the others are bound to.
            Relation::Target => self.scope.holds_unseen(victim.pid) || self.knows(victim.pid),
            Relation::Own | Relation::Other => false,
        };
        if is_target {
            self.counts.oom += 1;
            self.oom.push(victim);
        }
    }

    /// Whether a process or thread of that number was seen.
    fn knows(&self, pid: u32) -> bool {
        self.processes.contains_key(&pid) || self.threads.contains_key(&pid)
    }
}
