use std::fs;
use std::process::Command;

use pfsymbols::{DEBUG_FOLDERS, DebugFile, ElfFile, Function, Functions};

use crate::program::{Program, line_of, open, run, source};

fn known(name: &str, line: u32) -> Function {
    let file = source("functions").to_str().unwrap().to_owned();
    Function { name: name.to_owned(), file: Some(file), line: Some(line) }
}

fn bare(name: &str) -> Function {
    Function { name: name.to_owned(), file: None, line: None }
}

fn line(text: &str) -> u32 {
    line_of("functions", text)
}

const LABELS: [&str; 6] =
    ["in_innermost", "in_middle", "in_outer", "in_cpp", "in_rust", "in_old_rust"];

/// What debug information says about [`LABELS`].
fn with_lines() -> Vec<Vec<Function>> {
    let outer_call = known("outer", line("found = middle("));
    let nop = |label: &str| line(&format!("{label}: nop"));
    vec![
        vec![
            known("innermost", nop("in_innermost")),
            known("middle", line("found = innermost(")),
            outer_call.clone(),
        ],
        vec![known("middle", nop("in_middle")), outer_call],
        vec![known("outer", nop("in_outer"))],
        vec![known("space::foo(int, bool)", nop("in_cpp"))],
        vec![known("mycrate::foo", nop("in_rust"))],
        vec![known("mycrate::bar", nop("in_old_rust"))],
    ]
}

/// What a symbol table says about [`LABELS`].
fn without_lines() -> Vec<Vec<Function>> {
    let outer = || vec![bare("outer")];
    let cpp = vec![bare("space::foo(int, bool)")];
    vec![outer(), outer(), outer(), cpp, vec![bare("mycrate::foo")], vec![bare("mycrate::bar")]]
}

fn addresses(program: &Program) -> Vec<u64> {
    LABELS.iter().map(|label| program.address(label)).collect()
}

fn at(elf: &ElfFile, debug: Option<&DebugFile>, addresses: &[u64]) -> Vec<Vec<Function>> {
    let mut functions = Functions::new(elf, debug);
    let found = functions.at(addresses);
    assert_eq!(functions.problem(), None);
    // The second time everything comes from what was read the first time.
    assert_eq!(functions.at(addresses), found);
    found
}

#[test]
fn debug_information_gives_inlined_functions_and_lines() {
    for compression in ["-gz=none", "-gz=zlib"] {
        let program = Program::compile("functions", &["-O2", "-g", compression]);
        let elf = program.elf();
        assert_eq!(at(&elf, None, &addresses(&program)), with_lines());
        let [first, second] = [addresses(&program)[2], addresses(&program)[3]];
        let outside = [u64::MAX, first, 1 << 40, second, u64::MAX];
        let expected = with_lines();
        let (outer, cpp) = (expected[2].clone(), expected[3].clone());
        assert_eq!(at(&elf, None, &outside), [vec![], outer, vec![], cpp, vec![]]);
    }
}

#[test]
fn without_debug_information_symbol_tables_are_used() {
    let program = Program::compile("functions", &["-O2"]);
    let elf = program.elf();
    assert_eq!(at(&elf, None, &addresses(&program)), without_lines());
    let next = program.address("next_sizeless");
    let sizeless = [program.address("in_sizeless"), next - 1, next, u64::MAX, 0];
    let name = |name: &str| vec![bare(name)];
    let expected = vec![name("sizeless"), name("sizeless"), name("next_sizeless"), vec![], vec![]];
    assert_eq!(at(&elf, None, &sizeless), expected);
}

#[test]
fn a_stripped_file_gives_its_dynamic_symbols_only() {
    let program = Program::compile("functions", &["-O2", "-rdynamic"]);
    let addresses = [program.address("in_outer"), program.address("in_sizeless")];
    run(Command::new("strip").arg(&program.path));
    assert_eq!(at(&program.elf(), None, &addresses), [vec![bare("outer")], vec![]]);
}

#[test]
fn a_debug_file_is_found_by_build_id() {
    let program = Program::compile("functions", &["-O2", "-g"]);
    let addresses = addresses(&program);
    let debug = program.split();
    let elf = program.elf();
    assert_eq!(at(&elf, None, &addresses), vec![vec![]; addresses.len()]);

    let id: Vec<_> = elf.build_id().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = program.folder.path().join("debug");
    let place = folder.join(".build-id").join(&id[0]);
    fs::create_dir_all(&place).unwrap();
    assert!(DebugFile::find(&elf, None, &[&folder]).is_none());
    let place = place.join(format!("{}.debug", id[1..].concat()));
    fs::rename(debug, &place).unwrap();
    let debug = DebugFile::find(&elf, None, &[&folder]).unwrap();
    assert_eq!(debug.path, place);
    assert_eq!(at(&elf, Some(&debug), &addresses), with_lines());

    // A file of another build in its place is not believed.
    let other = Program::compile("functions", &["-O1", "-g"]);
    fs::copy(&other.path, &place).unwrap();
    assert!(DebugFile::find(&elf, None, &[&folder]).is_none());
}

