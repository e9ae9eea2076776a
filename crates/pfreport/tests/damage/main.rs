//! What becomes of a report on a damaged trace: it tells less, and nothing that is not so.

#![allow(clippy::unwrap_used, clippy::panic)]

mod reports;
mod run;
mod share;
mod truth;
mod watch;

use std::path::Path;

use peak_alloc::PeakAlloc;
use pfdamage::{all_kinds, busy, cuts, every_cut, every_flip, flips, others};
use run::{Tried, Whole};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Whether the long form runs: scripts/checks/damage.sh.
fn is_long() -> bool {
    std::env::var_os("PFT_DAMAGE").is_some_and(|form| form == "long")
}

fn recorded() -> Vec<u8> {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/v1.0-zero-page.pft");
    std::fs::read(trace).unwrap()
}

/// One test, so that the memory of one file is measured at a time.
#[test]
fn damaged_traces_tell_less_and_nothing_that_is_not_so() {
    let share = if is_long() { 1 } else { 200 };
    let mut tried = Tried::default();
    for (name, bytes) in [("all kinds", all_kinds()), ("zero page", recorded())] {
        let whole = Whole::new(name, &bytes);
        tried.cuts += whole.all(share, every_cut(&bytes));
        tried.flips += whole.all(share * 2, every_flip(&bytes));
        tried.others += whole.all(share / 20 + 1, others(&bytes, 3, 2_000));
        tried.peak_bytes = tried.peak_bytes.max(whole.peak_bytes());
    }
    let (faults, count) = if is_long() { (200_000, 40_000) } else { (10_000, 10_000) };
    let (name, large) = match std::env::var_os("PFT_DAMAGE_TRACE") {
        Some(path) => ("recorded", std::fs::read(path).unwrap()),
        None => ("busy", busy(faults)),
    };
    let large = &large[..];
    let whole = Whole::new(name, large);
    let share = 1_000;
    tried.cuts += whole.all(share, cuts(large, 1, count));
    tried.flips += whole.all(share, flips(large, 2, count));
    tried.others += whole.all(share, others(large, 3, count / 10));
    tried.peak_bytes = tried.peak_bytes.max(whole.peak_bytes());
    println!("{tried}");
}
