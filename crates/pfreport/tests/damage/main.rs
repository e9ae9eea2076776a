//! What becomes of a report on a damaged trace: it tells less, and nothing that is not so.

#![allow(clippy::unwrap_used, clippy::panic)]

mod reports;
mod run;
mod truth;

use std::path::Path;

use peak_alloc::PeakAlloc;
use pfdamage::{all_kinds, busy, cuts, every_cut, every_flip, flips, others};
use run::{Tried, Whole};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How much of the long form is tried: 1 in so many, unless that is asked for.
fn one_in(share: usize) -> usize {
    if is_long() { 1 } else { share }
}

/// Whether the long form runs: scripts/damage.sh.
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
    let mut tried = Tried::default();
    for (name, bytes) in [("all kinds", all_kinds()), ("zero page", recorded())] {
        let whole = Whole::new(name, &bytes);
        tried.cuts += whole.all(every_cut(&bytes).step_by(one_in(10)));
        // The tests of pft and pfmodel try each bit.
        tried.flips += whole.all(every_flip(&bytes).step_by(one_in(90)));
        tried.others += whole.all(others(&bytes, 3, 100));
    }
    let busy = busy(30_000);
    let whole = Whole::new("busy", &busy);
    tried.cuts += whole.new_ones(cuts(&busy, 1, 300));
    tried.flips += whole.new_ones(flips(&busy, 2, 300));
    tried.others += whole.new_ones(others(&busy, 3, 100));
    println!("{tried}");
}
