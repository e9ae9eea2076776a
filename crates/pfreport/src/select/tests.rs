use std::ops::Range;

use pfmodel::names::{Cause, Class};
use pfmodel::table::Thread;

use super::{Selected, Selection, class};
use crate::cli::Query;
use crate::error::Error;
use crate::figures::stall::WallStall;
use crate::load::{Loaded, Member};
use crate::made_up::{self, HEAP, Row};
use crate::outputs::summary::{Style, exactness_lines, render};
use crate::print::layout::Layout;

const SECOND: u64 = 1_000_000_000;

/// A fault a second for ten seconds, of two processes in turn; each third one is major and takes 1.5 s.
fn loaded() -> Loaded {
    let mut loaded = made_up::two_processes();
    for i in 0..10 {
        let is_major = i % 3 == 0;
        let class = if is_major { Class::Major } else { Class::Minor };
        let cause = if is_major { Cause::FileRead } else { Cause::AnonFirstTouch };
        let latency = Some(if is_major { 3 * SECOND / 2 } else { 1_000 });
        let row = Row {
            time: i * SECOND,
            proc: (i % 2) as u32,
            tid: 100 + (i % 2) as u32,
            class,
            cause,
            latency,
            mapping: HEAP,
            ..Row::default()
        };
        made_up::push(&mut loaded.analysis, row);
    }
    let second = Thread { proc: 1, tid: 101, from_ns: SECOND, to_ns: 10 * SECOND };
    loaded.analysis.threads.push(second);
    loaded.members[0].rows = 0..10;
    loaded
}

fn query(words: &[&str]) -> Query {
    use clap::Parser as _;

    let words = ["pfreport", "run.pft"].iter().chain(words);
    crate::cli::Arguments::try_parse_from(words).unwrap().query
}

fn selected(words: &[&str]) -> Loaded {
    let mut loaded = loaded();
    Selection::parse(&query(words)).unwrap().apply(&mut loaded).unwrap();
    loaded
}

/// Seconds of the rows that are left.
fn seconds(loaded: &Loaded) -> Vec<u64> {
    loaded.analysis.faults.time_ns.iter().map(|ns| ns / SECOND).collect()
}

#[test]
fn each_option_narrows_the_table() {
    for (words, expected) in [
        (&["--class", "major"][..], &[0, 3, 6, 9][..]),
        (&["--class=major,cow"], &[0, 3, 6, 9]),
        (&["--pid", "4243"], &[1, 3, 5, 7, 9]),
        (&["--pid", "4242,4243", "--from", "8s"], &[8, 9]),
        (&["--from", "2s", "--to", "4s"], &[2, 3]),
        (&["--to", "20%"], &[0, 1]),
        (&["--from", "90%"], &[9]),
        (&["--from", "1500ms", "--to=40%", "--where", "class = 'minor'"], &[2]),
        (&["--where", "latency_ns > 1e6", "--pid=4242"], &[0, 6]),
        (&["--from", "1h"], &[]),
    ] {
        assert_eq!(seconds(&selected(words)), expected, "{words:?}");
    }
}

#[test]
fn nothing_asked_for_changes_nothing() {
    let loaded = selected(&[]);
    assert_eq!((loaded.selection.clone(), loaded.analysis.faults.len()), (None, 10));
}

#[test]
fn what_is_left_out_stays_known() {
    let loaded =
        selected(&["--class", "minor", "--from", "2s", "--to", "4s", "--where", "cpu = 1"]);
    let expected = Selected {
        what: "class minor, from 2 s to 4 s, where cpu = 1".to_owned(),
        windows: vec![Range { start: 2 * SECOND, end: 4 * SECOND }],
    };
    assert_eq!(loaded.selection.as_ref(), Some(&expected));
    assert_eq!(loaded.analysis.exactness.classes, [6, 4, 0, 0, 0]);
    let counts =
        |of: fn(&Loaded, Class) -> u64| [Class::Minor, Class::Major].map(|c| of(&loaded, c));
    assert_eq!((counts(Loaded::class_count), counts(Loaded::class_total)), ([1, 0], [6, 4]));
    assert_eq!(loaded.members[0].rows, 0..1);
}

#[test]
fn what_is_known_of_rows_is_of_the_selected_ones() {
    let line = |words: &[&str]| {
        let lines = exactness_lines(&selected(words));
        lines.into_iter().find(|(label, _)| label == "mappings").map(|(_, line)| line)
    };
    let all = "exact for 10 faults, inferred for 0, unknown for 0";
    assert_eq!(line(&[]).as_deref(), Some(all));
    let some = "exact for 4 selected faults, inferred for 0, unknown for 0";
    assert_eq!(line(&["--class=major"]).as_deref(), Some(some));
    assert_eq!(line(&["--class=cow"]), None);
}

