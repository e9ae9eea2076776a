use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use pfsymbols::{
    AddressSpace, ElfFile, Mapping, Registers, SymbolKind, UnwindSource, Unwinder, symbols_at,
};

use crate::program::{Program, open, run};

/// What a program wrote about itself while it ran.
struct Dump {
    registers: Registers,
    stack: Vec<u8>,
    /// The executable mappings: range, bias, file.
    modules: Vec<(std::ops::Range<u64>, u64, Arc<ElfFile>, String)>,
}

fn hexadecimal(word: &str) -> u64 {
    u64::from_str_radix(word, 16).unwrap()
}

fn dump(program: &Program) -> Dump {
    let [dump, maps] = ["dump", "maps"].map(|name| program.folder.path().join(name));
    run(Command::new(&program.path).arg(&dump).arg(&maps));
    let bytes = fs::read(dump).unwrap();
    let word = |index: usize| u64::from_ne_bytes(bytes[index * 8..][..8].try_into().unwrap());
    let registers = Registers { ip: word(0), sp: word(1), fp: word(2), lr: word(3) };
    let mut modules = Vec::new();
    for line in fs::read_to_string(maps).unwrap().lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let Some(path) = words.get(5).filter(|path| path.starts_with('/')) else { continue };
        if !words[1].contains('x') {
            continue;
        }
        let (start, end) = words[0].split_once('-').unwrap();
        let (address, end) = (hexadecimal(start), hexadecimal(end));
        let elf = Arc::new(open(path.as_ref()));
        let (bytes, file_offset) = (end - address, hexadecimal(words[2]));
        let mapping = Mapping { address, bytes, file_offset, executable: true };
        let bias = elf.load_bias(&mapping).unwrap();
        modules.push((address..end, bias, elf, (*path).to_owned()));
    }
    Dump { registers, stack: bytes[32..].to_vec(), modules }
}

impl Dump {
    fn space(&self, wanted: impl Fn(&str) -> bool) -> AddressSpace {
        let mut space = AddressSpace::default();
        let mut sources = HashMap::new();
        for (range, bias, elf, path) in &self.modules {
            if wanted(path) {
                let source = sources.entry(path).or_insert_with(|| UnwindSource::new(elf.clone()));
                space.add_module(range.clone(), *bias, source);
            }
        }
        space
    }

    /// The functions of a chain, as far as they lie in the program itself.
    fn names(&self, addresses: &[u64]) -> Vec<String> {
        let (_, bias, elf, _) = &self.modules[0];
        let lookup: Vec<u64> = addresses
            .iter()
            .enumerate()
            .map(|(index, address)| address - u64::from(index > 0) - bias)
            .collect();
        let found = symbols_at(elf, SymbolKind::Function, &lookup).unwrap();
        found.into_iter().map_while(|symbol| Some(symbol?.name)).collect()
    }
}

const WITHOUT_FRAME_POINTERS: &[&str] = &["-O2", "-fomit-frame-pointer"];

#[test]
fn a_chain_without_frame_pointers_is_unwound_to_its_start() {
    let program = Program::compile("chain", WITHOUT_FRAME_POINTERS);
    let dump = dump(&program);
    let mut space = dump.space(|_| true);
    let mut unwinder = Unwinder::default();
    let chain = unwinder.unwind(&mut space, &dump.registers, &dump.stack, 100);
    assert_eq!(dump.names(&chain.addresses), ["c", "b", "a", "main"]);
    assert!(!chain.cut);
    let start = chain.addresses.last().unwrap();
    assert_eq!(dump.names(&[*start]), ["_start"]);

    // From its rules and tables, and in the space of a forked child.
    assert_eq!(unwinder.unwind(&mut space, &dump.registers, &dump.stack, 100), chain);
    let mut child = space.clone();
    assert_eq!(unwinder.unwind(&mut child, &dump.registers, &dump.stack, 100), chain);
}

#[test]
fn a_chain_is_cut_where_the_stack_or_the_limit_ends() {
    let program = Program::compile("chain", WITHOUT_FRAME_POINTERS);
    let dump = dump(&program);
    let mut space = dump.space(|_| true);
    let mut unwinder = Unwinder::default();
    let limited = unwinder.unwind(&mut space, &dump.registers, &dump.stack, 2);
    assert_eq!(dump.names(&limited.addresses), ["c", "b", "a"]);
    assert!(limited.cut);
    // The frame of b alone is larger than what is left of the stack here.
    let short = unwinder.unwind(&mut space, &dump.registers, &dump.stack[..256], 100);
    assert_eq!(dump.names(&short.addresses), ["c", "b"]);
    assert!(short.cut);
    let none = unwinder.unwind(&mut space, &dump.registers, &[], 100);
    assert_eq!((none.addresses.as_slice(), none.cut), (&[dump.registers.ip][..], true));
}

#[test]
fn removed_modules_are_not_used_any_more() {
    let program = Program::compile("chain", WITHOUT_FRAME_POINTERS);
    let dump = dump(&program);
    let mut space = dump.space(|_| true);
    let mut unwinder = Unwinder::default();
    let whole = unwinder.unwind(&mut space, &dump.registers, &dump.stack, 100);
    let (range, bias, elf, _) = &dump.modules[0];
    space.remove(range.clone());
    let without = unwinder.unwind(&mut space, &dump.registers, &dump.stack, 100);
    assert_ne!(without, whole);
    space.add_module(range.clone(), *bias, &UnwindSource::new(elf.clone()));
    assert_eq!(unwinder.unwind(&mut space, &dump.registers, &dump.stack, 100), whole);
}

