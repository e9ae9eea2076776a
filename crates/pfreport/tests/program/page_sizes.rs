//! Traces of machines with pages of 16 KiB and 64 KiB, and with addresses of 57 bits.

use pft::Writer;
use pft::record::{
    Checkpoint, FaultBatch, MapRecord, Outcome, TaskKind, TaskRecord, TraceHeader, flags,
};

use crate::scene::{SECOND, START, Scene, text};

/// Above what four levels of page tables reach.
const HEAP: u64 = 0xaa_0000_0000_0000;
/// Up to the end of user space with five levels.
const FILE: u64 = (1 << 56) - FILE_BYTES;
const FILE_BYTES: u64 = 1 << 30;

/// Faults of one process, 20 µs apart: address, size as a power of two, major.
type Row = (u64, u32, bool);

/// A process that has called `exec`, with a heap and a file.
fn trace(page_bytes: u32, heap_bytes: u64, rows: &[Row]) -> Vec<u8> {
    let header = TraceHeader {
        uuid: [64; 16],
        page_size_bytes: page_bytes,
        clock_id: 1,
        start_ns: START,
        start_realtime_ns: 1_795_178_096 * SECOND,
    };
    let mut writer = Writer::create(Vec::new(), &header, 1).unwrap();
    let task = TaskRecord {
        time_ns: START,
        kind: TaskKind::Exec,
        pid: 4_242,
        tid: 4_242,
        parent_pid: 0,
        parent_tid: 0,
        comm: b"server".to_vec(),
    };
    writer.tasks(&[task]).unwrap();
    let map = |start, bytes, inode, path: &str| MapRecord {
        time_ns: START + 1,
        pid: 4_242,
        tid: 4_242,
        start,
        end: start + bytes,
        file_offset: 0,
        dev_major: u32::from(inode > 0),
        dev_minor: 0,
        inode,
        inode_generation: 0,
        prot: if inode > 0 { 1 } else { 3 },
        flags: 2,
        path: path.as_bytes().to_vec(),
    };
    let maps = [map(HEAP, heap_bytes, 0, "//anon"), map(FILE, FILE_BYTES, 7, "/srv/model.gguf")];
    writer.maps(&maps).unwrap();
    let mut batch = FaultBatch::default();
    for (n, &(addr, size, major)) in rows.iter().enumerate() {
        let columns = &mut batch.columns;
        columns.time_ns.push(START + (n as u64 + 1) * 20_000);
        columns.latency_ns.push(if major { 100_000 } else { 10_000 });
        columns.addr.push(addr);
        columns.ip.push(0x40_1000);
        columns.pid.push(4_242);
        columns.tid.push(4_242);
        let outcome = if major { Outcome::Major } else { Outcome::Minor };
        let access = if addr >= FILE { 0 } else { flags::ERROR_WRITE };
        let code = flags::ERROR_CODE_VALID | flags::ERROR_USER | access;
        columns.flags.push(outcome as u32 | code | size << flags::PAGE_SHIFT_SHIFT);
        columns.attempts.push(1);
        if columns.len() == 60_000 {
            writer.faults(&std::mem::take(&mut batch)).unwrap();
        }
    }
    writer.faults(&batch).unwrap();
    let end_ns = START + (rows.len() as u64 + 1) * 20_000;
    writer.checkpoint(&Checkpoint { time_ns: end_ns, end: true, ..Checkpoint::default() }).unwrap();
    writer.finish().unwrap()
}

/// Eight pages of the heap, the first of them twice, what is contiguous behind them, and two pages of the file.
fn small(shift: u32) -> Scene {
    let page = 1 << shift;
    let mut rows: Vec<Row> = (0..8).map(|n| (HEAP + n * page + 0x210, shift, false)).collect();
    rows.push((HEAP + page - 8, shift, false));
    rows.push((HEAP + (2 << 20) + 0x1_2345, 21, false));
    rows.extend([(FILE + page - 1, shift, true), (FILE + FILE_BYTES - 1, shift, true)]);
    Scene::of(&trace(1 << shift, 4 << 20, &rows))
}

fn report(scene: &Scene, words: &[&str]) -> String {
    let output = scene.run(words);
    assert_eq!(text(&output.stderr), "", "{words:?}");
    assert_eq!(output.status.code(), Some(0), "{words:?}");
    text(&output.stdout).to_owned()
}

