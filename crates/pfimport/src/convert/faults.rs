//! Samples become faults.

use pfpairing::{ChainSpan, FaultRow, Sample, append_callers};
use pft::record::{Outcome, flags};

use super::{Converter, NO_CPU, is_foreign};
use crate::events::{Completions, Kind};
use crate::perf::record::{Record, misc};
use crate::perf::sample;

impl Converter {
    pub(super) fn sample(&mut self, record: Record<'_>) {
        let Some((event, attr)) = self.layouts.of_sample(record.body) else {
            self.counts.unparsed += 1;
            return;
        };
        let kind = self.events.list.get(event).map_or(Kind::Other, |event| event.kind);
        if kind == Kind::Other {
            self.counts.others += 1;
            return;
        }
        let Some(fields) = sample::parse(record.body, attr) else {
            self.counts.unparsed += 1;
            return;
        };
        let mode = record.misc & misc::MODE;
        let cpu = fields.cpu.or_else(|| self.layouts.cpu(fields.id)).unwrap_or(NO_CPU);
        self.last_of_cpu.insert(cpu, fields.time_ns);
        if is_foreign(fields.pid, fields.tid) || !matches!(mode, misc::KERNEL | misc::USER) {
            self.counts.foreign += 1;
            return;
        }
        let Some((found, kernel_mode)) = fault_sample(&fields, kind, mode == misc::KERNEL) else {
            self.counts.unparsed += 1;
            return;
        };
        let chain = self.chain(fields.chain, found.ip, kernel_mode);
        match kind {
            Kind::EntryUser(_) => self.entry(cpu, found, false, chain),
            Kind::EntryKernel(_) if self.events.kernel_entries => {
                // No fault until the software event proves it.
                self.thread(found.pid, found.tid).faults.kernel_exception(found);
            }
            Kind::EntryKernel(_) if self.events.completions == Completions::None => {
                self.entry(cpu, found, true, chain);
            }
            Kind::EntryKernel(_) => {
                let thread = self.thread(found.pid, found.tid);
                thread.faults.kernel_exception(found);
                thread.chain = chain;
            }
            // The tracepoint has told of it.
            Kind::Entry if !kernel_mode && self.events.user_tracepoint => {}
            Kind::Entry => self.entry(cpu, found, kernel_mode, chain),
            Kind::Minor => self.complete(cpu, &found, Outcome::Minor, chain),
            Kind::Major => self.complete(cpu, &found, Outcome::Major, chain),
            Kind::Other => {}
        }
    }

    fn entry(&mut self, cpu: u32, found: Sample, kernel_mode: bool, chain: u32) {
        self.counts.entries += 1;
        let (losses, completions) = (self.losses, self.events.completions);
        let thread = self.thread(found.pid, found.tid);
        let before = thread.chain;
        let mut displaced = None;
        if completions != Completions::All {
            // Another attempt cannot be told from another fault.
            displaced = thread.faults.end(Outcome::Unknown, losses);
        }
        displaced = displaced.or(thread.faults.entry(found, kernel_mode, losses));
        thread.chain = chain;
        if let Some(row) = displaced {
            self.fault(cpu, row, before);
        }
        if completions == Completions::None {
            let thread = self.thread(found.pid, found.tid);
            if let Some(row) = thread.faults.end(Outcome::Unknown, losses) {
                self.fault(cpu, row, chain);
            }
        }
    }

    fn complete(&mut self, cpu: u32, found: &Sample, outcome: Outcome, chain: u32) {
        let losses = self.losses;
        let is_proof = found.kernel_mode && !self.events.kernel_entries;
        let thread = self.thread(found.pid, found.tid);
        let before = thread.chain;
        let mut earlier = None;
        if is_proof && let Some(exception) = thread.faults.take_exception(found.addr) {
            earlier = thread.faults.entry(exception, true, losses);
            self.counts.entries += 1;
        }
        let thread = self.thread(found.pid, found.tid);
        let (displaced, row) = thread.faults.complete(found, outcome, losses);
        for row in [earlier, displaced].into_iter().flatten() {
            self.fault(cpu, row, before);
        }
        // The entry's chain belongs to the same fault if there was an entry.
        let chain = match (chain, row.flags & flags::NO_ENTRY) {
            (0, 0) => before,
            _ => chain,
        };
        self.fault(cpu, row, chain);
    }

    /// A fault that is settled.
    pub(super) fn fault(&mut self, cpu: u32, mut row: FaultRow, mut chain: u32) {
        let is_completed = Outcome::of(row.flags).is_some_and(Outcome::is_completed);
        let completions = self.events.completions;
        if completions != Completions::All && !is_completed {
            // It may have been completed by what was not recorded.
            row.flags = row.flags & !flags::OUTCOME_MASK | Outcome::Unknown as u32;
        }
        if chain != 0 && !self.out.chain_fits(chain, row.ip, row.flags & flags::KERNEL_MODE != 0) {
            chain = 0;
        }
        self.counts.add(&row, completions, self.events.has_entries());
        self.counts.with_chain += u64::from(chain != 0);
        self.out.fault(cpu, row, chain);
    }

    /// The number of a call chain, which is to begin with the faulting instruction in the mode of the fault:
    /// tracepoints have the kernel's way to them in front.
    fn chain(&mut self, words: &[u8], ip: u64, kernel_mode: bool) -> u32 {
        if words.is_empty() {
            return 0;
        }
        self.callers.clear();
        let span = append_callers(words, self.most_callers, &mut self.callers);
        let ChainSpan { kernel, user, cut, .. } = span;
        let all = self.callers.as_slice();
        let (in_kernel, in_user) = all.split_at_checked(usize::from(kernel)).unwrap_or_default();
        debug_assert_eq!(in_user.len(), usize::from(user));
        let (in_kernel, in_user) = if kernel_mode {
            match in_kernel.iter().position(|&caller| caller == ip) {
                Some(first) => (in_kernel.get(first..).unwrap_or_default(), in_user),
                None => (&[][..], &[][..]),
            }
        } else if in_user.first() == Some(&ip) {
            (&[][..], in_user)
        } else {
            (&[][..], &[][..])
        };
        self.out.chain(in_kernel, in_user, cut)
    }
}

/// What a sample tells of a fault, and its mode.
fn fault_sample(
    fields: &sample::Sample<'_>,
    kind: Kind,
    kernel_mode: bool,
) -> Option<(Sample, bool)> {
    let mut found = Sample {
        pid: fields.pid,
        tid: fields.tid,
        time_ns: fields.time_ns,
        addr: fields.addr,
        ip: fields.ip,
        page_size_bytes: fields.page_size_bytes,
        error_code: None,
        fault_signal: 0,
        kernel_mode,
    };
    let (of, kernel_mode) = match kind {
        Kind::EntryUser(of) => (of, false),
        Kind::EntryKernel(of) => (of, true),
        _ => return Some((found, kernel_mode)),
    };
    let word = |at: usize| {
        let bytes = fields.raw.get(at..at.checked_add(8)?)?;
        bytes.try_into().ok().map(u64::from_le_bytes)
    };
    found.addr = word(of.address)?;
    found.ip = word(of.ip)?;
    found.error_code = Some(word(of.error_code)?);
    found.kernel_mode = kernel_mode;
    Some((found, kernel_mode))
}
