//! The recorder under fire: after whatever happens to it, its file or its machine, the file is readable,
//! what was captured and what was lost are what the kernel counted, and the target goes on unharmed.
//!
//! `PFT_FIRE_ROUNDS` is the number of kills, other cases run in proportion; `scripts/checks/under-fire.sh` adds up what is printed.

mod clock;
mod disk;
mod disturbed;
mod killed;
mod limits;
mod signals;
mod slow;
mod steady;
mod storms;

use std::path::Path;

use pft::keys::ledger;

use crate::content::Content;
use steady::{Rows, Steady};

/// How often the recorder is killed.
const KILLS: u64 = 100;

/// How often a case runs: as often as it says, or more often if the environment wants more kills.
fn rounds(normal: u64) -> u64 {
    let kills = std::env::var("PFT_FIRE_ROUNDS").ok().and_then(|text| text.parse::<u64>().ok());
    (normal * kills.unwrap_or(KILLS)).div_ceil(KILLS)
}

/// Numbers that look random and are the same in each run (splitmix64).
struct Random(u64);

impl Random {
    fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Less than `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What the rounds of a case came to; printed when it is over.
struct Tally {
    case: &'static str,
    rounds: u64,
    captured: u64,
    lost: u64,
    counted: u64,
}

impl Tally {
    fn of(case: &'static str) -> Self {
        Self { case, rounds: 0, captured: 0, lost: 0, counted: 0 }
    }

    /// A round after which nothing but the rows of the file is known.
    fn add_rows(&mut self, rows: u64) {
        self.rounds += 1;
        self.captured += rows;
        self.counted += rows;
    }

    /// A round whose file was closed: its faults against the kernel's counters.
    fn add(&mut self, content: &Content) {
        content.assert_reconciled();
        let dropped = content.count(ledger::DROPPED_RECORDER).unwrap();
        // Of what was dropped, some may have been under way when the recording ended.
        let others = content.sum(&[ledger::CAPTURED_IN_FLIGHT, ledger::CAPTURED_ABANDONED]);
        let surplus = content.completed + dropped - content.captured();
        assert!(surplus <= others.min(dropped), "{}: {surplus}", self.case);
        let lost = content.sum(&[ledger::MINOR_FAULTS_LOST, ledger::MAJOR_FAULTS_LOST]);
        self.rounds += 1;
        self.captured += content.completed;
        self.lost += lost + dropped;
        self.counted += content.completed + dropped + lost;
    }

    fn print(&self) {
        let Self { case, rounds, captured, lost, counted } = self;
        println!(
            "fire: {case}: rounds {rounds}, captured {captured}, lost {lost}, counted {counted}"
        );
    }
}

/// Checks a closed trace against what its target made by its own count and by the kernel's accounts of
/// it: all of it was captured, dropped by the recorder, or lost by the kernel.
fn check(trace: &Path, target: &Steady, made: u64, tally: &mut Tally) -> Content {
    let content = Content::open(trace);
    tally.add(&content);
    let unrecorded =
        content.sum(&[ledger::COUNTED_UNRECORDED_MINOR, ledger::COUNTED_UNRECORDED_MAJOR]);
    let counted = content.sum(&[ledger::MINOR_FAULTS_COUNT, ledger::MAJOR_FAULTS_COUNT]);
    assert_eq!(counted - unrecorded, made, "{}: {:?}", tally.case, content.last.ledger);
    assert_eq!(content.sum(&[ledger::RUSAGE_MINOR_FAULTS, ledger::RUSAGE_MAJOR_FAULTS]), made);
    let lost = content.sum(&[
        ledger::MINOR_FAULTS_LOST,
        ledger::MAJOR_FAULTS_LOST,
        ledger::DROPPED_RECORDER,
    ]);
    let rows = Rows::read(trace, target.range());
    assert_eq!(rows.touches.len() as u64 + lost, made, "{}", tally.case);
    rows.check_checkpoints();
    content
}