#[test]
fn faults_that_are_not_stored_are_in_no_selection() {
    use pft::keys::{fact, ledger};

    let last_line = |words: &[&str]| {
        let mut loaded = loaded();
        loaded.facts.insert(fact::CAPTURE_MIN_LATENCY_NS.to_owned(), "500".to_owned());
        loaded.ledger = [
            (ledger::SKIPPED_FAST_MINOR.to_owned(), 100),
            (ledger::SKIPPED_FAST_MAJOR.to_owned(), 3),
        ]
        .into();
        Selection::parse(&query(words)).unwrap().apply(&mut loaded).unwrap();
        let style = Style { top: 10, layout: Layout::PIPED };
        render(&loaded, style).unwrap().lines().last().map(str::to_owned)
    };
    assert_eq!(last_line(&[]).as_deref(), Some("Summary: major=7 minor=106 cow=unknown"));
    assert_eq!(last_line(&["--to=4s"]).as_deref(), Some("Summary: major=2 minor=2 cow=0"));
}

#[test]
fn shares_of_time_are_those_of_the_window() {
    let loaded = selected(&["--from", "2s", "--to", "4s"]);
    assert_eq!(loaded.recorded_ns(), 2 * SECOND);
    assert_eq!(loaded.recorded_between_ns(3 * SECOND, 9 * SECOND), SECOND);
    assert_eq!(loaded.recorded_between_ns(5 * SECOND, 9 * SECOND), 0);
    // The fault of the third second ends behind the window.
    let stall = WallStall::within(&loaded.analysis, loaded.windows());
    assert_eq!(stall.total.length_ns, SECOND + 1_000);
    assert_eq!(stall.processes[1].length_ns, SECOND);
    // It still takes as long as it takes.
    assert_eq!(loaded.analysis.faults.stall_ns(1), Some(3 * SECOND / 2));
    let whole = selected(&["--to", "1h"]);
    assert_eq!((whole.recorded_ns(), whole.windows().len()), (10 * SECOND, 1));
    assert_eq!(selected(&["--class", "minor"]).recorded_ns(), 10 * SECOND);
}

#[test]
fn each_trace_has_its_own_time() {
    let mut loaded = loaded();
    let first = loaded.members[0].clone();
    let lengths = [(0, 4, 0..4), (4, 6, 4..10)];
    loaded.members = lengths
        .map(|(offset, length, rows)| Member {
            offset_ns: offset * SECOND,
            duration_ns: length * SECOND,
            rows,
            ..first.clone()
        })
        .to_vec();
    Selection::parse(&query(&["--from", "50%"])).unwrap().apply(&mut loaded).unwrap();
    assert_eq!(seconds(&loaded), [2, 3, 7, 8, 9]);
    assert_eq!(loaded.windows(), [2 * SECOND..4 * SECOND, 7 * SECOND..10 * SECOND]);
    let rows: Vec<_> = loaded.members.iter().map(|member| member.rows.clone()).collect();
    assert_eq!(rows, [0..2, 2..5]);
    assert_eq!(loaded.recorded_ns(), 5 * SECOND);
    assert_eq!(loaded.stalled_until_ns(1, 9 * SECOND), 4 * SECOND);
}

#[test]
fn the_loader_can_ask_for_the_window() {
    let window = |words: &[&str]| Selection::parse(&query(words)).unwrap().window_ns(40);
    assert_eq!(window(&["--class", "major"]), None);
    assert_eq!(window(&["--from=10%"]), Some(4..u64::MAX));
    assert_eq!(window(&["--to=25ns"]), Some(0..25));
    let fields = Selection::parse(&query(&["--where=cpu = 1 OR tid > cpu"])).unwrap();
    assert_eq!(
        fields.fields().iter().map(|field| field.name()).collect::<Vec<_>>(),
        ["cpu", "tid"]
    );
}

#[test]
fn wrong_values_are_refused() {
    assert_eq!(class("majro").unwrap_err(), "the classes are minor, major, cow, failed, unknown");
    let unknown = Selection::parse(&query(&["--pid", "4242,7"])).unwrap().apply(&mut loaded());
    let message = unknown.unwrap_err().to_string();
    assert_eq!(message, "no process 7 in the trace; there are 4242, 4243");
    for words in [["--from=2s", "--to=1s"], ["--from=2s", "--to=2s"], ["--from=50%", "--to=5%"]] {
        let empty = Selection::parse(&query(&words));
        assert!(matches!(empty, Err(Error::EmptyWindow { .. })), "{words:?}");
    }
}
