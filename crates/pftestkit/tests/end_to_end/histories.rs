//! What depends on the history of a page: which copy is made, and how often the page has faulted.

use std::collections::BTreeMap;

use pftestkit::Phase;

use crate::causes::record;
use crate::recording::{AGREED, How, Lab, Range, Recording, User, is_root};

/// The kinds of faults in each range of a recording of `late-cow`, whose ranges are anonymous memory, a
/// file that was read, and one that was written.
fn assert_late_cow(user: User, how: How, known: impl Fn(usize, &str) -> &'static str) {
    let recording = record("late-cow", user, how).unwrap();
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    let mut starts: Vec<u64> = recording.report.expectations.iter().map(|e| e.start).collect();
    starts.sort_unstable();
    starts.dedup();
    let mut expected: BTreeMap<Range, BTreeMap<String, u64>> = BTreeMap::new();
    for (range, kinds) in recording.expected(ToOwned::to_owned) {
        let index = starts.iter().position(|&start| start == range.1).unwrap();
        for (kind, count) in kinds {
            let known = known(index, &kind).to_owned();
            *expected.entry(range).or_default().entry(known).or_default() += count;
        }
    }
    assert_eq!(recording.found(), expected);
}

#[test]
fn copies_of_pages_whose_history_was_seen() {
    if !is_root() {
        eprintln!("skipped: needs root, to tell writes from reads");
        return;
    }
    assert_late_cow(User::Own, Lab::launch, |_, kind| match kind {
        "minor/zero-page" => "minor/zero-page",
        "minor/file-cached" => "minor/file-cached",
        "minor/file-private-write" => "minor/file-private-write",
        "cow/cow-zero" => "cow/cow-zero",
        "cow/cow-file" => "cow/cow-file",
        "cow/cow-anon" => "cow/cow-anon",
        other => panic!("{other}"),
    });
}

#[test]
fn copies_of_pages_that_are_older_than_the_recording() {
    if !is_root() {
        eprintln!("skipped: needs root, to tell writes from reads");
        return;
    }
    assert_late_cow(User::Own, Lab::attach, |range, _| match range {
        0 => "cow/cow-anon-or-zero",
        _ => "cow/cow-file-or-anon",
    });
}

#[test]
fn copies_without_privileges_are_told_from_nothing() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    assert_late_cow(User::Nobody, Lab::launch, |range, kind| match (range, kind) {
        (0, "minor/zero-page") => "minor/anon-first-touch-or-zero",
        (0, _) => "minor/anon-unknown",
        _ => "minor/file-cached-or-private-write",
    });
}

/// How often each page had faulted at each of its faults, in order of time, by class and cause.
fn numbers(recording: &Recording, range: Range) -> BTreeMap<u64, Vec<(String, u64)>> {
    let mut by_page: BTreeMap<u64, Vec<(String, u64)>> = BTreeMap::new();
    for row in recording.rows_in(range) {
        by_page.entry(row.addr & !0xfff).or_default().push((row.kind, row.nth));
    }
    by_page
}

fn assert_each_page(
    mode: &str,
    args: &[&str],
    pid_is_child: Option<bool>,
    expected: &[(&str, u64)],
) {
    let lab = Lab::new(User::Own);
    let workload = lab.workload(mode).args(["--pages", "20"]).args(args);
    let recording = lab.launch(&workload).unwrap();
    assert!(recording.said.contains(AGREED), "{mode}: {}", recording.said);
    let parent = recording.report.total.unwrap().pid;
    let of_process = |pid: u32| pid_is_child.is_none_or(|is_child| is_child == (pid != parent));
    let mut of_run = recording.report.of_phase(Phase::Run).filter(|e| of_process(e.pid));
    let e = of_run.next().unwrap();
    let pages = numbers(&recording, (e.pid, e.start, e.end));
    assert_eq!(pages.len(), 20, "{mode}");
    let expected: Vec<(String, u64)> =
        expected.iter().map(|&(kind, nth)| (kind.to_owned(), nth)).collect();
    for (page, found) in pages {
        assert_eq!(found, expected, "{mode}: {page:#x}");
    }
}

#[test]
fn faults_of_a_page_are_numbered() {
    if !is_root() {
        eprintln!("skipped: needs root, to record system calls and faults in kernel mode");
        return;
    }
    let refault = "minor/anon-refault";
    let rounds = [("minor/anon-first-touch", 1), (refault, 2), (refault, 3)];
    assert_each_page("anon", &["--rounds", "3"], None, &rounds);
    assert_each_page("zero", &[], None, &[("minor/zero-page", 1), ("cow/cow-zero", 2)]);
    let copied = [("minor/anon-first-touch", 1), ("cow/cow-anon", 2)];
    assert_each_page("cow", &[], Some(false), &copied);
    // A forked process begins anew.
    assert_each_page("cow", &[], Some(true), &[("cow/cow-anon", 1)]);
    // What failed does not count.
    assert_each_page("efault", &[], None, &[("failed/efault", 0)]);
}

#[test]
fn another_mapping_at_the_same_address_begins_anew() {
    if !is_root() {
        eprintln!("skipped: needs root, to record system calls");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("reuse").args(["--pages", "4"]);
    let recording = lab.launch(&workload).unwrap();
    let range = recording.expected(ToOwned::to_owned).into_keys().next().unwrap();
    let pages = numbers(&recording, range);
    assert_eq!(pages.len(), 4);
    let (file, anonymous) = ("minor/file-cached", "minor/anon-first-touch");
    let expected = [file, file, anonymous, file].map(|kind| (kind.to_owned(), 1));
    for found in pages.into_values() {
        assert_eq!(found, expected);
    }
}
