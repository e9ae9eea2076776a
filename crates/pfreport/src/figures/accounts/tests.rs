//! Accounts of small ledgers.

use pfmodel::names::Class;
use pft::keys::{fact, ledger};

use super::{Balance, LostRecords, Stored, Taken};
use crate::load::Loaded;
use crate::made_up::{self, Row};

/// Three minor faults and one major one in the table, and more in the ledger.
fn loaded(counts: &[(&str, u64)]) -> Loaded {
    let mut loaded = made_up::empty();
    for time in 0..3 {
        made_up::push(&mut loaded.analysis, Row { time, ..Row::default() });
    }
    made_up::push(&mut loaded.analysis, Row { class: Class::Major, ..Row::default() });
    loaded.ledger = counts.iter().map(|&(key, n)| (key.to_owned(), n)).collect();
    loaded
}

#[test]
fn every_part_of_the_kernels_count_is_accounted_for() {
    let mut loaded = loaded(&[
        (ledger::CAPTURED_MINOR, 10),
        (ledger::SKIPPED_FAST_MINOR, 7),
        (ledger::SKIPPED_FAST_MAJOR, 0),
        (ledger::CAPTURED_DUPLICATES_MINOR, 2),
        (ledger::CAPTURED_FILTERED_MINOR, 300),
        (ledger::CAPTURED_OWN_MINOR, 37),
        (ledger::COUNTED_UNRECORDED_MINOR, 3),
        (ledger::MINOR_FAULTS_COUNT, 352),
    ]);
    loaded.facts.insert(fact::CAPTURE_MIN_LATENCY_NS.to_owned(), "1000".to_owned());
    assert_eq!(loaded.balances(), [Balance { name: "minor", ours: 352, kernel: 352 }]);
    assert_eq!(loaded.skipped(), Some([7, 0]));
    assert_eq!(loaded.missing_rows(), []);
    assert!(loaded.is_whole());
    // Skipped faults were captured: they are no part of their own.
    loaded.ledger.insert(ledger::SKIPPED_FAST_MINOR.to_owned(), 6);
    assert_eq!(loaded.balances(), [Balance { name: "minor", ours: 352, kernel: 352 }]);
    assert_eq!(loaded.missing_rows(), [Stored { name: "minor", expected: 4, rows: 3 }]);
    assert!(!loaded.is_whole());
    loaded.facts.insert(fact::FLIGHT_WINDOW_NS.to_owned(), "1000".to_owned());
    loaded.ledger.insert(ledger::CAPTURED_MINOR.to_owned(), 3);
    assert_eq!(
        (loaded.balances(), loaded.missing_rows(), loaded.skipped()),
        (vec![], vec![], None)
    );
    assert!(loaded.is_whole());
    loaded.ledger.insert(ledger::CAPTURED_MINOR.to_owned(), 5);
    assert_eq!(loaded.missing_rows(), [Stored { name: "minor", expected: 5, rows: 3 }]);
}

#[test]
fn damage_took_what_the_ledger_has_and_the_table_has_not() {
    let counts = [
        (ledger::CAPTURED_MINOR, 10),
        (ledger::SKIPPED_FAST_MINOR, 2),
        (ledger::SKIPPED_FAST_MAJOR, 0),
        (ledger::CAPTURED_MAJOR, 4),
    ];
    let mut loaded = loaded(&counts);
    loaded.facts.insert(fact::CAPTURE_MIN_LATENCY_NS.to_owned(), "1000".to_owned());
    assert_eq!(loaded.taken_by_damage(), None);
    loaded.damage.push("a frame is broken".to_owned());
    // 8 of 10 minor faults were stored and 3 are left; 1 of 4 major ones.
    assert_eq!(loaded.taken_by_damage(), Some(Taken::Exactly(8)));
    loaded.ledger.insert(ledger::DROPPED_RECORDER.to_owned(), 3);
    assert_eq!(loaded.taken_by_damage(), Some(Taken::AtLeast(5)));
    loaded.ledger.remove(ledger::DROPPED_RECORDER);
    loaded.analysis.exactness.complete = false;
    assert_eq!(loaded.taken_by_damage(), Some(Taken::AtLeast(8)));
    loaded.ledger.clear();
    assert_eq!(loaded.taken_by_damage(), Some(Taken::AtLeast(0)));
}

