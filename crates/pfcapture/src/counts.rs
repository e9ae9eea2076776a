//! What the recorder saw, and the ledger that sets it against the kernel's own figures.

use pft::keys::ledger as keys;
use pft::record::{LedgerEntry, Outcome, flags};

use crate::drain::batch::FaultRow;
use crate::event::EventKind;
use crate::targets::EventCount;

/// Running totals of a recording.
#[derive(Debug, Default, Clone)]
pub struct Counts {
    /// Faults completed, counted as minor by the kernel.
    pub minor: u64,
    /// Faults completed, counted as major by the kernel.
    pub major: u64,
    /// Entries of faults.
    pub entries: u64,
    /// Records of maps, names and tasks.
    pub sideband: u64,
    /// Completions without entry.
    pub without_entry: u64,
    /// Entries that ended with the signal of a failed access.
    pub signalled: u64,
    /// Entries followed by another fault of the thread instead of a completion, and those whose end
    /// may have been lost.
    pub abandoned: u64,
    /// Entries still open when their thread or the recording ended.
    pub in_flight: u64,
    /// Completed faults that took several entries.
    pub interrupted: u64,
    /// Faults whose completion was stamped before their entry.
    pub negative_latency: u64,
    /// Repeats of records, by kind of event.
    pub duplicate_minor: u64,
    /// Likewise.
    pub duplicate_major: u64,
    /// Likewise.
    pub duplicate_entries: u64,
    /// Likewise.
    pub duplicate_sideband: u64,
    /// Completions of tasks that are no target.
    pub filtered_minor: u64,
    /// Likewise.
    pub filtered_major: u64,
    /// Completions of the recorder itself.
    pub own_minor: u64,
    /// Likewise.
    pub own_major: u64,
    /// Samples of entry events, whoever's, repeats included.
    pub entry_samples: u64,
    /// Of the kernel's count: minor faults of which it wrote no record and reported no loss, where the
    /// entry of every fault was captured.
    pub unrecorded_minor: u64,
    /// Likewise.
    pub unrecorded_major: u64,
    /// Entries without a major completion, where only major faults are recorded.
    pub not_major: u64,
    /// Completed faults that were served faster than the minimum, and not stored.
    pub fast_minor: u64,
    /// Likewise.
    pub fast_major: u64,
    /// System calls that change address spaces.
    pub calls: u64,
    /// Victims of the OOM killer.
    pub oom: u64,
    /// Records that came after later ones of another ring.
    pub out_of_order: u64,
    /// Samples that carry the event id of another recorder of the same thread.
    pub foreign_ids: u64,
    /// Samples of tasks outside the recorder's pid namespace.
    pub foreign_namespace: u64,
    /// Records that could not be parsed.
    pub unparsed: u64,
    /// Records that the kernel reported as lost while recording.
    pub lost_records: u64,
    /// Faults that the recorder itself dropped.
    pub dropped: u64,
    /// Copies of stacks.
    pub stacks_copied: u64,
    /// Of these, those that it dropped.
    pub stacks_dropped: u64,
    /// Faults that were stored without their call chain for want of memory.
    pub chains_dropped: u64,
    /// Faults that were not shown live.
    pub live_dropped: u64,
    /// CPUs that came online and are not watched.
    pub unwatched_cpus: u64,
    /// Snapshots stored.
    pub snapshots: u64,
    /// Answers about single addresses stored.
    pub queries: u64,
    /// Snapshots that could not be taken.
    pub snapshots_failed: u64,
    /// Time spent reading maps.
    pub snapshots_ns: u64,
}

impl Counts {
    /// Counts a fault by what became of it; `entries` tells whether entries are recorded at all.
    pub(crate) fn add(&mut self, row: &FaultRow, entries: bool) {
        let outcome = Outcome::of(row.flags);
        *match outcome {
            Some(Outcome::Minor) => &mut self.minor,
            Some(Outcome::Major) => &mut self.major,
            Some(Outcome::Signalled) => &mut self.signalled,
            Some(Outcome::InFlight | Outcome::ThreadExited) => &mut self.in_flight,
            _ => &mut self.abandoned,
        } += 1;
        let completed = outcome.is_some_and(Outcome::is_completed);
        self.interrupted += u64::from(completed && row.attempts > 1);
        self.without_entry += u64::from(entries && row.flags & flags::NO_ENTRY != 0);
        self.negative_latency += u64::from(row.flags & flags::NEGATIVE_LATENCY != 0);
    }

