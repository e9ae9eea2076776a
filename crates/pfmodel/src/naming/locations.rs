//! Places in code, each once.

use std::collections::HashMap;

use crate::collections::intern::{Interner, Name};
use crate::collections::keyed_map::KeyedMap;
use crate::naming::modules::{Modules, index_of};
use crate::naming::placement;
use crate::naming::region;
use crate::space::mapping_rows::{MappingRow, MappingRows};
use crate::space::vma::Backing;
use crate::table::{Location, NONE};

/// Results that are found again without a look into a table, each at a place that its address chooses.
const RECENT: usize = 1 << 11;
/// Results that are found again without a look at the mapping. A long chain in code that keeps changing makes
/// more of them than there are records.
const MAX_KNOWN: usize = 1 << 20;
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Stands for the kernel where others have the number of a row.
const KERNEL_ROW: u32 = NONE - 1;

/// What tables print for the kernel.
const KERNEL_LABEL: &[u8] = b"[kernel]";

/// What makes a location the same as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    module: u32,
    /// Of the label, without a module.
    label: Name,
    address: u64,
    /// Whether the address counts as the symbols of the module do.
    has_symbols: bool,
}

/// The location of an address that a row held.
#[derive(Debug, Clone, Copy)]
struct Recent {
    row: u32,
    addr: u64,
    location: u32,
}

fn place_of(row: u32, addr: u64) -> usize {
    ((addr ^ u64::from(row) << 40).wrapping_mul(SPREAD) >> 32) as usize % RECENT
}

/// Locations by number.
#[derive(Debug)]
pub(crate) struct Locations {
    numbers: HashMap<Key, u32>,
    list: Vec<Location>,
    labels: Interner,
    /// By row and address.
    known: KeyedMap<(u32, u64), u32>,
    /// Some of these.
    recent: Vec<Recent>,
    page_mask: u64,
}

impl Locations {
    /// None, on a machine with pages of `page_size_bytes`.
    pub(crate) fn new(page_size_bytes: u32) -> Self {
        Self {
            numbers: HashMap::new(),
            list: Vec::new(),
            labels: Interner::new(),
            known: KeyedMap::default(),
            recent: vec![Recent { row: NONE, addr: 0, location: NONE }; RECENT],
            page_mask: (1 << page_size_bytes.max(1).ilog2()) - 1,
        }
    }

    /// The place of an address in the kernel.
    pub(crate) fn in_kernel(&mut self, addr: u64, modules: &Modules) -> u32 {
        if let Some(location) = self.recent(KERNEL_ROW, addr) {
            return location;
        }
        let module = modules.kernel();
        let key = Key {
            module: index_of(module),
            label: self.label(module, KERNEL_LABEL),
            address: addr,
            has_symbols: module.is_some(),
        };
        self.found(KERNEL_ROW, addr, key, modules)
    }

    /// The place of an address in user space, which the mapping `row` held. A `row` without one is an
    /// address of which nothing is known. `pid_of` tells the process of a row.
    pub(crate) fn in_mapping(
        &mut self,
        row: u32,
        addr: u64,
        modules: &Modules,
        (rows, names): (&MappingRows, &Interner),
        pid_of: impl Fn(&MappingRow) -> Option<u32>,
    ) -> u32 {
        if let Some(location) = self.recent(row, addr) {
            return location;
        }
        let key = self.key(rows.get(row), addr, modules, names, pid_of);
        self.found(row, addr, key, modules)
    }

    fn recent(&mut self, row: u32, addr: u64) -> Option<u32> {
        let place = place_of(row, addr);
        let recent = self.recent.get(place)?;
        if recent.row == row && recent.addr == addr && recent.location != NONE {
            return Some(recent.location);
        }
        let location = *self.known.get(&(row, addr))?;
        *self.recent.get_mut(place)? = Recent { row, addr, location };
        Some(location)
    }

    fn found(&mut self, row: u32, addr: u64, key: Key, modules: &Modules) -> u32 {
        let location = self.number(key, modules);
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert((row, addr), location);
        location
    }

    fn key(
        &mut self,
        row: Option<&MappingRow>,
        addr: u64,
        modules: &Modules,
        names: &Interner,
        pid_of: impl Fn(&MappingRow) -> Option<u32>,
    ) -> Key {
        let unknown =
            Key { module: NONE, label: Interner::EMPTY, address: addr, has_symbols: false };
        let Some(row) = row else { return unknown };
        let vma = &row.vma;
        let (module, address, has_symbols) = match vma.backing {
            Backing::File => {
                let module = modules.of_mapping(vma, names);
                let segments = module.map(|module| (module, modules.segments(module)));
                let placed = segments
                    .and_then(|parts| placement::choose(vma, parts, self.page_mask, |_| false))
                    .and_then(|placement| placement.address(addr));
                match placed {
                    Some(address) => (module, address, true),
                    None => (module, vma.offset_of(addr), false),
                }
            }
            Backing::Kernel => match modules.of_mapping(vma, names) {
                Some(vdso) => (Some(vdso), addr.wrapping_sub(vma.start), true),
                None => (None, addr, false),
            },
            Backing::Anon | Backing::Shmem | Backing::Device => {
                let perf_map = pid_of(row).and_then(|pid| modules.perf_map(pid));
                (perf_map, addr, perf_map.is_some())
            }
        };
        let label = match module {
            Some(_) => Interner::EMPTY,
            None => self.labels.intern(&region::plain_label(vma, names)),
        };
        Key { module: index_of(module), label, address, has_symbols }
    }

    fn label(&mut self, module: Option<u32>, label: &[u8]) -> Name {
        if module.is_some() { Interner::EMPTY } else { self.labels.intern(label) }
    }

    fn number(&mut self, key: Key, modules: &Modules) -> u32 {
        let next = self.list.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            let module_label = match modules.get(key.module) {
                Some(module) => region::module_label(module),
                None => self.labels.text(key.label).to_vec(),
            };
            let functions = match key.has_symbols {
                true => modules.functions_at(key.module, key.address),
                false => Vec::new(),
            };
            let (module, address) = (key.module, key.address);
            self.list.push(Location { module, module_label, address, functions });
        }
        number
    }

    /// All locations by number.
    pub(crate) fn table(&self) -> &[Location] {
        &self.list
    }
}
