//! Files that no compiler wrote.

use std::fs::File;
use std::io::Write;
use std::sync::{Arc, OnceLock};

use pfsymbols::{
    AddressSpace, DEBUG_FOLDERS, DebugFile, ElfFile, Error, Functions, Mapping, Registers,
    SymbolKind, UnwindSource, Unwinder, symbols_at,
};
use proptest::prelude::{ProptestConfig, any, proptest};

use crate::program::Program;

/// Calls everything that reads an ELF file.
fn use_all(elf: ElfFile) {
    for section in elf.sections() {
        elf.section_at(section.address);
        elf.file_offset_of(section.address.wrapping_add(section.bytes));
    }
    let mut addresses = vec![0, u64::MAX];
    for segment in elf.segments() {
        addresses.push(segment.address.wrapping_add(segment.file_bytes / 2));
        elf.address_of(segment.file_offset);
        let (bytes, executable) = (segment.file_bytes, segment.executable);
        let file_offset = segment.file_offset;
        elf.load_bias(&Mapping { address: 0x1000, bytes, file_offset, executable });
    }
    let _ = symbols_at(&elf, SymbolKind::Object, &addresses);
    let debug = DebugFile::find(&elf, None, DEBUG_FOLDERS);
    Functions::new(&elf, debug.as_ref()).at(&addresses);
    let mut space = AddressSpace::default();
    let ip = addresses.get(2).copied().unwrap_or(0);
    let source = UnwindSource::new(Arc::new(elf));
    space.add_module(0..u64::MAX, 0, &source);
    let registers = Registers { ip, sp: 0, fp: 8, lr: ip };
    let chain = Unwinder::default().unwind(&mut space, &registers, &[1; 64], 10);
    assert!(chain.addresses.len() <= 11);
}

fn program() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| std::fs::read(Program::compile("functions", &["-O2", "-g"]).path).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_behind_a_header(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut image = program()[..24].to_vec();
        image.extend(bytes);
        if let Ok(elf) = ElfFile::from_bytes(Arc::from(image)) {
            use_all(elf);
        }
    }

    #[test]
    fn changed_bytes_of_a_program(
        changes in proptest::collection::vec((any::<usize>(), any::<u8>(), any::<bool>()), 1..12),
        length in any::<usize>(),
    ) {
        let mut image = program().to_vec();
        let sections = image.len() - 2600;
        for (place, value, in_headers) in changes {
            // Half of the changes go to the program headers and the section headers at the end.
            let headers = place % 3400;
            let headers = if headers < 800 { headers } else { sections + headers - 800 };
            let place = if in_headers { headers } else { place % image.len() };
            image[place] = value;
        }
        if length % 4 == 0 {
            image.truncate(length % image.len());
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&image).unwrap();
        if let Ok(elf) = ElfFile::open(&file) {
            use_all(elf);
        }
        if let Ok(elf) = ElfFile::from_bytes(Arc::from(image)) {
            use_all(elf);
        }
    }
}

#[test]
fn other_files_are_no_elf_files() {
    let not_elf = |result| matches!(result, Err(Error::NotElf));
    assert!(not_elf(ElfFile::from_bytes(Arc::from([]))));
    assert!(not_elf(ElfFile::from_bytes(Arc::from([0x7f; 63]))));
    assert!(not_elf(ElfFile::open(&File::open("/dev/zero").unwrap())));
    assert!(not_elf(ElfFile::open(&File::open("/proc/self/status").unwrap())));
    let mut header = program()[..64].to_vec();
    let damaged = ElfFile::from_bytes(Arc::from(header.clone()));
    assert!(matches!(damaged, Err(Error::Damaged { what: "program headers" })));
    header[56..58].copy_from_slice(&[0, 0]);
    let damaged = ElfFile::from_bytes(Arc::from(header.clone()));
    assert!(matches!(damaged, Err(Error::Damaged { what: "section headers" })));
    header[40..48].fill(0);
    let bare = ElfFile::from_bytes(Arc::from(header)).unwrap();
    assert_eq!((bare.segments().len(), bare.sections().count(), bare.build_id()), (0, 0, None));
}

#[test]
fn absurd_counts_in_a_sparse_file_are_refused() {
    let file = tempfile::tempfile().unwrap();
    let mut header = program()[..64].to_vec();
    header[40..48].copy_from_slice(&4096_u64.to_le_bytes());
    header[56..58].fill(0);
    header[60..62].fill(0);
    (&file).write_all(&header).unwrap();
    file.set_len(1 << 40).unwrap();
    use std::os::unix::fs::FileExt;
    file.write_at(&(1_u64 << 32).to_le_bytes(), 4096 + 32).unwrap();
    let refused = ElfFile::open(&file);
    assert!(matches!(refused, Err(Error::TooLarge { what: "section headers", .. })), "{refused:?}");
}
