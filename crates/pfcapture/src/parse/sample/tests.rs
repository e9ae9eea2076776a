//! Samples of every form, made by hand.

use super::*;
use crate::parse::raw_records::{self as raw, Stamp, words};
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
fn made(layout: &SampleLayout, kind: EventKind, chain: &[u64], abi: u64, copy: &[u64]) -> Vec<u8> {
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
fn what_another_recorder_adds_to_the_length_does_not_change_the_kind() {
    let layout = SampleLayout { page_size: true, ..SampleLayout::BARE };
    let layout = SampleLayout { major: Context { user_regs: 1, ..Context::NONE }, ..layout };
    let tails: [&[u64]; 5] = [&[0, 0], &[1, 0], &[2, PAGE], &[0, NO_SOURCE], &[0; 40]];
    for tail in tails {
        let minor = sample(&[&[0x7000, PAGE], tail]);
        assert_eq!(layout.kind_of(&minor), Some(EventKind::Minor), "{tail:x?}");
        let parsed = parse_sample(&minor, EventKind::Minor, &layout).unwrap();
        assert_eq!((parsed.addr, parsed.page_size_bytes), (0x7000, PAGE));
        let major = sample(&[&[0x7000, 1, 2, 7, PAGE], tail]);
        assert_eq!(layout.kind_of(&major), Some(EventKind::Major), "{tail:x?}");
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