#[test]
fn a_debug_file_is_found_by_its_link() {
    let program = Program::compile("functions", &["-O2", "-g", "-Wl,--build-id=none"]);
    let addresses = addresses(&program);
    let debug = program.split();
    run(Command::new("objcopy")
        .arg(format!("--add-gnu-debuglink={}", debug.display()))
        .arg(&program.path));
    let elf = program.elf();
    assert_eq!(elf.build_id(), None);
    assert!(DebugFile::find(&elf, None, DEBUG_FOLDERS).is_none());
    let hidden = program.folder.path().join(".debug");
    fs::create_dir(&hidden).unwrap();
    for place in [debug.clone(), hidden.join("split.debug")] {
        let found = DebugFile::find(&elf, Some(&program.path), DEBUG_FOLDERS).unwrap();
        assert_eq!(found.path, place);
        assert_eq!(at(&elf, Some(&found), &addresses), with_lines());
        if place == debug {
            fs::rename(&debug, hidden.join("split.debug")).unwrap();
        }
    }
    let mut bytes = fs::read(hidden.join("split.debug")).unwrap();
    bytes.push(0);
    fs::write(hidden.join("split.debug"), bytes).unwrap();
    assert!(DebugFile::find(&elf, Some(&program.path), DEBUG_FOLDERS).is_none());
}

#[test]
fn a_link_opens_no_pipe_no_device_and_nothing_huge() {
    let program = Program::compile("functions", &["-O2", "-g", "-Wl,--build-id=none"]);
    let debug = program.split();
    run(Command::new("objcopy")
        .arg(format!("--add-gnu-debuglink={}", debug.display()))
        .arg(&program.path));
    let elf = program.elf();
    let find = || DebugFile::find(&elf, Some(&program.path), DEBUG_FOLDERS);
    let bytes = fs::read(&debug).unwrap();
    // Far more than any disk has, behind what the link means.
    let huge = fs::File::options().write(true).open(&debug).unwrap();
    huge.set_len(1 << 42).unwrap();
    assert!(find().is_none());
    fs::remove_file(&debug).unwrap();
    run(Command::new("mkfifo").arg(&debug));
    assert!(find().is_none());
    fs::remove_file(&debug).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &debug).unwrap();
    assert!(find().is_none());
    fs::remove_file(&debug).unwrap();
    fs::write(&debug, bytes).unwrap();
    assert!(find().is_some());
}

#[test]
fn debug_information_that_names_further_files_is_read_where_it_was_installed_only() {
    let program = Program::compile("functions", &["-O2", "-g"]);
    let addresses = addresses(&program);
    assert_eq!(at(&program.elf(), None, &addresses), with_lines());
    // What the link leads to would be opened, whatever it is.
    let pipe = program.folder.path().join("pipe");
    fs::write(&pipe, "summed up").unwrap();
    run(Command::new("objcopy")
        .arg(format!("--add-gnu-debuglink={}", pipe.display()))
        .arg(&program.path));
    fs::remove_file(&pipe).unwrap();
    run(Command::new("mkfifo").arg(&pipe));
    let elf = program.elf();
    assert!(!Functions::new(&elf, None).has_lines());
    let without_lines = at(&elf, None, &addresses);
    assert!(without_lines.iter().flatten().all(|function| function.line.is_none()));
    assert!(without_lines.iter().all(|functions| !functions.is_empty()));
}

#[test]
fn deleted_files_and_files_of_one_name_keep_apart() {
    let first = Program::compile("functions", &["-O2", "-g"]);
    let second = Program::compile("chain", &["-O2", "-g"]);
    let (addresses, b) = (addresses(&first), second.address("b"));
    let elf = first.elf();
    fs::remove_file(&first.path).unwrap();
    fs::rename(&second.path, &first.path).unwrap();
    let other = open(&first.path);
    assert_eq!(at(&elf, None, &addresses), with_lines());
    assert_eq!(at(&other, None, &[b])[0][0].name, "b");
}