#[test]
fn pages_are_counted_by_their_size() {
    for (shift, file_bytes, heap_bytes) in [(14, 32_768, 2_228_224), (16, 131_072, 2_621_440)] {
        let by = report(&small(shift), &["run.pft", "--by=region", "--csv"]);
        let expected = format!(
            "region,faults,major,pages,touched_bytes,stall_ns,p50_ns,p90_ns,p99_ns,max_ns\n\
             model.gguf,2,2,2,{file_bytes},200000,100000,100000,100000,100000\n\
             [anon],10,0,9,{heap_bytes},100000,10000,10000,10000,10000\n"
        );
        assert_eq!(by, expected, "{shift}");
    }
}

#[test]
fn places_and_sizes_of_each_fault() {
    let sql = "--sql=SELECT addr, page_size_bytes, nth, cause, path, file_offset FROM faults";
    let rows = report(&small(16), &["run.pft", sql, "--csv"]);
    let rows: Vec<&str> = rows.lines().skip(6).collect();
    let expected = [
        "0xaa000000050210,65536,1,anon-first-touch,,",
        "0xaa000000060210,65536,1,anon-first-touch,,",
        "0xaa000000070210,65536,1,anon-first-touch,,",
        "0xaa00000000fff8,65536,2,anon-refault,,",
        "0xaa000000212345,2097152,1,huge-page,,",
        "0xffffffc000ffff,65536,1,file-read,/srv/model.gguf,65535",
        "0xffffffffffffff,65536,1,file-read,/srv/model.gguf,1073741823",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn patterns_count_in_pages() {
    let table = report(&small(16), &["run.pft", "--patterns", "--csv"]);
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let wanted =
        ["region", "addr", "mapped_pages", "pages", "touched_bytes", "stride_pages", "longest_run"];
    let wanted = wanted.map(|name| header.iter().position(|&column| column == name).unwrap());
    let rows: Vec<_> = lines.map(|line| wanted.map(|column| line[column])).collect();
    let expected = [
        ["model.gguf", "", "16384", "2", "131072", "16383", "1"],
        ["[anon]", "0xaa000000000000", "64", "9", "2621440", "1", "8"],
    ];
    assert_eq!(rows, expected);
}

#[test]
fn the_heatmap_speaks_of_bytes() {
    let lanes = report(&small(16), &["run.pft", "--heatmap"]);
    for lane in ["  file, 128 KiB in 2 parts, 2 faults ", "  anon, 2.5 MiB, 10 faults "] {
        assert!(lanes.contains(lane), "{lanes}");
    }
}

#[test]
fn advice_on_huge_pages_is_for_those_of_the_machine() {
    let machines = [
        (12, "64 MiB were touched 4 KiB at a time; 32 faults of 2 MiB would do"),
        (14, "64 MiB were touched 16 KiB at a time; 2 faults of 32 MiB would do"),
        (16, "1 GiB were touched 64 KiB at a time; 2 faults of 512 MiB would do"),
    ];
    for (shift, evidence) in machines {
        let (page, bytes) = (1_u64 << shift, if shift == 16 { 1 << 30 } else { 64 << 20 });
        let rows: Vec<Row> = (0..bytes / page).map(|n| (HEAP + n * page, shift, false)).collect();
        let scene = Scene::of(&trace(1 << shift, bytes, &rows));
        let advice = report(&scene, &["run.pft", "--advice"]);
        let words: Vec<&str> = advice.split_whitespace().collect();
        assert!(words.join(" ").contains(evidence), "{advice}");
        // A page less than half of a huge page.
        let less = Scene::of(&trace(1 << shift, bytes, &rows[..rows.len() / 4 - 1]));
        let advice = report(&less, &["run.pft", "--advice"]);
        assert!(!advice.contains("huge pages"), "{advice}");
    }
}

#[test]
fn what_is_redacted_says_the_same() {
    for shift in [14, 16] {
        let scene = small(shift);
        let redacted = scene.run(&["redact", "run.pft", "-o", "share.pft"]);
        assert_eq!(redacted.status.code(), Some(0), "{}", text(&redacted.stderr));
        let sql = "--sql=SELECT time_ns, cause, nth, page_size_bytes, file_offset, region_kind FROM faults";
        for words in [&["--by=class,cause", "--csv"][..], &[sql, "--csv"]] {
            let of = |name: &str| report(&scene, &[&[name], words].concat());
            assert_eq!(of("share.pft"), of("run.pft"));
        }
    }
}
