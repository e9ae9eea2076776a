use pfmodel::names::{Cause, Class};
use pfmodel::table::NONE;

use super::{BATCH_ROWS, Condition};
use crate::error::Error;
use crate::load::Loaded;
use crate::made_up::{self, HEAP, KERNEL, MAIN, MODEL, Row};
use crate::rows::field::Field;

/// Addresses above 2^53, where floating point would not tell neighbours apart, and of the kernel.
const HIGH: u64 = 0xffff_ffff_8100_0000;

fn loaded() -> Loaded {
    let mut loaded = made_up::with_code();
    let second = 1_000_000_000;
    made_up::mark(&mut loaded, 2 * second, "serve");
    let heap = Row { addr: 0x100_0000, mapping: HEAP, code: MAIN, ..Row::default() };
    let read = Row {
        time: 2 * second,
        latency: Some(2_500_000),
        class: Class::Major,
        cause: Cause::FileRead,
        addr: 0x7f00_0000_2011,
        mapping: MODEL,
        ..Row::default()
    };
    let failed = Row {
        time: 3 * second,
        latency: None,
        class: Class::Failed,
        cause: Cause::Efault,
        addr: HIGH + 1,
        size: 0,
        code: KERNEL,
        kernel_mode: true,
        mapping: NONE,
        ..Row::default()
    };
    for row in [heap, read, failed] {
        made_up::push(&mut loaded.analysis, row);
    }
    loaded
}

fn rows(condition: &str) -> Vec<usize> {
    let loaded = loaded();
    let mut mask = vec![true; 3];
    let condition =
        Condition::parse(condition).unwrap_or_else(|error| panic!("{condition}: {error}"));
    condition.mask(&loaded, &mut mask).unwrap();
    (0..3).filter(|&row| mask[row]).collect()
}

