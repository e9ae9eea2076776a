//! Addresses over time: a lane per mapping of weight, its faults counted in cells.

use std::cmp::Reverse;

use pfmodel::table::Analysis;

use super::lane::{Content, Lane, program};
use super::places::Places;
use super::stretches::{Pages, Stretches};
use super::{Span, weight};
use crate::load::Loaded;
use crate::print::units::{bytes, count, counted};

/// Least share of faults or stall that earns a lane, and how many lanes there are in any case.
const SHARE: f64 = 0.001;
const LEAST: usize = 5;

/// The lanes, from top to bottom.
#[derive(Debug, Clone)]
pub struct Lanes {
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// Places that share the last lane, 0 if each has its own.
    pub shared: usize,
    /// Cells per row.
    pub columns: usize,
    /// Whether there are faults of huge pages, each of which is in all the cells that its page covers.
    pub has_huge: bool,
    places: Places,
    page_bytes: u64,
}

impl Lanes {
    /// The places with the largest shares of faults or stall, by process, high addresses on top; at most so many,
    /// of which the last is that of all the rest if there are more, or more that hardly count.
    #[must_use]
    pub fn choose(loaded: &Loaded, most: usize) -> Self {
        let analysis = &loaded.analysis;
        let places = Places::new(analysis);
        let mut sums = vec![(0_u64, 0_u64, u64::MAX); places.places.len()];
        for (row, &addr) in analysis.faults.addr.iter().enumerate() {
            let Some(sum) = sums.get_mut(places.of(analysis, row)) else { continue };
            sum.0 += 1;
            sum.1 = sum.1.saturating_add(analysis.faults.stall_ns(row).unwrap_or(0));
            sum.2 = sum.2.min(addr);
        }
        let all = analysis.faults.len() as u64;
        let all_stall_ns = sums.iter().fold(0_u64, |all, sum| all.saturating_add(sum.1));
        let weight = |i: &usize| {
            let (faults, stall_ns, _) = sums.get(*i).copied().unwrap_or_default();
            weight((faults, all), (stall_ns, all_stall_ns))
        };
        let mut chosen: Vec<usize> = (0..sums.len()).filter(|&i| sums[i].0 > 0).collect();
        // The sort is stable: equal ones keep the order of their mappings.
        chosen.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        // One place more or less makes no lane of the rest worth while.
        let heavy = chosen.iter().filter(|i| weight(i) >= SHARE).count().max(LEAST);
        let all_fit = chosen.len() <= most && chosen.len() <= heavy + 1;
        let fitting = if all_fit { most } else { heavy.min(most.saturating_sub(1)) };
        let rest = chosen.split_off(chosen.len().min(fitting));
        chosen.sort_by_key(|&i| (places.places[i].proc, Reverse(sums[i].2)));

        let page_bytes = u64::from(loaded.header.page_size_bytes.max(1));
        let mut lanes = Self {
            lanes: Vec::new(),
            shared: rest.len(),
            columns: 0,
            has_huge: false,
            places,
            page_bytes,
        };
        let mut pages = lanes.pages(loaded, &chosen);
        for (number, &place) in chosen.iter().enumerate() {
            let pages = std::mem::take(&mut pages[number]);
            lanes.has_huge |= pages.has_large();
            let stretches = Stretches::new(pages);
            let lane = lanes.lane(loaded, place, stretches, sums[place].0);
            lanes.lanes.push(lane);
        }
        if !rest.is_empty() {
            let faults = rest.iter().map(|&i| sums[i].0).sum();
            let long = format!("all addresses, {}", counted(faults, "fault"));
            lanes.lanes.push(Lane {
                process: String::new(),
                program: String::new(),
                name: format!("{} more", count(rest.len() as u64)),
                kind: "",
                details: [long, counted(faults, "fault"), counted(faults, "fault")],
                stretches: Stretches::default(),
                rows: 0,
                cells: Vec::new(),
                content: Content::Rest,
            });
        }
        lanes
    }

    /// The pages that faulted in each of the chosen places.
    fn pages(&self, loaded: &Loaded, chosen: &[usize]) -> Vec<Pages> {
        let analysis = &loaded.analysis;
        let mut number_of = vec![usize::MAX; self.places.places.len()];
        for (number, &place) in chosen.iter().enumerate() {
            number_of[place] = number;
        }
        let mut pages = vec![Pages::default(); chosen.len()];
        for row in 0..analysis.faults.len() {
            let number = number_of.get(self.places.of(analysis, row)).copied();
            if let Some(pages) = number.and_then(|number| pages.get_mut(number)) {
                pages.push(self.covered(analysis, row));
            }
        }
        pages
    }

