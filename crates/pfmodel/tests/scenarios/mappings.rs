use pfmodel::names::{Cause, RegionKind};
use pfmodel::table::Analysis;
use pft::record::{LostBy, TaskKind};

use crate::trace::*;

const BASE: u64 = 0x10_0000;

/// Start, end, protection, valid from and to of each mapping.
fn rows(analysis: &Analysis) -> Vec<(u64, u64, u32, u64, u64)> {
    let row = |m: &pfmodel::table::Mapping| {
        (m.start - BASE, m.end - BASE, m.prot, m.valid_from_ns, m.valid_to_ns)
    };
    analysis.mappings.iter().map(row).collect()
}

/// Makes the trace last until 1000.
fn until_1000(trace: Trace) -> Analysis {
    trace.task(1000, TaskKind::Comm, 1, 1, "main").analyse()
}

#[test]
fn protecting_a_part_splits_the_mapping_and_keeps_its_birth() {
    let analysis = until_1000(
        Trace::new()
            .map(map(10, BASE, BASE + 0x9000, RW, "//anon"))
            .fault(fault(20, BASE + 0x4000, READ))
            .map(map(30, BASE + 0x3000, BASE + 0x6000, R, "//anon"))
            .map(map(40, BASE, BASE + 0x9000, RW, "//anon"))
            .fault(fault(50, BASE + 0x4000, WRITE_PRESENT))
            .fault(fault(60, BASE + 0x7000, WRITE)),
    );
    let expected = [
        (0, 0x9000, RW, 10, 30),
        (0x3000, 0x6000, R, 30, 40),
        (0, 0x9000, RW, 30, 1000),
        (0x6000, 0x9000, RW, 30, 40),
    ];
    assert_eq!(rows(&analysis), expected);
    assert!(analysis.mappings.iter().all(|mapping| mapping.seen_from_start));
    assert_eq!(analysis.faults.cause, [Cause::ZeroPage, Cause::CowZero, Cause::AnonFirstTouch]);
    assert_eq!(analysis.faults.nth, [1, 2, 1]);
}

#[test]
fn the_remains_of_a_split_file_continue_its_offsets() {
    let mut middle = map(20, BASE + 0x2000, BASE + 0x3000, R, "/lib/a");
    middle.file_offset = 0x12000;
    let mut whole = map(10, BASE, BASE + 0x5000, RW, "/lib/a");
    whole.file_offset = 0x10000;
    let analysis = until_1000(Trace::new().map(whole).map(middle));
    let offsets: Vec<_> =
        analysis.mappings.iter().map(|m| (m.start - BASE, m.file_offset)).collect();
    assert_eq!(offsets, [(0, 0x10000), (0x2000, 0x12000), (0, 0x10000), (0x3000, 0x13000)]);
}

#[test]
fn another_file_in_the_same_place_starts_afresh() {
    let analysis = until_1000(
        Trace::new()
            .map(map(10, BASE, BASE + 0x2000, RW, "/data/a"))
            .fault(fault(20, BASE, WRITE))
            .map(map(30, BASE, BASE + 0x1000, RW, "/data/b"))
            .fault(fault(40, BASE, WRITE_PRESENT))
            .fault(fault(50, BASE + 0x1000, READ)),
    );
    assert_eq!(regions(&analysis), ["a", "b", "a"]);
    assert_eq!(analysis.faults.nth, [1, 1, 1]);
    assert_eq!(analysis.faults.cause[1], Cause::CowFile);
    assert_eq!(analysis.mappings[2].file_offset, 0x1000);
}

#[test]
fn a_heap_that_grows_is_one_mapping_with_an_old_and_a_new_part() {
    let analysis = until_1000(
        Trace::empty()
            .snapshot(1, vec![line(BASE, BASE + 0x2000, RW, "[heap]")])
            .map(map(10, BASE, BASE + 0x4000, RW, "[heap]"))
            .fault(fault(20, BASE + 0x1000, WRITE))
            .fault(fault(30, BASE + 0x3000, WRITE)),
    );
    assert_eq!(rows(&analysis), [(0, 0x4000, RW, 1, 1000)]);
    assert_eq!(analysis.faults.cause, [Cause::AnonUnknown, Cause::AnonFirstTouch]);
    assert!(!analysis.mappings[0].seen_from_start);
}

