//! The parts of each mapping: sections of a module, zeroed memory behind its data, stacks of threads.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::collections::intern::Interner;
use crate::collections::keyed_map::KeyedMap;
use crate::names::RegionKind;
use crate::naming::modules::{Modules, index_of};
use crate::naming::placement::{Placement, choose, only_bias, zero_pages};
use crate::naming::region::{
    ANON_LABEL, JIT_LABEL, Regions, section_region, thread_stack_region, zero_region,
};
use crate::space::mapping_rows::{MappingRow, MappingRows};
use crate::space::stacks::Stacks;
use crate::space::vma::{Backing, EXEC};
use crate::table::{NONE, Region};

/// Everything that is known by the end of a trace.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub rows: &'a MappingRows,
    pub names: &'a Interner,
    pub regions: &'a Regions,
    pub modules: &'a Modules,
    pub stacks: &'a Stacks,
    /// Process id of each process.
    pub pids: &'a [u32],
    pub page_mask: u64,
}

/// Parts of one row.
#[derive(Debug, Clone, Copy)]
struct RowParts {
    /// Region of what is in no other part.
    base: u32,
    /// Region of the mapping as a whole.
    whole: u32,
    /// Module of a file.
    module: u32,
    placement: Option<Placement>,
}

/// Zeroed memory of a module, since a row told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Zeros {
    mm: u32,
    start: u64,
    from_ns: u64,
    row: u32,
    end: u64,
    module: u32,
    segment: usize,
    bias: u64,
}

/// Where an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Number in the table of regions.
    pub region: u32,
    /// Module, and the address in it.
    pub in_module: Option<(u32, u64)>,
}

/// Stands for a row that has parts.
const PARTED: u32 = NONE - 1;

/// Parts of all rows, and the table of regions.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The region of each row without parts: most are, and this is looked up for each fault.
    plain: Vec<u32>,
    rows: Vec<RowParts>,
    table: Vec<Region>,
    numbers: HashMap<Region, u32>,
    /// Regions by module and number of the section.
    sections: KeyedMap<u64, u32>,
    /// Region of the stacks of threads, once there is one.
    thread_stack: Option<u32>,
}

impl Parts {
    /// Works out the parts of all rows.
    pub(crate) fn new(known: &Known<'_>) -> Self {
        let rows = place(known);
        let mut zeros = zeros(&rows, known);
        zeros.sort_unstable();
        let mut parts = Self {
            plain: Vec::with_capacity(rows.len()),
            rows,
            table: Vec::new(),
            numbers: HashMap::new(),
            sections: KeyedMap::default(),
            thread_stack: None,
        };
        for (index, row) in (0..).zip(known.rows.as_slice()) {
            parts.add(index, row, &zeros, known);
        }
        parts
    }

    /// Works out a row; those before it are, and the placement of those behind it is known.
    fn add(&mut self, index: u32, row: &MappingRow, zeros: &[Zeros], known: &Known<'_>) {
        let zeroed = self.zeroed(row, zeros, known);
        let base = self.base(index, row, zeroed.is_some(), known);
        let base = self.number(base);
        let range = (row.vma.start, row.vma.end);
        let stacks = known.stacks.of_row(index);
        let whole = match zeroed {
            _ if stacks.contains(&range) => self.stack_number(),
            Some(zeroed) if zeroed.start <= range.0 && range.1 <= zeroed.end => {
                self.zero_number(zeroed.module, known)
            }
            _ => base,
        };
        let Some(parts) = self.rows.get_mut(index as usize) else { return };
        parts.placement = parts.placement.or(zeroed);
        (parts.base, parts.whole) = (base, whole);
        let is_plain = parts.placement.is_none() && stacks.is_empty();
        self.plain.push(if is_plain { base } else { PARTED });
    }

    /// The zeroed memory of a module that an anonymous mapping shows.
    fn zeroed(&self, row: &MappingRow, zeros: &[Zeros], known: &Known<'_>) -> Option<Placement> {
        let vma = &row.vma;
        let is_named = vma.name != Interner::EMPTY && known.names.text(vma.name) != b"[heap]";
        if vma.backing != Backing::Anon || vma.shared || is_named {
            return None;
        }
        let meets = |start, end| start < vma.end && vma.start < end;
        let found = zeros_at(zeros, row, known.rows).map(|zeros| {
            let Zeros { module, segment, bias, start, end, .. } = *zeros;
            Placement { module, segment, bias, start, end, zero_from: start }
        });
        // That of an earlier state of the mapping, or of a parent, whose module may have no row here.
        let earlier = || {
            // What was at its beginning may be something else by now.
            let origin = known.rows.get(row.origin).filter(|_| row.grown_down_ns.is_none())?;
            let placement = self.rows.get(row.origin as usize)?.placement?;
            let same =
                origin.vma.backing == Backing::Anon && meets(origin.vma.start, origin.vma.end);
            same.then_some(placement)
        };
        found.or_else(earlier).filter(|zeroed| meets(zeroed.start, zeroed.end))
    }

