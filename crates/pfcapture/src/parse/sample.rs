//! Samples of fault events. Those of software events are told by their form, see [`SampleLayout::kind_of`].

#[cfg(test)]
mod tests;

use perf_event_open_sys::bindings as b;
pub use pfpairing::Sample;
use pfpairing::is_marker;

use super::{Context, SampleLayout, parse_header, u32_at, u64_at};
use crate::drain::batch::UserRegs;
use crate::event::EventKind;
use crate::event::user_regs;

/// What a sample carries besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extras<'a> {
    /// Words of the chain of callers: see [`super::append_callers`].
    pub chain: &'a [u8],
    /// Registers in user space, of a thread that has any.
    pub regs: Option<UserRegs>,
    /// Copy of the stack, if there was to be one; without registers of a 64-bit program it is empty.
    pub stack: Option<&'a [u8]>,
    /// Physical address, 0 if not known.
    pub physical: u64,
}

/// Parses a sample of the event `kind`.
#[must_use]
pub fn parse_sample(record: &[u8], kind: EventKind, layout: &SampleLayout) -> Option<Sample> {
    let header = parse_header(record)?;
    let at = layout.time_offset() - 8;
    let mut sample = Sample {
        pid: u32_at(record, at)?,
        tid: u32_at(record, at + 4)?,
        time_ns: u64_at(record, at + 8)?,
        addr: 0,
        ip: if layout.ip { u64_at(record, 16)? } else { 0 },
        page_size_bytes: 0,
        error_code: None,
        fault_signal: 0,
        kernel_mode: u32::from(header.misc) & b::PERF_RECORD_MISC_CPUMODE_MASK
            == b::PERF_RECORD_MISC_KERNEL,
    };
    let body = at + 16;
    match kind {
        EventKind::Minor | EventKind::Major | EventKind::Stack | EventKind::Entry => {
            let fields = layout.fields(record, kind)?;
            sample.addr = fields.addr;
            sample.page_size_bytes = fields.page_size_bytes;
        }
        EventKind::EntryUser | EventKind::EntryKernel => {
            let (user, kernel) = layout.tracepoints?;
            let fields = if kind == EventKind::EntryUser { user } else { kernel };
            let raw = record.get(body + 4..)?;
            sample.addr = u64_at(raw, fields.address)?;
            sample.ip = u64_at(raw, fields.ip)?;
            sample.error_code = Some(u64_at(raw, fields.error_code)?);
        }
        EventKind::Signal => {
            let raw = record.get(body + 4..)?;
            let signal = i32::from_ne_bytes(u32_at(raw, layout.signals?.signal)?.to_ne_bytes());
            let code = i32::from_ne_bytes(u32_at(raw, layout.signals?.code)?.to_ne_bytes());
            // si_code is positive when the kernel sent it because of what the thread did.
            if code > 0 && matches!(signal, libc::SIGSEGV | libc::SIGBUS) {
                sample.fault_signal = u8::try_from(signal).unwrap_or(0);
            }
        }
        EventKind::CallEntry(_)
        | EventKind::CallExit(_)
        | EventKind::ThreadStart
        | EventKind::Sideband
        | EventKind::Oom => return None,
    }
    Some(sample)
}

/// Parses what a sample of a software event carries besides.
#[must_use]
pub fn parse_extras<'a>(
    record: &'a [u8],
    kind: EventKind,
    layout: &SampleLayout,
) -> Option<Extras<'a>> {
    let Fields { chain, regs, stack, physical, .. } = layout.fields(record, kind)?;
    let Context { user_regs: mask, stack: with_stack, .. } = layout.context(kind);
    let (abi, words) = regs;
    let known = abi != u64::from(b::PERF_SAMPLE_REGS_ABI_NONE);
    let is_64_bit = abi == u64::from(b::PERF_SAMPLE_REGS_ABI_64);
    Some(Extras {
        chain,
        regs: known.then(|| user_regs::parse(mask, words)),
        stack: with_stack.then_some(if is_64_bit { stack } else { &[] }),
        physical,
    })
}

/// The fields of a software event's sample behind its time.
#[derive(Debug)]
struct Fields<'a> {
    addr: u64,
    chain: &'a [u8],
    /// ABI and words.
    regs: (u64, &'a [u8]),
    stack: &'a [u8],
    physical: u64,
    page_size_bytes: u64,
    /// Bytes behind them.
    behind: usize,
}

/// Whether a word is the size of a page that is there.
const fn is_installed(word: u64) -> bool {
    word >= 4096 && word.is_power_of_two()
}

