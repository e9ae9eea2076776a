//! Faults sorted by the mappings they hit, for the picture with a lane for each.

use std::collections::HashMap;

use pfmodel::names::RegionKind;
use pfmodel::table::Analysis;

use crate::faults::{UNKNOWN_REGION, file_path};
use crate::text::printable;

/// The mappings of a file, or of one name, in a process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Process.
    pub proc: u32,
    /// Path of the file, or the region's name.
    pub name: String,
    /// Kind of region.
    pub kind: RegionKind,
}

/// Which place each fault hit.
pub struct Places {
    /// The places, in order of their first mapping.
    pub places: Vec<Place>,
    of_mapping: Vec<u32>,
    /// Places for faults outside all mappings, one per process.
    unknown: Vec<u32>,
}

impl Places {
    /// Names the place of every mapping: a lane shows a range of addresses, whatever its parts are called.
    pub fn new(analysis: &Analysis) -> Self {
        let mut numbers = HashMap::new();
        let mut places = Vec::new();
        let mut number = |place: Place| {
            *numbers.entry(place.clone()).or_insert_with(|| {
                places.push(place);
                places.len() as u32 - 1
            })
        };
        let of_mapping = analysis.mappings.iter().map(|mapping| {
            let name = file_path(mapping).unwrap_or_else(|| printable(&mapping.region));
            number(Place { proc: mapping.proc, name, kind: mapping.kind })
        });
        let of_mapping = of_mapping.collect();
        let unknown = (0..analysis.processes.len().max(1) as u32).map(|proc| {
            let (name, kind) = (UNKNOWN_REGION.to_owned(), RegionKind::Unknown);
            number(Place { proc, name, kind })
        });
        let unknown = unknown.collect();
        Self { places, of_mapping, unknown }
    }

    /// The place of a fault, by its row.
    pub fn of(&self, analysis: &Analysis, row: usize) -> usize {
        let mapping = analysis.faults.mapping[row] as usize;
        let place = self.of_mapping.get(mapping).copied().unwrap_or_else(|| {
            let proc = analysis.faults.proc[row] as usize;
            self.unknown.get(proc).or(self.unknown.first()).copied().unwrap_or(0)
        });
        place as usize
    }
}

/// What a place counts for when only some are shown: the larger of its shares of faults and of stall.
pub fn weight((faults, all_faults): (u64, u64), (stall_ns, all_stall_ns): (u64, u64)) -> f64 {
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    share(faults, all_faults).max(share(stall_ns, all_stall_ns))
}

/// Stretches of an address range that hold faults, laid end to end: large gaps take no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretches {
    /// First and last page of each, in order.
    pub stretches: Vec<(u64, u64)>,
}

/// Gaps collapsed in one lane: shared libraries and thread stacks make many.
const GAPS: usize = 40;

impl Stretches {
    /// Splits at gaps that would take more than a fifth of what remains, the widest first. `pages` are
    /// page numbers in any order.
    pub fn new(mut pages: Vec<u64>) -> Self {
        pages.sort_unstable();
        pages.dedup();
        let (Some(&first), Some(&last)) = (pages.first(), pages.last()) else {
            return Self { stretches: Vec::new() };
        };
        let mut gaps: Vec<(u64, usize)> =
            pages.windows(2).enumerate().map(|(i, pair)| (pair[1] - pair[0] - 1, i)).collect();
        let widest = gaps.len().saturating_sub(GAPS);
        if widest > 0 {
            gaps.select_nth_unstable(widest);
        }
        let mut gaps = gaps.split_off(widest);
        gaps.sort_unstable_by(|a, b| b.cmp(a));
        let mut span = (last - first).saturating_add(1);
        let mut cuts = Vec::new();
        for (gap, i) in gaps {
            if gap <= span / 5 || gap < 4 {
                break;
            }
            span -= gap;
            cuts.push(i);
        }
        cuts.sort_unstable();
        let mut from = first;
        let mut stretches = Vec::new();
        for cut in cuts {
            stretches.push((from, pages[cut]));
            from = pages[cut + 1];
        }
        stretches.push((from, last));
        Self { stretches }
    }

    /// Pages of all stretches.
    pub fn pages(&self) -> u64 {
        self.stretches
            .iter()
            .map(|(from, to)| (to - from).saturating_add(1))
            .fold(0, u64::saturating_add)
    }

    /// Number of a page among those of all stretches; none outside them.
    pub fn index(&self, page: u64) -> Option<u64> {
        let mut before = 0;
        for &(from, to) in &self.stretches {
            if (from..=to).contains(&page) {
                return Some(before + page - from);
            }
            before += to - from + 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Places, Stretches};
    use crate::sample::{self, HEAP, MODEL, Row};

    #[test]
    fn wide_gaps_take_no_room() {
        let stretches = Stretches::new(vec![1_000_001, 10, 11, 13, 1_000_000]);
        assert_eq!(stretches.stretches, [(10, 13), (1_000_000, 1_000_001)]);
        assert_eq!(stretches.pages(), 6);
        assert_eq!(stretches.index(10), Some(0));
        assert_eq!(stretches.index(1_000_001), Some(5));
        assert_eq!(stretches.index(14), None);
    }

    #[test]
    fn scattered_pages_stay_one_stretch() {
        let pages = (0..1_000).map(|i| i * 7_919 % 100_003).collect();
        assert_eq!(Stretches::new(pages).stretches.len(), 1);
        assert_eq!(Stretches::new(Vec::new()).pages(), 0);
        assert_eq!(Stretches::new(vec![0, u64::MAX]).stretches, [(0, 0), (u64::MAX, u64::MAX)]);
    }

    #[test]
    fn every_fault_has_a_place() {
        let mut analysis = sample::two_processes().analysis;
        for (mapping, proc) in [(MODEL, 0), (HEAP, 0), (pfmodel::table::NONE, 1)] {
            sample::push(&mut analysis, Row { mapping, proc, ..Row::default() });
        }
        let places = Places::new(&analysis);
        let name = |row| places.places[places.of(&analysis, row)].name.as_str();
        let names = [name(0), name(1), name(2)];
        assert_eq!(names, ["/srv/models/model.gguf", "[heap]", "[unknown]"]);
        assert_eq!(places.places[places.of(&analysis, 2)].proc, 1);
    }
}