    /// What a row is called where it has no other part.
    fn base(&self, index: u32, row: &MappingRow, has_zeros: bool, known: &Known<'_>) -> Region {
        let plain = known.regions.region(index, known.rows, known.names);
        let anon = || Region { kind: RegionKind::Anon, label: ANON_LABEL.to_vec() };
        let plain = match plain.kind {
            // Where the segments of a module are known, being the neighbour of its data says nothing.
            RegionKind::Bss if has_zeros || !self.may_be_bss(row, known) => anon(),
            _ => plain,
        };
        let pid = known.pids.get(row.proc as usize);
        let is_jit = || pid.is_some_and(|&pid| known.modules.perf_map(pid).is_some());
        if plain.label == ANON_LABEL && row.vma.prot & EXEC != 0 && is_jit() {
            return Region { label: JIT_LABEL.to_vec(), ..plain };
        }
        plain
    }

    /// Whether nothing tells that a neighbour of data is no `bss`.
    fn may_be_bss(&self, row: &MappingRow, known: &Known<'_>) -> bool {
        let parts = |row: u32| self.rows.get(row as usize);
        match known.regions.data_row_below(row) {
            Some(data) => parts(data).is_none_or(|data| data.placement.is_none()),
            None => {
                let origin = parts(row.origin).and_then(|row| self.table.get(row.base as usize));
                origin.is_none_or(|region| region.kind == RegionKind::Bss)
            }
        }
    }

    /// The region of all addresses of a row, if it has no parts.
    pub(crate) fn only(&self, row: u32) -> Option<u32> {
        let region = self.plain.get(row as usize).copied().unwrap_or(NONE);
        (region != PARTED).then_some(region)
    }

    /// Where an address of a row is.
    pub(crate) fn at(&mut self, row: u32, addr: u64, known: &Known<'_>) -> Spot {
        if let Some(region) = self.only(row) {
            return Spot { region, in_module: None };
        }
        let Some(&parts) = self.rows.get(row as usize) else {
            return Spot { region: NONE, in_module: None };
        };
        let mut stacks = known.stacks.of_row(row).iter();
        if stacks.any(|range| range.0 <= addr && addr < range.1) {
            return Spot { region: self.stack_number(), in_module: None };
        }
        let base = Spot { region: parts.base, in_module: None };
        let Some(placement) = parts.placement else { return base };
        let Some(address) = placement.address(addr) else { return base };
        let module = placement.module;
        let region = match known.modules.section_at(module, address) {
            Some((section, _)) => self.section_number(module, section, known),
            None if addr >= placement.zero_from => self.zero_number(module, known),
            None => parts.base,
        };
        Spot { region, in_module: Some((module, address)) }
    }

    fn section_number(&mut self, module: u32, section: usize, known: &Known<'_>) -> u32 {
        let key = u64::from(module) << 32 | section as u64;
        if let Some(&number) = self.sections.get(&key) {
            return number;
        }
        let number = match section_region(known.modules, module, section) {
            Some(region) => self.number(region),
            None => NONE,
        };
        self.sections.insert(key, number);
        number
    }

    fn zero_number(&mut self, module: u32, known: &Known<'_>) -> u32 {
        // No section has this number.
        let key = u64::from(module) << 32 | u64::from(u32::MAX);
        if let Some(&number) = self.sections.get(&key) {
            return number;
        }
        let number = self.number(zero_region(known.modules, module));
        self.sections.insert(key, number);
        number
    }

    fn stack_number(&mut self) -> u32 {
        if let Some(number) = self.thread_stack {
            return number;
        }
        let number = self.number(thread_stack_region());
        self.thread_stack = Some(number);
        number
    }

    fn number(&mut self, region: Region) -> u32 {
        let next = self.table.len() as u32;
        let number = *self.numbers.entry(region.clone()).or_insert(next);
        if number == next {
            self.table.push(region);
        }
        number
    }

    /// Region and module of a mapping as a whole.
    pub(crate) fn of_mapping(&self, row: u32) -> Option<(&Region, u32)> {
        let parts = self.rows.get(row as usize)?;
        Some((self.table.get(parts.whole as usize)?, parts.module))
    }

