//! Samples of fault events. Those of software events are told by their form, see [`SampleLayout::kind_of`].

use perf_event_open_sys::bindings as b;

use super::callers::is_marker;
use super::{Context, SampleLayout, parse_header, u32_at, u64_at};
use crate::batch::UserRegs;
use crate::event::EventKind;
use crate::user_regs;

/// One sample of a fault event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Process.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// Time of the sample.
    pub time_ns: u64,
    /// Faulting address.
    pub addr: u64,
    /// Instruction pointer, 0 where the event does not carry it.
    pub ip: u64,
    /// Page size installed, 0 where not known.
    pub page_size_bytes: u64,
    /// x86 error code, from the tracepoints.
    pub error_code: Option<u64>,
    /// Signal of a failed access: sent by the kernel, not by a process. 0 otherwise.
    pub fault_signal: u8,
    /// Taken in kernel mode. Says nothing for the tracepoints, which always run there.
    pub kernel_mode: bool,
}

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
        EventKind::CallEntry(_) | EventKind::CallExit(_) | EventKind::Sideband | EventKind::Oom => {
            return None;
        }
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
}

impl SampleLayout {
    /// The software event whose sample a record is. Its id does not always tell: the kernel describes a
    /// happening once, to all events that count it, and writes the id of whichever comes first into the
    /// samples of all, those of another recorder of the same thread as well. So samples of each kind
    /// have a form of their own: entries no more than the address; major completions, before all that
    /// varies, a CPU number that nobody reads; and those of [`EventKind::Stack`] at their end the odd
    /// number that stands for an unknown source, where others have a page size or a stack pointer. `None` if it has the form of none, or of several: without page sizes,
    /// entries and minor completions look the same.
    #[must_use]
    pub fn kind_of(&self, record: &[u8]) -> Option<EventKind> {
        let kinds = [EventKind::Entry, EventKind::Minor, EventKind::Major, EventKind::Stack];
        let mut fitting = kinds.into_iter().filter(|&kind| self.fits(record, kind));
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Whether a record has the form of a sample of this software event.
    #[must_use]
    pub fn fits(&self, record: &[u8], kind: EventKind) -> bool {
        self.fields(record, kind).is_some()
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

    /// Takes a record apart that is a sample of this software event, and nothing else to its last byte.
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
        };
        if kind == EventKind::Major {
            rest.word()?;
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
        rest.0.is_empty().then_some(fields)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw_records::{self as raw, Stamp, words};
    use proptest::prelude::*;

    const STAMP: Stamp = Stamp { id: 77, pid: 5, tid: 6, time_ns: 1000 };
    const KERNEL: u64 = b::PERF_CONTEXT_KERNEL;
    const USER: u64 = b::PERF_CONTEXT_USER;
    /// What the kernel writes for the source of data that it does not know (`PERF_MEM_NA`).
    const NO_SOURCE: u64 = 0x3020_8110_0021;
    const PAGE: u64 = 4096;

    const SP: Context = Context { user_regs: user_regs::STACK_POINTER, ..Context::NONE };
    const COPY: Context = Context { callers: true, user_regs: user_regs::UNWINDING, stack: true };

    /// The layouts of a recording without call chains, with frame pointers, with copies of stacks; of
    /// an unprivileged one with copies; and each of them with page sizes, without, and with physical
    /// addresses.
    fn layouts() -> Vec<SampleLayout> {
        let chain = Context { callers: true, ..Context::NONE };
        let pointers = Context { callers: true, ..SP };
        let bare_copy = Context { callers: false, ..COPY };
        let contexts = [
            (Context::NONE, SP, SP),
            (chain, pointers, pointers),
            (Context::NONE, COPY, COPY),
            (Context::NONE, bare_copy, bare_copy),
        ];
        let one = |(minor, major, stack)| {
            [(true, false), (false, false), (true, true)].map(|(page_size, physical)| {
                let bare = SampleLayout::BARE;
                SampleLayout { page_size, physical, minor, major, stack, ..bare }
            })
        };
        contexts.into_iter().flat_map(one).collect()
    }

    fn frame_pointers() -> SampleLayout {
        layouts()[3]
    }

    fn stacks() -> SampleLayout {
        layouts()[6]
    }

    fn sample(body: &[&[u64]]) -> Vec<u8> {
        raw::sample(STAMP, 2, None, &words(&body.concat()))
    }

    /// A sample of a kind as the kernel makes it, with a chain, an ABI and a copy of the stack.
    fn made(
        layout: &SampleLayout,
        kind: EventKind,
        chain: &[u64],
        abi: u64,
        copy: &[u64],
    ) -> Vec<u8> {
        let Context { callers, user_regs, stack } = layout.context(kind);
        let mut body = vec![0x7000];
        let completion = matches!(kind, EventKind::Minor | EventKind::Major);
        body.extend((kind == EventKind::Major).then_some(1));
        if callers {
            body.push(chain.len() as u64);
            body.extend(chain);
        }
        if user_regs != 0 {
            body.push(abi);
            let count = if abi == 0 { 0 } else { u64::from(user_regs.count_ones()) };
            body.extend((0..count).map(|register| 0x100 + register));
        }
        if stack {
            body.push(copy.len() as u64 * 8);
            body.extend(copy);
            body.extend((!copy.is_empty()).then_some(copy.len() as u64 * 8));
        }
        body.extend((completion && layout.physical).then_some(0x1_0000));
        body.extend((completion && layout.page_size).then_some(PAGE));
        body.extend((kind == EventKind::Stack).then_some(NO_SOURCE));
        sample(&[&body])
    }

    #[test]
    fn a_chain_has_a_part_in_the_kernel_and_one_in_user_space() {
        let chain = [KERNEL, 1, 2, USER, 3];
        let bytes = sample(&[&[0x7000, 5], &chain, &[PAGE]]);
        let layout = frame_pointers();
        let sample = parse_sample(&bytes, EventKind::Minor, &layout).unwrap();
        assert_eq!((sample.addr, sample.page_size_bytes), (0x7000, PAGE));
        let extras = parse_extras(&bytes, EventKind::Minor, &layout).unwrap();
        assert_eq!(extras, Extras { chain: &words(&chain), ..Extras::default() });
    }

    #[test]
    fn a_copy_of_the_stack_is_as_long_as_the_stack_was() {
        let chain = [KERNEL, 1];
        let registers = [2, 6, 7, 8];
        let bytes = |copied| {
            let copy = [24, 11, 12, 13, copied];
            sample(&[&[0x7000, 2], &chain, &registers, &copy, &[NO_SOURCE]])
        };
        let regs = Some(UserRegs { ip: 8, sp: 7, fp: 6, lr: 0 });
        for (copied, words_left) in [(24, 3), (16, 2), (15, 1), (0, 0)] {
            let bytes = bytes(copied);
            let extras = parse_extras(&bytes, EventKind::Stack, &stacks()).unwrap();
            assert_eq!((extras.regs, extras.chain), (regs, words(&chain).as_slice()));
            assert_eq!(extras.stack, Some(words(&[11, 12, 13][..words_left]).as_slice()));
        }
        assert_eq!(parse_extras(&bytes(25), EventKind::Stack, &stacks()), None);
    }

    #[test]
    fn a_thread_without_registers_or_stack() {
        let none = sample(&[&[0x7000, 0, 0, 0, NO_SOURCE]]);
        let extras = parse_extras(&none, EventKind::Stack, &stacks()).unwrap();
        assert_eq!(extras, Extras { stack: Some(&[]), ..Extras::default() });
        // A 32-bit program cannot be unwound like one of 64 bits.
        let compat = sample(&[&[0x7000, 0, 1, 6, 7, 8, 8, 11, 8, NO_SOURCE]]);
        let extras = parse_extras(&compat, EventKind::Stack, &stacks()).unwrap();
        assert_eq!((extras.regs.map(|regs| regs.sp), extras.stack), (Some(7), Some(&[][..])));
    }

    #[test]
    fn physical_addresses_come_before_page_sizes() {
        let layout = SampleLayout { physical: true, ..frame_pointers() };
        let bytes = sample(&[&[0x7000, 2, USER, 3, 0x1_2345, PAGE]]);
        let extras = parse_extras(&bytes, EventKind::Minor, &layout).unwrap();
        assert_eq!(extras.physical, 0x1_2345);
        let sample = parse_sample(&bytes, EventKind::Minor, &layout).unwrap();
        assert_eq!(sample.page_size_bytes, PAGE);
    }

    #[test]
    fn chains_without_a_marker_in_front_are_none() {
        let major_on_cpu = |cpu| sample(&[&[0x7000, cpu, 2, USER, 3, 2, 7, PAGE]]);
        let layout = frame_pointers();
        // The CPU number may be that of a minor completion's callers.
        for cpu in 0..9 {
            assert_eq!(layout.kind_of(&major_on_cpu(cpu)), Some(EventKind::Major), "{cpu}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let layout = frame_pointers();
        for entries in [1, 3, 4, 8192, u64::MAX / 8, u64::MAX] {
            let bytes = sample(&[&[0x7000, entries, USER, 3, PAGE]]);
            assert_eq!(parse_extras(&bytes, EventKind::Minor, &layout), None, "{entries}");
        }
        for room in [1, 7, 9, 16, 65_528, u64::MAX] {
            let bytes = sample(&[&[0x7000, 0, 0, room, 11, 8, NO_SOURCE]]);
            assert_eq!(parse_extras(&bytes, EventKind::Stack, &stacks()), None, "{room}");
        }
    }

    /// Anything that a chain may hold behind its first marker.
    fn entries() -> impl Strategy<Value = Vec<u64>> {
        let entry = prop_oneof![
            4 => any::<u64>(),
            4 => 0u64..20,
            1 => Just(PAGE),
            1 => Just(KERNEL),
            1 => Just(USER)
        ];
        proptest::collection::vec(entry, 0..12)
    }

    proptest! {
        #[test]
        fn every_kind_is_told_by_its_form(
            index in 0usize..12,
            rest in entries(),
            empty: bool,
            abi in 0u64..3,
            copy in entries(),
        ) {
            let layout = layouts()[index];
            let chain = if empty { Vec::new() } else { [&[USER], rest.as_slice()].concat() };
            for kind in [EventKind::Minor, EventKind::Major, EventKind::Stack] {
                let bytes = made(&layout, kind, &chain, abi, &copy);
                prop_assert!(layout.fits(&bytes, kind));
                let unclear = !layout.page_size && layout.minor == Context::NONE;
                if kind != EventKind::Minor || !unclear {
                    prop_assert_eq!(layout.kind_of(&bytes), Some(kind));
                } else {
                    prop_assert_eq!(layout.kind_of(&bytes), None);
                }
            }
        }

        #[test]
        fn any_bytes_are_survived(
            index in 0usize..12,
            bytes in proptest::collection::vec(any::<u8>(), 0..160),
            small in proptest::collection::vec(0u64..9, 0..20),
        ) {
            let layout = layouts()[index];
            for bytes in [bytes, sample(&[&small])] {
                for kind in EventKind::FOLLOWING {
                    let _ = parse_sample(&bytes, kind, &layout);
                    let _ = parse_extras(&bytes, kind, &layout);
                }
                let _ = layout.kind_of(&bytes);
            }
        }
    }
}
