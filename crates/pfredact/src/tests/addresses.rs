//! Where address spaces begin is not told.

use std::collections::BTreeMap;

use pft::record::Frame;

use super::trace::{
    HEAP, JIT, KERNEL, LIBRARY, PROGRAM, STACK, VSYSCALL, at, decoded, mappings, payloads,
    redacted, trace,
};
use crate::Level;
use crate::addresses::Seen;

/// The first addresses of the mappings of a trace.
fn starts(frames: &[Frame]) -> Vec<u64> {
    let snapshot = frames.iter().find_map(|frame| match frame {
        Frame::Snapshot(snapshot) => Some(snapshot),
        _ => None,
    });
    snapshot.unwrap().vmas.iter().map(|vma| vma.start).collect()
}

#[test]
fn mappings_keep_their_order_and_their_distances_and_move() {
    let (output, checked) = redacted(&trace(), &at(Level::Names));
    checked.unwrap();
    let before = starts(&decoded(&trace()));
    let after = starts(&decoded(&output));
    assert_eq!(before.len(), mappings().len());
    let mut order: Vec<usize> = (0..before.len()).collect();
    order.sort_by_key(|&n| before[n]);
    assert!(order.windows(2).all(|pair| after[pair[0]] < after[pair[1]]));
    let bytes = payloads(&output);
    for (&old, &new) in before.iter().zip(&after) {
        assert_eq!(old % (2 << 20), new % (2 << 20));
        if old == VSYSCALL {
            assert_eq!(new, VSYSCALL);
        } else {
            assert_ne!(old, new);
            assert!(!bytes.windows(8).any(|window| window == old.to_le_bytes()), "{old:x}");
        }
    }
    let moved: BTreeMap<u64, u64> = before.into_iter().zip(after).collect();
    assert_eq!(moved[&HEAP] - moved[&PROGRAM], HEAP - PROGRAM);
    assert_eq!(moved[&LIBRARY] - moved[&JIT], LIBRARY - JIT);
    // What is more than a gigabyte away does not tell how far.
    assert_ne!(moved[&STACK] - moved[&LIBRARY], STACK - LIBRARY);
}

#[test]
fn everything_that_is_an_address_moves_with_its_mapping() {
    let (output, _) = redacted(&trace(), &at(Level::Names));
    let after = decoded(&output);
    let starts = starts(&after);
    let (program, heap, jit, stack) = (starts[0], starts[2], starts[3], starts[12]);
    let library = starts[10];
    for frame in &after {
        match frame {
            Frame::Faults(batch) => {
                let columns = &batch.columns;
                let addresses =
                    [heap + 0x1234, stack + 0x20ff8, jit + 0x50_0010, 0x10, heap + 0x5000];
                assert_eq!(columns.addr, addresses);
                let ips = [program + 0x10, program + 0x18, library + 0x100, jit + 0x40];
                assert_eq!(columns.ip[..4], ips);
                assert!(columns.ip[4] > 1 << 63 && columns.ip[4] != KERNEL + 0x30);
            }
            Frame::CallChains(chains) => {
                assert_eq!(chains[0].user, [program + 0x10, library + 0x26000]);
                assert!(chains[0].kernel[0] < chains[0].kernel[1]);
            }
            Frame::Calls(calls) => {
                assert_eq!(calls[0].addr, jit + 0x10_0000);
                assert_eq!(calls[0].result.cast_unsigned(), jit + 0x80_0000);
                assert_eq!((calls[0].len_bytes, calls[0].new_len_bytes), (0x1000, 0x2000));
            }
            Frame::StackPointers(records) => {
                assert_eq!(records[0].stack_pointer, stack + 0x21000);
            }
            Frame::Symbols(symbols) => {
                // Those of files are not moved; those of the kernel and of code made at run time are.
                assert_eq!((symbols[0].address, symbols[1].address), (0x10, 0x100));
                let Some(Frame::Faults(batch)) =
                    after.iter().find(|f| matches!(f, Frame::Faults(_)))
                else {
                    panic!()
                };
                assert_eq!(symbols[2].address, batch.columns.ip[4]);
                assert_eq!(symbols[3].address, jit + 0x40);
            }
            _ => {}
        }
    }
}

#[test]
fn times_count_from_one_second_and_files_from_one() {
    let (output, _) = redacted(&trace(), &at(Level::Paths));
    assert_eq!(output.header().start_ns, 1_000_000_000);
    for frame in decoded(&output) {
        match frame {
            Frame::Snapshot(snapshot) => {
                assert_eq!(snapshot.start_ns, 1_000_000_001);
                let inodes: Vec<u64> = snapshot.vmas.iter().map(|vma| vma.inode).collect();
                // In order of the numbers that they had.
                assert_eq!(inodes, [3, 3, 0, 0, 0, 0, 4, 5, 6, 7, 1, 2, 0, 0]);
                assert_eq!((snapshot.vmas[0].dev_major, snapshot.vmas[0].dev_minor), (254, 0));
            }
            Frame::Maps(maps) => assert_eq!(maps[0].inode_generation, 1),
            Frame::Lost(losses) => {
                assert_eq!((losses[0].after_ns, losses[0].time_ns), (0, 1_000_000_060));
            }
            Frame::Gaps(gaps) => {
                assert_eq!((gaps[0].after_ns, gaps[0].before_ns), (1_000_000_065, u64::MAX));
            }
            Frame::Oom(victims) => assert_eq!(victims[0].uid, Some(1000)),
            Frame::Checkpoint(checkpoint) => {
                assert_eq!(
                    (checkpoint.realtime_ns, checkpoint.boottime_ns),
                    (1_000, 1_000_001_000)
                );
            }
            _ => {}
        }
    }
}

