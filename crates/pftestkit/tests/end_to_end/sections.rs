//! Sections of a program: each fault on code, constants and variables says in which it was.

use crate::programs::{self, BUILD_ID, FRAME_POINTERS, Ranges, faults, of_range};
use crate::recording::{AGREED, How, Lab, User, is_root};

#[test]
fn launched_attached_and_as_nobody() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let ways: [(User, How); 4] = [
        (User::Own, Lab::launch),
        (User::Own, Lab::attach),
        (User::Nobody, Lab::launch),
        (User::Nobody, Lab::attach),
    ];
    for (number, (user, how)) in ways.into_iter().enumerate() {
        let Some(recording) = programs::record(|| Lab::new(user), FRAME_POINTERS, how) else {
            return;
        };
        assert_eq!(recording.report.places.len(), 5);
        let rows = recording.rows();
        for place in &recording.report.places {
            let range = place.start..place.end;
            let here = rows.iter().filter(|row| row.pid == place.pid && range.contains(&row.addr));
            for row in here {
                let said = (row.region_kind.as_str(), row.region.as_str());
                let known = (place.kind.as_str(), place.label.as_str());
                assert_eq!(said, known, "way {number}: {row:?}");
            }
        }
        let (all, ranges) = (faults(&recording), Ranges::of(&recording));
        for range in [ranges.data, ranges.rodata, ranges.text] {
            for fault in of_range(&all, range) {
                assert_eq!(fault["build_id"], BUILD_ID, "way {number}: {fault:?}");
                assert!(fault["path"].ends_with("/known"), "way {number}: {fault:?}");
            }
        }
    }
}

#[test]
fn the_causes_of_faults_in_sections() {
    if !is_root() {
        eprintln!("skipped: needs root, to tell reads, writes and fetches of instructions");
        return;
    }
    let new_lab = || Lab::new(User::Own);
    let Some(recording) = programs::record(new_lab, FRAME_POINTERS, Lab::launch) else { return };
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    assert_eq!(recording.found(), recording.expected(ToOwned::to_owned));
    let (all, ranges) = (faults(&recording), Ranges::of(&recording));
    for (range, access) in [
        (ranges.text, "exec"),
        (ranges.rodata, "read"),
        (ranges.data, "write"),
        (ranges.bss, "write"),
    ] {
        for fault in of_range(&all, range) {
            assert_eq!(fault["access"], access, "{fault:?}");
        }
    }
}