#[test]
fn rules_of_old_are_not_used_when_the_count_of_changes_comes_round() {
    let program = Program::compile("chain", WITHOUT_FRAME_POINTERS);
    let dump = dump(&program);
    let mut space = dump.space(|_| true);
    let mut unwinders: Vec<_> = std::iter::repeat_with(Unwinder::default).take(200).collect();
    let chain = |unwinder: &mut Unwinder, space: &mut AddressSpace| {
        unwinder.unwind(space, &dump.registers, &dump.stack, 100)
    };
    let whole: Vec<_> = unwinders.iter_mut().map(|unwinder| chain(unwinder, &mut space)).collect();
    let without_tables = || {
        let mut space = AddressSpace::default();
        space.add_code(0..u64::MAX);
        space
    };
    let alone = chain(&mut Unwinder::default(), &mut without_tables());
    assert_ne!(alone, whole[0]);
    // framehop counts changes in 16 bits. One of the last spaces gets the number of the first one, and
    // each is tried with rules that are as old as that.
    for count in 0..u32::from(u16::MAX) + 100 {
        let mut space = without_tables();
        if count + 100 > u32::from(u16::MAX) {
            let mut unwinder = unwinders.pop().unwrap();
            assert_eq!(chain(&mut unwinder, &mut space), alone);
        }
    }
}

#[test]
fn frame_pointers_serve_where_there_are_no_tables() {
    let program = Program::compile("chain", &["-O1", "-fno-omit-frame-pointer"]);
    let dump = dump(&program);
    let own = program.path.to_str().unwrap().to_owned();
    let mut space = dump.space(|path| path != own);
    space.add_code(dump.modules[0].0.clone());
    let chain = Unwinder::default().unwind(&mut space, &dump.registers, &dump.stack, 100);
    assert_eq!(dump.names(&chain.addresses), ["c", "b", "a", "main"]);
}

#[test]
fn a_chain_ends_in_front_of_what_is_not_executable() {
    // A caller that keeps no frame pointers, as code made at run time may: its data pass for callers.
    let program = Program::compile("chain", WITHOUT_FRAME_POINTERS);
    let dump = dump(&program);
    let own = program.path.to_str().unwrap().to_owned();
    let mut space = dump.space(|path| path != own);
    space.add_code(dump.modules[0].0.clone());
    let mut everywhere = space.clone();
    everywhere.add_code(0..u64::MAX);
    let registers = Registers { fp: dump.registers.sp, ..dump.registers };
    let sp = registers.sp;
    // A frame whose return address is data, behind one whose return address is the program's own.
    let stack: Vec<u8> = [sp + 16, registers.ip, sp + 32, sp, 0, 0]
        .iter()
        .flat_map(|word: &u64| word.to_ne_bytes())
        .collect();
    let mut unwinder = Unwinder::default();
    let chain = unwinder.unwind(&mut space, &registers, &stack, 100);
    assert_eq!((chain.addresses, chain.cut), (vec![registers.ip; 2], true));
    let believed = unwinder.unwind(&mut everywhere, &registers, &stack, 100).addresses;
    assert_eq!(believed, [registers.ip, registers.ip, sp]);
}

#[test]
fn a_chain_ends_in_what_could_not_be_read() {
    let program = Program::compile("chain", WITHOUT_FRAME_POINTERS);
    let dump = dump(&program);
    let mut space = dump.space(|_| true);
    let mut unwinder = Unwinder::default();
    let whole = unwinder.unwind(&mut space, &dump.registers, &dump.stack, 100);
    let main = *whole.addresses.get(3).unwrap();
    let behind = *whole.addresses.get(4).unwrap();
    let (range, ..) = dump.modules.iter().find(|(range, ..)| range.contains(&behind)).unwrap();
    space.add_unknown(range.clone());
    let chain = unwinder.unwind(&mut space, &dump.registers, &dump.stack, 100);
    // The C library called main: that is known, and nothing beyond it.
    assert_eq!((chain.addresses.last(), chain.cut), (Some(&behind), true));
    assert_eq!(chain.addresses.get(3), Some(&main));
    assert_eq!(chain.addresses.len(), 5);
    space.add_unknown(dump.modules[0].0.clone());
    let chain = unwinder.unwind(&mut space, &dump.registers, &dump.stack, 100);
    assert_eq!((chain.addresses, chain.cut), (vec![dump.registers.ip], true));
}

#[test]
fn eh_frame_without_its_index_and_debug_frame_serve() {
    let without_index = Program::compile("chain", &["-O2", "-fomit-frame-pointer"]);
    run(Command::new("objcopy").args(["-R", ".eh_frame_hdr"]).arg(&without_index.path));
    let tables = ["-O2", "-g", "-fomit-frame-pointer", "-fno-asynchronous-unwind-tables"];
    let debug_frame = Program::compile("chain", &tables);
    run(Command::new("objcopy")
        .args(["-R", ".eh_frame_hdr", "-R", ".eh_frame"])
        .arg(&debug_frame.path));
    for program in [without_index, debug_frame] {
        let dump = dump(&program);
        let mut space = dump.space(|_| true);
        let chain = Unwinder::default().unwind(&mut space, &dump.registers, &dump.stack, 100);
        assert_eq!(dump.names(&chain.addresses), ["c", "b", "a", "main"]);
    }
}
