//! What a walk goes through: a file as one process has it mapped, or a stretch of its anonymous memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use pfmodel::column::{Values as _, pieces};
use pfmodel::names::{Class, RegionKind};
use pfmodel::table::{Analysis, Mapping, NONE};

use crate::print::text::{LONGEST, printable, shorten};
use crate::rows::faults::{file_offset, file_path};
use crate::rows::row_set::RowSet;

/// A file of a process, over all its mappings of one kind; or mappings of anonymous memory of a process,
/// of one kind and name, whose addresses overlap or touch.
#[derive(Debug, Clone)]
pub struct Place {
    /// Process, index into [`Analysis::processes`].
    pub proc: u32,
    /// Kind of region.
    pub kind: RegionKind,
    /// What tables call it, fit to print.
    pub region: String,
    /// Path of the file, fit to print; none for anonymous memory.
    pub path: Option<String>,
    /// Number of the file, the same for all processes that map it; none for anonymous memory.
    pub file: Option<u32>,
    /// First byte that was ever mapped: an offset in the file, or an address.
    pub start: u64,
    /// Behind the last such byte.
    pub end: u64,
    /// How much of that was mapped at some time.
    pub mapped_bytes: u64,
    /// Whether some of it was mapped more than once: by one mapping after another, or by several at a time.
    pub overlaps: bool,
}

impl Place {
    /// The path of the file, or what the region is called, for a sentence.
    #[must_use]
    pub fn name(&self) -> String {
        shorten(self.path.as_deref().unwrap_or(&self.region), LONGEST)
    }
}

/// All places of a trace, and the completed faults of each.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The places, by process and then by what they are.
    pub all: Vec<Place>,
    /// Place of each mapping.
    of_mapping: Vec<u32>,
    /// Of each, in order of time.
    rows: Vec<RowSet>,
}

