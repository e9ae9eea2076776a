//! What waits goes to the store.

use pft::record::{Checkpoint, LedgerEntry};

use super::Session;
use crate::event::EventKind;
use crate::store::Item;
use crate::system::clock::Moment;
use crate::targets::EventCount;

/// Rows of a full batch.
const FULL_ROWS: usize = 64 * 1024;

/// What is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before a batch is full, or large.
    Full,
    /// Everything.
    All,
    /// Everything, at the end: however far behind the store is, no more will come.
    Rest,
}

impl Session {
    /// Stores what is due: tasks and maps first, since the faults refer to them, then the faults.
    pub(super) fn flush(&mut self, due: Due) {
        let rows = if due == Due::Full { FULL_ROWS } else { 1 };
        if due == Due::Full && !self.drain.pending.iter().any(|pending| pending.is_due(rows)) {
            return;
        }
        // What is stored is not there any more to be shown.
        self.show_new();
        let drain = &mut self.drain;
        if !drain.tasks.is_empty() {
            // The names of strangers are found out later than they hold.
            drain.tasks.sort_by_key(|task| task.time_ns);
            self.store.put(Item::Tasks(std::mem::take(&mut drain.tasks)));
        }
        if !drain.maps.is_empty() {
            self.store.put(Item::Maps(std::mem::take(&mut drain.maps)));
            self.shown_to_opener = 0;
        }
        if !drain.calls.is_empty() {
            // They are settled when they return.
            drain.calls.sort_by_key(|call| call.time_ns);
            self.store.put(Item::Calls(std::mem::take(&mut drain.calls)));
        }
        if !self.marks.pending.is_empty() {
            self.store.put(Item::Marks(std::mem::take(&mut self.marks.pending)));
        }
        if !drain.stack_pointers.is_empty() {
            let records = std::mem::take(&mut drain.stack_pointers);
            self.store.put(Item::StackPointers(records));
        }
        if !self.cgroups.pending.is_empty() {
            self.store.put(Item::Cgroups(std::mem::take(&mut self.cgroups.pending)));
        }
        if !drain.oom.is_empty() {
            self.store.put(Item::Oom(std::mem::take(&mut drain.oom)));
        }
        for pending in &mut drain.pending {
            if !pending.is_due(rows) {
                continue;
            }
            if self.store.is_behind() {
                drain.counts.stacks_dropped += pending.drop_stacks();
            }
            if due == Due::Rest {
                self.store.put_rest(pending.cpu, &mut pending.batch);
            } else if let Some(lost) = self.store.put_faults(pending.cpu, &mut pending.batch) {
                drain.counts.dropped += lost.count;
                drain.lost.push(lost);
            }
        }
        if !drain.lost.is_empty() {
            self.store.put(Item::Lost(std::mem::take(&mut drain.lost)));
        }
        if let Some(show) = &mut self.show {
            show.forget();
        }
    }

    /// Stores the ledger; the last one is that of the moment at which the events were stopped.
    pub(super) fn checkpoint(
        &mut self,
        end: Option<Moment>,
        more: &[(&str, u64)],
    ) -> Vec<(EventKind, EventCount)> {
        let events = self.targets.counts();
        if end.is_some() {
            self.drain.counts.settle(&events);
        }
        let at = end.unwrap_or_else(Moment::now);
        let mut ledger = self.drain.counts.ledger(&events);
        ledger.extend(more.iter().map(|&(key, value)| LedgerEntry { key: key.to_owned(), value }));
        self.store.put(Item::Checkpoint(Checkpoint {
            time_ns: at.monotonic_ns,
            realtime_ns: at.realtime_ns,
            boottime_ns: at.boottime_ns,
            end: end.is_some(),
            ledger,
        }));
        events
    }
}
