//! Call chains, modules, symbols and stack pointers: laid out as the specification says, refused where
//! they break a rule.

use pft::record::{Frame, ModuleRecord, SymbolKind, SymbolRecord};

use crate::code_samples::{call_chains, modules, stack_pointers};
use crate::forge::{Archive, Forged, archive_frame, decode_only, refusal};

const CALL_CHAINS: u16 = 8;
const MODULES: u16 = 9;
const SYMBOLS: u16 = 10;
const STACK_POINTERS: u16 = 14;

const MORE: &str = "the rows count more than there is";
const LESS: &str = "the rows count less than there is";
const NO_FLAG: &str = "a flag is neither 0 nor 1";
const BEHIND: &str = "a string is not behind the one before";

/// A CallChains archive by section 4.12: rows of number, cut and counts.
fn call_chains_archive(rows: &[[u32; 4]], addresses: &[u64]) -> Vec<u8> {
    let archive = Archive::default().u32s(rows.as_flattened()).u64s(addresses);
    archive.vec(0, rows.len() as u32).vec(16 * rows.len(), addresses.len() as u32).0
}

#[test]
fn call_chains_by_the_specification() {
    let frame = |rows: &[[u32; 4]], addresses: &[u64]| {
        archive_frame(CALL_CHAINS, rows.len() as u32, &call_chains_archive(rows, addresses))
    };
    let in_kernel = 0xffff_ffff_8100_1000;
    let (first, second) = ([in_kernel, u64::MAX], [0x40_1000, 0x40_2004]);
    let all = [&first[..], &second, &[0x40_1000, 0, 0x40_2004], &[in_kernel]].concat();
    let rows = [[1, 0, 2, 2], [2, 1, 0, 3], [u32::MAX, 0, 1, 0]];
    assert_eq!(decode_only(frame(&rows, &all)).unwrap(), Frame::CallChains(call_chains()));

    let refused = |row: [u32; 4]| refusal(frame(&[row], &[1, 2]));
    assert!(decode_only(frame(&[[1, 0, 1, 1]], &[1, 2])).is_ok());
    assert_eq!(refused([0, 0, 1, 1]), "a call chain has the number 0");
    assert_eq!(refused([1, 2, 1, 1]), NO_FLAG);
    assert_eq!(refused([1, 0, 1, 2]), MORE);
    assert_eq!(refused([1, 0, 3, 0]), MORE);
    assert_eq!(refused([1, 0, u32::MAX, u32::MAX]), MORE);
    assert_eq!(refused([1, 0, 0, 1]), LESS);
    assert_eq!(refused([1, 0, 1, 0]), LESS);
    assert_eq!(refusal(frame(&[[1, 0, 1, 1], [2, 0, 0, 0]], &[1, 2])), "a call chain is empty");
    assert_eq!(refusal(frame(&[], &[1])), LESS);
}

/// What differs between the rows of Modules archives by section 4.13.
#[derive(Clone, Copy)]
struct Row {
    kind: u32,
    state: u32,
    segments: u32,
    sections: u32,
    path: [u32; 2],
    build_id: [u32; 2],
}

const PLAIN: Row =
    Row { kind: 0, state: 0, segments: 0, sections: 0, path: [0, 0], build_id: [0, 0] };

fn modules_archive(
    rows: &[Row],
    segments: &[([u64; 4], u32)],
    sections: &[([u64; 2], [u32; 4])],
    text: &[u8],
) -> Vec<u8> {
    let mut archive = Archive::default();
    for row in rows {
        archive = archive
            .u64s(&[u64::MAX])
            .u32s(&[1, row.kind, row.state, 0, 8, 1, row.segments, row.sections])
            .u32s(&row.path)
            .u32s(&row.build_id);
    }
    let at_segments = archive.0.len();
    assert_eq!(at_segments, 56 * rows.len());
    for (numbers, prot) in segments {
        archive = archive.u64s(numbers).u32s(&[*prot, 0xdead]);
    }
    let at_sections = archive.0.len();
    assert_eq!(at_sections - at_segments, 40 * segments.len());
    for (numbers, rest) in sections {
        archive = archive.u64s(numbers).u32s(rest);
    }
    let at_text = archive.0.len();
    assert_eq!(at_text - at_sections, 32 * sections.len());
    let padding = vec![0; text.len().next_multiple_of(4) - text.len()];
    archive
        .bytes(text)
        .bytes(&padding)
        .vec(0, rows.len() as u32)
        .vec(at_segments, segments.len() as u32)
        .vec(at_sections, sections.len() as u32)
        .vec(at_text, text.len() as u32)
        .0
}