    /// First and last number of the pages that a fault installed: those of a huge page are many.
    fn covered(&self, analysis: &Analysis, row: usize) -> (u64, u64) {
        let addr = analysis.faults.addr.get(row).copied().unwrap_or(0);
        let size = analysis.faults.page_size_bytes.get(row).copied().unwrap_or(0);
        if size <= self.page_bytes || !size.is_power_of_two() {
            let page = addr / self.page_bytes;
            return (page, page);
        }
        let first = addr & !(size - 1);
        (first / self.page_bytes, (first | (size - 1)) / self.page_bytes)
    }

    fn lane(&self, loaded: &Loaded, number: usize, stretches: Stretches, faults: u64) -> Lane {
        let analysis = &loaded.analysis;
        let place = &self.places.places[number];
        let several = analysis.processes.len() > 1;
        let pid = analysis.processes.get(place.proc as usize).map(|process| process.pid);
        let pid = pid.filter(|_| several).map_or_else(String::new, |pid| format!("{pid} "));
        let size = bytes(stretches.pages().saturating_mul(self.page_bytes));
        let parts = match stretches.stretches.len() {
            1 => String::new(),
            parts => format!(" in {parts} parts"),
        };
        let (kind, all) = (place.kind.as_str(), counted(faults, "fault"));
        Lane {
            process: pid,
            program: program(analysis, place.proc),
            name: place.name.clone(),
            kind,
            details: [
                format!("{kind}, {size}{parts}, {all}"),
                format!("{kind}, {size}, {all}"),
                format!("{size}, {all}"),
            ],
            stretches,
            rows: 0,
            cells: Vec::new(),
            content: Content::Place(number),
        }
    }

    /// Counts faults per cell, in so many columns and in so many rows of each lane; never more rows than
    /// pages. A fault counts in all the cells that its page covers.
    pub fn fill(&mut self, loaded: &Loaded, columns: usize, rows: &[usize]) {
        let analysis = &loaded.analysis;
        let columns = columns.max(1);
        self.columns = columns;
        let mut rest = None;
        let mut lane_of = vec![None; self.places.places.len()];
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            let pages = usize::try_from(lane.stretches.pages()).unwrap_or(usize::MAX);
            lane.rows = rows.get(i).copied().unwrap_or(1).min(pages).max(1);
            lane.cells = vec![0; lane.rows * columns];
            match lane.content {
                Content::Place(place) => lane_of[place] = Some(i),
                Content::Rest => rest = Some(i),
            }
        }
        let span = Span::of(loaded);
        for (row, &time_ns) in analysis.faults.time_ns.iter().enumerate() {
            let number = lane_of.get(self.places.of(analysis, row)).copied().flatten().or(rest);
            let (first, last) = self.covered(analysis, row);
            let Some(lane) = number.and_then(|number| self.lanes.get_mut(number)) else { continue };
            let share = |part: f64, cells: usize| ((part * cells as f64) as usize).min(cells - 1);
            let pages = lane.stretches.pages().max(1) as f64;
            let row_of = |page: u64| {
                let index = lane.stretches.index(page).unwrap_or(0);
                share(index as f64 / pages, lane.rows)
            };
            let column = span.part(time_ns, columns);
            let bottom = row_of(first);
            let top = if last > first { row_of(last) } else { bottom };
            for row in bottom..=top {
                if let Some(cell) = lane.cells.get_mut(row * columns + column) {
                    *cell = cell.saturating_add(1);
                }
            }
        }
    }

    /// Faults in the fullest cell of the lanes that are places. A cell of the rest holds those of all
    /// addresses: on one scale with them the others would be pale.
    #[must_use]
    pub fn highest(&self) -> u32 {
        let places = self.lanes.iter().filter(|lane| lane.content != Content::Rest);
        places.flat_map(|lane| &lane.cells).copied().max().unwrap_or(0)
    }

    /// Whether cells of the rest are fuller than that.
    #[must_use]
    pub fn exceeds(&self) -> bool {
        let highest = self.highest();
        self.lanes.iter().flat_map(|lane| &lane.cells).any(|&n| n > highest)
    }
}