impl SampleLayout {
    /// The software event whose sample a record is. Its id does not always tell: the kernel describes a
    /// happening once, to all events that count it, and writes the id of whichever comes first into the
    /// samples of all, those of another recorder of the same thread as well. So samples of each kind
    /// have a form of their own: entries no more than the address; major completions, before all that
    /// varies, a CPU number that nobody reads; and those of [`EventKind::Stack`] at their end the odd
    /// number that stands for an unknown source, where others have a page size or a stack pointer. The
    /// kernel also adds the room that registers and callers take in another recorder's sample to the
    /// length of ours, and leaves it unwritten: so if no form fits to the end, one counts that ends in a
    /// page size before it. `None` if it has the form of none, or of several: without page sizes,
    /// entries and minor completions look the same.
    #[must_use]
    pub fn kind_of(&self, record: &[u8]) -> Option<EventKind> {
        let kinds = [EventKind::Entry, EventKind::Minor, EventKind::Major, EventKind::Stack];
        let mut fitting = kinds.into_iter().filter(|&kind| self.fits(record, kind));
        let Some(kind) = fitting.next() else {
            let begins = |&kind: &EventKind| {
                let fields = self.fields(record, kind);
                fields.is_some_and(|fields| is_installed(fields.page_size_bytes))
            };
            let mut fitting = kinds.into_iter().filter(begins);
            return fitting.next().filter(|_| fitting.next().is_none());
        };
        fitting.next().is_none().then_some(kind)
    }

    /// Whether a record has the form of a sample of this software event, and is nothing else to its last
    /// byte.
    #[must_use]
    pub fn fits(&self, record: &[u8], kind: EventKind) -> bool {
        self.fields(record, kind).is_some_and(|fields| fields.behind == 0)
    }

    /// What samples of a kind carry of where the thread is.
    const fn context(&self, kind: EventKind) -> Context {
        match kind {
            EventKind::Minor => self.minor,
            EventKind::Major => self.major,
            EventKind::Stack => self.stack,
            _ => Context::NONE,
        }
    }

    /// Whether samples of a kind carry anything besides what makes a fault.
    #[must_use]
    pub fn has_extras(&self, kind: EventKind) -> bool {
        self.physical || self.context(kind) != Context::NONE
    }

    /// Takes a record apart that begins like a sample of this software event.
    fn fields<'a>(&self, record: &'a [u8], kind: EventKind) -> Option<Fields<'a>> {
        let Context { callers, user_regs, stack } = self.context(kind);
        let mut rest = Rest(record.get(self.time_offset() + 8..)?);
        let mut fields = Fields {
            addr: rest.word()?,
            chain: &[],
            regs: (0, &[]),
            stack: &[],
            physical: 0,
            page_size_bytes: 0,
            behind: 0,
        };
        if kind == EventKind::Major {
            // A CPU. In a minor completion the page size may lie here.
            rest.word().filter(|&word| !is_installed(word))?;
        }
        if callers {
            let entries = usize::try_from(rest.word()?).ok()?;
            fields.chain = rest.bytes(entries.checked_mul(8)?)?;
            if entries > 0 && !is_marker(u64_at(fields.chain, 0)?) {
                return None;
            }
        }
        if user_regs != 0 {
            let abi = rest.word()?;
            let words = match u32::try_from(abi).ok()? {
                b::PERF_SAMPLE_REGS_ABI_NONE => 0,
                b::PERF_SAMPLE_REGS_ABI_32 | b::PERF_SAMPLE_REGS_ABI_64 => user_regs.count_ones(),
                _ => return None,
            };
            fields.regs = (abi, rest.bytes(words as usize * 8)?);
        }
        if stack {
            let room = usize::try_from(rest.word()?).ok()?;
            if room > 0 {
                let bytes = rest.bytes(room)?;
                // As much as there was up to the end of the stack.
                let copied = usize::try_from(rest.word()?).ok()?;
                fields.stack = bytes.get(..copied)?.get(..copied & !7)?;
            }
        }
        let is_page_size = |word: u64| word == 0 || word.is_power_of_two();
        match kind {
            EventKind::Minor | EventKind::Major => {
                if self.physical {
                    fields.physical = rest.word()?;
                }
                if self.page_size {
                    fields.page_size_bytes = rest.word().filter(|&word| is_page_size(word))?;
                }
            }
            EventKind::Stack => {
                rest.word().filter(|&word| word & u64::from(b::PERF_MEM_OP_NA) != 0)?;
            }
            EventKind::Entry => {}
            _ => return None,
        }
        fields.behind = rest.0.len();
        Some(fields)
    }
}

/// What is left of a record.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn word(&mut self) -> Option<u64> {
        u64_at(self.bytes(8)?, 0)
    }
}