#[test]
fn modules_by_the_specification() {
    let elf = modules().swap_remove(0);
    let mut text = elf.path.clone();
    let path_bytes = text.len() as u32;
    text.extend(0..20);
    text.extend(b".text.tbss.tdata.bss");
    let at = |offset: u32, bytes| [path_bytes + 20 + offset, bytes];
    let section = |numbers, flags: [u32; 2], name: [u32; 2]| {
        (numbers, [flags[0], flags[1], name[0], name[1]])
    };
    let row = Row {
        segments: 2,
        sections: 4,
        path: [0, path_bytes],
        build_id: [path_bytes, 20],
        ..PLAIN
    };
    let archive = modules_archive(
        &[row],
        &[([0x1000, 0x234, 0x1000, 0x234], 5), ([0x1000, 0x234, 0x3000, 0x2000], 3)],
        &[
            section([0x1000, 0x200], [0, 0], at(0, 5)),
            section([0x3000, 0x40], [1, 1], at(5, 5)),
            section([0x3000, 0x10], [0, 1], at(10, 6)),
            section([0x3000, 0x2000], [1, 0], at(16, 4)),
        ],
        &text,
    );
    assert_eq!(
        decode_only(archive_frame(MODULES, 1, &archive)).unwrap(),
        Frame::Modules(vec![elf])
    );

    // Every field of the row has a value of its own.
    let archive = Archive::default()
        .u64s(&[20])
        .u32s(&[21, 3, 2, 22, 23, 24, 0, 0, 0, 2, 2, 1])
        .bytes(b"abc\0")
        .vec(0, 1)
        .vec(56, 0)
        .vec(56, 0)
        .vec(56, 3)
        .0;
    let expected = ModuleRecord {
        id: 21,
        kind: pft::record::ModuleKind::PerfMap,
        state: pft::record::ModuleState::Replaced,
        pid: 22,
        dev_major: 23,
        dev_minor: 24,
        inode: 20,
        path: b"ab".to_vec(),
        build_id: b"c".to_vec(),
        segments: vec![],
        sections: vec![],
    };
    assert_eq!(
        decode_only(archive_frame(MODULES, 1, &archive)).unwrap(),
        Frame::Modules(vec![expected])
    );
}