#[test]
fn process_ids_are_others_at_the_highest_level() {
    for (level, pid, tid) in [(Level::Symbols, 4242, 4300), (Level::All, 1000, 1001)] {
        let (output, _) = redacted(&trace(), &at(level));
        let frames = decoded(&output);
        let Frame::Tasks(tasks) = &frames[1] else { panic!() };
        assert_eq!((tasks[1].pid, tasks[1].tid, tasks[1].parent_pid), (pid, tid, 0));
        let Frame::Host(facts) = &frames[0] else { panic!() };
        let listed = facts.iter().find(|fact| fact.key == "target.pids").unwrap();
        assert_eq!(listed.value, format!("{pid},{tid}"));
    }
}

/// Numbers that follow from one another, for addresses that no program has.
fn numbers(mut state: u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(state ^ state >> 29)
    })
}

#[test]
fn whatever_the_addresses_order_and_place_in_huge_pages_stay_and_none_meet() {
    for seed in 0..50 {
        let mut seen = Seen::default();
        let mut all = vec![0, 1, 0xffff_ffff, 1 << 32, (1 << 47) - 1, 1 << 47, 1 << 63, u64::MAX];
        for (n, number) in numbers(seed).take(200).enumerate() {
            let address = number >> (number % 64);
            all.push(address);
            match n % 3 {
                0 => seen.address(address),
                1 => {
                    let end = address.saturating_add(1 << (number >> 58));
                    seen.range(address, end);
                    all.push(end);
                }
                _ => seen.block(address, number >> 40),
            }
        }
        all[..8].iter().for_each(|&address| seen.address(address));
        for page_bytes in [4096, 512 << 20, 1 << 30, 16 << 30] {
            let mut islands = seen.islands(page_bytes);
            all.sort_unstable();
            all.dedup();
            let moved: Vec<u64> = all.iter().map(|&old| islands.at(old).unwrap()).collect();
            assert!(moved.windows(2).all(|pair| pair[0] < pair[1]));
            let align = page_bytes.max(2 << 20);
            for (&old, &new) in all.iter().zip(&moved) {
                assert!(new <= old);
                let align = if old < 1 << 63 { align } else { 4096 };
                assert_eq!(old % align, new % align, "{old:x}");
                assert_eq!(old < 1 << 32, new < 1 << 32);
                assert_eq!(old < 1 << 63, new < 1 << 63);
            }
        }
    }
}

#[test]
fn what_stays_below_four_gigabytes_holds_nothing_above() {
    // What AddressSanitizer maps: shadow memory from below 4 GiB on, one mapping behind the other.
    let (low, gap, high, end) = (0x7fff_7000, 0x8fff_7000, 0x0200_8fff_7000, 0x1000_7fff_8000);
    let shadow = 0x0aaa_3000_4000;
    let mut seen = Seen::default();
    seen.range(low, gap);
    seen.range(gap, high);
    seen.range(high, end);
    seen.block(high, end - high);
    seen.address(shadow);
    let mut islands = seen.islands(4096);
    assert_eq!((islands.at(low), islands.at(gap)), (Some(low), Some(gap)));
    let moved: Vec<u64> = [high, shadow, end].map(|old| islands.at(old).unwrap()).to_vec();
    assert!(moved[0] < 6 << 30 && moved[0] < moved[1] && moved[1] < moved[2]);
    assert!(moved[2] < 8 << 30, "{moved:x?}");

    // A small one that reaches across keeps its length.
    let mut seen = Seen::default();
    seen.range((4 << 30) - 0x1000, (4 << 30) + 0x5000);
    let mut islands = seen.islands(4096);
    assert_eq!(islands.at((4 << 30) + 0x5000), Some((4 << 30) + 0x5000));
}

#[test]
fn a_wrong_system_call_keeps_nothing_where_it_was() {
    let (stack, kernel) = (0x7fff_e2ca_3000, 0xffff_ffff_ff40_0000);
    for (start, bytes) in [
        (1 << 47, 0x1000),
        (1 << 56, 0x1000),
        (stack, 1 << 46),
        (stack, 1 << 36),
        (1 << 63, u64::MAX),
        (kernel, 0x40_0000),
    ] {
        let mut seen = Seen::default();
        seen.range(stack, stack + 0x21000);
        seen.range(kernel, kernel + 0x1000);
        seen.block(start, bytes);
        let mut islands = seen.islands(4096);
        assert!(islands.at(stack).unwrap() < 8 << 30, "{start:x} {bytes:x}");
        assert!(islands.at(kernel).unwrap() < (1 << 63) + (1 << 21), "{start:x} {bytes:x}");
    }
}

#[test]
fn mappings_of_larger_address_spaces_stay_whole() {
    let page = 64 << 10;
    let mappings = [1 << 47, 1 << 48, 1 << 52, (1 << 56) - 8 * page]
        .map(|middle: u64| (middle - 3 * page, middle + 5 * page));
    let wild = 0x4141_4141_4141_4141;
    let mut seen = Seen::default();
    for (start, end) in mappings {
        seen.range(start, end);
        seen.address(start + page + 8);
    }
    seen.address(wild);
    // Huge pages of a machine with base pages of 64 KiB.
    let mut islands = seen.islands(512 << 20);
    let mut last = 0;
    for (start, end) in mappings {
        let moved = islands.at(start).unwrap();
        assert_eq!(islands.at(end), Some(moved + 8 * page), "{start:#x}");
        assert_eq!(islands.at(start + page + 8), Some(moved + page + 8), "{start:#x}");
        assert_eq!(moved % (512 << 20), start % (512 << 20), "{start:#x}");
        assert!(last < moved && moved < 32 << 30, "{start:#x} {moved:#x}");
        last = moved;
    }
    // No address of a process stays none.
    assert!(islands.at(wild).unwrap() >= 1 << 56);
}