#[test]
fn the_same_mapping_made_again_is_a_new_one() {
    let analysis = until_1000(
        Trace::new()
            .map(map(10, BASE, BASE + 0x2000, RW, "//anon"))
            .fault(fault(20, BASE, WRITE))
            .map(map(30, BASE, BASE + 0x2000, RW, "//anon"))
            .fault(fault(40, BASE, WRITE)),
    );
    assert_eq!(rows(&analysis), [(0, 0x2000, RW, 10, 30), (0, 0x2000, RW, 30, 1000)]);
    assert_eq!(analysis.faults.cause, [Cause::AnonFirstTouch; 2]);
}

#[test]
fn a_record_read_twice_changes_nothing() {
    let analysis =
        until_1000(Trace::new().map(map(10, BASE, BASE + 0x2000, RW, "//anon")).map(map(
            10,
            BASE,
            BASE + 0x2000,
            RW,
            "//anon",
        )));
    assert_eq!(rows(&analysis).len(), 1);
}

#[test]
fn a_snapshot_closes_what_it_does_not_show_and_adds_what_is_new() {
    let analysis = until_1000(
        Trace::new()
            .map(map(10, BASE, BASE + 0x2000, RW, "//anon"))
            .map(map(10, BASE + 0x8000, BASE + 0x9000, RW, "//anon"))
            .snapshot(
                50,
                vec![
                    line(BASE + 0x1000, BASE + 0x2000, RW, ""),
                    line(BASE + 0x5000, BASE + 0x6000, R, "/lib/a"),
                ],
            )
            .fault(fault(60, BASE, WRITE))
            .fault(fault(70, BASE + 0x1000, WRITE))
            .fault(fault(80, BASE + 0x5000, READ)),
    );
    assert_eq!(regions(&analysis), ["none", "[anon]", "a"]);
    assert_eq!(analysis.faults.cause[1], Cause::AnonFirstTouch, "the part that stayed is known");
    let ends: Vec<_> = analysis.mappings.iter().map(|m| (m.start - BASE, m.valid_to_ns)).collect();
    assert!(ends.contains(&(0x8000, 50)));
    let added = analysis.mappings.iter().find(|m| m.start == BASE + 0x5000);
    assert_eq!(added.map(|m| (m.valid_from_ns, m.seen_from_start)), Some((50, false)));
}

#[test]
fn records_inside_a_snapshot_go_on_top_of_it() {
    let analysis = until_1000(
        Trace::new()
            .map(map(55, BASE, BASE + 0x2000, RW, "//anon"))
            .snapshot(50, vec![line(0x7000, 0x8000, R, "/lib/a")])
            .fault(fault(60, BASE, WRITE)),
    );
    assert_eq!(analysis.faults.cause, [Cause::AnonFirstTouch]);
    // The snapshot shows it already: still, the record saw it being made.
    let analysis = until_1000(
        Trace::new()
            .map(map(55, BASE, BASE + 0x2000, RW, "//anon"))
            .snapshot(50, vec![line(BASE, BASE + 0x2000, RW, "")])
            .fault(fault(60, BASE, WRITE)),
    );
    assert_eq!(analysis.faults.cause, [Cause::AnonFirstTouch]);
}

