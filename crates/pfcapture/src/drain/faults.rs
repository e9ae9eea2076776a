//! Samples become faults, and faults outside the known maps call for a snapshot.

use pft::record::{LATENCY_UNKNOWN, Outcome, SnapshotReason};

use super::{Drain, KERNEL_HALF, is_foreign};
use crate::drain::batch::FaultRow;
use crate::event::EventKind;
use crate::live::Settled;
use crate::parse;
use crate::targets::EventRef;

/// As many questions about single addresses cost no more than the smallest snapshot.
const MAX_UNKNOWN: usize = 32;

impl Drain {
    pub(super) fn sample(&mut self, ring: usize, record: &[u8], event: EventRef, only_root: bool) {
        let Some(sample) = parse::parse_sample(record, event.kind, &self.layout) else {
            self.counts.unparsed += 1;
            return;
        };
        if is_foreign(sample.pid, sample.tid) {
            self.counts.foreign_namespace += 1;
            self.counts.filtered_minor += u64::from(event.kind == EventKind::Minor);
            self.counts.filtered_major += u64::from(event.kind == EventKind::Major);
            return;
        }
        if event.kind == EventKind::Stack {
            self.stack(ring, record, &sample);
            return;
        }
        let losses = self.losses;
        let with_tracepoints = self.layout.tracepoints.is_some();
        let thread = self.thread(ring, sample.pid, sample.tid);
        let key = (event.kind.number(), sample.addr);
        if !only_root && thread.sightings.is_repeat(key, sample.time_ns, event.root_tid) {
            *self.counts.duplicates_of(event.kind) += 1;
            return;
        }
        let outcome = match event.kind {
            EventKind::EntryKernel => {
                thread.faults.kernel_exception(sample);
                return;
            }
            EventKind::EntryUser | EventKind::Entry => {
                let kernel_mode = if with_tracepoints {
                    event.kind == EventKind::Entry
                } else {
                    sample.kernel_mode
                };
                let displaced = thread.faults.entry(sample, kernel_mode, losses);
                self.counts.entries += 1;
                if let Some(row) = displaced {
                    self.fault(ring, row);
                }
                return;
            }
            EventKind::Signal => {
                let failed = match sample.fault_signal {
                    0 => None,
                    signal => thread.faults.signal(signal, losses),
                };
                if let Some(row) = failed {
                    self.fault(ring, row);
                }
                return;
            }
            EventKind::Minor => Outcome::Minor,
            EventKind::Major => Outcome::Major,
            EventKind::Stack
            | EventKind::CallEntry(_)
            | EventKind::CallExit(_)
            | EventKind::ThreadStart
            | EventKind::Sideband
            | EventKind::Oom => return,
        };
        let (displaced, row) = thread.faults.complete(&sample, outcome, losses);
        if let Some(row) = displaced {
            self.fault(ring, row);
        }
        self.complete(ring, record, event.kind, &sample, row);
    }

    /// A fault that is settled: kept, if it is one of those that are wanted. Returns whether it is.
    pub(super) fn fault(&mut self, ring: usize, row: FaultRow) -> bool {
        let outcome = Outcome::of(row.flags);
        let major = outcome == Some(Outcome::Major);
        let minor = outcome == Some(Outcome::Minor);
        if self.selection.major_only && !major && outcome != Some(Outcome::Signalled) {
            // The completions of minor faults are not recorded, so that is most likely what it was.
            self.counts.not_major += 1;
            return false;
        }
        self.counts.add(&row, self.selection.latency);
        if row.latency_ns != LATENCY_UNKNOWN {
            self.slowest_ns = self.slowest_ns.max(row.latency_ns);
            if row.latency_ns < self.selection.min_latency_ns {
                self.counts.fast_minor += u64::from(minor);
                self.counts.fast_major += u64::from(major);
                return false;
            }
        }
        if row.addr < KERNEL_HALF {
            self.locate(&row);
        }
        if let Some(pending) = self.pending.get_mut(ring) {
            if let Some(settled) = &mut self.settled {
                settled.push(Settled { cpu: pending.cpu, settled_ns: self.now_ns, row });
            }
            pending.batch.rows.push(row);
            return true;
        }
        false
    }

    /// Asks for a snapshot when no record has described the address.
    fn locate(&mut self, row: &FaultRow) {
        let thread = self.threads.get_mut(&row.tid);
        if thread.as_ref().is_some_and(|thread| thread.range.contains(&row.addr)) {
            return;
        }
        let Some(process) = self.processes.get_mut(&row.pid) else {
            return;
        };
        process.active = true;
        match (process.known.find(row.addr), thread) {
            (Some(range), Some(thread)) => thread.range = range,
            (Some(_), None) => {}
            (None, _) => {
                // In flight until the records of the mapping are due, or an invalid access: once
                // a process rests, its next snapshot answers for all of them.
                if row.time_ns >= process.rest_until_ns {
                    process.want(SnapshotReason::UnknownAddress);
                    if process.unknown.len() < MAX_UNKNOWN && !process.unknown.contains(&row.addr) {
                        process.unknown.push(row.addr);
                    }
                }
            }
        }
    }
}