/// What mappings have in common that may be one place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    /// Process, file and kind. Device and inode count where the path does not tell: they may differ
    /// between a record and a snapshot of one mapping.
    File(u32, &'a [u8], Option<((u32, u32), u64)>, RegionKind),
    /// Process, kind, name, sharing, and whether it can be accessed at all.
    Anonymous(u32, RegionKind, &'a [u8], bool, bool),
}

impl<'a> Key<'a> {
    fn of(mapping: &'a Mapping) -> Self {
        let Mapping { proc, kind, shared, prot, .. } = *mapping;
        if mapping.inode == 0 {
            return Self::Anonymous(proc, kind, &mapping.region, shared, prot != 0);
        }
        // Any number of memfds have one name.
        let is_named = !mapping.path.is_empty() && kind != RegionKind::Shmem;
        let number = (!is_named).then_some((mapping.dev, mapping.inode));
        Self::File(proc, &mapping.path, number, kind)
    }
}

/// A mapping's part of a place, in bytes of the file or addresses.
type Part = (u64, u64, usize);

impl Places {
    /// Finds the places of all mappings.
    #[must_use]
    pub fn of(analysis: &Analysis) -> Self {
        let mut parts: BTreeMap<Key<'_>, Vec<Part>> = BTreeMap::new();
        for (index, mapping) in analysis.mappings.iter().enumerate() {
            let key = Key::of(mapping);
            let start = match key {
                Key::File(..) => mapping.file_offset,
                Key::Anonymous(..) => mapping.start,
            };
            let bytes = mapping.end.saturating_sub(mapping.start);
            parts.entry(key).or_default().push((start, start.saturating_add(bytes), index));
        }
        let mut places =
            Self { of_mapping: vec![NONE; analysis.mappings.len()], ..Self::default() };
        let mut files = HashMap::new();
        for (key, mut parts) in parts {
            parts.sort_unstable();
            match key {
                Key::File(_, path, number, _) => {
                    let next = files.len() as u32;
                    let file = *files.entry((path, number)).or_insert(next);
                    places.add(analysis, &parts, Some(file));
                }
                Key::Anonymous(..) => {
                    let mut behind = 0;
                    let touch = |a: &Part, b: &Part| {
                        behind = a.1.max(behind);
                        b.0 <= behind
                    };
                    parts.chunk_by(touch).for_each(|part| places.add(analysis, part, None));
                }
            }
        }
        let mut rows = vec![RowSet::default(); places.all.len()];
        places.each_run(analysis, |place, run| rows[place].push(run));
        places.rows = rows;
        places
    }

    /// Adds a place of such parts, which are sorted.
    fn add(&mut self, analysis: &Analysis, parts: &[Part], file: Option<u32>) {
        let Some(mapping) = parts.first().and_then(|part| analysis.mappings.get(part.2)) else {
            return;
        };
        let (mut behind, mut mapped_bytes, mut overlaps) = (0, 0, false);
        for &(start, end, index) in parts {
            overlaps |= start < behind;
            mapped_bytes += end.saturating_sub(start.max(behind));
            behind = end.max(behind);
            self.of_mapping[index] = self.all.len() as u32;
        }
        self.all.push(Place {
            proc: mapping.proc,
            kind: mapping.kind,
            region: printable(&mapping.region),
            path: file_path(mapping),
            file,
            start: parts.first().map_or(0, |part| part.0),
            end: behind,
            mapped_bytes,
            overlaps,
        });
    }

    /// Gives the completed faults in runs of one place, in order of time.
    pub fn each_run(&self, analysis: &Analysis, mut take: impl FnMut(usize, Range<usize>)) {
        let faults = &analysis.faults;
        let mut take = |rows: Range<usize>, mapping: u32, class: Class| {
            let place = self.of_mapping.get(mapping as usize).copied();
            if let Some(place) = place.filter(|&place| place != NONE && class != Class::Failed) {
                take(place as usize, rows);
            }
        };
        for rows in pieces(faults.len()) {
            let (mapping, class) = (&faults.mapping, &faults.class);
            match mapping.only_in(rows.clone()).zip(class.only_in(rows.clone())) {
                Some((&mapping, &class)) => take(rows, mapping, class),
                None => {
                    let columns = mapping.range(rows.clone()).zip(class.range(rows.clone()));
                    let (mut start, mut last) = (rows.start, None);
                    for (row, (&mapping, &class)) in rows.clone().zip(columns) {
                        let of_row = Some((mapping, class));
                        if last != of_row {
                            if let Some((mapping, class)) = last {
                                take(start..row, mapping, class);
                            }
                            (start, last) = (row, of_row);
                        }
                    }
                    if let Some((mapping, class)) = last {
                        take(start..rows.end, mapping, class);
                    }
                }
            }
        }
    }

    /// The completed faults of a place, in order of time.
    ///
    /// # Panics
    /// If there is no place of this number.
    #[must_use]
    pub fn rows(&self, place: usize) -> &RowSet {
        &self.rows[place]
    }

    /// The place of a fault.
    #[must_use]
    pub fn place_of(&self, analysis: &Analysis, row: usize) -> Option<u32> {
        let mapping = *analysis.faults.mapping.get(row)?;
        self.of_mapping.get(mapping as usize).copied().filter(|&place| place != NONE)
    }
}

/// First byte of the page that a fault installed, as places count: its offset in the file, or its address.
/// A page of unknown size counts as a base page.
#[must_use]
pub fn page_start(analysis: &Analysis, row: usize, page_bytes: u64) -> Option<u64> {
    let faults = &analysis.faults;
    let mapping = analysis.mappings.get(*faults.mapping.get(row)? as usize)?;
    let size = page_size(analysis, row, page_bytes);
    let addr = *faults.addr.get(row)? & !(size - 1);
    if mapping.inode == 0 {
        return Some(addr);
    }
    // The mapping may begin within a huge page.
    file_offset(mapping, addr.max(mapping.start))
}

/// Bytes that a fault installed, a power of two; a base page where that is not known.
#[must_use]
pub fn page_size(analysis: &Analysis, row: usize, page_bytes: u64) -> u64 {
    let size = analysis.faults.page_size_bytes.get(row).copied().unwrap_or(0);
    if size.is_power_of_two() { size } else { page_bytes.max(1).next_power_of_two() }
}

#[cfg(test)]
mod tests {
    use pfmodel::names::RegionKind;

    use super::{Places, page_start};
    use crate::made_up::{self, HEAP, MODEL, Row};

    #[test]
    fn a_file_is_one_place_of_each_process() {
        let mut loaded = made_up::two_processes();
        let mappings = &mut loaded.analysis.mappings;
        let mut again = mappings[MODEL as usize].clone();
        (again.start, again.end, again.file_offset) = (0x1000, 0x3000, 0x1000_0000);
        mappings.push(again.clone());
        again.proc = 1;
        mappings.push(again);
        for (mapping, addr) in [(MODEL, 0x7f00_0000_0000), (3, 0x1000), (4, 0x1000)] {
            made_up::push(&mut loaded.analysis, Row { mapping, addr, ..Row::default() });
        }
        let places = Places::of(&loaded.analysis);
        let models: Vec<_> = (0..places.all.len())
            .filter(|&place| places.all[place].kind == RegionKind::File)
            .map(|place| (places.all[place].clone(), places.rows(place).iter().collect::<Vec<_>>()))
            .collect();
        let [(first, first_rows), (second, second_rows)] = &models[..] else {
            panic!("{models:?}")
        };
        assert_eq!((first.start, first.end), (0x1000, 0x1000_2000));
        assert_eq!(first.mapped_bytes, 0x1000_1000);
        assert_eq!((first.proc, second.proc, second.mapped_bytes), (0, 1, 0x2000));
        assert_eq!(first.file, second.file);
        assert_eq!((&first_rows[..], &second_rows[..]), (&[0, 1][..], &[2][..]));
        assert_eq!(page_start(&loaded.analysis, 1, 4_096), Some(0x1000_0000));
    }

    #[test]
    fn anonymous_memory_is_one_place_where_it_touches() {
        let mut loaded = made_up::empty();
        let mappings = &mut loaded.analysis.mappings;
        let end = mappings[HEAP as usize].end;
        for start in [end, end + 0x5000] {
            let mut more = mappings[HEAP as usize].clone();
            (more.start, more.end) = (start, start + 0x1000);
            mappings.push(more);
        }
        let places = Places::of(&loaded.analysis);
        let heaps = places.all.iter().filter(|place| place.kind == RegionKind::Heap);
        let heaps: Vec<_> = heaps.map(|heap| (heap.start, heap.mapped_bytes)).collect();
        assert_eq!(heaps, [(0x100_0000, 0x100_1000), (end + 0x5000, 0x1000)]);
        assert!(places.all.iter().all(|place| !place.overlaps));
        loaded.analysis.mappings.push(loaded.analysis.mappings[HEAP as usize].clone());
        let places = Places::of(&loaded.analysis);
        let overlaps = |place: &super::Place| place.kind == RegionKind::Heap && place.overlaps;
        let overlapping: Vec<_> = places.all.iter().filter(|place| overlaps(place)).collect();
        let [heap] = overlapping[..] else { panic!("{overlapping:?}") };
        assert_eq!((heap.start, heap.mapped_bytes), (0x100_0000, 0x100_1000));
    }
}
