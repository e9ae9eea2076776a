//! Code maps and hits by their records.

use pft::record::{
    CallKind, CallRecord, MapRecord, Snapshot, SnapshotReason, TaskKind, TaskRecord, Vma,
};

use super::code_maps::CodeMaps;
use super::hits::Hits;
use super::modules::ModuleKey;
use crate::drain::batch::FaultRow;

const READ: u32 = 1;
const WRITE: u32 = 2;
const EXEC: u32 = 4;
const PRIVATE: u32 = 2;
/// An address that is no module's.
const HEAP: u64 = 0x10;

#[derive(Default)]
struct Bench {
    maps: CodeMaps,
    hits: Hits,
}

/// Length, file offset, protection and path; without a path it is anonymous.
type Part = (u64, u64, u32, &'static str);

impl Bench {
    fn map(&mut self, time_ns: u64, pid: u32, start: u64, (bytes, file_offset, prot, path): Part) {
        let is_file = path.starts_with('/') && !path.starts_with("//");
        self.maps.maps(&[MapRecord {
            time_ns,
            pid,
            tid: pid,
            start,
            end: start + bytes,
            file_offset,
            dev_major: 8,
            dev_minor: 1,
            inode: if is_file { path.len() as u64 } else { 0 },
            inode_generation: 0,
            prot,
            flags: PRIVATE,
            path: path.as_bytes().to_vec(),
        }]);
    }

    fn task(&mut self, time_ns: u64, kind: TaskKind, pid: u32, parent_pid: u32) {
        let (tid, parent_tid) = (pid, parent_pid);
        let comm = Vec::new();
        let task = TaskRecord { time_ns, kind, pid, tid, parent_pid, parent_tid, comm };
        self.maps.tasks(&[task]);
    }

    fn snapshot(&mut self, start_ns: u64, pid: u32, parts: &[(u64, Part)]) {
        let vma = |&(start, (bytes, file_offset, prot, path)): &(u64, Part)| Vma {
            start,
            end: start + bytes,
            prot,
            shared: false,
            file_offset,
            dev_major: 8,
            dev_minor: 1,
            inode: if path.starts_with('/') { path.len() as u64 } else { 0 },
            path: path.as_bytes().to_vec(),
        };
        let vmas = parts.iter().map(vma).collect();
        let reason = SnapshotReason::Periodic;
        self.maps.snapshot(&Snapshot { pid, start_ns, end_ns: start_ns + 1, reason, vmas });
    }

    /// A call of process 7 with address, length and new length.
    fn call(&mut self, time_ns: u64, kind: CallKind, of: (u64, u64, u64), result: i64) {
        let (addr, len_bytes, new_len_bytes) = of;
        self.maps.calls(&[CallRecord {
            time_ns,
            end_ns: time_ns + 1,
            pid: 7,
            tid: 7,
            kind,
            addr,
            len_bytes,
            new_len_bytes,
            argument: 0,
            result,
        }]);
    }

    /// Faults of one batch: time, process, instruction, address.
    fn faults(&mut self, faults: &[(u64, u32, u64, u64)]) {
        let row = |&(time_ns, pid, ip, addr): &(u64, u32, u64, u64)| FaultRow {
            time_ns,
            pid,
            ip,
            addr,
            ..FaultRow::default()
        };
        let rows: Vec<FaultRow> = faults.iter().map(row).collect();
        self.maps.settle();
        self.hits.take(&rows, &mut self.maps);
    }

    /// Module, offset, number of hits; data with its anchor.
    fn found(&self) -> Vec<String> {
        let name = |module| match &self.maps.modules.of(module).unwrap().key {
            ModuleKey::File(file) => String::from_utf8(file.path.clone()).unwrap(),
            ModuleKey::PerfMap(pid) => format!("made by {pid}"),
            other => format!("{other:?}"),
        };
        let hit = |hit: &super::hits::Hit| {
            let anchor =
                if hit.is_data { format!(" data from {:x}", hit.anchor) } else { String::new() };
            format!("{} {:x} {}{anchor}", name(hit.module), hit.offset, hit.hits)
        };
        self.hits.list().iter().map(hit).collect()
    }
}

#[test]
fn an_instruction_is_a_place_in_its_file_whatever_the_number_of_faults() {
    let mut bench = Bench::default();
    bench.map(1, 7, 0x5000, (0x2000, 0x1000, READ | EXEC, "/bin/a"));
    bench.faults(&[(2, 7, 0x5004, HEAP), (3, 7, 0x5004, HEAP), (4, 7, 0x6008, HEAP)]);
    bench.faults(&[(5, 7, 0x5004, HEAP), (6, 7, u64::MAX - 7, HEAP)]);
    assert_eq!(bench.found(), ["/bin/a 1004 3", "/bin/a 2008 1", "Kernel fffffffffffffff8 1"]);
    assert_eq!((bench.hits.list()[0].anchor, bench.hits.list()[0].anchor_bytes), (0x1000, 0x2000));
    assert_eq!(bench.hits.list()[1].anchor, 0x1000);
}

#[test]
fn a_child_has_what_its_parent_had_when_it_was_made() {
    let mut bench = Bench::default();
    bench.map(1, 7, 0x5000, (0x1000, 0, READ | EXEC, "/bin/a"));
    bench.task(2, TaskKind::Fork, 8, 7);
    bench.map(3, 7, 0x9000, (0x1000, 0, READ | EXEC, "/lib/late"));
    bench.map(4, 8, 0xa000, (0x1000, 0, READ | EXEC, "/lib/own"));
    let ips = [0x5000, 0x9000, 0xa000];
    bench.faults(&ips.map(|ip| (5, 8, ip, HEAP)));
    assert_eq!(bench.found(), ["/bin/a 0 1", "/lib/own 0 1"]);
    assert_eq!(bench.hits.unknown(), 1);
    bench.faults(&ips.map(|ip| (5, 7, ip, HEAP)));
    assert_eq!(bench.found(), ["/bin/a 0 2", "/lib/own 0 1", "/lib/late 0 1"]);
}

#[test]
fn an_exec_ends_all_mappings_for_later_faults_only() {
    let mut bench = Bench::default();
    bench.map(1, 7, 0x5000, (0x1000, 0, READ | EXEC, "/bin/old"));
    bench.task(10, TaskKind::Exec, 7, 0);
    bench.map(11, 7, 0x5000, (0x1000, 0x3000, READ | EXEC, "/bin/new"));
    // Another ring still has faults from before.
    bench.faults(&[(12, 7, 0x5010, HEAP), (9, 7, 0x5010, HEAP)]);
    assert_eq!(bench.found(), ["/bin/new 3010 1", "/bin/old 10 1"]);
    bench.task(20, TaskKind::Exec, 7, 0);
    bench.faults(&[(21, 7, 0x5010, HEAP)]);
    assert_eq!((bench.found().len(), bench.hits.unknown()), (2, 1));
    bench.maps.want_all();
    let wanted = bench.maps.modules.iter().map(|(_, module)| module.is_wanted);
    assert_eq!(wanted.collect::<Vec<_>>(), [true, true]);
}

#[test]
fn two_libraries_at_one_address_are_told_apart_by_time() {
    let mut bench = Bench::default();
    let library = |path| (0x1000, 0, READ | EXEC, path);
    bench.map(10, 7, 0x5000, library("/lib/first"));
    bench.faults(&[(11, 7, 0x5010, HEAP)]);
    bench.call(20, CallKind::Munmap, (0x5000, 0x1000, 0), 0);
    bench.map(30, 7, 0x5000, library("/lib/second"));
    bench.faults(&[(19, 7, 0x5010, HEAP), (31, 7, 0x5010, HEAP), (12, 7, 0x5010, HEAP)]);
    assert_eq!(bench.found(), ["/lib/first 10 3", "/lib/second 10 1"]);
    // Without the call the second one replaces the first.
    bench.map(40, 7, 0x5000, library("/lib/first"));
    bench.faults(&[(41, 7, 0x5010, HEAP), (39, 7, 0x5010, HEAP)]);
    assert_eq!(bench.found(), ["/lib/first 10 4", "/lib/second 10 2"]);
}

#[test]
fn variables_of_a_library_that_is_gone_are_reckoned_from_where_it_was() {
    let mut bench = Bench::default();
    for (time_ns, path) in [(10, "/lib/first"), (30, "/lib/second")] {
        bench.map(time_ns, 7, 0x5000, (0x1000, 0, READ | EXEC, path));
        bench.map(time_ns, 7, 0x6000, (0x1000, 0x1000, READ | WRITE, path));
        bench.call(time_ns + 10, CallKind::Munmap, (0x5000, 0x2000, 0), 0);
        bench.faults(&[]);
    }
    bench.faults(&[(11, 7, 0x5010, 0x6010), (31, 7, 0x5010, 0x6020)]);
    let found = bench.found();
    assert_eq!(found[..2], ["/lib/first 10 1", "/lib/first 1010 1 data from 0"]);
    assert_eq!(found[2..], ["/lib/second 10 1", "/lib/second 1020 1 data from 0"]);
}

#[test]
fn calls_take_away_what_they_say_and_no_more() {
    let mut bench = Bench::default();
    bench.map(1, 7, 0x1000, (0x3000, 0, READ | EXEC, "/lib/a"));
    bench.map(1, 7, 0x8000, (0x2000, 0, READ | EXEC, "/lib/b"));
    // Refused; made larger in place, and smaller; moved away.
    bench.call(2, CallKind::Munmap, (0x1000, 0x3000, 0), -22);
    bench.call(3, CallKind::Mremap, (0x1000, 0x3000, 0x4000), 0x1000);
    bench.call(4, CallKind::Mremap, (0x1000, 0x3000, 0x2000), 0x1000);
    bench.call(5, CallKind::Mremap, (0x8000, 0x1000, 0x1000), 0x20000);
    bench.call(6, CallKind::Madvise, (0x1000, 0x1000, 0), 0);
    let ips = [0x1000, 0x2fff, 0x3000, 0x8000, 0x9000];
    bench.faults(&ips.map(|ip| (7, 7, ip, HEAP)));
    assert_eq!(bench.found(), ["/lib/a 0 1", "/lib/a 1fff 1", "/lib/b 1000 1"]);
    assert_eq!(bench.hits.unknown(), 2);
}

#[test]
fn variables_are_reckoned_from_the_code_of_their_module() {
    let mut bench = Bench::default();
    for (start, part) in [
        (0x4000, (0x1000, 0, READ, "/lib/a")),
        (0x5000, (0x2000, 0x1000, READ | EXEC, "/lib/a")),
        (0x7000, (0x1000, 0x3000, READ, "/lib/a")),
        (0x8000, (0x1000, 0x3000, READ | WRITE, "/lib/a")),
        // `.bss` begins in the last page of the file.
        (0x9000, (0x3000, 0, READ | WRITE, "//anon")),
        (0xc000, (0x1000, 0, READ | WRITE, "[anon:other]")),
        // No code: nobody's variables.
        (0x20000, (0x1000, 0, READ, "/usr/share/data")),
    ] {
        bench.map(1, 7, start, part);
    }
    let addrs = [0x4010, 0x5010, 0x7010, 0x8010, 0x9010, 0xbfff, 0x20010, 0xd000];
    bench.faults(&addrs.map(|addr| (2, 7, 0x5000, addr)));
    let data = |offset: &str| format!("/lib/a {offset} 1 data from 1000");
    let found = bench.found();
    assert_eq!(found[0], "/lib/a 1000 8");
    assert_eq!(found[1..], ["10", "3010", "4010", "5010", "7fff"].map(data));
    // What only happens to lie behind a library is not told from its `.bss`, here as anywhere.
    bench.faults(&[(3, 7, 0x5000, 0xc000)]);
    assert_eq!(bench.found().last(), Some(&data("8000")));
}

#[test]
fn bss_is_told_by_the_records_of_a_program_that_starts() {
    let mut bench = Bench::default();
    for (start, part) in [
        // The kernel first maps as much as the whole program takes.
        (0x4000, (0x8000, 0, READ, "/bin/a")),
        (0x5000, (0x2000, 0x1000, READ | EXEC, "/bin/a")),
        (0x7000, (0x1000, 0x3000, READ, "/bin/a")),
        (0x8000, (0x1000, 0x4000, READ | WRITE, "/bin/a")),
        (0x9000, (0x3000, 0x9000, READ | WRITE, "//anon")),
    ] {
        bench.map(1, 7, start, part);
    }
    bench.faults(&[0x8010, 0x9010, 0xbfff].map(|addr| (2, 7, 0x5000, addr)));
    let data = |offset: &str| format!("/bin/a {offset} 1 data from 1000");
    assert_eq!(bench.found()[1..], ["4010", "5010", "7fff"].map(data));
}

#[test]
fn bss_of_its_own_segment_may_begin_behind_a_gap() {
    let parts = [
        (0x5000, (0x2000, 0x1000, READ | EXEC, "/bin/a")),
        (0x8000, (0x1000, 0x4000, READ | WRITE, "/bin/a")),
        (0x20000, (0x3000, 0, READ | WRITE, "")),
        (0x30000, (0x1000, 0, READ | WRITE, "")),
        (0x9000 + (2 << 20), (0x1000, 0, READ | WRITE, "[heap]")),
    ];
    let bss = "/bin/a 1c010 1 data from 1000";
    let addrs = [0x20010, 0x30010, 0x9010 + (2 << 20)];
    let faults = |time_ns| addrs.map(|addr| (time_ns, 7, 0x5000, addr));
    // A process that was running already.
    let mut bench = Bench::default();
    bench.snapshot(1, 7, &parts);
    bench.faults(&faults(2));
    assert_eq!(bench.found()[1..], [bss]);
    // One that starts: what the kernel maps at first is gone again without a record.
    let mut bench = Bench::default();
    bench.map(1, 7, 0x4000, (0x1f000, 0, READ, "/bin/a"));
    for (start, (bytes, offset, prot, path)) in parts {
        let path = if path.is_empty() { "//anon" } else { path };
        bench.map(1, 7, start, (bytes, offset, prot, path));
    }
    bench.faults(&faults(2));
    bench.snapshot(3, 7, &parts);
    bench.faults(&faults(4));
    assert_eq!(bench.found()[1..], ["/bin/a 1c010 2 data from 1000"]);
    let epoch = bench.maps.epoch();
    bench.snapshot(5, 7, &parts);
    bench.maps.settle();
    assert_eq!(bench.maps.epoch(), epoch);
}

#[test]
fn a_file_that_turns_out_to_hold_code_has_variables_from_then_on() {
    let mut bench = Bench::default();
    bench.map(1, 7, 0x4000, (0x1000, 0, READ, "/lib/a"));
    bench.faults(&[(2, 7, u64::MAX, 0x4010)]);
    assert_eq!(bench.found(), ["Kernel ffffffffffffffff 1"]);
    bench.map(3, 7, 0x5000, (0x1000, 0x1000, READ | EXEC, "/lib/a"));
    bench.faults(&[(4, 7, u64::MAX, 0x4010)]);
    assert_eq!(bench.found().last().unwrap(), "/lib/a 10 1 data from 1000");
}

#[test]
fn an_instruction_of_no_known_mapping_is_found_when_one_is_known() {
    let mut bench = Bench::default();
    bench.faults(&[(5, 7, 0x5010, HEAP), (6, 7, 0x5010, HEAP), (6, 7, 0x9010, HEAP)]);
    assert_eq!((bench.found().len(), bench.hits.unknown()), (0, 2));
    bench.snapshot(8, 7, &[(0x5000, (0x1000, 0x2000, READ | EXEC, "/bin/a"))]);
    bench.maps.settle();
    bench.hits.retry(&mut bench.maps);
    assert_eq!(bench.found(), ["/bin/a 2010 2"]);
    assert_eq!(bench.hits.unknown(), 1);
    // What looks like a caller may be anything, unless it faults.
    bench.hits.caller(7, 0xa010, 9, &mut bench.maps);
    assert_eq!(bench.hits.unknown(), 1);
    bench.hits.caller(7, 0x5020, 9, &mut bench.maps);
    assert_eq!(bench.found(), ["/bin/a 2010 2", "/bin/a 2020 1"]);
    bench.faults(&[(10, 7, 0xa010, HEAP)]);
    assert_eq!(bench.hits.unknown(), 2);
}

#[test]
fn a_snapshot_shows_what_is_gone_and_says_nothing_of_before() {
    let mut bench = Bench::default();
    let code = |path| (0x1000, 0, READ | EXEC, path);
    bench.map(1, 7, 0x5000, code("/bin/a"));
    bench.map(1, 7, 0x6000, (0x3000, 0, READ | EXEC, "/lib/b"));
    let before = bench.maps.epoch();
    bench.snapshot(
        5,
        7,
        &[
            (0x5000, code("/bin/a")),
            (0x7000, (0x1000, 0x1000, READ | EXEC, "/lib/b")),
            (0x9000, code("/lib/c")),
        ],
    );
    let ips = [0x5000, 0x6000, 0x7000, 0x8000, 0x9000];
    bench.faults(&ips.map(|ip| (6, 7, ip, HEAP)));
    assert_eq!(bench.found(), ["/bin/a 0 1", "/lib/b 1000 1", "/lib/c 0 1"]);
    assert_eq!(bench.hits.unknown(), 2);
    bench.faults(&ips.map(|ip| (4, 7, ip, HEAP)));
    let all = ["/bin/a 0 2", "/lib/b 1000 2", "/lib/c 0 2", "/lib/b 0 1", "/lib/b 2000 1"];
    assert_eq!(bench.found(), all);
    // One that shows the same changes nothing.
    let after = bench.maps.epoch();
    assert_ne!(after, before);
    bench.snapshot(
        9,
        7,
        &[
            (0x5000, code("/bin/a")),
            (0x7000, (0x1000, 0x1000, READ | EXEC, "/lib/b")),
            (0x9000, code("/lib/c")),
        ],
    );
    bench.maps.settle();
    assert_eq!(bench.maps.epoch(), after);
}

#[test]
fn code_that_a_process_made_is_its_own() {
    let mut bench = Bench::default();
    bench.map(1, 7, 0x5000, (0x1000, 0, READ | WRITE | EXEC, "//anon"));
    bench.map(1, 8, 0x5000, (0x1000, 0, READ | EXEC, "[anon:jit]"));
    bench.map(1, 9, 0x5000, (0x1000, 0x40000, READ | EXEC, "/memfd:jit (deleted)"));
    bench.map(1, 9, 0x7ff0_0000, (0x2000, 0, READ | EXEC, "[vdso]"));
    for pid in [7, 8, 9] {
        bench.faults(&[(2, pid, 0x5010, HEAP), (3, pid, 0x5010, HEAP)]);
    }
    bench.faults(&[(4, 9, 0x7ff0_0123, HEAP)]);
    // A file in memory may be a library all the same.
    let expected = [
        "made by 7 5010 2",
        "made by 8 5010 2",
        "made by 9 5010 1",
        "/memfd:jit 40010 2",
        "Vdso 123 1",
    ];
    assert_eq!(bench.found(), expected);
    assert_eq!(bench.hits.new_makers, [7, 8, 9]);
}

#[test]
fn a_process_that_has_ended_is_remembered_for_late_faults() {
    let mut bench = Bench::default();
    bench.task(1, TaskKind::Fork, 7, 3);
    bench.map(2, 7, 0x5000, (0x1000, 0, READ | EXEC, "/bin/a"));
    bench.task(3, TaskKind::Exit, 7, 3);
    bench.task(4, TaskKind::Fork, 3, 3);
    bench.faults(&[(2, 7, 0x5010, HEAP)]);
    assert_eq!(bench.found(), ["/bin/a 10 1"]);
    bench.task(60_000_000_000, TaskKind::Fork, 3, 3);
    bench.faults(&[(60_000_000_001, 7, 0x5010, HEAP)]);
    assert_eq!((bench.found(), bench.hits.unknown()), (vec!["/bin/a 10 1".to_owned()], 1));
    assert!(bench.maps.modules.of(0).unwrap().is_wanted);
}