    /// Numbers the regions of all parts, also of those that no fault has asked for yet.
    pub(crate) fn number_all(&mut self, known: &Known<'_>) {
        let placements = self.rows.iter().filter_map(|parts| parts.placement);
        let modules: BTreeSet<u32> = placements.map(|placement| placement.module).collect();
        for module in modules {
            let sections = known.modules.get(module).map_or(0, |module| module.sections.len());
            for section in 0..sections {
                self.section_number(module, section, known);
            }
            self.zero_number(module, known);
        }
        self.stack_number();
    }

    /// The table of regions, as far as they have a number.
    pub(crate) fn table(&self) -> &[Region] {
        &self.table
    }
}

/// Module of each row, and the placement of those that show a file; the rest is not known yet.
fn place(known: &Known<'_>) -> Vec<RowParts> {
    let rows = known.rows.as_slice();
    let modules: Vec<Option<u32>> =
        rows.iter().map(|row| known.modules.of_mapping(&row.vma, known.names)).collect();
    let parts = |index: u32| -> Option<(u32, &[_])> {
        let row = known.rows.get(index)?;
        let module = modules.get(index as usize).copied().flatten()?;
        let shows = row.vma.backing == Backing::File
            && !row.vma.shared
            && known.regions.is_in_module(index);
        shows.then(|| (module, known.modules.segments(module)))
    };
    let mut biases = HashSet::new();
    for (index, row) in (0..).zip(rows) {
        let Some((module, segments)) = parts(index) else { continue };
        if let Some(bias) = only_bias(&row.vma, (module, segments), known.page_mask) {
            biases.insert((row.mm, module, bias));
        }
    }
    let mut placed: Vec<RowParts> = Vec::with_capacity(rows.len());
    for (index, row) in (0..).zip(rows) {
        let placement = parts(index).and_then(|(module, segments)| {
            let earlier = placed.get(row.origin as usize).and_then(|origin| origin.placement);
            let earlier = earlier.filter(|origin| origin.module == module);
            choose(&row.vma, (module, segments), known.page_mask, |bias| {
                earlier.map_or_else(
                    || biases.contains(&(row.mm, module, bias)),
                    |earlier| earlier.bias == bias,
                )
            })
        });
        let module = index_of(modules.get(index as usize).copied().flatten());
        placed.push(RowParts { base: NONE, whole: NONE, module, placement });
    }
    placed
}

/// The zeroed memory that belongs to segments whose part of the file is mapped to its end.
fn zeros(placed: &[RowParts], known: &Known<'_>) -> Vec<Zeros> {
    let mut zeros = Vec::new();
    for (index, (row, parts)) in (0..).zip(known.rows.as_slice().iter().zip(placed)) {
        let Some(placement) = parts.placement.filter(|placement| placement.end == row.vma.end)
        else {
            continue;
        };
        let Placement { module, bias, .. } = placement;
        let segments = known.modules.segments(module).iter().enumerate();
        // Segments without anything in the file belong to the one before them.
        let own = segments
            .skip(placement.segment)
            .take_while(|&(segment, parts)| segment == placement.segment || parts.file_bytes == 0);
        for (segment, parts) in own {
            if let Some((start, end)) = zero_pages(parts, bias, known.page_mask)
                && (segment != placement.segment || start == row.vma.end)
            {
                let (mm, from_ns) = (row.mm, row.valid_from_ns);
                let row = index;
                zeros.push(Zeros { mm, start, from_ns, row, end, module, segment, bias });
            }
        }
    }
    zeros
}

/// The zeroed memory in which a mapping begins, by a module that was there when the beginning of the mapping
/// came: the kernel may have merged it with memory above that is older.
fn zeros_at<'a>(zeros: &'a [Zeros], row: &MappingRow, rows: &MappingRows) -> Option<&'a Zeros> {
    let last_before = |mm: u32, start: u64, ns: u64| {
        let behind = zeros.partition_point(|z| (z.mm, z.start, z.from_ns) <= (mm, start, ns));
        behind.checked_sub(1).and_then(|index| zeros.get(index)).filter(|z| z.mm == mm)
    };
    let begins_ns = row.begins_ns();
    let nearest = last_before(row.mm, row.vma.start, begins_ns)?;
    let found = match nearest.from_ns <= begins_ns {
        true => nearest,
        false => last_before(row.mm, nearest.start, begins_ns)
            .filter(|earlier| earlier.start == nearest.start)?,
    };
    let data = rows.get(found.row)?;
    (row.vma.start < found.end && begins_ns <= data.valid_to_ns).then_some(found)
}