#[test]
fn a_delay_is_no_recorded_time() {
    let mut loaded = loaded(&[]);
    let times = |loaded: &Loaded| {
        (loaded.recorded_since_ns(), loaded.recorded_ns(), loaded.recorded_length())
    };
    let second = 1_000_000_000;
    assert_eq!(times(&loaded), (0, 10 * second, "10 s".to_owned()));
    loaded.facts.insert(fact::CAPTURE_DELAY_NS.to_owned(), "8000000000".to_owned());
    let after = (8 * second, 2 * second, "2 s after a delay of 8 s".to_owned());
    assert_eq!(times(&loaded), after);
    // The delay began with the recording.
    loaded.facts.insert(fact::FLIGHT_WINDOW_NS.to_owned(), "1000".to_owned());
    assert_eq!(times(&loaded).0, 0);
    loaded.facts.insert(fact::FLIGHT_LIMITED_BY.to_owned(), "start".to_owned());
    assert_eq!(times(&loaded), after);
    loaded.facts.insert(fact::CAPTURE_DELAY_NS.to_owned(), "12000000000".to_owned());
    let during = (10 * second, 0, "10 s, less than the delay of 12 s".to_owned());
    assert_eq!(times(&loaded), during);
}

#[test]
fn any_lost_record_is_a_loss() {
    let none = LostRecords::default();
    let expected = [
        (ledger::MINOR_FAULTS_LOST, LostRecords { completions: 1, ..none }),
        (ledger::MAJOR_FAULTS_LOST, LostRecords { completions: 1, ..none }),
        (ledger::PAGE_FAULTS_LOST, LostRecords { entries: 1, ..none }),
        (ledger::TRACEPOINT_USER_LOST, LostRecords { entries: 1, ..none }),
        (ledger::TRACEPOINT_KERNEL_LOST, LostRecords { error_codes: 1, ..none }),
        (ledger::DROPPED_RECORDER, LostRecords { dropped: 1, ..none }),
        (ledger::SIDEBAND_LOST, LostRecords { sideband: 1, ..none }),
        (ledger::CALLS_LOST, LostRecords { calls: 1, ..none }),
        (ledger::SIGNAL_LOST, LostRecords { signals: 1, ..none }),
        (ledger::OOM_LOST, LostRecords { oom: 1, ..none }),
    ];
    for (key, lost) in expected {
        let loaded = loaded(&[(key, 1)]);
        assert_eq!(loaded.lost_records(), lost, "{key}");
        assert!(!loaded.is_whole(), "{key}");
    }
    assert!(!loaded(&[(ledger::CPUS_UNWATCHED, 1)]).is_whole());
    assert!(!loaded(&[(ledger::CAPTURED_OOM, 1)]).is_whole());
}

#[test]
fn counts_at_the_end_of_their_range_agree_with_nothing() {
    let full = Balance { name: "minor", ours: u64::MAX, kernel: u64::MAX };
    assert!(!full.is_even());
    assert!(Balance { ours: 5, kernel: 5, ..full }.is_even());
    let mut loaded = loaded(&[
        (ledger::CAPTURED_MINOR, 3),
        (ledger::CAPTURED_MAJOR, 1),
        (ledger::CAPTURED_FILTERED_MINOR, u64::MAX),
        (ledger::MINOR_FAULTS_COUNT, u64::MAX),
    ]);
    assert!(!loaded.is_whole());
    loaded.ledger.insert(ledger::CAPTURED_FILTERED_MINOR.to_owned(), 4);
    loaded.ledger.insert(ledger::MINOR_FAULTS_COUNT.to_owned(), 7);
    assert!(loaded.is_whole());
}
