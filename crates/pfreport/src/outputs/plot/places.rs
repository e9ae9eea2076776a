//! Faults sorted by the mappings they hit.

use std::collections::HashMap;

use pfmodel::names::RegionKind;
use pfmodel::table::{Analysis, NONE};

use crate::print::text::printable;
use crate::rows::faults::{UNKNOWN_REGION, file_path};

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
#[derive(Debug, Clone)]
pub struct Places {
    /// The places, in order of their first mapping.
    pub places: Vec<Place>,
    of_mapping: Vec<u32>,
    /// Places for faults outside all mappings, one per process.
    unknown: Vec<u32>,
}

impl Places {
    /// Names the place of every mapping: a lane shows a range of addresses, whatever its parts are called.
    #[must_use]
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
    #[must_use]
    pub fn of(&self, analysis: &Analysis, row: usize) -> usize {
        let mapping = analysis.faults.mapping.get(row).copied().unwrap_or(NONE);
        let place = self.of_mapping.get(mapping as usize).copied().unwrap_or_else(|| {
            let proc = analysis.faults.proc.get(row).copied().unwrap_or(NONE);
            self.unknown.get(proc as usize).or(self.unknown.first()).copied().unwrap_or(0)
        });
        place as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Places;
    use crate::made_up::{self, HEAP, MODEL, Row};

    #[test]
    fn every_fault_has_a_place() {
        let mut analysis = made_up::two_processes().analysis;
        for (mapping, proc) in [(MODEL, 0), (HEAP, 0), (pfmodel::table::NONE, 1)] {
            made_up::push(&mut analysis, Row { mapping, proc, ..Row::default() });
        }
        let places = Places::new(&analysis);
        let name = |row| places.places[places.of(&analysis, row)].name.as_str();
        let names = [name(0), name(1), name(2)];
        assert_eq!(names, ["/srv/models/model.gguf", "[heap]", "[unknown]"]);
        assert_eq!(places.places[places.of(&analysis, 2)].proc, 1);
    }
}
