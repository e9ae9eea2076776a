use pfmodel::names::Class;
use pft::record::OomRecord;

use super::{BATCH_ROWS, write};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, MODEL, Row, TEXT};

fn text(loaded: &Loaded, top: Option<usize>, fixed_ts: bool) -> String {
    let mut out = Vec::new();
    write(loaded, top, fixed_ts, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn killed(loaded: &mut Loaded, time_ns: u64, pid: u32) {
    let start_ns = loaded.header.start_ns;
    loaded.oom.push(OomRecord {
        time_ns: start_ns + time_ns,
        pid,
        comm: b"ev\nil".to_vec(),
        by_pid: 4_242,
        by_tid: 4_242,
        total_vm_kib: None,
        anon_rss_kib: None,
        file_rss_kib: None,
        shmem_rss_kib: None,
        pgtables_kib: None,
        uid: None,
        oom_score_adj: None,
    });
}

fn busy() -> Loaded {
    let mut loaded = made_up::with_code();
    let heap = loaded.analysis.mappings[HEAP as usize].start;
    let model = loaded.analysis.mappings[MODEL as usize].start;
    let row = Row { time: 1_000, addr: heap + 0x10, mapping: HEAP, ..Row::default() };
    made_up::push(&mut loaded.analysis, row);
    let read = Row {
        time: 2_000_000_000,
        class: Class::Major,
        latency: Some(83_000),
        addr: model + 0x2010,
        mapping: MODEL,
        ..Row::default()
    };
    made_up::push(&mut loaded.analysis, read);
    let failed = Row { time: 2_500_000_000, class: Class::Failed, latency: None, ..Row::default() };
    made_up::push(&mut loaded.analysis, failed);
    made_up::mark(&mut loaded, 2_000_000_000, "serve");
    killed(&mut loaded, 3_000_000_000, 77);
    loaded
}

#[test]
fn marks_and_kills_are_between_the_faults() {
    let text = text(&busy(), None, false);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert!(lines[0].starts_with("[   0.000001000] minor  0x"), "{text}");
    assert!(lines[0].contains(" [heap]+0x10 ") && lines[0].ends_with(" 1.00 µs"), "{text}");
    assert_eq!(lines[1], "[   2.000000000] mark   serve");
    assert!(lines[2].contains(" model.gguf+0x3010 ") && lines[2].ends_with("83.0 µs"), "{text}");
    assert!(lines[3].contains("failed 0x0000000000001000 [unknown] "), "{text}");
    assert_eq!(lines[4], "[   3.000000000] oom    killed 77 (ev\\x0ail)");
    assert!(lines[5].starts_with("Summary: major=1 "), "{text}");
}

#[test]
fn fixed_lines_hold_nothing_that_differs_between_runs() {
    let text = text(&busy(), None, true);
    let lines: Vec<&str> = text.lines().collect();
    let fault = |time, class, addr, region| {
        format!("[   0.{time:03}000000] {class:<6} {addr:>18} {region:<36}       -")
    };
    assert_eq!(lines[0], fault(1, "minor", "+0x10", "[heap]"));
    assert_eq!(lines[1], "[   0.002000000] mark   serve");
    assert_eq!(lines[2], fault(3, "major", "+0x3010", "model.gguf"));
    assert_eq!(lines[3], fault(4, "failed", "-", "[unknown]"));
    // The process that faulted is number 1.
    assert_eq!(lines[4], "[   0.005000000] oom    killed 2 (ev\\x0ail)");
}

#[test]
fn the_part_of_a_module_is_named_where_times_are_real() {
    let mut loaded = busy();
    let region = loaded.analysis.regions.len() as u32;
    let label = b"server .data".to_vec();
    let kind = pfmodel::names::RegionKind::Data;
    loaded.analysis.regions.push(pfmodel::table::Region { kind, label });
    made_up::push(
        &mut loaded.analysis,
        Row { time: 3_000_000_000, mapping: TEXT, addr: 0x40_0010, ..Row::default() },
    );
    loaded.analysis.faults.region[3] = region;
    assert!(text(&loaded, None, false).contains(" server .data+0x"));
    assert!(!text(&loaded, None, true).contains(".data"));
}

#[test]
fn what_is_not_shown_is_counted() {
    let loaded = busy();
    let text = text(&loaded, Some(1), false);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[1], "... 2 more faults (-n N shows more)");
    assert!(lines[2].starts_with("Summary: major=1 "), "{text}");
}

#[test]
fn without_faults_there_is_what_else_happened() {
    let mut loaded = made_up::empty();
    made_up::mark(&mut loaded, 5, "only");
    let text = text(&loaded, None, false);
    assert!(text.starts_with("[   0.000000005] mark   only\nSummary: "), "{text}");
}

#[test]
fn batches_keep_order_and_number() {
    let mut loaded = made_up::empty();
    let rows = BATCH_ROWS * 3 + 5;
    for time in 0..rows as u64 {
        made_up::push(&mut loaded.analysis, Row { time, ..Row::default() });
    }
    made_up::mark(&mut loaded, BATCH_ROWS as u64, "second batch");
    let text = text(&loaded, None, true);
    let times = text.lines().filter_map(|line| line.strip_prefix('[')?.split(']').next());
    let expected =
        (1..=rows as u64 + 1).map(|n| format!("{:>4}.{:03}000000", n / 1_000, n % 1_000));
    assert!(times.map(str::to_owned).eq(expected));
    let marked = text.lines().position(|line| line.contains("second batch"));
    assert_eq!(marked, Some(BATCH_ROWS));
}