    /// The counter of repeated samples of a kind.
    pub fn duplicates_of(&mut self, kind: EventKind) -> &mut u64 {
        match kind {
            EventKind::Minor => &mut self.duplicate_minor,
            EventKind::Major => &mut self.duplicate_major,
            EventKind::Sideband
            | EventKind::Stack
            | EventKind::Signal
            | EventKind::CallEntry(_)
            | EventKind::CallExit(_)
            | EventKind::ThreadStart
            | EventKind::Oom => &mut self.duplicate_sideband,
            EventKind::EntryUser | EventKind::EntryKernel | EventKind::Entry => {
                &mut self.duplicate_entries
            }
        }
    }

    /// Samples of minor faults, whoever's, repeats included.
    #[must_use]
    pub const fn minor_samples(&self) -> u64 {
        self.minor + self.duplicate_minor + self.filtered_minor + self.own_minor
    }

    /// Samples of major faults likewise.
    #[must_use]
    pub const fn major_samples(&self) -> u64 {
        self.major + self.duplicate_major + self.filtered_major + self.own_major
    }

    /// All records are read and the kernel's figures are final. The kernel raises the events of
    /// completion in other places than page faults too; without registers it counts there, and writes
    /// no record. Where every entry of a fault that it counted was read and nothing was lost, no fault
    /// is missing, whatever its count of completions is ahead: an entry without completion stays one.
    pub(crate) fn settle(&mut self, events: &[(EventKind, EventCount)]) {
        let entries = events.iter().filter(|(kind, _)| kind.is_entry());
        let counted = entries.map(|(_, figures)| figures.count).reduce(|a, b| a + b);
        let lost = events.iter().any(|(_, figures)| figures.lost != Some(0));
        let doubtful = lost || self.lost_records > 0 || self.unparsed > 0;
        if doubtful || counted != Some(self.entry_samples) {
            return;
        }
        for (kind, figures) in events {
            match kind {
                EventKind::Minor => {
                    self.unrecorded_minor = figures.count.saturating_sub(self.minor_samples());
                }
                EventKind::Major => {
                    self.unrecorded_major = figures.count.saturating_sub(self.major_samples());
                }
                _ => {}
            }
        }
    }

    /// The totals and the kernel's figures as ledger entries.
    #[must_use]
    pub fn ledger(&self, events: &[(EventKind, EventCount)]) -> Vec<LedgerEntry> {
        let entry = |key: &str, value| LedgerEntry { key: key.to_owned(), value };
        let mut ledger = vec![
            entry(keys::CAPTURED_MINOR, self.minor),
            entry(keys::CAPTURED_MAJOR, self.major),
            entry(keys::CAPTURED_ENTRIES, self.entries),
            entry(keys::CAPTURED_SIDEBAND, self.sideband),
            entry(keys::CAPTURED_WITHOUT_ENTRY, self.without_entry),
            entry(keys::CAPTURED_SIGNALLED, self.signalled),
            entry(keys::CAPTURED_ABANDONED, self.abandoned),
            entry(keys::CAPTURED_IN_FLIGHT, self.in_flight),
            entry(keys::CAPTURED_INTERRUPTED, self.interrupted),
            entry(keys::CAPTURED_NEGATIVE_LATENCY, self.negative_latency),
            entry(keys::CAPTURED_DUPLICATES_MINOR, self.duplicate_minor),
            entry(keys::CAPTURED_DUPLICATES_MAJOR, self.duplicate_major),
            entry(keys::CAPTURED_DUPLICATES_ENTRIES, self.duplicate_entries),
            entry(keys::CAPTURED_DUPLICATES_SIDEBAND, self.duplicate_sideband),
            entry(keys::CAPTURED_FILTERED_MINOR, self.filtered_minor),
            entry(keys::CAPTURED_FILTERED_MAJOR, self.filtered_major),
            entry(keys::CAPTURED_OWN_MINOR, self.own_minor),
            entry(keys::CAPTURED_OWN_MAJOR, self.own_major),
            entry(keys::COUNTED_UNRECORDED_MINOR, self.unrecorded_minor),
            entry(keys::COUNTED_UNRECORDED_MAJOR, self.unrecorded_major),
            entry(keys::CAPTURED_NOT_MAJOR, self.not_major),
            entry(keys::SKIPPED_FAST_MINOR, self.fast_minor),
            entry(keys::SKIPPED_FAST_MAJOR, self.fast_major),
            entry(keys::CAPTURED_CALLS, self.calls),
            entry(keys::CAPTURED_OOM, self.oom),
            entry(keys::CAPTURED_OUT_OF_ORDER, self.out_of_order),
            entry(keys::CAPTURED_FOREIGN_IDS, self.foreign_ids),
            entry(keys::CAPTURED_FOREIGN_NAMESPACE, self.foreign_namespace),
            entry(keys::CAPTURED_UNPARSED, self.unparsed),
            entry(keys::DROPPED_RECORDER, self.dropped),
            entry(keys::STACKS_COPIED, self.stacks_copied),
            entry(keys::STACKS_DROPPED, self.stacks_dropped),
            entry(keys::DROPPED_LIVE, self.live_dropped),
            entry(keys::CPUS_UNWATCHED, self.unwatched_cpus),
            entry(keys::SNAPSHOTS_TAKEN, self.snapshots),
            entry(keys::SNAPSHOTS_QUERIES, self.queries),
            entry(keys::SNAPSHOTS_FAILED, self.snapshots_failed),
            entry(keys::SNAPSHOTS_TIME_NS, self.snapshots_ns),
        ];
        for &(kind, figures) in events {
            let (count, lost) = event_keys(kind);
            ledger.push(entry(count, figures.count));
            ledger.extend(figures.lost.map(|value| entry(lost, value)));
        }
        ledger
    }
}

