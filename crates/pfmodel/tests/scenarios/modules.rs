use pfmodel::names::RegionKind::{self, Anon, Bss, Data, File, Heap, Rodata, Text};
use pft::record::{ModuleRecord, Vma};

use crate::code::*;
use crate::trace::*;

fn named(expected: &[(&str, RegionKind)]) -> Vec<(String, RegionKind)> {
    expected.iter().map(|&(label, kind)| (label.to_owned(), kind)).collect()
}

/// A fault of process 1 at each of these addresses of the library, from 100 on.
fn touch(trace: Trace, addresses: &[u64]) -> Trace {
    let touches = addresses.iter().zip(100..);
    touches.fold(trace, |trace, (addr, time)| trace.fault(fault(time, BASE + addr, READ)))
}

const EVERYWHERE: [u64; 12] =
    [0x200, 0x600, 0x1040, 0x27ff, 0x2800, 0x3000, 0x3900, 0x4800, 0x4c00, 0x51ff, 0x5200, 0x8fff];

fn everywhere() -> Vec<(String, RegionKind)> {
    named(&[
        ("libx.so .dynsym", Rodata),
        ("libx.so", Rodata),
        ("libx.so .text", Text),
        ("libx.so .text", Text),
        ("libx.so", Text),
        ("libx.so .rodata", Rodata),
        ("libx.so", Rodata),
        ("libx.so .data.rel.ro", Data),
        // Behind the section; `.tbss` takes no room.
        ("libx.so", Rodata),
        ("libx.so .data", Data),
        ("libx.so .bss", Bss),
        // The rest of the last page.
        ("libx.so .bss", Bss),
    ])
}

/// The mappings of the library as a snapshot shows them.
fn lines(base: u64, path: &str) -> Vec<Vma> {
    let part = |(start, end, prot, offset, is_file): (u64, u64, u32, u64, bool)| {
        let path = if is_file { path } else { "" };
        Vma { file_offset: offset, ..line(base + start, base + end, prot, path) }
    };
    let [header, code, constants, data, zeros] = PARTS.map(part);
    let relocated = Vma { end: base + 0x5000, prot: R, ..data.clone() };
    let data = Vma { start: base + 0x5000, file_offset: 0x4000, ..data };
    vec![header, code, constants, relocated, data, zeros]
}

#[test]
fn a_library_that_is_loaded_has_its_sections() {
    let trace = Trace::new().module(library(1, LIB)).load(10, BASE, LIB);
    assert_eq!(spots(&touch(trace, &EVERYWHERE).analyse()), everywhere());
}

#[test]
fn so_has_one_that_a_snapshot_shows() {
    let trace = Trace::empty().module(library(1, LIB)).snapshot(10, lines(BASE, LIB));
    assert_eq!(spots(&touch(trace, &EVERYWHERE).analyse()), everywhere());
}

#[test]
fn a_forked_process_has_the_sections_of_its_parent() {
    let mut trace = Trace::new().module(library(1, LIB)).load(10, BASE, LIB).fork(50, 1, 2);
    for (addr, time) in [0x8000, 0x5200, 0x4800, 0x1040].into_iter().zip(100..) {
        trace = trace.fault(fault_of(2, time, BASE + addr, READ));
    }
    let expected = [
        ("libx.so .bss", Bss),
        ("libx.so .bss", Bss),
        ("libx.so .data.rel.ro", Data),
        ("libx.so .text", Text),
    ];
    assert_eq!(spots(&trace.analyse()), named(&expected));
}

#[test]
fn what_a_forked_process_does_not_touch_is_not_needed() {
    let expected = [(0x8000, ("libx.so .bss", Bss)), (0x4800, ("libx.so .data.rel.ro", Data))];
    for (addr, spot) in expected {
        let trace = Trace::new().module(library(1, LIB)).load(10, BASE, LIB).fork(50, 1, 2);
        let analysis = trace.fault(fault_of(2, 60, BASE + addr, READ)).analyse();
        assert_eq!(spots(&analysis), named(&[spot]));
    }
}

#[test]
fn a_page_of_two_segments_is_of_the_one_with_its_protection() {
    let narrow = ModuleRecord {
        segments: vec![segment(0, 0x1800, 0, 0x1800, R), segment(0x1800, 0x400, 0x2800, 0x400, RX)],
        sections: vec![section(".text", 0x2800, 0x400)],
        ..library(1, LIB)
    };
    let mut page = map(10, BASE + 0x2000, BASE + 0x3000, RX, LIB);
    page.file_offset = 0x1000;
    let analysis = Trace::new()
        .module(narrow)
        .function(1, 0x2900, "f")
        .map(page)
        .fault(fault(20, BASE + 0x2a00, READ).at(BASE + 0x2900))
        .analyse();
    assert_eq!(spots(&analysis), named(&[("libx.so .text", Text)]));
    assert_eq!(instructions(&analysis), ["libx.so+0x2900 f"]);
}