#[test]
fn modules_that_break_a_rule_are_refused() {
    let frame = |row: Row, segments: &[_], sections: &[_], text: &[u8]| {
        archive_frame(MODULES, 1, &modules_archive(&[row], segments, sections, text))
    };
    let bare = |row: Row, text: &[u8]| frame(row, &[], &[], text);
    assert!(decode_only(bare(Row { kind: 3, state: 3, ..PLAIN }, b"")).is_ok());
    assert_eq!(refusal(bare(Row { kind: 4, ..PLAIN }, b"")), "a module has an unknown kind");
    assert_eq!(refusal(bare(Row { state: 4, ..PLAIN }, b"")), "a module has an unknown state");
    assert_eq!(refusal(bare(Row { path: [1, 0], ..PLAIN }, b"")), BEHIND);
    assert_eq!(refusal(bare(Row { build_id: [1, 0], ..PLAIN }, b"")), BEHIND);
    assert_eq!(refusal(bare(PLAIN, b"x")), "the text is longer than its strings");
    assert!(decode_only(bare(Row { build_id: [0, 64], ..PLAIN }, &[7; 64])).is_ok());
    assert_eq!(
        refusal(bare(Row { build_id: [0, 65], ..PLAIN }, &[7; 65])),
        "a build id is too long"
    );

    let one_segment = Row { segments: 1, ..PLAIN };
    let segment = |numbers| frame(one_segment, &[(numbers, 5)], &[], b"");
    assert!(decode_only(segment([u64::MAX, 0, 0, u64::MAX])).is_ok());
    for numbers in [[u64::MAX, 1, 0, 0], [0, 0, 1, u64::MAX]] {
        assert_eq!(refusal(segment(numbers)), "a segment exceeds the address space");
    }
    assert_eq!(refusal(bare(one_segment, b"")), MORE);
    assert_eq!(refusal(frame(PLAIN, &[([0; 4], 5)], &[], b"")), LESS);

    let sections =
        |count, sections: &[_]| frame(Row { sections: count, ..PLAIN }, &[], sections, b"");
    assert!(decode_only(sections(2, &[([9, 9], [0; 4]), ([9, u64::MAX - 9], [0; 4])])).is_ok());
    assert_eq!(refusal(sections(3, &[([9, 9], [0; 4]); 2])), MORE);
    assert_eq!(refusal(sections(1, &[([9, 9], [0; 4]); 2])), LESS);
    assert_eq!(
        refusal(sections(1, &[([9, u64::MAX - 8], [0; 4])])),
        "a section exceeds the address space"
    );
    assert_eq!(
        refusal(sections(2, &[([9, 9], [0; 4]), ([8, 9], [0; 4])])),
        "the sections are not in order of address"
    );
    assert_eq!(refusal(sections(1, &[([9, 9], [2, 0, 0, 0])])), NO_FLAG);
    assert_eq!(refusal(sections(1, &[([9, 9], [0, 2, 0, 0])])), NO_FLAG);
    assert_eq!(refusal(sections(1, &[([9, 9], [0, 0, 1, 0])])), BEHIND);
}

#[test]
fn sections_are_those_of_their_module() {
    let two = [
        Row { segments: 1, sections: 1, ..PLAIN },
        Row { segments: 1, sections: 1, path: [1, 1], build_id: [2, 1], ..PLAIN },
    ];
    let sections = [([9, 1], [0, 0, 0, 1]), ([5, 1], [0, 0, 3, 1])];
    let archive = modules_archive(&two, &[([1; 4], 1), ([2; 4], 2)], &sections, b"abcd");
    let Frame::Modules(found) = decode_only(archive_frame(MODULES, 2, &archive)).unwrap() else {
        panic!("not a Modules frame");
    };
    let shown: Vec<_> = found
        .iter()
        .map(|m| (&m.path[..], &m.build_id[..], m.segments[0].prot, &m.sections[0].name[..]))
        .collect();
    assert_eq!(shown, [(&b""[..], &b""[..], 1, &b"a"[..]), (b"b", b"c", 2, b"d")]);
}

/// A Symbols archive by section 4.14: a row each of kind and of offset and length of name and file.
fn symbols_archive(rows: &[[u32; 5]], text: &[u8]) -> Vec<u8> {
    let mut archive = Archive::default();
    for [kind, strings @ ..] in rows {
        archive = archive.u64s(&[7, 8]).u32s(&[9, *kind, 10]).u32s(strings).u32s(&[0xdead]);
    }
    let start = archive.0.len();
    assert_eq!(start, 48 * rows.len());
    let padding = vec![0; text.len().next_multiple_of(4) - text.len()];
    archive.bytes(text).bytes(&padding).vec(0, rows.len() as u32).vec(start, text.len() as u32).0
}

