use super::{Stacks, Weight, write_folded};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, INLINED, KERNEL, LOOP, MAIN, MODEL, Row, UNNAMED};
use pfmodel::names::{Cause, Class};

fn folded(loaded: &Loaded, weight: Weight) -> String {
    let mut out = Vec::new();
    write_folded(&Stacks::of(loaded, weight, usize::MAX), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Reads with and without a call chain, and touches.
pub(super) fn faults() -> Loaded {
    let mut loaded = made_up::with_code();
    let analysis = &mut loaded.analysis;
    analysis.call_chains = vec![
        made_up::chain(&[], &[INLINED, LOOP, MAIN], false),
        made_up::chain(&[KERNEL], &[UNNAMED, MAIN], true),
    ];
    let read = Row {
        latency: Some(90_000),
        class: Class::Major,
        cause: Cause::FileRead,
        mapping: MODEL,
        code: INLINED,
        chain: 0,
        ..Row::default()
    };
    let touch = Row { mapping: HEAP, code: LOOP, ..Row::default() };
    let kernel = Row { code: KERNEL, kernel_mode: true, ..touch };
    let failed =
        Row { class: Class::Failed, cause: Cause::Efault, latency: None, size: 0, ..kernel };
    for row in [
        read,
        Row { latency: Some(10_000), ..read },
        touch,
        Row { chain: 1, ..kernel },
        Row { mapping: pfmodel::table::NONE, ..failed },
        Row { code: UNNAMED, size: 2 << 20, ..touch },
    ] {
        made_up::push(analysis, row);
    }
    loaded
}

#[test]
fn every_weight_has_its_stack() {
    let loaded = faults();
    assert_eq!(
        folded(&loaded, Weight::Stall),
        "server;[cut off];main;[libfoo.so];copy_from_user_[k];minor anon-first-touch;[heap] 1000\n\
         server;[no call chain];libfoo.so;minor anon-first-touch;[heap] 1000\n\
         server;[no call chain];server;serve::loop;minor anon-first-touch;[heap] 1000\n\
         server;main;serve::loop;Table::grow;Table::touch;major file-read;model.gguf 100000\n"
    );
    assert_eq!(
        folded(&loaded, Weight::Faults),
        "server;[cut off];main;[libfoo.so];copy_from_user_[k];minor anon-first-touch;[heap] 1\n\
         server;[no call chain];[kernel];copy_from_user_[k];failed efault;[unknown] 1\n\
         server;[no call chain];libfoo.so;minor anon-first-touch;[heap] 1\n\
         server;[no call chain];server;serve::loop;minor anon-first-touch;[heap] 1\n\
         server;main;serve::loop;Table::grow;Table::touch;major file-read;model.gguf 2\n"
    );
    let bytes = folded(&loaded, Weight::Bytes);
    assert!(bytes.contains(";libfoo.so;minor anon-first-touch;[heap] 2097152\n"), "{bytes}");

    let stacks = Stacks::of(&loaded, Weight::Stall, usize::MAX);
    assert_eq!((stacks.total, stacks.faults, stacks.unweighted), (103_000, 6, 1));
    assert_eq!((stacks.chainless, stacks.chainless_weight), (3, 2_000));
}

#[test]
fn without_call_chains_the_function_stands_alone() {
    let mut loaded = faults();
    loaded.analysis.call_chains.clear();
    let text = folded(&loaded, Weight::Faults);
    assert!(!text.contains("[no call chain]"), "{text}");
    let read = "server;server;Table::grow;Table::touch;major file-read;model.gguf 2\n";
    assert!(text.contains(read), "{text}");
    // Nor symbols, as in traces of older recorders.
    loaded.analysis.locations.clear();
    let text = folded(&loaded, Weight::Faults);
    assert!(text.contains("server;server;major file-read;model.gguf 2\n"), "{text}");
    assert!(text.contains("server;[kernel];failed efault;[unknown] 1\n"), "{text}");
}

#[test]
fn stall_times_where_there_are_some() {
    let mut loaded = faults();
    assert_eq!(Weight::by_default(&loaded.analysis), Weight::Stall);
    loaded.analysis.faults.latency_ns.fill(pft::record::LATENCY_UNKNOWN);
    assert_eq!(Weight::by_default(&loaded.analysis), Weight::Faults);
}

#[test]
fn hostile_names_stay_in_their_frame() {
    let mut loaded = faults();
    let analysis = &mut loaded.analysis;
    analysis.comms[0] = b"# a;b\n\x1b[2J 7".to_vec();
    analysis.locations[LOOP as usize].functions[0].name = b"<script>;\xff".to_vec();
    analysis.locations[MAIN as usize].functions[0].name = vec![b'x'; 100_000];
    analysis.regions[MODEL as usize].label = b"file 42".to_vec();
    let text = folded(&loaded, Weight::Faults);
    assert_eq!(text.lines().count(), 5);
    assert!(text.lines().all(|line| line.starts_with("#_a:b\\x0a\\x1b[2J_7;")), "{text}");
    let long = "x".repeat(100_000);
    let read =
        format!(";{long};<script>:\\xff;Table::grow;Table::touch;major file-read;file_42 2\n");
    assert!(text.contains(&read));
    let short = Stacks::of(&loaded, Weight::Faults, 100);
    let longest = short.stacks.keys().flatten().map(|frame| frame.name.chars().count()).max();
    assert_eq!(longest, Some(100));
}
