//! System calls that unmap, move and drop memory: with them recorded, each fault has its mapping at its
//! moment for certain; without them, nothing false passes for certain.

use pftestkit::{Turn, Workload};

use crate::recording::{Lab, Recording, Row, User, is_root};

const MODES: [&str; 3] = ["reuse", "mremap", "dontneed"];

/// The faults of each turn with what was mapped there: turns of one range are in order of time.
fn by_turn(recording: &Recording) -> Vec<(Row, Turn)> {
    let turns = &recording.report.turns;
    let rows = recording.rows();
    let mut found = Vec::new();
    let mut ranges: Vec<(u32, u64)> = turns.iter().map(|turn| (turn.pid, turn.start)).collect();
    ranges.dedup();
    for (pid, start) in ranges {
        let mut of_range: Vec<&Turn> = recording.report.turns_at(pid, start).collect();
        let end = of_range.iter().map(|turn| turn.end).max().unwrap();
        let mut here: Vec<&Row> =
            rows.iter().filter(|row| row.pid == pid && (start..end).contains(&row.addr)).collect();
        here.sort_by_key(|row| row.time_ns);
        let expected = of_range
            .drain(..)
            .flat_map(|turn| std::iter::repeat_n(turn, usize::try_from(turn.count).unwrap()));
        let expected: Vec<&Turn> = expected.collect();
        assert_eq!(here.len(), expected.len(), "{start:#x}: {}", recording.said);
        found.extend(here.into_iter().cloned().zip(expected.into_iter().cloned()));
    }
    found
}

/// Whether the row has the file, or the anonymous memory, and the offset that were there.
fn is_right(row: &Row, turn: &Turn) -> bool {
    if turn.path.as_os_str().is_empty() {
        return row.region == "[anon]" && row.path.is_empty() && row.perms == "rw-p";
    }
    let offset = turn.offset_bytes + (row.addr - turn.start);
    turn.path.to_str() == Some(&row.path) && row.file_offset == Some(offset)
}

fn record(mode: &str, user: User, how: fn(Lab, &Workload) -> Option<Recording>) -> Recording {
    let lab = Lab::new(user);
    let workload = lab.workload(mode).args(["--pages", "16"]);
    let recording = how(lab, &workload).unwrap();
    let agreed = recording.said.contains("0 lost, captured + lost = the kernel's count");
    assert!(agreed, "{mode}: {}", recording.said);
    recording
}

/// The rows in ranges of which the workload speaks.
fn expected_rows(recording: &Recording) -> Vec<Row> {
    let ranges: Vec<_> = recording.expected(ToOwned::to_owned).into_keys().collect();
    let inside = |row: &Row| {
        ranges.iter().any(|&(pid, start, end)| row.pid == pid && (start..end).contains(&row.addr))
    };
    recording.rows().into_iter().filter(inside).collect()
}

#[test]
fn with_calls_recorded_each_fault_is_exact_at_its_moment() {
    if !is_root() {
        eprintln!("skipped: needs root, to record system calls");
        return;
    }
    for how in [Lab::launch, Lab::attach] {
        for mode in MODES {
            let recording = record(mode, User::Own, how);
            let rows = expected_rows(&recording);
            assert!(!rows.is_empty());
            for row in rows {
                assert_eq!(row.map_confidence, "exact", "{mode}: {row:?}");
            }
            for (row, turn) in by_turn(&recording) {
                assert!(is_right(&row, &turn), "{mode}: {turn:?} {row:?}");
            }
            let summary = recording.summary();
            let said = summary.contains("unmapping and moving were recorded");
            assert!(said, "{mode}: {summary}");
        }
    }
}

#[test]
fn pages_that_were_dropped_fault_again_for_a_known_reason() {
    if !is_root() {
        eprintln!("skipped: needs root, to record system calls");
        return;
    }
    let recording = record("dontneed", User::Own, Lab::attach);
    // Attached, the first touches are of mappings that are older than the recording.
    let expected = recording.expected(|kind| match kind {
        "minor/anon-first-touch" => "minor/anon-unknown".to_owned(),
        known => known.to_owned(),
    });
    assert_eq!(recording.found(), expected);
    let kinds = expected.values().flatten();
    let refaults: u64 =
        kinds.filter(|(kind, _)| *kind == "minor/anon-refault").map(|(_, count)| count).sum();
    assert_eq!(refaults, 8);
}

#[test]
fn without_calls_nothing_false_is_exact() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    for mode in ["reuse", "mremap"] {
        let recording = record(mode, User::Nobody, Lab::launch);
        for (row, turn) in by_turn(&recording) {
            let right = is_right(&row, &turn);
            assert!(right || row.map_confidence != "exact", "{mode}: {turn:?} {row:?}");
            // No record tells that memory was moved, only a snapshot in the right moment could; what was
            // mapped anew is in band.
            let moved = match mode {
                "reuse" => turn.offset_bytes > 0,
                _ => row.addr - turn.start >= (turn.end - turn.start) / 2,
            };
            assert!(right || moved, "{mode}: {turn:?} {row:?}");
            // What cannot be accessed at all is not what was accessed.
            assert!(row.perms != "---p" || row.access == "unknown", "{mode}: {row:?}");
        }
        let summary = recording.summary();
        assert!(!summary.contains("unmapping and moving were recorded"), "{mode}: {summary}");
    }
}
