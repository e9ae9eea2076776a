//! What was read of a file, and the ledger of the trace.

use pfpairing::FaultRow;
use pft::keys::ledger as keys;
use pft::record::{LATENCY_UNKNOWN, LedgerEntry, Outcome, flags};

use crate::events::{Completions, Kind};

/// Running totals of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub minor: u64,
    pub major: u64,
    pub entries: u64,
    pub sideband: u64,
    pub without_entry: u64,
    /// Entries whose end is not known, which make rows.
    pub unknown: u64,
    pub abandoned: u64,
    pub in_flight: u64,
    pub interrupted: u64,
    pub negative_latency: u64,
    pub with_chain: u64,
    pub snapshots: u64,
    pub foreign: u64,
    pub unparsed: u64,
    /// Records that perf reported as lost, of whatever kind.
    pub lost: u64,
    /// Samples of each event that the kernel counted as lost: entries, of both tracepoints, minor, major, others.
    pub lost_samples: [u64; 6],
    /// Samples of events that are no page faults.
    pub others: u64,
}

impl Counts {
    /// Counts a fault by what became of it.
    pub fn add(&mut self, row: &FaultRow, completions: Completions, has_entries: bool) {
        let outcome = Outcome::of(row.flags);
        let completed = outcome.is_some_and(Outcome::is_completed);
        *match outcome {
            Some(Outcome::Minor) => &mut self.minor,
            Some(Outcome::Major) => &mut self.major,
            _ if completions != Completions::All => &mut self.unknown,
            Some(Outcome::InFlight | Outcome::ThreadExited) => &mut self.in_flight,
            _ => &mut self.abandoned,
        } += 1;
        self.interrupted += u64::from(completed && row.attempts > 1);
        self.without_entry += u64::from(has_entries && row.flags & flags::NO_ENTRY != 0);
        self.negative_latency += u64::from(row.flags & flags::NEGATIVE_LATENCY != 0);
        debug_assert!(completed || row.latency_ns == LATENCY_UNKNOWN);
    }

    /// Faults that are in the trace, whatever became of them.
    pub const fn rows(&self) -> u64 {
        self.minor + self.major + self.unknown + self.abandoned + self.in_flight
    }

    /// Notes that the kernel counted samples of an event as lost.
    pub fn add_lost_samples(&mut self, kind: Kind, count: u64) {
        let [entry, user, kernel, minor, major, other] = &mut self.lost_samples;
        let sum = match kind {
            Kind::Entry => entry,
            Kind::EntryUser(_) => user,
            Kind::EntryKernel(_) => kernel,
            Kind::Minor => minor,
            Kind::Major => major,
            Kind::Other => other,
        };
        *sum = sum.saturating_add(count);
    }

    /// The lines of the ledger that follow from the samples. Faults of unknown end have none: in a trace of the
    /// recorder, those of the outcome that they have are another matter.
    pub fn ledger(
        &self,
        completions: Completions,
        has_entries: bool,
        late: u64,
    ) -> Vec<LedgerEntry> {
        let [entry, user, kernel, minor, major, _] = self.lost_samples;
        let mut lines = vec![
            (keys::CAPTURED_MINOR, self.minor),
            (keys::CAPTURED_MAJOR, self.major),
            (keys::CAPTURED_SIDEBAND, self.sideband),
            (keys::CAPTURED_INTERRUPTED, self.interrupted),
            (keys::CAPTURED_NEGATIVE_LATENCY, self.negative_latency),
            (keys::CAPTURED_CALL_CHAINS, self.with_chain),
            (keys::CAPTURED_OUT_OF_ORDER, late),
            (keys::CAPTURED_FOREIGN_NAMESPACE, self.foreign),
            (keys::CAPTURED_UNPARSED, self.unparsed),
            (keys::SNAPSHOTS_QUERIES, self.snapshots),
        ];
        if has_entries {
            lines.push((keys::CAPTURED_ENTRIES, self.entries));
        }
        if completions == Completions::All {
            lines.push((keys::CAPTURED_ABANDONED, self.abandoned));
            lines.push((keys::CAPTURED_IN_FLIGHT, self.in_flight));
            if has_entries {
                lines.push((keys::CAPTURED_WITHOUT_ENTRY, self.without_entry));
            }
        }
        let lost = [
            (keys::PAGE_FAULTS_LOST, entry),
            (keys::TRACEPOINT_USER_LOST, user),
            (keys::TRACEPOINT_KERNEL_LOST, kernel),
            (keys::MINOR_FAULTS_LOST, minor),
            (keys::MAJOR_FAULTS_LOST, major),
        ];
        lines.extend(lost.into_iter().filter(|&(_, count)| count > 0));
        lines.into_iter().map(|(key, value)| LedgerEntry { key: key.to_owned(), value }).collect()
    }
}
