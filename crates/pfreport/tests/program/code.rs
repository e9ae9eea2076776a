//! A trace with modules, symbols and call chains, whose names are hostile.

use std::fs;

use pft::record::{
    CallChainRecord, FaultBatch, MapRecord, ModuleKind, ModuleRecord, ModuleState, Section,
    Segment, SymbolKind, SymbolRecord,
};

use crate::scene::{HEAP, START, Scene, assert_harmless, push, text, trace_bytes};

const INNER: &[u8] = b"<script>alert(\"a\");\x1b[2J</script>";
const BASE: u64 = 0x40_0000;

/// Three touches of the heap: two by `INNER`, inlined into a function with a very long name, called by `main 7`; one
/// without symbols or call chain. The program's `.data` is touched once more.
fn scene() -> Scene {
    Scene::of(&trace_bytes(0, true, 0, |writer| {
        let program = MapRecord {
            time_ns: START + 10,
            pid: 4_242,
            tid: 4_242,
            start: BASE,
            end: BASE + 0x1_0000,
            file_offset: 0,
            dev_major: 8,
            dev_minor: 1,
            inode: 99,
            inode_generation: 0,
            prot: 7,
            flags: 2,
            path: b"/usr/bin/ser;ver".to_vec(),
        };
        writer.maps(&[program]).unwrap();
        let section = |name: &str, address, bytes| Section {
            name: name.into(),
            address,
            bytes,
            no_bits: false,
            tls: false,
        };
        let module = ModuleRecord {
            id: 1,
            kind: ModuleKind::Elf,
            state: ModuleState::Read,
            pid: 0,
            dev_major: 8,
            dev_minor: 1,
            inode: 99,
            path: b"/usr/bin/ser;ver".to_vec(),
            build_id: vec![0xca, 0xfe],
            segments: vec![Segment {
                file_offset: 0,
                file_bytes: 0x1_0000,
                address: 0,
                memory_bytes: 0x1_0000,
                prot: 7,
            }],
            sections: vec![section(".text", 0x1000, 0x3000), section(".data", 0x8000, 0x1000)],
        };
        writer.modules(&[module]).unwrap();
        let symbol = |address, name: &[u8], line| SymbolRecord {
            module: 1,
            kind: SymbolKind::Function,
            address,
            size_bytes: 0,
            name: name.to_vec(),
            file: if line == 0 { Vec::new() } else { b"/src/\x1b.rs".to_vec() },
            line,
        };
        let object = SymbolRecord {
            kind: SymbolKind::Object,
            size_bytes: 64,
            ..symbol(0x8000, b"TABLE\n", 0)
        };
        writer
            .symbols(&[
                symbol(0x1000, INNER, 42),
                symbol(0x1000, &[b'x'; 100_000], 99),
                // A return address is looked up where the call is.
                symbol(0x1fff, b"main 7", 0),
                object,
            ])
            .unwrap();
        let chain = CallChainRecord {
            id: 1,
            cut: false,
            kernel: Vec::new(),
            user: vec![BASE + 0x1000, BASE + 0x2000],
        };
        writer.call_chains(&[chain]).unwrap();
        let mut batch = FaultBatch::default();
        for i in 0..3 {
            push(&mut batch, START + 100 + i, HEAP + i * 4_096, false);
        }
        push(&mut batch, START + 103, BASE + 0x8010, false);
        batch.columns.ip = vec![BASE + 0x1000, BASE + 0x1000, BASE + 0x3000, BASE + 0x1000];
        batch.columns.call_chain = vec![1, 1, 0, 1];
        writer.faults(&batch).unwrap();
    }))
}

#[test]
fn functions_sources_and_objects_are_columns() {
    let scene = scene();
    let output = scene.run(&["run.pft", "--csv"]);
    assert_harmless(&output.stdout);
    let rows = text(&output.stdout);
    let function = "\"<script>alert(\"\"a\"\");\\x1b[2J</script>\"";
    let end = |object: &str, build_id: &str, mapping: &str| {
        format!(",0x401000,ser;ver,{function},/src/\\x1b.rs:42,{object},0,{build_id},,{mapping},")
    };
    let row = |number: usize| rows.lines().nth(number).unwrap();
    assert!(row(1).ends_with(&end("", "", "0")), "{}", row(1));
    assert!(row(3).ends_with(",0x403000,ser;ver,,,,,,,0,"), "{}", row(3));
    assert!(row(4).ends_with(&end("TABLE\\x0a", "cafe", "2")), "{}", row(4));
    assert!(row(4).contains(",ser;ver .data,text,/usr/bin/ser;ver,32784,"), "{}", row(4));

    let output = scene.run(&["run.pft", "--by=function,object", "--sort=faults", "-n3"]);
    assert_harmless(&output.stdout);
    let names: Vec<&str> = text(&output.stdout).lines().map(|line| line[..49].trim_end()).collect();
    let expected = [
        "  function                             object",
        "  <script>alert(\"a\");\\x1b[2J</script>  -",
        "  <script>alert(\"a\");\\x1b[2J</script>  TABLE\\x0a",
    ];
    assert_eq!(names[..3], expected);
    let output = scene.run(&["run.pft", "--by=function", "--sort=function"]);
    let rows = text(&output.stdout);
    assert!(rows.lines().nth(2).unwrap().starts_with("  ser;ver+0x3000 "), "{rows}");
}

#[test]
fn stacks_of_hostile_names_are_inert() {
    let scene = scene();
    let output = scene.run(&["run.pft", "--folded", "--weight=faults"]);
    assert_harmless(&output.stdout);
    let comm = "\\x1b[2Jevil,\"name\"";
    let inner = "<script>alert(\"a\"):\\x1b[2J</script>";
    let long = "x".repeat(100_000);
    let line = format!("{comm};main_7;{long};{inner};minor anon-unknown;[heap] 2\n");
    let folded = text(&output.stdout);
    assert!(folded.contains(&line), "{}", folded.replace(&long, "xx"));
    let alone = format!("{comm};[no call chain];ser:ver;minor anon-unknown;[heap] 1\n");
    assert!(folded.contains(&alone), "{}", folded.replace(&long, "xx"));
    let notes = "note: no call chain for 3 of 6 faults, 50 % of all: under [no call chain]\n";
    assert!(text(&output.stderr).starts_with(notes), "{}", text(&output.stderr));

    let output = scene.run(&["run.pft", "--flamegraph"]);
    assert_eq!(text(&output.stdout), "run.pft.flamegraph.svg\n");
    let svg = fs::read_to_string(scene.path("run.pft.flamegraph.svg")).unwrap();
    assert_eq!(svg.matches("<script").count(), 1, "that of the picture itself");
    assert!(svg.contains("&lt;script&gt;alert(&quot;a&quot;):\\x1b[2J&lt;/script&gt; ("), "{svg}");
    assert!(svg.len() < 100_000);
}

#[test]
fn the_screen_is_inert_too() {
    let scene = scene();
    let output = scene.run(&["run.pft"]);
    assert_harmless(&output.stdout);
    let screen = text(&output.stdout);
    assert!(screen.contains("function known for 5 of 6 faults"), "{screen}");
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(" /usr/bin/ser;ver .data text 1 17% "), "{screen}");
    let output = scene.run(&["run.pft", "--by", "callchain"]);
    assert_harmless(&output.stdout);
    assert!(text(&output.stdout).contains("  main_7;xxx"));
}