/// A snapshot counts from when its reading began, but shows what came to be while it was read.
#[test]
fn a_snapshot_does_not_anticipate_records_made_while_it_is_read() {
    const STACK: u64 = 0x7f00_0000;
    let stack = |time, start| map(time, start, STACK + 0x1000, RW, "[stack]");
    let stack_fault = |time, addr| Fault { latency: 2, ..fault(time, addr, WRITE) };
    let base =
        || Trace::new().map(stack(10, STACK)).map(map(11, BASE, BASE + 0x1000, RW, "//anon"));
    // The stack grows by two pages, a heap begins, and a merged mapping grows.
    let analysis = until_1000(
        base()
            .snapshot(
                50,
                vec![
                    line(BASE, BASE + 0x3000, RW, ""),
                    line(BASE + 0x9000, BASE + 0xa000, RW, "[heap]"),
                    line(STACK - 0x2000, STACK + 0x1000, RW, "[stack]"),
                ],
            )
            .fault(stack_fault(51, STACK - 0x1000))
            .map(stack(52, STACK - 0x1000))
            .fault(stack_fault(53, STACK - 0x2000))
            .map(stack(54, STACK - 0x2000))
            .map(map(55, BASE + 0x9000, BASE + 0xa000, RW, "[heap]"))
            .fault(fault(56, BASE + 0x9000, WRITE))
            .map(map(57, BASE, BASE + 0x3000, RW, "//anon"))
            .fault(fault(58, BASE + 0x1000, WRITE))
            .fault(fault(59, BASE, WRITE)),
    );
    use Cause::{AnonFirstTouch, StackGrowth};
    let expected = [StackGrowth, StackGrowth, AnonFirstTouch, AnonFirstTouch, AnonFirstTouch];
    assert_eq!(analysis.faults.cause, expected);

    // A snapshot that begins during the fault that makes the stack grow, and shows it or does not.
    for (size, end) in [(0x1000, 52), (0x1000, 60), (0x2000, 60)] {
        let shown = line(STACK + 0x1000 - size, STACK + 0x1000, RW, "[stack]");
        let mut trace = Trace::new()
            .map(stack(10, STACK))
            .snapshot(52, vec![line(BASE, BASE + 0x1000, R, "/lib/a"), shown])
            .fault(Fault { latency: 7, ..stack_fault(50, STACK - 0x1000) })
            .map(stack(55, STACK - 0x1000))
            .fault(stack_fault(58, STACK - 0x1000 + 8))
            .fault(stack_fault(70, STACK - 0x1000 + 16));
        trace.recording.snapshots[0].end_ns = START_NS + end;
        let analysis = until_1000(trace);
        assert_eq!(analysis.faults.cause, [StackGrowth, Cause::AnonRefault, Cause::AnonRefault]);
        assert_eq!(analysis.faults.nth, [1, 2, 3]);
        assert_eq!(regions(&analysis), ["[stack]"; 3]);
    }

    // A file that takes another one's place while the snapshot is read.
    let analysis = until_1000(
        Trace::new()
            .map(map(10, BASE, BASE + 0x2000, R, "/data/a"))
            .snapshot(50, vec![line(BASE, BASE + 0x2000, R, "/data/b")])
            .fault(fault(52, BASE, READ))
            .map(map(55, BASE, BASE + 0x2000, R, "/data/b"))
            .fault(fault(57, BASE, READ)),
    );
    assert_eq!(regions(&analysis), ["a", "b"]);

    // Behind a gap in the records, the snapshot is all there is.
    let analysis = until_1000(
        base()
            .lost(30, 40, LostBy::Ring)
            .snapshot(50, vec![line(BASE, BASE + 0x3000, RW, "")])
            .fault(fault(52, BASE + 0x1000, WRITE))
            .map(map(55, BASE, BASE + 0x3000, RW, "//anon")),
    );
    assert_eq!(analysis.faults.cause, [Cause::AnonUnknown]);
}

#[test]
fn stacked_file_systems_give_one_file_two_identities() {
    let mut shown = line(BASE, BASE + 0x2000, RX, "/lib/a");
    (shown.dev_minor, shown.inode) = (77, 4711);
    let trace =
        Trace::new().map(map(10, BASE, BASE + 0x2000, RX, "/lib/a")).snapshot(50, vec![shown]);
    let analysis = until_1000(trace);
    assert_eq!(analysis.mappings.len(), 1);
    assert_eq!(analysis.mappings[0].confirmed_ns, 50);
}

#[test]
fn regions_of_a_program() {
    let text = map(10, 0x1000, 0x2000, RX, "/usr/bin/app");
    let rodata = map(11, 0x2000, 0x3000, R, "/usr/bin/app");
    let data = map(12, 0x3000, 0x4000, RW, "/usr/bin/app");
    let bss = map(13, 0x4000, 0x6000, RW, "//anon");
    let heap = map(14, 0x10000, 0x20000, RW, "[heap]");
    let model = map(15, 0x30000, 0x40000, R, "/data/model.gguf (deleted)");
    let thread = map(16, 0x50000, 0x60000, RW, "[anon: glibc: pthread stack: 7]");
    let vdso = map(17, 0x70000, 0x71000, RX, "[vdso]");
    let mut device = map(18, 0x80000, 0x81000, RW, "/dev/dri/card0");
    let mut shared = map(19, 0x90000, 0x91000, RW, "/dev/zero (deleted)");
    (device.flags, shared.flags) = (1, 1);
    let maps = [text, rodata, data, bss, heap, model, thread, vdso, device, shared];
    let analysis = maps.into_iter().fold(Trace::new(), Trace::map).analyse();
    let found: Vec<_> = analysis
        .mappings
        .iter()
        .map(|m| (m.kind, String::from_utf8_lossy(&m.region).into_owned()))
        .collect();
    let expected = [
        (RegionKind::Text, "app"),
        (RegionKind::Rodata, "app"),
        (RegionKind::Data, "app"),
        (RegionKind::Bss, "app bss"),
        (RegionKind::Heap, "[heap]"),
        (RegionKind::File, "model.gguf (deleted)"),
        (RegionKind::ThreadStack, "thread stack"),
        (RegionKind::Vdso, "[vdso]"),
        (RegionKind::Device, "card0"),
        (RegionKind::Shmem, "[shmem]"),
    ];
    assert_eq!(found, expected.map(|(kind, label)| (kind, label.to_owned())));
    assert_eq!(analysis.mappings[3].path, b"", "//anon is no name");
}