#[test]
fn two_copies_of_a_library_lie_apart() {
    let second = BASE + 0x9000;
    let analysis = Trace::new()
        .module(library(1, LIB))
        .object(1, 0x5100, 0x10, "counter")
        .load(10, BASE, LIB)
        .load(20, second, LIB)
        .fault(fault(40, BASE + 0x5104, READ))
        .fault(fault(41, second + 0x5104, READ))
        .fault(fault(42, second + 0x8000, READ))
        .analyse();
    let expected = [("libx.so .data", Data), ("libx.so .data", Data), ("libx.so .bss", Bss)];
    assert_eq!(spots(&analysis), named(&expected));
    assert_eq!([0, 1].map(|row| analysis.faults.object[row]), [0, 0]);
}

#[test]
fn another_library_in_the_same_place_has_its_own_sections() {
    let other = ModuleRecord {
        segments: vec![segment(0, 0x8000, 0, 0x8000, RX)],
        sections: Vec::new(),
        ..library(2, "/lib/other.so")
    };
    let analysis = Trace::new()
        .with_calls()
        .module(library(1, LIB))
        .module(other)
        .load(10, BASE, LIB)
        .fault(fault(30, BASE + 0x1040, READ))
        .fault(fault(31, BASE + 0x6000, READ))
        .call(munmap(40, BASE, 0x9000))
        .map(map(50, BASE, BASE + 0x6000, RX, "/lib/other.so"))
        .map(map(51, BASE + 0x6000, BASE + 0x9000, RW, "//anon"))
        .fault(fault(60, BASE + 0x1040, READ))
        .fault(fault(61, BASE + 0x6000, READ))
        .call(munmap(70, BASE, 0x9000))
        .load(80, BASE, LIB)
        .fault(fault(100, BASE + 0x1040, READ))
        .fault(fault(101, BASE + 0x6000, READ))
        .analyse();
    let expected = [
        ("libx.so .text", Text),
        ("libx.so .bss", Bss),
        ("other.so", Text),
        ("[anon]", Anon),
        ("libx.so .text", Text),
        ("libx.so .bss", Bss),
    ];
    assert_eq!(spots(&analysis), named(&expected));
}

#[test]
fn segments_alone_tell_where_zeroed_memory_is() {
    let stripped = ModuleRecord { sections: Vec::new(), ..library(1, LIB) };
    let trace = Trace::new().module(stripped).load(10, BASE, LIB);
    let analysis = touch(trace, &[0x1040, 0x51ff, 0x5200, 0x6000, 0x8fff]).analyse();
    let expected = [
        ("libx.so", Text),
        ("libx.so", Data),
        ("libx.so .bss", Bss),
        ("libx.so .bss", Bss),
        ("libx.so .bss", Bss),
    ];
    assert_eq!(spots(&analysis), named(&expected));
}

#[test]
fn without_segments_the_neighbour_of_data_is_bss() {
    let trace = Trace::new().module(module(1, LIB)).load(10, BASE, LIB);
    let analysis = touch(trace, &[0x1040, 0x5200, 0x6000]).analyse();
    let expected = [("libx.so", Text), ("libx.so", Data), ("libx.so bss", Bss)];
    assert_eq!(spots(&analysis), named(&expected));
}

#[test]
fn a_neighbour_of_data_whose_segments_have_no_more_memory_is_not() {
    let mut full = library(1, LIB);
    full.segments[3].memory_bytes = full.segments[3].file_bytes;
    let trace = Trace::new().module(full).load(10, BASE, LIB).fork(50, 1, 2);
    let analysis = touch(trace, &[0x6000]).fault(fault_of(2, 200, BASE + 0x6000, READ)).analyse();
    assert_eq!(spots(&analysis), named(&[("[anon]", Anon), ("[anon]", Anon)]));
}

#[test]
fn of_memory_that_was_merged_with_bss_only_that_is_bss() {
    for (name, label, kind) in [("//anon", "[anon]", Anon), ("[heap]", "[heap]", Heap)] {
        let trace = Trace::new().module(library(1, LIB)).load(10, BASE, LIB).map(map(
            50,
            BASE + 0x6000,
            BASE + 0xc000,
            RW,
            name,
        ));
        let analysis = touch(trace, &[0x6000, 0x8fff, 0x9000]).analyse();
        let expected = [("libx.so .bss", Bss), ("libx.so .bss", Bss), (label, kind)];
        assert_eq!(spots(&analysis), named(&expected), "{name}");
    }
}

#[test]
fn bss_of_which_a_part_is_protected_stays_bss() {
    let trace = Trace::new().module(library(1, LIB)).load(10, BASE, LIB).map(map(
        50,
        BASE + 0x7000,
        BASE + 0x8000,
        R,
        "//anon",
    ));
    let analysis = touch(trace, &[0x6000, 0x7000, 0x8000]).analyse();
    assert_eq!(spots(&analysis), named(&[("libx.so .bss", Bss); 3]));
    let shown = Trace::empty().module(library(1, LIB));
    let mut lines = lines(BASE, LIB);
    lines[5].end = BASE + 0x7000;
    lines.push(line(BASE + 0x7000, BASE + 0x8000, R, ""));
    let analysis = touch(shown.snapshot(10, lines), &[0x6000, 0x7000]).analyse();
    assert_eq!(spots(&analysis), named(&[("libx.so .bss", Bss); 2]));
}

