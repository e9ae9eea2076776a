//! Steps of the analysis by themselves, for counting their instructions (feature `internals`).

use pft::record::{FaultBatch, MapRecord};

use crate::collections::intern::Interner;
use crate::order::fault_order::{FaultOrder, in_order};
use crate::pages::page_history::{Change, PageHistory, PageKey};
use crate::space::address_space::{AddressSpace, Moment};
use crate::space::mapping_rows::MappingRows;
use crate::space::vma::Vma;

const PAGE_SHIFT: u32 = 12;

/// An address space as records have described it.
#[derive(Debug)]
pub struct Space {
    space: AddressSpace,
    rows: MappingRows,
}

impl Space {
    /// What these records tell.
    #[must_use]
    pub fn new(maps: &[MapRecord]) -> Self {
        let mut names = Interner::new();
        let (mut space, mut rows) = (AddressSpace::new(0, 0), MappingRows::default());
        for map in maps {
            let vma = Vma::of_record(map, &mut names);
            space.apply(&vma, Moment { ns: map.time_ns, faults: 0 }, &mut rows);
        }
        Self { space, rows }
    }

    /// How many of these addresses are mapped.
    pub fn find(&mut self, addrs: &[u64]) -> usize {
        let Self { space, rows } = self;
        addrs.iter().filter(|&&addr| space.at(addr, rows).is_some()).count()
    }
}

/// The sum of the addresses of all faults, in one order of time.
#[must_use]
pub fn put_in_order(batches: Vec<FaultBatch>) -> u64 {
    let mut batches = in_order(batches);
    FaultOrder::new(&mut batches).fold(0, |sum, row| sum.wrapping_add(row.fault.addr))
}

/// What happened to the pages of one address space.
#[derive(Debug, Default)]
pub struct Pages(PageHistory);

impl Pages {
    /// Writes to these addresses; how many of them are on pages that were touched before.
    pub fn write(&mut self, addrs: &[u64]) -> usize {
        let mut touched = 0;
        for (now, &addr) in (0..).zip(addrs) {
            let page = PageKey::new(addr, PAGE_SHIFT, PAGE_SHIFT);
            self.0.visit(page, (0, 0), now, None, |past| {
                touched += usize::from(past.touched);
                Change::Private
            });
        }
        touched
    }
}
