//! Hand-made counts against hand-made ledgers.

use pft::keys::{fact, ledger as keys};
use pft::record::{Checkpoint, LedgerEntry, Outcome};
use pft::verify::{Findings, Report};

use super::{Agreement, check};

/// Seven minor and two major faults, one of each other outcome, and more.
fn report(ledger: &[(&str, u64)], facts: &[(&str, &str)]) -> Report {
    let mut report = Report::default();
    report.findings = Findings::keeping(9);
    report.is_whole = true;
    let counts = &mut report.counts;
    counts.outcomes = [1; 8];
    counts.outcomes[Outcome::Minor as usize] = 7;
    counts.outcomes[Outcome::Major as usize] = 2;
    (counts.interrupted, counts.without_entry, counts.negative_latency) = (3, 4, 5);
    (counts.with_chain, counts.chains, counts.cut_chains) = (6, Some(8), 1);
    (counts.calls, counts.oom, counts.snapshots, counts.queries) = (9, 10, 11, 12);
    (counts.lost_by_recorder, counts.lost_by_kernel) = (0, 14);
    let facts = facts.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
    counts.facts = facts.collect();
    let line = |&(key, value): &(&str, u64)| LedgerEntry { key: key.to_owned(), value };
    let ledger = ledger.iter().map(line).collect();
    counts.checkpoint = Some(Checkpoint { end: true, ledger, ..Checkpoint::default() });
    report
}

/// What agrees with the frames, each figure on its own.
const AGREES: [(&str, u64); 16] = [
    (keys::CAPTURED_MINOR, 7),
    (keys::CAPTURED_MAJOR, 2),
    (keys::CAPTURED_SIGNALLED, 1),
    (keys::CAPTURED_ABANDONED, 2),
    (keys::CAPTURED_IN_FLIGHT, 2),
    (keys::CAPTURED_INTERRUPTED, 3),
    (keys::CAPTURED_WITHOUT_ENTRY, 4),
    (keys::CAPTURED_NEGATIVE_LATENCY, 5),
    (keys::CAPTURED_CALL_CHAINS, 6),
    (keys::CALLCHAINS_DISTINCT, 8),
    (keys::CALLCHAINS_CUT, 1),
    (keys::CAPTURED_CALLS, 9),
    (keys::CAPTURED_OOM, 10),
    (keys::SNAPSHOTS_TAKEN, 11),
    (keys::SNAPSHOTS_QUERIES, 12),
    (keys::DROPPED_RECORDER, 0),
];

fn told(report: &Report) -> Vec<String> {
    report.findings.kept().iter().map(ToString::to_string).collect()
}

#[test]
fn each_figure_is_held_against_the_rows() {
    let mut sound = report(&AGREES, &[]);
    assert_eq!(check(&mut sound), Agreement::Agrees(16));
    assert_eq!((told(&sound), sound.notes.len()), (vec![], 1));
    for (n, &(key, rows)) in AGREES.iter().enumerate().filter(|&(_, line)| line.1 > 0) {
        let mut ledger = AGREES;
        ledger[n].1 = rows - 1;
        let mut wrong = report(&ledger, &[]);
        assert_eq!(check(&mut wrong), Agreement::Differs, "{key}");
        let what = format!(
            "the whole file: ledger-rows: by {key} of the ledger there should be {}, and there are {rows}",
            rows - 1
        );
        assert_eq!(told(&wrong), [what]);
    }
}

#[test]
fn when_writing_failed_other_frames_may_be_missing_but_not_be_too_many() {
    let failed = [(fact::RECORDING_ENDED_BY, "failure")];
    let ledger =
        [(keys::CAPTURED_CALLS, 10), (keys::SNAPSHOTS_TAKEN, 12), (keys::DROPPED_RECORDER, 0)];
    let mut sound = report(&ledger, &failed);
    assert_eq!(check(&mut sound), Agreement::Agrees(1));
    assert!(
        sound.notes.iter().any(|note| note.ends_with("since writing failed")),
        "{:?}",
        sound.notes
    );
    assert_eq!(check(&mut report(&ledger, &[])), Agreement::Differs);
    let mut wrong = report(&[(keys::CAPTURED_CALLS, 8)], &failed);
    assert_eq!(check(&mut wrong), Agreement::Differs);
    let mut wrong = report(&[(keys::DROPPED_RECORDER, 1)], &failed);
    assert_eq!(check(&mut wrong), Agreement::Differs);
}

