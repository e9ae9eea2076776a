//! Whole screens, against what they looked like.

mod code;
mod recordings;

use std::path::{Path, PathBuf};

use pfmodel::names::{Cause, Class};
use pfmodel::table::{Loss, NONE};
use pft::keys::{fact, ledger};

use super::{Layout, Style, render};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, MODEL, Row, TEXT};
use crate::outputs::json;

/// Compares with `tests/golden/NAME`; PFT_BLESS=1 rewrites it.
pub fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("PFT_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{} differs; PFT_BLESS=1 rewrites it", path.display());
}

/// The screen `NAME.txt`, and the document `NAME.json` with the same figures.
pub fn assert_goldens(name: &str, loaded: &Loaded) {
    assert_golden(&format!("{name}.txt"), &screen(loaded));
    let mut document = Vec::new();
    json::write(loaded, 10, &mut document).unwrap();
    let document = String::from_utf8(document).unwrap();
    json::tests::assert_allowed(&document);
    assert_golden(&format!("{name}.json"), &document.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

pub fn screen(loaded: &Loaded) -> String {
    let text = render(loaded, Style { top: 10, layout: Layout::PIPED }).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert!(!line.ends_with(' '), "{line:?}");
    }
    text
}

fn server() -> Loaded {
    let mut loaded = made_up::two_processes();
    let facts = [
        (fact::TARGET_COMMAND, "server --model /srv/models/model.gguf"),
        (fact::TARGET_PIDS, "4242"),
        (fact::TARGET_EXIT_STATUS, "0"),
        (fact::MACHINE_HOSTNAME, "db-7"),
        (fact::MACHINE_ARCH, "x86_64"),
        (fact::MACHINE_CPUS, "8"),
        (fact::MACHINE_MEMORY_BYTES, "17179869184"),
        (fact::KERNEL_RELEASE, "6.18.5"),
        (fact::LATENCY_BIAS_NS, "1150"),
        (fact::LATENCY_BIAS_SPREAD_NS, "90"),
    ];
    loaded.facts = facts.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let analysis = &mut loaded.analysis;
    for i in 0..200_u64 {
        made_up::push(
            analysis,
            Row {
                time: i * 10_000_000,
                latency: Some(90_000 + i * 1_000),
                class: Class::Major,
                cause: Cause::FileRead,
                addr: 0x7f00_0000_0000 + i * 7_919 % 20_011 * 4_096,
                mapping: MODEL,
                ..Row::default()
            },
        );
    }
    for i in 0..1_000_u64 {
        let time = 2_000_000_000 + i * 1_000_000;
        let addr = 0x100_0000 + i * 4_096;
        made_up::push(analysis, Row { time, addr, mapping: HEAP, ..Row::default() });
    }
    for i in 0..30_u64 {
        made_up::push(
            analysis,
            Row {
                time: 3_500_000_000 + i * 1_000_000,
                latency: Some(2_000),
                class: Class::Cow,
                cause: Cause::CowAnon,
                proc: 1,
                tid: 101,
                addr: 0x100_0000 + i * 4_096,
                mapping: HEAP,
                ..Row::default()
            },
        );
    }
    made_up::push(
        analysis,
        Row {
            time: 4_000_000_000,
            latency: Some(150_000),
            cause: Cause::FileCached,
            addr: 0x40_0000,
            mapping: TEXT,
            ..Row::default()
        },
    );
    made_up::push(
        analysis,
        Row {
            time: 4_100_000_000,
            latency: None,
            class: Class::Failed,
            cause: Cause::Invalid,
            addr: 0x10,
            size: 0,
            mapping: NONE,
            ..Row::default()
        },
    );
    loaded
}

fn set_ledger(loaded: &mut Loaded, counts: &[(&str, u64)]) {
    loaded.ledger = counts.iter().map(|&(key, n)| (key.to_owned(), n)).collect();
}

#[test]
fn a_sound_trace() {
    let mut loaded = server();
    set_ledger(
        &mut loaded,
        &[
            (ledger::CAPTURED_MINOR, 1_031),
            (ledger::CAPTURED_DUPLICATES_MINOR, 1),
            (ledger::MINOR_FAULTS_LOST, 0),
            (ledger::MINOR_FAULTS_COUNT, 1_032),
            (ledger::CAPTURED_MAJOR, 200),
            (ledger::MAJOR_FAULTS_COUNT, 200),
            (ledger::RUSAGE_MINOR_FAULTS, 3_079),
            (ledger::RUSAGE_MAJOR_FAULTS, 200),
        ],
    );
    assert_goldens("summary", &loaded);
}

#[test]
fn everything_that_can_be_missing() {
    let mut loaded = server();
    set_ledger(
        &mut loaded,
        &[
            (ledger::CAPTURED_MINOR, 1_000),
            (ledger::MINOR_FAULTS_LOST, 25),
            (ledger::MINOR_FAULTS_COUNT, 1_030),
            (ledger::SIDEBAND_LOST, 2),
            (ledger::DROPPED_RECORDER, 1),
            (ledger::CAPTURED_UNPARSED, 1),
            (ledger::CAPTURED_FOREIGN_IDS, 8),
        ],
    );
    loaded.facts.insert(fact::CAPTURE_KERNEL_MODE.to_owned(), "no".to_owned());
    loaded.members[0].path = PathBuf::from("/tmp/my traces/run.pft");
    loaded.damage =
        (1..=7).map(|n| format!("frame {n} at byte {}: \x1b[31mbad", n * 100)).collect();
    loaded.notes = vec!["1 frame of kind 9, version 1, is unknown".to_owned()];
    loaded.analysis.comms[0] = b"\x1b]0;owned\x07".to_vec();
    loaded.analysis.mappings[MODEL as usize].path = "/srv/\u{202e}gpj.model".as_bytes().to_vec();
    let exactness = &mut loaded.analysis.exactness;
    exactness.complete = false;
    exactness.error_code = false;
    exactness.kernel_mode = false;
    exactness.in_flight = 1;
    exactness.unresolved = 3;
    exactness.without_entry = 4;
    exactness.negative_latency = 5;
    exactness.interrupted = 6;
    let loss = |i: u64| Loss {
        from_ns: i * 1_000_000_000,
        to_ns: i * 1_000_000_000 + 5_000_000,
        cpu: 2,
        by_recorder: i == 2,
        count: 9,
    };
    exactness.losses = (0..5).map(loss).collect();
    assert_goldens("summary-partial", &loaded);
}

#[test]
fn no_faults_at_all() {
    assert_goldens("summary-empty", &made_up::empty());
}

#[test]
fn a_gap_to_the_kernels_count_is_not_whole() {
    let mut loaded = server();
    assert!(loaded.is_whole());
    set_ledger(
        &mut loaded,
        &[(ledger::CAPTURED_MINOR, 1_031), (ledger::MINOR_FAULTS_COUNT, 1_030)],
    );
    assert!(!loaded.is_whole());
    let text = screen(&loaded);
    assert!(text.contains("1,031, 1 more than the kernel's 1,030: the recording is not"), "{text}");
    set_ledger(&mut loaded, &[(ledger::CAPTURED_UNPARSED, 1)]);
    assert!(!loaded.is_whole());
}

#[test]
fn missing_facts_are_no_missing_privilege() {
    let mut loaded = made_up::empty();
    loaded.analysis.exactness.kernel_mode = false;
    let text = screen(&loaded);
    assert!(text.contains("are missing from the file") && !text.contains("CAP_PERFMON"), "{text}");
}

#[test]
fn one_fault_has_no_average() {
    let mut loaded = made_up::empty();
    made_up::push(&mut loaded.analysis, Row { latency: Some(152_000), ..Row::default() });
    assert!(screen(&loaded).contains(": 1 fault of 152 µs."), "{}", screen(&loaded));
}

#[test]
fn unknown_latencies_are_not_zero() {
    let mut loaded = made_up::empty();
    for i in 0..3 {
        let row = Row { time: i, latency: None, mapping: HEAP, ..Row::default() };
        made_up::push(&mut loaded.analysis, row);
    }
    let text = screen(&loaded);
    assert!(text.contains("  minor  anon-first-touch       3      1     4KiB      -     -    -"));
    assert!(text.contains("100 % of the faults (3 of 3) are minor anon-first-touch of [heap]."));
}

#[test]
fn the_last_line_is_for_scripts() {
    let last = |loaded: &Loaded| screen(loaded).lines().last().unwrap().to_owned();
    let mut loaded = server();
    assert_eq!(last(&loaded), "Summary: major=200 minor=1001 cow=30");
    loaded.analysis.exactness.error_code = false;
    assert_eq!(last(&loaded), "Summary: major=200 minor=1031 cow=unknown");
    assert_eq!(last(&made_up::empty()), "Summary: major=0 minor=0 cow=0");
}

#[test]
fn a_selection() {
    use clap::Parser as _;

    let mut loaded = server();
    made_up::mark(&mut loaded, 1_000_000_000, "warm-up");
    made_up::mark(&mut loaded, 3_000_000_000, "serve");
    let words = ["pfreport", "run.pft", "--from=1s", "--to=30%", "--where=path LIKE '%.gguf'"];
    let query = crate::cli::Arguments::try_parse_from(words).unwrap().query;
    crate::select::Selection::parse(&query).unwrap().apply(&mut loaded).unwrap();
    assert_golden("summary-selection.txt", &screen(&loaded));
}