#[test]
fn symbols_by_the_specification() {
    let frame = |rows: &[[u32; 5]], text: &[u8]| {
        archive_frame(SYMBOLS, rows.len() as u32, &symbols_archive(rows, text))
    };
    let symbol = |kind, name: &[u8], file: &[u8]| SymbolRecord {
        module: 9,
        kind,
        address: 7,
        size_bytes: 8,
        name: name.to_vec(),
        file: file.to_vec(),
        line: 10,
    };
    assert_eq!(
        decode_only(frame(&[[0, 0, 1, 1, 2], [1, 3, 2, 5, 0]], b"abcde")).unwrap(),
        Frame::Symbols(vec![
            symbol(SymbolKind::Function, b"a", b"bc"),
            symbol(SymbolKind::Object, b"de", b"")
        ])
    );
    assert_eq!(refusal(frame(&[[2, 0, 0, 0, 0]], b"")), "a symbol has an unknown kind");
    assert_eq!(refusal(frame(&[[0, 1, 1, 0, 1]], b"ab")), BEHIND);
    assert_eq!(refusal(frame(&[[0, 0, 1, 0, 1]], b"ab")), BEHIND);
    assert_eq!(refusal(frame(&[[0, 0, 1, 1, 2]], b"ab")), "a string reaches behind the text");
    assert_eq!(refusal(frame(&[[0, 0, 1, 1, 0]], b"ab")), "the text is longer than its strings");
}

/// A StackPointers archive by section 4.11.
fn stack_pointers_archive(rows: &[(u64, u64, u32)]) -> Vec<u8> {
    let mut archive = Archive::default();
    for &(time_ns, stack_pointer, tid) in rows {
        archive = archive.u64s(&[time_ns, stack_pointer]).u32s(&[100, tid]);
    }
    assert_eq!(archive.0.len(), 24 * rows.len());
    archive.vec(0, rows.len() as u32).0
}

#[test]
fn stack_pointers_by_the_specification() {
    let rows = [
        (1_001_000, 0x7fff_ffff_e000, 100),
        (1_001_010, 0x7f00_0000_0ff8, 101),
        (1_001_010, u64::MAX, 100),
    ];
    let frame = |rows: &[_], first_ns, last_ns| {
        let archive = stack_pointers_archive(rows);
        let forged = Forged::new(STACK_POINTERS, rows.len() as u32, archive.len());
        let stored = zstd::bulk::compress(&archive, 1).unwrap();
        Forged { first_ns, last_ns, ..forged }.frame(&stored)
    };
    let outside = "a time lies outside the range in the frame header";
    assert_eq!(
        decode_only(frame(&rows, 1_001_000, 1_001_010)).unwrap(),
        Frame::StackPointers(stack_pointers())
    );
    assert_eq!(refusal(frame(&rows, 1_001_001, 1_001_010)), outside);
    assert_eq!(refusal(frame(&rows, 1_001_000, 1_001_009)), outside);
    assert_eq!(
        refusal(frame(&[rows[1], rows[0]], 0, u64::MAX)),
        "the rows are not in order of time"
    );
}

#[test]
fn wrong_row_counts_and_lengths_are_refused() {
    let none = |vectors| (0..vectors).fold(Archive::default(), |archive, _| archive.vec(0, 0));
    for (kind, vectors) in [(CALL_CHAINS, 2), (MODULES, 4), (SYMBOLS, 2), (STACK_POINTERS, 1)] {
        assert!(decode_only(archive_frame(kind, 0, &none(vectors).0)).is_ok());
        assert_eq!(
            refusal(archive_frame(kind, 1, &none(vectors).0)),
            "the number of rows differs from the frame header"
        );
        for long in 0..vectors {
            let archive = none(long).vec(0, u32::MAX);
            let archive = (long + 1..vectors).fold(archive, |archive, _| archive.vec(0, 0));
            assert_eq!(refusal(archive_frame(kind, 1 << 20, &archive.0)), "the archive is invalid");
        }
    }
    let text = Archive::default().bytes(b"abcd").vec(0, 0).vec(0, 0).vec(0, 0).vec(0, 4);
    assert_eq!(refusal(archive_frame(MODULES, 0, &text.0)), "the text is longer than its strings");
}