#[test]
fn captured_left_out_and_lost_are_the_kernels_count() {
    let mut ledger = vec![
        (keys::CAPTURED_MINOR, 7),
        (keys::CAPTURED_DUPLICATES_MINOR, 1),
        (keys::CAPTURED_FILTERED_MINOR, 10),
        (keys::CAPTURED_OWN_MINOR, 100),
        (keys::COUNTED_UNRECORDED_MINOR, 1000),
        (keys::MINOR_FAULTS_LOST, 10_000),
        (keys::MINOR_FAULTS_COUNT, 11_118),
    ];
    let mut sound = report(&ledger, &[]);
    assert_eq!(check(&mut sound), Agreement::Agrees(2));
    assert_eq!((told(&sound), sound.notes.as_slice()), (vec![], &[][..]));
    ledger[6].1 += 1;
    let mut wrong = report(&ledger, &[]);
    assert_eq!(check(&mut wrong), Agreement::Differs);
    let what = "the whole file: ledger-kernel: captured, left out and lost minor faults are 11118, and the \
                kernel counted 11119";
    assert_eq!(told(&wrong), [what]);
    // Where the kernel does not tell its losses, they are what is missing; more than it counted is not.
    let untold = [(fact::CAPTURE_LOSS_COUNTS, "no")];
    let mut sound = report(&ledger, &untold);
    assert_eq!(check(&mut sound), Agreement::Agrees(2));
    let note = "1 minor faults that the kernel counted are missing: it did not tell what it lost";
    assert_eq!((told(&sound), sound.notes.as_slice()), (vec![], &[note.to_owned()][..]));
    ledger[6].1 -= 2;
    assert_eq!(check(&mut report(&ledger, &untold)), Agreement::Differs);
    ledger[6].1 += 2;
    // That is not about a window, but what the ledger of a window says is.
    let mut window = report(&ledger, &[(fact::FLIGHT_WINDOW_NS, "5")]);
    assert_eq!(check(&mut window), Agreement::Agrees(1));
    assert_eq!(
        window.notes,
        ["not checked: the kernel's counters are not about the window of a flight recorder"]
    );
    ledger.push((keys::FLIGHT_LOST_IN_RINGS, 13));
    let mut window = report(&ledger, &[(fact::FLIGHT_WINDOW_NS, "5")]);
    assert_eq!(check(&mut window), Agreement::Differs);
}

#[test]
fn what_was_left_out_on_request_is_not_missed() {
    let facts = [(fact::CAPTURE_MIN_LATENCY_NS, "1000")];
    let mut ledger = vec![
        (keys::CAPTURED_MINOR, 17),
        (keys::CAPTURED_MAJOR, 2),
        (keys::SKIPPED_FAST_MINOR, 10),
        (keys::SKIPPED_FAST_MAJOR, 0),
        // Of the skipped ones too.
        (keys::CAPTURED_INTERRUPTED, 99),
    ];
    assert_eq!(check(&mut report(&ledger, &facts)), Agreement::Agrees(2));
    ledger[2].1 = 9;
    assert_eq!(check(&mut report(&ledger, &facts)), Agreement::Differs);
    // Without entries none can be missing.
    let without = [(keys::CAPTURED_MAJOR, 2), (keys::CAPTURED_WITHOUT_ENTRY, 0)];
    assert_eq!(check(&mut report(&without, &[])), Agreement::Differs);
    let no_entries = [(fact::CAPTURE_LATENCY, "no")];
    assert_eq!(check(&mut report(&without, &no_entries)), Agreement::Agrees(1));
}

#[test]
fn what_cannot_be_told_is_no_finding() {
    let wrong = [(keys::CAPTURED_MINOR, 1)];
    let untold = |edit: fn(&mut Report)| {
        let mut report = report(&wrong, &[]);
        edit(&mut report);
        match check(&mut report) {
            Agreement::Untold(why) => (why, told(&report)),
            other => panic!("{other:?}"),
        }
    };
    let damaged = untold(|report| report.is_whole = false);
    assert_eq!(damaged, ("not all frames are there", vec![]));
    let absent = untold(|report| report.counts.checkpoint = None);
    assert_eq!(absent, ("there is none", vec![]));
    let unended = untold(|report| report.counts.checkpoint = Some(Checkpoint::default()));
    assert_eq!(unended, ("the recording did not end in order", vec![]));
    let newer = untold(|report| report.unknown_frames = 1);
    assert_eq!(newer, ("frames of a newer version may hold what is missing", vec![]));
    let empty = untold(|report| {
        report.counts.checkpoint = Some(Checkpoint { end: true, ..Checkpoint::default() });
    });
    assert_eq!(empty, ("it has none of the figures that frames tell", vec![]));
    // Of which kind the faults were that the recorder dropped is not known.
    let mut dropped = report(&[(keys::CAPTURED_MINOR, 1), (keys::DROPPED_RECORDER, 3)], &[]);
    dropped.counts.lost_by_recorder = 3;
    assert_eq!(check(&mut dropped), Agreement::Agrees(1));
    assert!(dropped.notes[0].starts_with("not checked: the ledger does not tell of what kind"));
}
