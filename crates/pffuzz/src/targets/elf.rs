//! ELF files, which programs map and may have written themselves.

use std::sync::Arc;

use pfsymbols::{
    AddressSpace, ElfFile, Functions, Mapping, Registers, SymbolKind, UnwindSource, Unwinder,
    symbols_at,
};

const MAX_NAME_BYTES: usize = 4096;
/// What stands for a byte that is no UTF-8 takes so many.
const LONGEST: usize = 3;
const MAX_CALLERS: usize = 10;

/// The file in memory, without debug information, of which the parser belongs to others.
///
/// Whatever it holds: offsets and addresses lead to each other, an address lies in the section that is said
/// to hold it, a symbol holds the address that it was found for or has no size, names are bounded, and a
/// chain of callers is no longer than asked for.
pub fn run(bytes: &[u8]) {
    let Ok(elf) = ElfFile::from_bytes(Arc::from(bytes)) else { return };
    let mut addresses = vec![0, u64::MAX];
    for segment in elf.segments().iter().take(16) {
        addresses.push(segment.address);
        addresses.push(segment.address.wrapping_add(segment.file_bytes / 2));
        let mapping = Mapping {
            address: 0x7f00_0000_0000,
            bytes: 4096,
            file_offset: segment.file_offset & !4095,
            executable: segment.executable,
        };
        let _ = elf.load_bias(&mapping);
        let _ = elf.address_of(segment.file_offset);
    }
    for section in elf.sections().take(64) {
        addresses.push(section.address.wrapping_add(section.bytes / 2));
        assert!(section.name.len() <= LONGEST * 256);
    }
    for &address in &addresses {
        if let Some(section) = elf.section_at(address) {
            assert!(address - section.address < section.bytes);
        }
        if let Some(offset) = elf.file_offset_of(address) {
            assert!(elf.address_of(offset).is_some());
        }
    }
    assert!(elf.build_id().is_none_or(|id| (1..=64).contains(&id.len())));
    for kind in [SymbolKind::Function, SymbolKind::Object] {
        let Ok(found) = symbols_at(&elf, kind, &addresses) else { continue };
        assert_eq!(found.len(), addresses.len());
        for (symbol, address) in found.iter().zip(&addresses) {
            let Some(symbol) = symbol else { continue };
            assert!(!symbol.name.is_empty() && symbol.name.len() <= LONGEST * MAX_NAME_BYTES);
            let into = address.checked_sub(symbol.address);
            assert!(into.is_some_and(|into| into < symbol.bytes || symbol.bytes == 0));
        }
    }
    assert_eq!(Functions::new(&elf, None).at(&addresses).len(), addresses.len());
    unwind(elf, &addresses);
}

/// Unwinds from each address as if the file filled the address space.
fn unwind(elf: ElfFile, addresses: &[u64]) {
    let mut space = AddressSpace::default();
    let source = UnwindSource::new(Arc::new(elf));
    let _ = source.load();
    space.add_module(0..u64::MAX, 0, &source);
    let stack: Vec<u8> = addresses.iter().flat_map(|address| address.to_ne_bytes()).collect();
    let mut unwinder = Unwinder::default();
    for &ip in addresses.iter().take(8) {
        let registers = Registers { ip, sp: 0x1000, fp: 0x1008, lr: ip };
        let chain = unwinder.unwind(&mut space, &registers, &stack, MAX_CALLERS);
        assert!((1..=MAX_CALLERS + 1).contains(&chain.addresses.len()));
    }
}

/// Linkers make better ones: see `testdata/corpora/README.md`.
pub fn seeds() -> Vec<Vec<u8>> {
    Vec::new()
}