#[test]
fn memory_that_was_merged_with_bss_is_not_bss() {
    // A library is mapped just below a large block, so its bss and the block become one.
    let analysis = Trace::new()
        .map(map(10, 0x6000, 0x90000, RW, "//anon"))
        .map(map(20, 0x1000, 0x2000, RX, "/lib/libz.so"))
        .map(map(22, 0x3000, 0x4000, RW, "/lib/libz.so"))
        .map(map(23, 0x4000, 0x90000, RW, "//anon"))
        .fault(fault_of(1, 30, 0x5000, WRITE))
        .fault(fault_of(1, 40, 0x8000, WRITE))
        .analyse();
    assert_eq!(regions(&analysis), ["[anon]", "[anon]"]);
}

#[test]
fn a_child_keeps_the_regions_of_its_parent() {
    let analysis = Trace::new()
        .map(map(10, 0x1000, 0x2000, RX, "/usr/bin/app"))
        .map(map(12, 0x3000, 0x4000, RW, "/usr/bin/app"))
        .map(map(13, 0x4000, 0x6000, RW, "//anon"))
        .fork(20, 1, 2)
        .fault(fault_of(2, 30, 0x3000, READ))
        .fault(fault_of(2, 40, 0x4000, READ))
        .analyse();
    let kind = |row: usize| analysis.mappings[analysis.faults.mapping[row] as usize].kind;
    assert_eq!((kind(0), kind(1)), (RegionKind::Data, RegionKind::Bss));
    assert_eq!(regions(&analysis), ["app", "app bss"]);
}

#[test]
fn the_mapping_of_the_instruction_is_found_too() {
    let analysis = Trace::new()
        .map(map(10, 0x40_0000, 0x41_0000, RX, "/usr/bin/app"))
        .map(map(10, BASE, BASE + 0x1000, RW, "//anon"))
        .fault(fault(20, BASE, WRITE))
        .analyse();
    assert_eq!((analysis.faults.mapping[0], analysis.faults.ip_mapping[0]), (1, 0));
}

#[test]
fn a_snapshot_from_around_an_mprotect_does_not_undo_it() {
    let (first, end) = (BASE + 0x1000, BASE + 0x8000);
    let closed = vec![line(BASE, BASE + 0x9000, 0, "")];
    let opened =
        vec![line(BASE, first, 0, ""), line(first, end, RW, ""), line(end, BASE + 0x9000, 0, "")];
    let other = vec![line(BASE - 0x9000, BASE - 0x8000, R, "")];
    // Read from 10 ns before the memory was reserved, from then on, and behind both records.
    for start in [30, 35, 40, 45, 50, 55] {
        for shown in [&closed, &opened, &other] {
            let is_possible = match start {
                30 | 35 => true,
                40 | 45 => shown != &other,
                _ => shown == &opened,
            };
            if !is_possible {
                continue;
            }
            let analysis = Trace::new()
                .with_calls()
                .map(map(40, BASE, BASE + 0x9000, 0, "//anon"))
                .map(map(50, first, end, RW, "//anon"))
                .snapshot(start, shown.clone())
                .fault(fault(51, first, WRITE))
                .fault(fault(70, first + 0x1000, WRITE))
                .analyse();
            assert_eq!(regions(&analysis), ["[anon]"; 2], "{start} {shown:?}");
            assert_eq!(analysis.faults.cause, [Cause::AnonFirstTouch; 2], "{start} {shown:?}");
        }
    }
}