fn error(condition: &str) -> String {
    Condition::parse(condition).err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn words_numbers_and_addresses_compare_as_they_are_written() {
    for (condition, expected) in [
        ("class = 'major'", &[1][..]),
        ("class IN ('major', 'failed')", &[1, 2]),
        ("class <> 'major'", &[0, 2]),
        ("class = 'cow'", &[]),
        ("class IN ('cow')", &[]),
        ("class LIKE 'majj%'", &[]),
        ("region = 'majjor'", &[]),
        ("lower(class) = 'Major'", &[]),
        ("class LIKE 'm%'", &[0, 1]),
        ("cause = 'file-read' OR class = 'failed'", &[1, 2]),
        ("latency_ns > 1e6", &[1]),
        ("latency_ns <= 1_000", &[0]),
        ("latency_ns - 5000 > 0", &[1]),
        ("latency_ns / 1e6 > 2.4", &[1]),
        ("latency_ns IS NULL", &[2]),
        ("NOT (latency_ns > 1e6)", &[0]),
        ("path LIKE '%.gguf'", &[1]),
        ("path NOT LIKE '%.gguf'", &[]),
        ("path ILIKE '%.GGUF'", &[1]),
        ("starts_with(path, '/srv')", &[1]),
        ("path = '/srv/models/model.gguf'", &[1]),
        ("addr >= 0x7f0000000000", &[1, 2]),
        ("addr = 0x7f0000002011", &[1]),
        ("addr = 0x7f0000002010", &[]),
        ("addr = 0xffffffff81000001", &[2]),
        ("addr = 0xffffffff81000000", &[]),
        ("addr >= 0xffffffff81000000", &[2]),
        ("addr < 0xffffffff81000001", &[0, 1]),
        ("addr BETWEEN 0x1000000 AND 0x1ffffff", &[0]),
        ("addr IN (0x1000000, 0x7f0000002011)", &[0, 1]),
        ("addr % 4096 = 0x11", &[1]),
        ("function IS NULL", &[1]),
        ("function = 'main'", &[0]),
        ("time_ns BETWEEN 2e9 AND 3e9", &[1, 2]),
        ("comm IN ('a', 'server')", &[0, 1, 2]),
        ("comm IN ('a', 'b')", &[]),
        ("phase = 'serve' AND mode = 'user'", &[1]),
        ("slow", &[]),
        ("NOT slow AND cpu = 1", &[0, 1, 2]),
        ("nth * 4294967296 > 4294967295", &[0, 1, 2]),
        ("tid IN (100, 101) AND pid = 4242", &[0, 1, 2]),
        ("module = 'libfoo.so' OR region = '[heap]'", &[0]),
        ("upper(region_kind) = 'HEAP' -- a remark", &[0]),
        ("coalesce(path, region) = '[heap]'", &[0]),
        ("CASE WHEN class = 'failed' THEN true ELSE false END", &[2]),
        ("wall_time >= '2026-11-20T12:34:58'", &[1, 2]),
        ("trace = 'run.pft' and access = 'read' and source is not null", &[0]),
        ("object is null and node is null and build_id is null and callchain is null", &[0, 1, 2]),
        ("\"class\" = 'major'", &[1]),
    ] {
        assert_eq!(rows(condition), expected, "{condition}");
    }
}

#[test]
fn every_column_can_be_named() {
    for field in Field::ALL {
        let condition = format!("{0} IS NULL OR {0} IS NOT NULL", field.name());
        assert_eq!(rows(&condition), [0, 1, 2], "{condition}");
        assert_eq!(Condition::parse(&condition).unwrap().fields(), [*field]);
    }
}

#[test]
fn what_is_no_condition_is_refused_in_one_line() {
    for (condition, reason) in [
        ("latency > 5", "no column `latency`, perhaps `latency_ns`; "),
        ("latency_ns", "wrong condition: it is neither true nor false, but of type i64; "),
        ("latency_ns > AVG(latency_ns)", "wrong condition: `avg(` cannot be used: "),
        ("pid IN (SELECT pid FROM faults)", "wrong condition: "),
        ("row_number() OVER () = 1", "wrong condition: `row_number(` cannot be used: "),
        ("1 = 1", "wrong condition: it names no column; "),
        ("class = 'major' AND", "wrong condition: "),
        ("class = 'major", "wrong condition: "),
        ("class = 'major'; DROP TABLE faults", "wrong condition: "),
        ("class >", "wrong condition: "),
        (
            "latency_ns > 2us",
            "wrong condition: `us` behind it has no meaning; numbers have no units: ",
        ),
        ("class = 'major' AS big", "wrong condition: `big` behind it has no meaning; "),
        (
            "class = \"major\"",
            "wrong condition: no column `major`; text is in single quotes: 'major'; the columns are ",
        ),
        ("latency_ns > 'much'", "wrong condition: "),
        ("path > 5", "wrong condition: "),
        ("", "wrong condition: "),
        ("*", "wrong condition: "),
        ("SELECT 1", "wrong condition: "),
        ("class = 'a\u{1b}[2J' AND (", "wrong condition: "),
    ] {
        let message = error(condition);
        assert!(message.starts_with(reason), "{condition}: {message:?}");
        assert!(message.ends_with("; the columns are trace, phase, time_ns, wall_time, latency_ns, class, cause, \
             failure, slow, access, mode, proc, pid, tid, comm, cpu, addr, page_size_bytes, nth, \
             attempts, region, region_kind, path, file_offset, perms, dev, inode, map_confidence, ip, \
             module, function, source, object, callchain, build_id, node, mapping, cgroup"), "{message}");
        assert!(!message.contains(['\n', '\u{1b}']), "{message:?}");
    }
}

#[test]
fn a_word_that_a_column_never_has_is_refused_with_those_it_has() {
    let classes = "; its words are minor, major, cow, failed, unknown";
    for (condition, reason) in [
        ("class = 'Minor'", "column `class` is never 'Minor', perhaps `minor`"),
        ("'MAJOR' = class", "column `class` is never 'MAJOR', perhaps `major`"),
        (
            "latency_ns > 5 AND NOT (class <> 'majjor')",
            "column `class` is never 'majjor', perhaps `major`",
        ),
        ("class IN ('major', NULL, 'swap')", "column `class` is never 'swap'"),
        ("class NOT IN ('copy')", "column `class` is never 'copy', perhaps `cow`"),
        ("class IS DISTINCT FROM 'copy'", "column `class` is never 'copy', perhaps `cow`"),
        ("CASE class WHEN '' THEN true ELSE false END", "column `class` is never ''"),
        ("class = 'a\u{1b}[2J'", "column `class` is never 'a\\x1b[2J'"),
    ] {
        assert_eq!(error(condition), format!("{reason}{classes}"), "{condition}");
    }
    for (condition, reason) in [
        (
            "cause = 'cow_zero'",
            "column `cause` is never 'cow_zero', perhaps `cow-zero`; its words are efault, ",
        ),
        (
            "failure = 'unmapped'",
            "column `failure` is never 'unmapped', perhaps `no mapping`; its words are no mapping, ",
        ),
        (
            "access = 'w'",
            "column `access` is never 'w', perhaps `write`; its words are unknown, read, write, exec",
        ),
        ("mode = 'system'", "column `mode` is never 'system'; its words are user, kernel"),
        (
            "region_kind = 'thread stack'",
            "column `region_kind` is never 'thread stack', perhaps `thread_stack`; ",
        ),
        (
            "map_confidence = 'sure'",
            "column `map_confidence` is never 'sure'; its words are unknown, inferred, exact",
        ),
    ] {
        assert!(error(condition).starts_with(reason), "{condition}: {}", error(condition));
    }
}

#[test]
fn a_row_that_cannot_be_judged_is_an_error() {
    let condition = Condition::parse("CAST(comm AS BIGINT) > 5").unwrap();
    let judged = condition.mask(&loaded(), &mut [true; 3]);
    assert!(matches!(judged, Err(Error::Condition { .. })), "{judged:?}");
}

#[test]
fn batches_are_judged_alike() {
    let mut loaded = made_up::empty();
    let rows = BATCH_ROWS + 5;
    for time in 0..rows as u64 {
        made_up::push(&mut loaded.analysis, Row { time, ..Row::default() });
    }
    let mut mask = vec![true; rows];
    mask[1] = false;
    let condition = Condition::parse("time_ns % 2 = 1 AND region = '[unknown]'").unwrap();
    condition.mask(&loaded, &mut mask).unwrap();
    assert!(mask.iter().enumerate().all(|(row, &kept)| kept == (row % 2 == 1 && row != 1)));
}