/// Keys of the kernel's count and of its lost records.
const fn event_keys(kind: EventKind) -> (&'static str, &'static str) {
    match kind {
        EventKind::Minor => (keys::MINOR_FAULTS_COUNT, keys::MINOR_FAULTS_LOST),
        EventKind::Major => (keys::MAJOR_FAULTS_COUNT, keys::MAJOR_FAULTS_LOST),
        EventKind::Stack => (keys::STACKS_COUNT, keys::STACKS_LOST),
        EventKind::EntryUser => (keys::TRACEPOINT_USER_COUNT, keys::TRACEPOINT_USER_LOST),
        EventKind::EntryKernel => (keys::TRACEPOINT_KERNEL_COUNT, keys::TRACEPOINT_KERNEL_LOST),
        EventKind::Entry => (keys::PAGE_FAULTS_COUNT, keys::PAGE_FAULTS_LOST),
        EventKind::Signal => (keys::SIGNAL_COUNT, keys::SIGNAL_LOST),
        EventKind::Sideband => (keys::SIDEBAND_COUNT, keys::SIDEBAND_LOST),
        EventKind::CallEntry(_) | EventKind::CallExit(_) => (keys::CALLS_COUNT, keys::CALLS_LOST),
        EventKind::ThreadStart => (keys::THREAD_STARTS_COUNT, keys::THREAD_STARTS_LOST),
        EventKind::Oom => (keys::OOM_COUNT, keys::OOM_LOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(count: u64) -> EventCount {
        EventCount { count, lost: Some(0) }
    }

    fn settled(counts: Counts, events: [(EventKind, EventCount); 4]) -> (u64, u64) {
        let mut counts = counts;
        counts.settle(&events);
        (counts.unrecorded_minor, counts.unrecorded_major)
    }

    #[test]
    fn what_the_kernel_counts_without_a_record_is_known_by_the_entries() {
        let events = [
            (EventKind::Minor, figures(104)),
            (EventKind::Major, figures(3)),
            (EventKind::EntryUser, figures(90)),
            (EventKind::Entry, figures(13)),
        ];
        let counts =
            Counts { minor: 60, own_minor: 40, major: 3, entry_samples: 103, ..Counts::default() };
        assert_eq!(settled(counts.clone(), events), (4, 0));
        // An entry is missing, or a record was lost: its fault may be it.
        assert_eq!(settled(Counts { entry_samples: 102, ..counts.clone() }, events), (0, 0));
        let mut with_loss = events;
        with_loss[0].1.lost = Some(1);
        assert_eq!(settled(counts.clone(), with_loss), (0, 0));
        with_loss[0].1.lost = None;
        assert_eq!(settled(counts.clone(), with_loss), (0, 0));
        // Without entries nothing is known.
        let mut counts = counts;
        counts.settle(&events[..2]);
        assert_eq!((counts.unrecorded_minor, counts.unrecorded_major), (0, 0));
    }
}
