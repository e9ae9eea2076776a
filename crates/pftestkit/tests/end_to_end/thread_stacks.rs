//! Stacks of threads are told from other anonymous memory.

use crate::recording::{AGREED, How, Lab, Row, User, is_root};

/// Pages of a stack that are enough for a stack pointer, which is taken at every 32nd fault of a thread on a
/// CPU.
fn enough_pages() -> String {
    let cpus = std::thread::available_parallelism().unwrap().get();
    (32 * (cpus + 1)).to_string()
}

#[test]
fn launched_attached_and_as_nobody() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let ways: [(User, How, &str); 4] = [
        (User::Own, Lab::launch, "minor/anon-first-touch"),
        (User::Own, Lab::attach, "minor/anon-unknown"),
        (User::Nobody, Lab::launch, "minor/anon-first-touch-or-zero"),
        (User::Nobody, Lab::attach, "minor/anon-unknown"),
    ];
    let pages = enough_pages();
    for (number, (user, how, kind)) in ways.into_iter().enumerate() {
        let lab = Lab::new(user);
        let workload = lab.workload("thread-stacks").args(["--threads", "6", "--pages", &pages]);
        let recording = how(lab, &workload).unwrap();
        assert!(recording.said.contains(AGREED), "{}", recording.said);
        let expected = recording.expected(|_| kind.to_owned());
        assert_eq!((recording.found(), expected.len()), (expected, 6), "way {number}");
        let rows = recording.rows();
        for place in &recording.report.places {
            let range = place.start..place.end;
            let here: Vec<&Row> = rows.iter().filter(|row| range.contains(&row.addr)).collect();
            let [first, ..] = &here[..] else { panic!("way {number}: {place:?}") };
            for row in &here {
                let said = (row.region_kind.as_str(), row.region.as_str());
                assert_eq!(said, ("thread_stack", "thread stack"), "way {number}: {row:?}");
                // Each thread has one of its own.
                assert_eq!(row.tid, first.tid, "way {number}: {row:?}");
                assert_ne!(row.tid, row.pid);
            }
        }
    }
}

#[test]
fn a_thread_that_overflows_its_stack() {
    for user in [User::Own, User::Nobody] {
        if user == User::Nobody && !is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let lab = Lab::new(user);
        let workload = lab.workload("thread-stack-overflow").args(["--pages", &enough_pages()]);
        let recording = lab.launch(&workload).unwrap();
        let expected = recording.expected(ToOwned::to_owned);
        assert_eq!((recording.found(), expected.len()), (expected, 1));
        let range = &recording.report.expectations[0];
        let rows = recording.rows_in((range.pid, range.start, range.end));
        assert_eq!(rows.len(), 1);
        assert_ne!(rows[0].tid, rows[0].pid);
    }
}

#[test]
fn other_anonymous_memory_of_threads_is_none() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("threads").args(["--threads", "6", "--pages", "50"]);
    let recording = lab.launch(&workload).unwrap();
    let expected = recording.expected(ToOwned::to_owned);
    assert_eq!(expected.len(), 6);
    for range in expected.into_keys() {
        let rows = recording.rows_in(range);
        assert_eq!(rows.len(), 50);
        for row in rows {
            assert_eq!((row.region_kind.as_str(), row.region.as_str()), ("anon", "[anon]"));
        }
    }
}
