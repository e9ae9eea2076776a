//! Screens of recordings with symbols and call chains.

use pfmodel::names::{Cause, Class, RegionKind};
use pfmodel::table::{NONE, Region};
use pft::keys::{fact, ledger};
use pft::record::ModuleState;

use super::{Layout, Style, assert_goldens, render, screen, set_ledger};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, INLINED, KERNEL, LOOP, MAIN, MODEL, Row, TEXT, UNNAMED};

/// The server reads a file, touches its heap and some of its own sections.
fn server() -> Loaded {
    let mut loaded = made_up::with_code();
    let analysis = &mut loaded.analysis;
    let data = Region { kind: RegionKind::Data, label: b"server .data".to_vec() };
    analysis.regions.push(data);
    analysis.regions[TEXT as usize].label = b"server .text".to_vec();
    analysis.call_chains = vec![
        made_up::chain(&[], &[INLINED, LOOP, MAIN], false),
        made_up::chain(&[KERNEL], &[UNNAMED, MAIN], true),
    ];
    let read = Row {
        class: Class::Major,
        cause: Cause::FileRead,
        latency: Some(90_000),
        mapping: MODEL,
        code: INLINED,
        chain: 0,
        ..Row::default()
    };
    let cached =
        Row { class: Class::Minor, cause: Cause::FileCached, latency: Some(2_000), ..read };
    let touch = Row { mapping: HEAP, code: KERNEL, kernel_mode: true, chain: 1, ..Row::default() };
    let text = Row { mapping: TEXT, cause: Cause::FileCached, code: UNNAMED, ..Row::default() };
    for (row, times) in [(read, 10), (cached, 30), (touch, 50), (text, 9)] {
        for i in 0..times {
            let addr = 0x40_0000 + i * 4_096;
            made_up::push(analysis, Row { addr, ..row });
        }
    }
    made_up::push(analysis, Row { code: MAIN, chain: NONE, ..text });
    let last = analysis.faults.len() - 1;
    analysis.faults.region[last] = 3;
    loaded
}

#[test]
fn functions_and_callers() {
    let mut loaded = server();
    for (key, value) in [(fact::CAPTURE_CALL_GRAPH, "dwarf"), (fact::CAPTURE_STACK_SHARE, "16")] {
        loaded.facts.insert(key.to_owned(), value.to_owned());
    }
    set_ledger(
        &mut loaded,
        &[(ledger::SYMBOLS_SKIPPED, 1), (ledger::STACKS_DROPPED, 3), (ledger::STACKS_FAILED, 1)],
    );
    loaded.analysis.exactness.lost_call_chains = 2;
    assert_goldens("summary-code", &loaded);
}

#[test]
fn modules_that_were_not_read_have_a_reason() {
    let mut loaded = server();
    let module = loaded.analysis.modules[1].clone();
    for (path, state) in [
        (&b"/opt/a\x1b.so"[..], ModuleState::Replaced),
        (b"/opt/b.so", ModuleState::Malformed),
        (b"/opt/c.so", ModuleState::NotOpened),
        (b"/opt/d.so", ModuleState::NotOpened),
    ] {
        let path = path.to_vec();
        loaded.analysis.modules.push(pfmodel::table::Module { path, state, ..module.clone() });
    }
    let text = screen(&loaded).replace("\n             ", " ");
    let line = "5 of 7 modules not read: libfoo.so (gone or not permitted), \
                a\\x1b.so (replaced by another file), b.so (no sound ELF file), 2 more\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn chains_of_one_are_no_callers() {
    let mut loaded = server();
    loaded.analysis.call_chains[0].user.truncate(1);
    let text = screen(&loaded).replace("\n             ", " ");
    let line = "call chain known for 90 of 100 faults; 40 without a caller in it; 50 may go on";
    assert!(text.contains(line), "{text}");
}

#[test]
fn names_that_nobody_looked_up_are_not_unknown() {
    let mut loaded = server();
    for place in &mut loaded.analysis.locations {
        place.functions.clear();
    }
    set_ledger(&mut loaded, &[(ledger::SYMBOLS_ASKED, 0)]);
    let text = screen(&loaded);
    assert!(text.contains("symbols    not looked up while recording"), "{text}");
    assert!(!text.contains("function known"), "{text}");
}

#[test]
fn hostile_functions_stay_in_their_line() {
    let mut loaded = server();
    let functions = &mut loaded.analysis.locations[INLINED as usize].functions;
    functions[0].name = [&b"\x1b[2J\n<script>"[..], &[b'x'; 100_000]].concat();
    let style = Style { top: 10, layout: Layout::PIPED };
    let text = render(&loaded, style).unwrap();
    assert!(text.contains("  \\x1b[2J\\x0a<script>x"), "{text}");
    assert!(text.len() < 10_000);
}

#[test]
fn traces_without_symbols_have_no_list_of_functions() {
    let mut loaded = server();
    for place in &mut loaded.analysis.locations {
        place.functions.clear();
    }
    let text = screen(&loaded);
    assert!(!text.contains("\nFunctions\n") && !text.contains("--by function"), "{text}");
    assert!(text.contains("function known for 0 of 100 faults"), "{text}");
    loaded.analysis.modules.clear();
    loaded.analysis.call_chains.clear();
    let text = screen(&loaded);
    assert!(!text.contains("symbols ") && !text.contains("callers "), "{text}");
}

#[test]
fn the_diagnosis_is_of_a_section() {
    let mut loaded = made_up::with_code();
    let analysis = &mut loaded.analysis;
    analysis.regions[TEXT as usize].label = b"server .text".to_vec();
    for time in 0..4 {
        let row = Row { time, cause: Cause::FileCached, mapping: TEXT, ..Row::default() };
        made_up::push(analysis, row);
    }
    let text = screen(&loaded);
    assert!(text.contains("4 faults, 1 µs each on average"), "{text}");
}
