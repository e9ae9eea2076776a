//! Entries and completions of one thread become faults.
//!
//! A thread has at most one fault under way, so one open entry a thread is enough. What an entry
//! without completion means is settled by what comes next: see [`ThreadFaults::entry`].

use pft::record::{Outcome, flags};

use crate::row::FaultRow;
use crate::sample::Sample;

/// An entry that has no completion yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    row: FaultRow,
    /// Losses seen when it began: if there were more since, its completion may be among them.
    losses: u64,
}

/// The faults of one thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadFaults {
    open: Option<Open>,
    /// Kernel-mode exception that may turn out to be a fault's entry.
    kernel_exception: Option<Sample>,
}

/// Two addresses of one page; 4 KiB is the smallest page of any machine.
#[inline]
const fn same_page(a: u64, b: u64) -> bool {
    a >> 12 == b >> 12
}

impl ThreadFaults {
    /// Notes a kernel-mode exception from the tracepoint: no fault until an entry event proves it.
    #[inline]
    pub fn kernel_exception(&mut self, sample: Sample) {
        self.kernel_exception = Some(sample);
    }

    /// Takes the kernel-mode exception that was noted, if it was at the page of `addr`: where no entry event is
    /// recorded in kernel mode, a completion proves it.
    #[inline]
    pub fn take_exception(&mut self, addr: u64) -> Option<Sample> {
        self.kernel_exception.take().filter(|exception| same_page(exception.addr, addr))
    }

    /// The entry of a fault. Returns the fault that was under way if this shows that it never
    /// completed.
    ///
    /// A user-mode entry at the page and instruction of the one under way is another attempt: the
    /// wait was interrupted by a signal and the instruction ran again. In kernel mode there is no
    /// such retry: each entry without completion is a fault of its own.
    #[inline]
    pub fn entry(
        &mut self,
        mut sample: Sample,
        kernel_mode: bool,
        losses: u64,
    ) -> Option<FaultRow> {
        if kernel_mode
            && let Some(exception) = self.kernel_exception.take()
            && same_page(exception.addr, sample.addr)
        {
            sample = Sample { pid: sample.pid, tid: sample.tid, addr: sample.addr, ..exception };
        }
        if !kernel_mode
            && let Some(open) = &mut self.open
            && open.row.flags & flags::KERNEL_MODE == 0
            && same_page(open.row.addr, sample.addr)
            && open.row.ip == sample.ip
        {
            open.row.attempts = open.row.attempts.saturating_add(1);
            return None;
        }
        let displaced = self.end(Outcome::Abandoned, losses);
        let row = FaultRow::begun(
            &sample,
            error_flags(&sample) | if kernel_mode { flags::KERNEL_MODE } else { 0 },
        );
        self.open = Some(Open { row, losses });
        displaced
    }

    /// The completion of a fault. Returns it, after a fault that was under way elsewhere, if any.
    #[inline]
    pub fn complete(
        &mut self,
        sample: &Sample,
        outcome: Outcome,
        losses: u64,
    ) -> (Option<FaultRow>, FaultRow) {
        let page_shift = match sample.page_size_bytes {
            size if size.is_power_of_two() => size.trailing_zeros(),
            _ => 0,
        };
        let done = outcome as u32 | page_shift << flags::PAGE_SHIFT_SHIFT;
        match self.open {
            Some(Open { mut row, .. }) if same_page(row.addr, sample.addr) => {
                self.open = None;
                row.flags |= done;
                match sample.time_ns.checked_sub(row.time_ns) {
                    Some(latency_ns) => row.latency_ns = latency_ns,
                    None => row.flags |= flags::NEGATIVE_LATENCY,
                }
                (None, row)
            }
            _ => {
                let displaced = self.end(Outcome::Abandoned, losses);
                let mode = if sample.kernel_mode { flags::KERNEL_MODE } else { 0 };
                (displaced, FaultRow::begun(sample, done | flags::NO_ENTRY | mode))
            }
        }
    }

    /// The kernel sent the signal of a failed access: that is how the fault under way ended.
    #[inline]
    pub fn signal(&mut self, signal: u8, losses: u64) -> Option<FaultRow> {
        // A system call that meets a bad address gets EFAULT, not a signal.
        self.open.filter(|open| open.row.flags & flags::KERNEL_MODE == 0)?;
        let mut row = self.end(Outcome::Signalled, losses)?;
        row.flags |= u32::from(signal) << flags::SIGNAL_SHIFT;
        Some(row)
    }

    /// Ends the fault under way, if any, without completion.
    #[inline]
    pub fn end(&mut self, outcome: Outcome, losses: u64) -> Option<FaultRow> {
        let Open { mut row, losses: before } = self.open.take()?;
        let outcome = if losses == before { outcome } else { Outcome::Unknown };
        row.flags |= outcome as u32;
        Some(row)
    }
}

#[inline]
fn error_flags(sample: &Sample) -> u32 {
    sample.error_code.map_or(0, |code| {
        let low = u32::try_from(code & 0xff).unwrap_or(0);
        flags::ERROR_CODE_VALID | low << flags::ERROR_CODE_SHIFT
    })
}

#[cfg(test)]
mod tests {
    use pft::record::LATENCY_UNKNOWN;

    use super::*;

