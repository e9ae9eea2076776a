use std::process::Command;

use pfsymbols::{Symbol, SymbolKind, symbols_at};

use crate::program::{Program, open, run};

fn symbol(name: &str, address: u64, bytes: u64) -> Option<Symbol> {
    Some(Symbol { name: name.to_owned(), address, bytes })
}

#[test]
fn objects_hold_their_addresses() {
    let program = Program::compile("functions", &["-O2", "-g"]);
    let [data, bss, rodata, cpp] =
        ["in_data", "in_bss", "in_rodata", "_ZN5space6objectE"].map(|name| program.address(name));
    let no_size = program.address("in_no_size");
    let function = program.address("outer");
    let wanted =
        [bss + 3999, data, data + 15, bss, rodata + 4, cpp + 3, no_size, function, 0, data];
    let expected = [
        symbol("in_bss", bss, 4000),
        symbol("in_data", data, 16),
        symbol("in_data", data, 16),
        symbol("in_bss", bss, 4000),
        symbol("in_rodata", rodata, 32),
        symbol("space::object", cpp, 4),
        None,
        None,
        None,
        symbol("in_data", data, 16),
    ];
    assert_eq!(symbols_at(&program.elf(), SymbolKind::Object, &wanted).unwrap(), expected);

    let debug = program.split();
    let nothing = vec![None; wanted.len()];
    assert_eq!(symbols_at(&program.elf(), SymbolKind::Object, &wanted).unwrap(), nothing);
    assert_eq!(symbols_at(&open(&debug), SymbolKind::Object, &wanted).unwrap(), expected);
}

#[test]
fn thread_local_objects_are_no_objects() {
    let program = Program::compile("functions", &["-O2"]);
    // The value of a thread-local symbol is an offset, which as an address may lie anywhere.
    let offset = program.address("in_tls");
    assert_eq!(symbols_at(&program.elf(), SymbolKind::Object, &[offset]).unwrap(), [None]);
}

#[test]
fn dynamic_symbols_serve_where_the_rest_is_stripped() {
    let program = Program::compile("functions", &["-O2", "-rdynamic"]);
    let (data, bss) = (program.address("in_data"), program.address("in_bss"));
    run(Command::new("strip").arg(&program.path));
    let found = symbols_at(&program.elf(), SymbolKind::Object, &[data + 1, bss]).unwrap();
    assert_eq!(found, [symbol("in_data", data, 16), None]);
}