/// How full a cell is, from 0 for one fault to 1 for the most and more, by the logarithm.
#[must_use]
pub fn fullness(faults: u32, highest: u32) -> f64 {
    if highest <= 1 {
        return 1.0;
    }
    (f64::from(faults.max(1)).ln() / f64::from(highest).ln()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::{Lanes, fullness};
    use crate::made_up::{self, HEAP, MODEL, Row, TEXT};

    #[test]
    fn the_heaviest_have_a_lane_and_the_rest_share_one() {
        let mut loaded = made_up::empty();
        let (heap, model) = (0x100_0000, 0x7f00_0000_0000);
        for (time, mapping, addr) in [
            (0, HEAP, heap),
            (1_000_000_000, HEAP, heap + 4_096),
            (9_999_999_999, HEAP, heap + 4_096),
            (0, TEXT, 0x40_0000),
            (5_000_000_000, MODEL, model),
        ] {
            let row = Row { time, mapping, addr, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        let mut lanes = Lanes::choose(&loaded, 2);
        assert_eq!(lanes.shared, 2);
        lanes.fill(&loaded, 10, &[4, 4]);
        let heap = &lanes.lanes[0];
        assert_eq!((heap.name.as_str(), heap.details()), ("[heap]", "heap, 8 KiB, 3 faults"));
        assert_eq!(heap.rows, 2);
        assert_eq!(heap.cells, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        let rest = &lanes.lanes[1];
        assert_eq!((rest.name.as_str(), rest.details()), ("2 more", "all addresses, 2 faults"));
        assert_eq!(rest.cells, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!((lanes.highest(), lanes.exceeds()), (1, false));

        let lanes = Lanes::choose(&loaded, 3);
        let names: Vec<&str> = lanes.lanes.iter().map(|lane| lane.name.as_str()).collect();
        assert_eq!(names, ["/srv/models/model.gguf", "[heap]", "/usr/bin/server"]);
        assert!(Lanes::choose(&made_up::empty(), 3).lanes.is_empty());
    }

    #[test]
    fn the_rest_does_not_make_others_pale() {
        let mut loaded = made_up::empty();
        let heap = [(HEAP, 0x100_0000)].repeat(3);
        let rest = [(TEXT, 0x40_0000), (MODEL, 0x7f00_0000_0000)].repeat(2);
        for (mapping, addr) in heap.into_iter().chain(rest) {
            made_up::push(&mut loaded.analysis, Row { mapping, addr, ..Row::default() });
        }
        let mut lanes = Lanes::choose(&loaded, 2);
        lanes.fill(&loaded, 1, &[1, 1]);
        let cells: Vec<&[u32]> = lanes.lanes.iter().map(|lane| &*lane.cells).collect();
        assert_eq!(cells, [[3], [4]]);
        assert_eq!((lanes.highest(), lanes.exceeds()), (3, true));
    }

    #[test]
    fn a_huge_page_covers_all_of_itself() {
        let mut loaded = made_up::empty();
        let huge = 2 << 20;
        for (time, addr, size) in [
            (0, 0x120_0000, huge),
            // Anywhere in the page.
            (5_000_000_000, 0x15f_f123, huge),
            (9_999_999_999, 0x140_0000, 4_096),
        ] {
            let row = Row { time, mapping: HEAP, addr, size, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        let mut lanes = Lanes::choose(&loaded, 5);
        assert_eq!(lanes.lanes[0].details(), "heap, 4 MiB, 3 faults");
        let short = |most: usize| lanes.lanes[0].details_that(|text| text.len() <= most).to_owned();
        assert_eq!(
            [21, 20, 1].map(short),
            ["heap, 4 MiB, 3 faults", "4 MiB, 3 faults", "4 MiB, 3 faults"]
        );
        lanes.fill(&loaded, 3, &[4]);
        assert_eq!(lanes.lanes[0].cells, [1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0]);
        lanes.fill(&loaded, 3, &[2]);
        assert_eq!(lanes.lanes[0].cells, [1, 0, 0, 0, 1, 1]);
        assert!(lanes.has_huge);
    }

    #[test]
    fn fullness_is_logarithmic() {
        assert_eq!([1, 10, 100].map(|n| fullness(n, 100)), [0.0, 0.5, 1.0]);
        assert_eq!([fullness(1, 1), fullness(2, 1), fullness(101, 100)], [1.0; 3]);
    }
}