    fn at(time_ns: u64, addr: u64) -> Sample {
        Sample {
            pid: 1,
            tid: 2,
            time_ns,
            addr,
            ip: 0x40,
            page_size_bytes: 0,
            error_code: None,
            fault_signal: 0,
            kernel_mode: false,
        }
    }

    fn outcome(row: &FaultRow) -> u32 {
        row.flags & flags::OUTCOME_MASK
    }

    #[test]
    fn entry_and_completion_make_a_fault() {
        let mut thread = ThreadFaults::default();
        let entry = Sample { error_code: Some(6), ..at(100, 0x7123) };
        assert_eq!(thread.entry(entry, false, 0), None);
        let done = Sample { page_size_bytes: 4096, ..at(900, 0x7123) };
        let (displaced, row) = thread.complete(&done, Outcome::Minor, 0);
        assert_eq!(displaced, None);
        assert_eq!((row.time_ns, row.latency_ns, row.addr, row.attempts), (100, 800, 0x7123, 1));
        assert_eq!(row.flags, flags::ERROR_CODE_VALID | 6 << 8 | 12 << 16);
    }

    #[test]
    fn an_interrupted_wait_counts_from_its_first_entry() {
        let mut thread = ThreadFaults::default();
        for time_ns in [100, 400, 700] {
            assert_eq!(thread.entry(at(time_ns, 0x7000), false, 0), None);
        }
        let (_, row) = thread.complete(&at(750, 0x7000), Outcome::Minor, 0);
        assert_eq!((row.latency_ns, row.attempts), (650, 3));
    }

    #[test]
    fn kernel_mode_entries_are_never_merged() {
        let mut thread = ThreadFaults::default();
        assert_eq!(thread.entry(at(100, 0x7000), true, 0), None);
        let row = thread.entry(at(200, 0x7000), true, 0).unwrap();
        assert_eq!((outcome(&row), row.time_ns), (Outcome::Abandoned as u32, 100));
        assert_ne!(row.flags & flags::KERNEL_MODE, 0);
    }

    #[test]
    fn a_kernel_exception_is_no_fault_until_proven() {
        let mut thread = ThreadFaults::default();
        let exception = Sample { error_code: Some(2), ip: 0xffff_8000, ..at(90, 0x7008) };
        thread.kernel_exception(exception);
        assert_eq!(thread.end(Outcome::InFlight, 0), None);
        thread.entry(at(100, 0x7008), true, 0);
        let (_, row) = thread.complete(&at(300, 0x7008), Outcome::Minor, 0);
        assert_eq!((row.time_ns, row.latency_ns, row.ip), (90, 210, 0xffff_8000));
        assert_eq!(row.flags & flags::ERROR_WRITE, flags::ERROR_WRITE);
        // An exception elsewhere does not lend its error code.
        thread.kernel_exception(exception);
        thread.entry(at(400, 0x9000), true, 0);
        let (_, row) = thread.complete(&at(500, 0x9000), Outcome::Minor, 0);
        assert_eq!((row.time_ns, row.flags & flags::ERROR_CODE_VALID), (400, 0));
    }

    #[test]
    fn an_entry_elsewhere_abandons_the_first() {
        let mut thread = ThreadFaults::default();
        thread.entry(at(100, 0x7000), false, 0);
        let row = thread.entry(at(200, 0x9000), false, 0).unwrap();
        assert_eq!((outcome(&row), row.addr), (Outcome::Abandoned as u32, 0x7000));
        let (displaced, row) = thread.complete(&at(300, 0xb000), Outcome::Major, 0);
        assert_eq!(displaced.unwrap().addr, 0x9000);
        assert_eq!((outcome(&row), row.latency_ns), (Outcome::Major as u32, LATENCY_UNKNOWN));
        assert_ne!(row.flags & flags::NO_ENTRY, 0);
    }

    #[test]
    fn a_signal_ends_a_failed_access() {
        let mut thread = ThreadFaults::default();
        assert_eq!(thread.signal(11, 0), None);
        thread.entry(at(100, 0x7000), false, 0);
        let row = thread.signal(11, 0).unwrap();
        assert_eq!(row.flags, Outcome::Signalled as u32 | 11 << flags::SIGNAL_SHIFT);
        // The handler returns and the access fails again: another fault.
        thread.entry(at(200, 0x7000), false, 0);
        assert_eq!(thread.signal(11, 0).unwrap().attempts, 1);
        thread.entry(at(300, 0x7000), true, 0);
        assert_eq!(thread.signal(11, 0), None);
    }

    #[test]
    fn after_a_loss_nothing_is_said() {
        let mut thread = ThreadFaults::default();
        thread.entry(at(100, 0x7000), false, 3);
        let row = thread.entry(at(200, 0x9000), false, 4).unwrap();
        assert_eq!(outcome(&row), Outcome::Unknown as u32);
        let row = thread.end(Outcome::ThreadExited, 4).unwrap();
        assert_eq!(outcome(&row), Outcome::ThreadExited as u32);
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_latency() {
        let mut thread = ThreadFaults::default();
        thread.entry(at(100, 0x7000), false, 0);
        let (_, row) = thread.complete(&at(99, 0x7000), Outcome::Minor, 0);
        assert_eq!(row.latency_ns, LATENCY_UNKNOWN);
        assert_ne!(row.flags & flags::NEGATIVE_LATENCY, 0);
    }
}
