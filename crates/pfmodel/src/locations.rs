//! Places in code, each once.

use std::collections::HashMap;

use crate::intern::{Interner, Name};
use crate::mapping_rows::{MappingRow, MappingRows};
use crate::modules::{Modules, index_of};
use crate::placement;
use crate::region;
use crate::table::{Location, NONE};
use crate::vma::Backing;

/// Results that are found again without a look into a table, each at a place that the address chooses.
const RECENT: usize = 1 << 12;
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What tables print for the kernel.
const KERNEL_LABEL: &[u8] = b"[kernel]";
/// What they print for code that a process made at run time and described.
pub(crate) const JIT_LABEL: &[u8] = b"[jit]";

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

/// Locations by number.
#[derive(Debug)]
pub(crate) struct Locations {
    numbers: HashMap<Key, u32>,
    list: Vec<Location>,
    labels: Interner,
    /// Row, address, location.
    recent: Vec<(u32, u64, u32)>,
    page_mask: u64,
}

impl Locations {
    /// None, on a machine with pages of `page_size_bytes`.
    pub(crate) fn new(page_size_bytes: u32) -> Self {
        Self {
            numbers: HashMap::new(),
            list: Vec::new(),
            labels: Interner::new(),
            recent: vec![(NONE, 0, NONE); RECENT],
            page_mask: (1 << page_size_bytes.max(1).ilog2()) - 1,
        }
    }

    /// The place of an address in the kernel.
    pub(crate) fn in_kernel(&mut self, addr: u64, modules: &Modules) -> u32 {
        let module = modules.kernel();
        let key = Key {
            module: index_of(module),
            label: self.label(module, KERNEL_LABEL),
            address: addr,
            has_symbols: module.is_some(),
        };
        self.number(key, modules)
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
        let place = (addr.wrapping_mul(SPREAD) >> 32) as usize % RECENT;
        if let Some(&(_, _, location)) =
            self.recent.get(place).filter(|known| (known.0, known.1) == (row, addr))
            && location != NONE
        {
            return location;
        }
        let key = self.key(rows.get(row), addr, modules, names, pid_of);
        let location = self.number(key, modules);
        if let Some(place) = self.recent.get_mut(place) {
            *place = (row, addr, location);
        }
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
    pub(crate) fn into_table(self) -> Vec<Location> {
        self.list
    }
}
