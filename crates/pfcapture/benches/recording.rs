//! Instructions of what the recorder does with 10,000 faults, from the bytes of the rings to columns, and with
//! 10,000 addresses that it looks up.

#![allow(missing_docs, unused_qualifications, reason = "of what the macros make")]

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use pfcapture::hot_loops::{Known, Recording};
use pft::record::FaultColumns;

const FAULTS: usize = 10_000;
const CALLERS: usize = 16;

fn one_thread() -> Recording {
    Recording::new(FAULTS, 1, 1, 0)
}

fn eight_threads() -> Recording {
    Recording::new(FAULTS, 8, 2, 0)
}

fn with_callers() -> Recording {
    Recording::new(FAULTS, 8, 2, CALLERS)
}

fn drained(mut recording: Recording, callers: usize) -> Recording {
    recording.drain();
    assert_eq!(recording.found(), (FAULTS, FAULTS * callers));
    recording
}

/// Addresses in known ranges, in no order.
fn known(ranges: u64) -> (Known, Vec<u64>) {
    let page = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % ranges * 32 + n % 16;
    (Known::new(ranges), (0..FAULTS as u64).map(|n| page(n) << 12).collect())
}

#[library_benchmark]
#[bench::one_thread(one_thread())]
#[bench::eight_threads(eight_threads())]
#[bench::with_callers(with_callers())]
fn ring_parse(recording: Recording) -> (Recording, u64) {
    let sum = black_box(&recording).parse();
    (recording, sum)
}

#[library_benchmark]
#[bench::one_thread(one_thread())]
#[bench::eight_threads(eight_threads())]
#[bench::with_callers(with_callers())]
fn drain(mut recording: Recording) -> Recording {
    recording.drain();
    recording
}

#[library_benchmark]
#[bench::one_thread(drained(one_thread(), 0))]
#[bench::with_callers(drained(with_callers(), CALLERS))]
fn rows_to_columns(mut recording: Recording) -> (Recording, Vec<FaultColumns>) {
    let columns = recording.columns();
    (recording, columns)
}

#[library_benchmark]
#[bench::of_10(known(10))]
#[bench::of_1000(known(1000))]
#[bench::of_60000(known(60_000))]
fn known_ranges((known, addrs): (Known, Vec<u64>)) -> (Known, Vec<u64>, usize) {
    let found = known.find(black_box(&addrs));
    (known, addrs, found)
}

library_benchmark_group!(
    name = recording,
    benchmarks = [ring_parse, drain, rows_to_columns, known_ranges]
);
main!(library_benchmark_groups = recording);
