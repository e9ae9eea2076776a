//! The symbol tables: which symbol holds an address.

use object::Endianness;
use object::elf::{
    SHN_ABS, SHN_UNDEF, SHT_DYNSYM, SHT_NOBITS, SHT_SYMTAB, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT,
    Sym32, Sym64,
};
use object::pod::{Pod, slice_from_bytes};
use object::read::elf::Sym;

use crate::elf::RawSection;
use crate::{ElfFile, Error, demangle};

const WHAT: &str = "symbol table";
const MAX_TABLE_BYTES: u64 = 1 << 30;
const CHUNK_SYMBOLS: u64 = 64 << 10;
const MAX_NAME_BYTES: u64 = 4096;
/// Symbols that overlap each other without end would otherwise cost symbols × addresses.
const MAX_MATCHES: usize = 1 << 26;

/// Which symbols are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// Functions (`STT_FUNC`, `STT_GNU_IFUNC`).
    Function,
    /// Data objects (`STT_OBJECT`), those in `.bss` included, thread-local ones not.
    Object,
}

/// A symbol of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, demangled.
    pub name: String,
    /// Its first address.
    pub address: u64,
    /// Its size; 0 only for functions written in assembly that state none.
    pub bytes: u64,
}

/// The symbol of each address (an address of the file), from `.symtab`, and from `.dynsym` for what
/// that does not know. The tables are gone through once for all addresses, in constant memory.
///
/// The smallest symbol wins where several hold an address, then the first in the table. An object
/// without a size holds nothing; a function without one holds what follows it, up to the next
/// function, in the same section. For a return address pass the address before it.
///
/// # Errors
/// [`Error::TooLarge`] for a table of more than 1 GiB, [`Error::Damaged`], [`Error::Read`].
pub fn symbols_at(
    elf: &ElfFile,
    kind: SymbolKind,
    addresses: &[u64],
) -> Result<Vec<Option<Symbol>>, Error> {
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut found: Vec<Option<Symbol>> = vec![None; sorted.len()];
    for table_kind in [SHT_SYMTAB, SHT_DYNSYM] {
        let Some(table) = elf.sections.iter().find(|section| section.kind == table_kind) else {
            continue;
        };
        let mut scan = Scan::new(elf, kind, &sorted);
        if elf.is_64 {
            scan.table::<Sym64<Endianness>>(table)?;
        } else {
            scan.table::<Sym32<Endianness>>(table)?;
        }
        let names = usize::try_from(table.link).ok().and_then(|link| elf.sections.get(link));
        let names = names.ok_or(Error::Damaged { what: WHAT })?;
        for ((slot, hit), &address) in found.iter_mut().zip(scan.finish()).zip(&sorted) {
            let Some(hit) = hit.filter(|_| slot.is_none()) else { continue };
            if hit.bytes == 0 && !same_section(elf, hit.address, address) {
                continue;
            }
            if let Some(name) = read_name(elf, names, hit.name)? {
                *slot = Some(Symbol { name, address: hit.address, bytes: hit.bytes });
            }
        }
    }
    let slot = |address| sorted.binary_search(address).ok().and_then(|index| found.get(index));
    Ok(addresses.iter().map(|address| slot(address).cloned().flatten()).collect())
}

fn same_section(elf: &ElfFile, first: u64, second: u64) -> bool {
    let section = elf.section_at(first);
    section.is_some() && section == elf.section_at(second)
}

#[derive(Clone, Copy)]
struct Hit {
    name: u32,
    address: u64,
    bytes: u64,
}

struct Scan<'a> {
    elf: &'a ElfFile,
    kind: SymbolKind,
    addresses: &'a [u64],
    /// The smallest symbol that holds the address.
    holding: Vec<Option<Hit>>,
    /// The last function that begins between the address before and this one.
    below: Vec<Option<Hit>>,
    matches: usize,
}

