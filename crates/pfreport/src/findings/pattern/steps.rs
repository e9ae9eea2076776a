//! Steps from one fault to the next of the same thread.

use std::collections::HashMap;

use pfmodel::table::Analysis;

use crate::findings::place::{Places, page_size, page_start};

/// How far ahead still counts as walking forward, bytes: readahead and fault-around skip pages that a
/// sequential reader never faults on.
pub const AHEAD_BYTES: u64 = 2 << 20;

/// Fewest steps of which an order is told.
pub const STEPS_MIN: u64 = 16;

/// Steps from one fault to the next of the same thread in the same place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steps {
    /// All steps.
    pub all: u64,
    /// Those to the page behind the page before.
    pub next_page: u64,
    /// Those forward by at most 2 MiB, the next page included.
    pub ahead: u64,
    /// Those to a lower page, however far.
    pub down: u64,
}

/// What steps look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Mostly page after page.
    Sequential,
    /// Mostly forward, skipping pages.
    Forward,
    /// Nearly always to a lower page, however far: readahead makes the steps of such a walk long.
    Backward,
    /// None of these.
    Random,
}

impl Steps {
    /// Steps between the chosen rows, which are in order of time; faults outside places are left out.
    #[must_use]
    pub fn of(
        analysis: &Analysis,
        places: &Places,
        page_bytes: u64,
        rows: impl Iterator<Item = usize>,
    ) -> Self {
        let faults = &analysis.faults;
        let mut steps = Self::default();
        let mut last = HashMap::new();
        for row in rows {
            let place = places.place_of(analysis, row);
            let start = page_start(analysis, row, page_bytes);
            let (Some(place), Some(start)) = (place, start) else { continue };
            let page = (start, page_size(analysis, row, page_bytes));
            if let Some(before) = last.insert((place, faults.tid[row]), page) {
                steps.add(before, start);
            }
        }
        steps
    }

    /// Adds the step from a page, by its first byte and its size, to another.
    pub fn add(&mut self, before: (u64, u64), start: u64) {
        self.all += 1;
        self.next_page += u64::from(before.0.checked_add(before.1) == Some(start));
        self.ahead += u64::from(start > before.0 && start - before.0 <= AHEAD_BYTES.max(before.1));
        self.down += u64::from(start < before.0);
    }

    /// The verdict; none for fewer than 16 steps.
    #[must_use]
    pub const fn order(&self) -> Option<Order> {
        if self.all < STEPS_MIN {
            None
        } else if self.next_page * 2 >= self.all {
            Some(Order::Sequential)
        } else if self.ahead * 10 >= self.all * 7 {
            Some(Order::Forward)
        } else if self.down * 10 >= self.all * 9 {
            Some(Order::Backward)
        } else {
            Some(Order::Random)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, Steps};
    use crate::findings::place::Places;
    use crate::made_up::{self, HEAP, MODEL, Row};

    fn walk(pages: impl Iterator<Item = u64>) -> Steps {
        let mut loaded = made_up::empty();
        for page in pages {
            let addr = 0x7f00_0000_0000 + page * 4_096;
            made_up::push(&mut loaded.analysis, Row { addr, mapping: MODEL, ..Row::default() });
        }
        let analysis = &loaded.analysis;
        Steps::of(analysis, &Places::of(analysis), 4_096, 0..analysis.faults.len())
    }

    #[test]
    fn page_after_page() {
        let steps = walk(0..100);
        assert_eq!(steps, Steps { all: 99, next_page: 99, ahead: 99, down: 0 });
        assert_eq!(steps.order(), Some(Order::Sequential));
    }

    #[test]
    fn jumps_of_readahead() {
        let steps = walk((0..100).map(|i| i * 32));
        assert_eq!(steps, Steps { all: 99, next_page: 0, ahead: 99, down: 0 });
        assert_eq!(steps.order(), Some(Order::Forward));
    }

    #[test]
    fn scattered() {
        let steps = walk((0..100).map(|i| i * 7_919 % 10_007));
        assert_eq!(steps, Steps { all: 99, next_page: 0, ahead: 0, down: 78 });
        assert_eq!(steps.order(), Some(Order::Random));
        assert_eq!(walk(0..16).order(), None);
    }

    #[test]
    fn from_the_end_to_the_start() {
        let back = walk((0..100).rev().map(|i| i * 600));
        assert_eq!(back, Steps { all: 99, next_page: 0, ahead: 0, down: 99 });
        assert_eq!(back.order(), Some(Order::Backward));
        // Two steps of sixteen lead upwards: 14 are fewer than nine in ten.
        let jumps = [9, 8, 7, 6, 5, 4, 3, 2, 999, 90, 80, 70, 60, 50, 999, 40, 30];
        assert_eq!(walk(jumps.into_iter().map(|i| i * 600)).order(), Some(Order::Random));
    }

    #[test]
    fn each_thread_and_each_place_has_its_own() {
        let mut loaded = made_up::empty();
        for i in 0..20_u64 {
            let addr = 0x7f00_0000_0000 + i / 2 * 4_096 + i % 2 * 0x800_0000;
            let tid = 100 + (i % 2) as u32;
            made_up::push(
                &mut loaded.analysis,
                Row { addr, tid, mapping: MODEL, ..Row::default() },
            );
            let heap = Row { addr: 0x100_0000, mapping: HEAP, ..Row::default() };
            made_up::push(&mut loaded.analysis, heap);
        }
        let analysis = &loaded.analysis;
        let places = Places::of(analysis);
        let models = (0..analysis.faults.len()).step_by(2);
        let steps = Steps::of(analysis, &places, 4_096, models);
        assert_eq!(steps, Steps { all: 18, next_page: 18, ahead: 18, down: 0 });
        let all = Steps::of(analysis, &places, 4_096, 0..analysis.faults.len());
        assert_eq!(all, Steps { all: 37, ..steps });
    }

    #[test]
    fn the_page_behind_a_huge_page_is_the_next() {
        let mut steps = Steps::default();
        steps.add((0, 2 << 20), 2 << 20);
        steps.add((0, 1 << 30), 1 << 30);
        assert_eq!(steps, Steps { all: 2, next_page: 2, ahead: 2, down: 0 });
    }
}
