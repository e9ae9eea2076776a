//! Instructions of what the recorder does with 10,000 faults, from the bytes of the rings to columns, and with
//! 10,000 addresses that it looks up.

#[path = "../../pft/benches/codec/counted.rs"]
mod counted;

use std::hint::black_box;
use std::process::ExitCode;

use counted::{Loop, counted};
use pfcapture::internals::hot_loops::{Known, Recording};

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

fn ring_parse(recording: &Recording) {
    counted(|| black_box(recording).parse());
}

fn drain(mut recording: Recording) {
    counted(|| recording.drain());
}

fn rows_to_columns(mut recording: Recording) {
    counted(|| recording.columns());
}

fn known_ranges(ranges: u64) {
    let (known, addrs) = known(ranges);
    counted(|| known.find(black_box(&addrs)));
}

fn main() -> ExitCode {
    counted::main(
        FAULTS,
        &[
            Loop::new("ring parse one thread", || ring_parse(&one_thread())),
            Loop::new("ring parse eight threads", || ring_parse(&eight_threads())),
            Loop::new("ring parse with callers", || ring_parse(&with_callers())),
            Loop::new("drain one thread", || drain(one_thread())),
            Loop::new("drain eight threads", || drain(eight_threads())),
            Loop::new("drain with callers", || drain(with_callers())),
            Loop::new("rows to columns one thread", || rows_to_columns(drained(one_thread(), 0))),
            Loop::new("rows to columns with callers", || {
                rows_to_columns(drained(with_callers(), CALLERS));
            }),
            Loop::new("known ranges of 10", || known_ranges(10)),
            Loop::new("known ranges of 1000", || known_ranges(1000)),
            Loop::new("known ranges of 60000", || known_ranges(60_000)),
        ],
    )
}