impl<'a> Scan<'a> {
    fn new(elf: &'a ElfFile, kind: SymbolKind, addresses: &'a [u64]) -> Self {
        let none = vec![None; addresses.len()];
        Self { elf, kind, addresses, holding: none.clone(), below: none, matches: 0 }
    }

    fn table<S: Pod + Sym<Endian = Endianness>>(
        &mut self,
        table: &RawSection,
    ) -> Result<(), Error> {
        if table.kind == SHT_NOBITS {
            return Ok(());
        }
        if table.bytes > MAX_TABLE_BYTES {
            let (bytes, limit) = (table.bytes, MAX_TABLE_BYTES);
            return Err(Error::TooLarge { what: WHAT, bytes, limit });
        }
        let entry = size_of::<S>() as u64;
        let mut done = 0;
        let whole = table.bytes - table.bytes % entry;
        while done < whole {
            let bytes = (whole - done).min(CHUNK_SYMBOLS * entry);
            let offset = table.offset.checked_add(done).ok_or(Error::Damaged { what: WHAT })?;
            let chunk = self.elf.image.read(WHAT, offset, bytes, bytes)?;
            let count = chunk.len() / size_of::<S>();
            let (symbols, _) =
                slice_from_bytes::<S>(&chunk, count).map_err(|()| Error::Damaged { what: WHAT })?;
            for symbol in symbols {
                self.symbol(symbol)?;
            }
            done += bytes;
        }
        Ok(())
    }

    fn symbol<S: Sym<Endian = Endianness>>(&mut self, symbol: &S) -> Result<(), Error> {
        let endian = self.elf.endian;
        let wanted = match self.kind {
            SymbolKind::Function => matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC),
            SymbolKind::Object => symbol.st_type() == STT_OBJECT,
        };
        let defined = !matches!(symbol.st_shndx(endian), SHN_UNDEF | SHN_ABS);
        if !wanted || !defined || symbol.st_name(endian) == 0 {
            return Ok(());
        }
        let address: u64 = symbol.st_value(endian).into();
        let bytes: u64 = symbol.st_size(endian).into();
        let hit = Hit { name: symbol.st_name(endian), address, bytes };
        let first = self.addresses.partition_point(|&wanted| wanted < address);
        if self.kind == SymbolKind::Function
            && let Some(below) = self.below.get_mut(first)
        {
            // Of functions at one address the one with a size is the better answer.
            if below.is_none_or(|old| (old.address, old.bytes) < (address, bytes)) {
                *below = Some(hit);
            }
        }
        let rest = self.addresses.iter().zip(&mut self.holding).skip(first);
        for (_, slot) in rest.take_while(|(wanted, _)| **wanted - address < bytes) {
            if slot.is_none_or(|old| bytes < old.bytes) {
                *slot = Some(hit);
            }
            self.matches += 1;
            if self.matches > MAX_MATCHES {
                return Err(Error::Damaged { what: WHAT });
            }
        }
        Ok(())
    }

    fn finish(self) -> Vec<Option<Hit>> {
        let mut nearest: Option<Hit> = None;
        let slots = self.holding.into_iter().zip(self.below);
        slots
            .map(|(holding, below)| {
                nearest = below.or(nearest);
                holding.or(nearest.filter(|hit| hit.bytes == 0))
            })
            .collect()
    }
}

/// `None` for an empty name. A name that is no UTF-8 keeps its readable parts.
fn read_name(elf: &ElfFile, names: &RawSection, offset: u32) -> Result<Option<String>, Error> {
    let what = "symbol names";
    let left = names.bytes.checked_sub(u64::from(offset)).ok_or(Error::Damaged { what })?;
    let start = names.offset.checked_add(u64::from(offset)).ok_or(Error::Damaged { what })?;
    let bytes = elf.image.read(what, start, left.min(MAX_NAME_BYTES), MAX_NAME_BYTES)?;
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let name = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    Ok((!name.is_empty()).then(|| demangle(&name)))
}