#[test]
fn a_library_that_comes_back_later_says_nothing_of_before() {
    let mut lines = lines(BASE, LIB);
    lines[5].end = BASE + 0x7000;
    lines.push(line(BASE + 0x7000, BASE + 0x8000, R, ""));
    let trace = Trace::empty().with_calls().module(library(1, LIB)).snapshot(10, lines);
    let again = touch(trace, &[0x7000]).call(munmap(200, BASE, 0x9000)).load(300, BASE, LIB);
    let analysis = again.fault(fault(400, BASE + 0x7000, READ)).analyse();
    assert_eq!(spots(&analysis), named(&[("libx.so .bss", Bss); 2]));
}

#[test]
fn a_segment_that_is_all_zeros_lies_behind_the_one_before() {
    let mut lib = ModuleRecord { sections: Vec::new(), ..library(1, LIB) };
    lib.segments[3].memory_bytes = lib.segments[3].file_bytes;
    lib.segments.push(segment(0x4200, 0, 0x6000, 0x2800, RW));
    let analysis =
        touch(Trace::new().module(lib).load(10, BASE, LIB), &[0x5200, 0x6000, 0x8fff]).analyse();
    let expected = [("libx.so", Data), ("libx.so .bss", Bss), ("libx.so .bss", Bss)];
    assert_eq!(spots(&analysis), named(&expected));
}

#[test]
fn a_file_that_is_only_read_is_no_module() {
    let analysis = Trace::new()
        .module(library(1, LIB))
        .map(map(10, BASE, BASE + 0x9000, R, LIB))
        .fault(fault(20, BASE + 0x200, READ))
        .analyse();
    assert_eq!(spots(&analysis), named(&[("libx.so", File)]));
    assert_eq!(analysis.mappings[0].module, 0, "its build id is known all the same");
}

/// A file that has another device in snapshots than in map records, as on an overlay.
#[test]
fn a_file_with_two_devices_is_one_module() {
    let on_overlay = |path: &str| {
        let lines = lines(BASE, path).into_iter().map(|line| match line.inode {
            0 => line,
            inode => Vma { dev_major: 0, dev_minor: 44, inode: inode + 1, ..line },
        });
        lines.collect::<Vec<Vma>>()
    };
    let other = BASE + 0x10_0000;
    let trace = |module| {
        let trace = Trace::empty().module(module).snapshot(5, on_overlay(LIB));
        trace.load(20, other, LIB).fault(fault(40, BASE + 0x1040, READ))
    };
    let overlay =
        ModuleRecord { dev_major: 0, dev_minor: 44, inode: inode(LIB) + 1, ..library(1, LIB) };
    for module in [library(1, LIB), overlay] {
        let analysis = trace(module).fault(fault(41, other + 0x1040, READ)).analyse();
        assert_eq!(spots(&analysis), named(&[("libx.so .text", Text); 2]));
    }
    // A third file at that path: it was replaced.
    let mut replaced = map(30, other + 0x20_0000, other + 0x20_1000, R, LIB);
    replaced.inode += 7;
    let analysis = trace(library(1, LIB)).map(replaced).analyse();
    assert_eq!(spots(&analysis), named(&[("libx.so", Text)]));
}

#[test]
fn objects_are_the_smallest_ones_at_an_address() {
    let trace = Trace::new()
        .module(library(1, LIB))
        .object(1, 0x5000, 0x100, "struct")
        .object(1, 0x5010, 8, "field")
        .object(1, 0x6000, 0x2000, "static TABLE")
        .object(1, 0x3010, 4, "LIMIT")
        .load(10, BASE, LIB);
    let analysis =
        touch(trace, &[0x5000, 0x5010, 0x5018, 0x5100, 0x7abc, 0x3013, 0x1040]).analyse();
    let name = |&object: &u32| match analysis.objects.get(object as usize) {
        Some(object) => text(&object.name),
        None => "none".to_owned(),
    };
    let names: Vec<String> = analysis.faults.object.iter().map(name).collect();
    assert_eq!(names, ["struct", "field", "struct", "none", "static TABLE", "LIMIT", "none"]);
}

#[test]
fn mappings_are_labelled_as_a_whole() {
    let analysis = Trace::new().module(library(1, LIB)).load(10, BASE, LIB).analyse();
    let zeros = analysis.mappings.iter().find(|m| (m.start, m.prot) == (BASE + 0x6000, RW));
    let zeros = zeros.map(|mapping| (text(&mapping.region), mapping.kind));
    assert_eq!(zeros, Some(("libx.so .bss".to_owned(), Bss)));
    let code = analysis.mappings.iter().find(|mapping| mapping.prot == RX);
    let code = code.map(|mapping| (text(&mapping.region), mapping.kind, mapping.module));
    assert_eq!(code, Some(("libx.so".to_owned(), Text, 0)));
}
