use std::process::Command;

use pfsymbols::{ElfFile, Mapping, SymbolKind, symbols_at};

use crate::program::{Program, open, run};

/// `readelf` on the program, one line a row, in words.
fn readelf(program: &Program, option: &str) -> Vec<Vec<String>> {
    let output = Command::new("readelf").args([option, "-W"]).arg(&program.path).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap().replace(['[', ']'], " ");
    output.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn hexadecimal(word: &str) -> u64 {
    u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap()
}

#[test]
fn sections_segments_and_build_id_are_those_of_readelf() {
    let program = Program::compile("functions", &["-O2"]);
    let elf = program.elf();

    let sections: Vec<_> = elf
        .sections()
        .map(|section| (section.name.to_owned(), section.address, section.bytes, section.no_bits))
        .collect();
    let expected: Vec<_> = readelf(&program, "-S")
        .into_iter()
        .filter(|words| words.len() == 11 && words[7].contains('A'))
        .map(|words| {
            (words[1].clone(), hexadecimal(&words[3]), hexadecimal(&words[5]), words[2] == "NOBITS")
        })
        .collect();
    assert!(expected.len() > 15, "{expected:?}");
    assert_eq!(sections, expected);
    let tls: Vec<_> = elf.sections().filter(|section| section.tls).collect();
    assert_eq!(tls.iter().map(|section| section.name).collect::<Vec<_>>(), [".tbss"]);

    let segments: Vec<_> = elf
        .segments()
        .iter()
        .map(|segment| {
            let numbers =
                [segment.file_offset, segment.address, segment.file_bytes, segment.memory_bytes];
            (numbers, segment.readable, segment.writable, segment.executable)
        })
        .collect();
    let expected: Vec<_> = readelf(&program, "-l")
        .into_iter()
        .filter(|words| words.first().is_some_and(|word| word == "LOAD"))
        .map(|words| {
            let numbers = [1, 2, 4, 5].map(|column: usize| hexadecimal(&words[column]));
            let flags = words[6..words.len() - 1].concat();
            (numbers, flags.contains('R'), flags.contains('W'), flags.contains('E'))
        })
        .collect();
    assert!(expected.len() >= 2, "{expected:?}");
    assert_eq!(segments, expected);

    let notes = readelf(&program, "-n");
    let id = notes.iter().find_map(|words| {
        let build = words.iter().position(|word| word == "Build")?;
        words.get(build + 2)
    });
    let found: String = elf.build_id().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(Some(&found), id);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn files_of_32_bits_say_the_same() {
    let program = Program::compile("functions", &["-O2"]);
    let narrow = program.folder.path().join("narrow");
    run(Command::new("objcopy").args(["-O", "elf32-x86-64"]).arg(&program.path).arg(&narrow));
    let (wide, narrow) = (program.elf(), open(&narrow));
    assert_eq!(std::fs::read(program.folder.path().join("narrow")).unwrap()[4], 1);
    assert_eq!(narrow.build_id(), wide.build_id());
    let names = |elf: &ElfFile| -> Vec<_> {
        elf.sections().map(|section| (section.name.to_owned(), section.address)).collect()
    };
    assert_eq!(names(&narrow), names(&wide));
    let addresses = |elf: &ElfFile| -> Vec<_> {
        elf.segments().iter().map(|segment| (segment.address, segment.executable)).collect()
    };
    assert_eq!(addresses(&narrow), addresses(&wide));
    let wanted = [program.address("in_outer"), program.address("in_cpp")];
    let found = symbols_at(&narrow, SymbolKind::Function, &wanted).unwrap();
    assert_eq!(found, symbols_at(&wide, SymbolKind::Function, &wanted).unwrap());
    assert_eq!(found[0].as_ref().unwrap().name, "outer");
}

#[test]
fn addresses_convert_and_fall_into_sections() {
    let program = Program::compile("functions", &["-O2"]);
    let elf = program.elf();
    let text = elf.section_at(program.address("outer")).unwrap();
    assert_eq!(text.name, ".text");
    assert_eq!(elf.section_at(program.address("in_data")).unwrap().name, ".data");
    let bss = program.address("in_bss");
    assert_eq!(elf.section_at(bss).unwrap().name, ".bss");
    assert_eq!(elf.file_offset_of(bss + 3999), None);
    let offset = elf.file_offset_of(program.address("in_data")).unwrap();
    assert_eq!(elf.address_of(offset), Some(program.address("in_data")));
    let bytes = std::fs::read(&program.path).unwrap();
    assert_eq!(bytes[offset as usize..][..8], [1, 0, 0, 0, 2, 0, 0, 0]);
}

#[test]
fn the_load_bias_is_that_of_the_running_program() {
    let elf = open("/proc/self/exe".as_ref());
    let exe = std::env::current_exe().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut biases = Vec::new();
    for line in maps.lines().filter(|line| line.ends_with(exe.to_str().unwrap())) {
        let words: Vec<_> = line.split_whitespace().collect();
        let (start, end) = words[0].split_once('-').unwrap();
        let (start, end) = (hexadecimal(start), hexadecimal(end));
        let mapping = Mapping {
            address: start,
            bytes: end - start,
            file_offset: hexadecimal(words[2]),
            executable: words[1].contains('x'),
        };
        biases.push(elf.load_bias(&mapping).unwrap());
    }
    assert!(biases.len() >= 3, "{maps}");
    biases.dedup();
    let here = the_load_bias_is_that_of_the_running_program as fn() as usize as u64;
    assert_eq!(biases.len(), 1);
    let text = elf.section_at(here - biases[0]).unwrap();
    assert_eq!(text.name, ".text");
}
