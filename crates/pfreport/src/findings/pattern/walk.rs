//! All figures of one place, in one walk over its faults.

use std::collections::HashMap;

use pfmodel::names::{Cause, Class};
use pfmodel::table::{Analysis, NONE};

use super::before::before;
use super::steps::{STEPS_MIN, Steps};
use crate::findings::place::{Places, page_size, page_start};

/// Steps that may turn out to be the most frequent one, while they are counted. Any step that is more
/// than one in so many and one is found.
const STRIDES: usize = 8;

/// From this size on a page is huge: what the page table of x86-64 and others maps by one entry a level up.
const HUGE_BYTES: u64 = 2 << 20;

/// In which order a place was touched for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstTouch {
    /// At least nine of ten steps lead upwards.
    Ascending,
    /// At least nine of ten lead downwards.
    Descending,
    /// Neither.
    Scattered,
}

impl FirstTouch {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
            Self::Scattered => "scattered",
        }
    }

    /// From the number of steps up and down; none for fewer than 16.
    fn of(up: u64, down: u64) -> Option<Self> {
        let all = up + down;
        match () {
            () if all < STEPS_MIN => None,
            () if up * 10 >= all * 9 => Some(Self::Ascending),
            () if down * 10 >= all * 9 => Some(Self::Descending),
            () => Some(Self::Scattered),
        }
    }
}

/// How the faults of a place walk through it. Pages are base pages, by their number from the first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pattern {
    /// Completed faults.
    pub faults: u64,
    /// Major ones among them.
    pub major: u64,
    /// Sum of their latencies inside the trace, nanoseconds; none if no latency is known.
    pub stall_ns: Option<u64>,
    /// Distinct pages that were installed.
    pub pages: u64,
    /// Their bytes, each page as large as its first fault installed it.
    pub touched_bytes: u64,
    /// Steps of each thread from fault to fault.
    pub steps: Steps,
    /// The most frequent step that is not zero, in pages, and how often it was made. None without steps,
    /// or if each is rarer than one in nine.
    pub stride: Option<(i64, u64)>,
    /// Runs of faults of a thread in which each is on the page behind the one before.
    pub runs: u64,
    /// Faults of the longest run.
    pub longest_run: u64,
    /// In which order pages were first touched.
    pub first_touch: Option<FirstTouch>,
    /// When half, nine tenths, and all of the distinct pages had been touched, nanoseconds since the start
    /// of the trace.
    pub grown_ns: [u64; 3],
    /// Faults of pages that had faulted before and were gone again.
    pub refaults: u64,
    /// Median time since the fault before, nanoseconds, of these.
    pub refault_after_ns: Option<u64>,
    /// Bytes installed by all faults of known page size.
    pub installed_bytes: u64,
    /// Those by pages of 2 MiB and more.
    pub huge_bytes: u64,
    /// Those by pages between a base page and 2 MiB.
    pub medium_bytes: u64,
}

/// Where a thread is.
#[derive(Debug, Clone, Copy)]
struct Walker {
    page: (u64, u64),
    run: u64,
    first_touch: Option<u64>,
}

/// The pattern of the place with this number.
pub fn pattern(analysis: &Analysis, places: &Places, place: usize, page_bytes: u64) -> Pattern {
    let faults = &analysis.faults;
    let mut pattern = Pattern::default();
    let Some(bounds) = places.all.get(place) else { return pattern };
    let rows: Vec<(usize, u64)> = places
        .rows(place)
        .iter()
        .filter_map(|row| Some((row, page_start(analysis, row, page_bytes)?)))
        .collect();
    let page = |start: u64| start.saturating_sub(bounds.start) / page_bytes;
    let pages: Vec<u64> = rows.iter().map(|&(_, start)| page(start)).collect();
    let before = before(&pages);
    let mut walkers: HashMap<u32, Walker> = HashMap::new();
    let mut current: Option<(u32, Walker)> = None;
    let (mut first_rows, mut strides, mut after_ns) = (Vec::new(), Vec::new(), Vec::new());
    let (mut up, mut down) = (0, 0);
    for (&(row, start), &before) in rows.iter().zip(&before) {
        let size = page_size(analysis, row, page_bytes);
        pattern.count(analysis, row, page_bytes);

        let before = rows.get(before as usize).filter(|_| before != NONE);
        match before {
            None => {
                first_rows.push(row);
                pattern.touched_bytes = pattern.touched_bytes.saturating_add(size);
            }
            // The page was there, only the right to write was not.
            Some(_) if faults.class[row] == Class::Cow => {}
            Some(_) if faults.cause[row] == Cause::WriteNotify => {}
            // It may have been no more than that.
            Some(_) if faults.class[row] == Class::Unknown => {}
            Some(&(before, _)) => {
                after_ns.push(faults.time_ns[row].saturating_sub(faults.time_ns[before]));
            }
        }

        // Mostly the thread is that of the fault before.
        let tid = faults.tid[row];
        if current.is_none_or(|(of, _)| of != tid) {
            if let Some((of, walker)) = current.take() {
                walkers.insert(of, walker);
            }
            current = walkers.get(&tid).map(|&walker| (tid, walker));
        }
        let walker = match &mut current {
            Some((_, walker)) => {
                pattern.steps.add(walker.page, start);
                strides.push((start / page_bytes).wrapping_sub(walker.page.0 / page_bytes) as i64);
                if walker.page.0.checked_add(walker.page.1) == Some(start) {
                    walker.run += 1;
                } else {
                    (walker.run, pattern.runs) = (1, pattern.runs + 1);
                }
                walker.page = (start, size);
                walker
            }
            None => {
                pattern.runs += 1;
                let walker = Walker { page: (start, size), run: 1, first_touch: None };
                &mut current.insert((tid, walker)).1
            }
        };
        pattern.longest_run = pattern.longest_run.max(walker.run);
        if before.is_none() {
            match walker.first_touch.replace(start) {
                Some(last) if start > last => up += 1,
                Some(_) => down += 1,
                None => {}
            }
        }
    }
    pattern.pages = first_rows.len() as u64;
    pattern.first_touch = FirstTouch::of(up, down);
    pattern.grown_ns = [50, 90, 100].map(|percent| {
        let nth = (first_rows.len() * percent).div_ceil(100).saturating_sub(1);
        first_rows.get(nth).map_or(0, |&row| faults.time_ns[row])
    });
    pattern.refaults = after_ns.len() as u64;
    pattern.refault_after_ns = median(&mut after_ns);
    pattern.stride = most_frequent(&strides);
    pattern
}

impl Pattern {
    fn count(&mut self, analysis: &Analysis, row: usize, page_bytes: u64) {
        let faults = &analysis.faults;
        self.faults += 1;
        self.major += u64::from(faults.class[row] == Class::Major);
        if let Some(ns) = faults.stall_ns(row) {
            self.stall_ns = Some(self.stall_ns.unwrap_or(0).saturating_add(ns));
        }
        let size = faults.page_size_bytes[row];
        self.installed_bytes = self.installed_bytes.saturating_add(size);
        if size >= HUGE_BYTES {
            self.huge_bytes = self.huge_bytes.saturating_add(size);
        } else if size > page_bytes {
            self.medium_bytes = self.medium_bytes.saturating_add(size);
        }
    }
}

/// The lower of the two in the middle.
fn median(values: &mut [u64]) -> Option<u64> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable(middle).1)
}

/// The most frequent of the values that are not zero, if it is more than one in nine of all; the one
/// nearest to zero, then the one ahead, of several. A first pass (Misra and Gries) finds what can be that
/// frequent, a second counts it.
fn most_frequent(values: &[i64]) -> Option<(i64, u64)> {
    let mut candidates: Vec<(i64, u64)> = Vec::with_capacity(STRIDES);
    for &value in values.iter().filter(|&&value| value != 0) {
        if let Some((_, count)) = candidates.iter_mut().find(|(known, _)| *known == value) {
            *count += 1;
        } else if candidates.len() < STRIDES {
            candidates.push((value, 1));
        } else {
            candidates.iter_mut().for_each(|(_, count)| *count -= 1);
            candidates.retain(|&(_, count)| count > 0);
        }
    }
    candidates.iter_mut().for_each(|(_, count)| *count = 0);
    for &value in values {
        if let Some((_, count)) = candidates.iter_mut().find(|(known, _)| *known == value) {
            *count += 1;
        }
    }
    let least = values.len() as u64 / (STRIDES as u64 + 1);
    candidates
        .into_iter()
        .filter(|&(_, count)| count > least)
        .max_by_key(|&(value, count)| (count, std::cmp::Reverse(value.unsigned_abs()), value))
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};

    use super::{FirstTouch, Pattern, most_frequent, pattern};
    use crate::findings::pattern::Steps;
    use crate::findings::place::Places;
    use crate::made_up::{self, HEAP, Row};

    /// The pattern of the heap after faults at these pages, a millisecond apart.
    fn of_heap(rows: impl IntoIterator<Item = (u64, Row)>) -> Pattern {
        let mut loaded = made_up::empty();
        for (i, (page, row)) in rows.into_iter().enumerate() {
            let time = i as u64 * 1_000_000;
            let row = Row { time, addr: 0x100_0000 + page * 4_096, mapping: HEAP, ..row };
            made_up::push(&mut loaded.analysis, row);
        }
        let places = Places::of(&loaded.analysis);
        let heap = places.place_of(&loaded.analysis, 0).unwrap();
        pattern(&loaded.analysis, &places, heap as usize, 4_096)
    }

    fn pages(pages: impl IntoIterator<Item = u64>) -> Pattern {
        of_heap(pages.into_iter().map(|page| (page, Row::default())))
    }

    #[test]
    fn one_walk_upwards() {
        let expected = Pattern {
            faults: 100,
            stall_ns: Some(100_000),
            pages: 100,
            touched_bytes: 409_600,
            steps: Steps { all: 99, next_page: 99, ahead: 99, down: 0 },
            stride: Some((1, 99)),
            runs: 1,
            longest_run: 100,
            first_touch: Some(FirstTouch::Ascending),
            grown_ns: [49_000_000, 89_000_000, 99_000_000],
            installed_bytes: 409_600,
            ..Pattern::default()
        };
        assert_eq!(pages(0..100), expected);
    }

    #[test]
    fn strides_and_runs() {
        let down = pages((0..50).rev().map(|i| i * 3));
        assert_eq!((down.stride, down.first_touch), (Some((-3, 49)), Some(FirstTouch::Descending)));
        assert_eq!((down.runs, down.longest_run), (50, 1));
        let pairs = pages((0..40).map(|i| i / 2 * 10 + i % 2));
        assert_eq!((pairs.runs, pairs.longest_run, pairs.stride), (20, 2, Some((1, 20))));
        let scattered = pages((0..100).map(|i| i * 1_009 % 4_093));
        assert_eq!(scattered.first_touch, Some(FirstTouch::Scattered));
    }

    #[test]
    fn threads_that_take_turns_walk_on_their_own() {
        let row = |i: u64| Row { tid: 100 + (i % 2) as u32, ..Row::default() };
        let pattern = of_heap((0..40).map(|i| (i / 2 + i % 2 * 1_000, row(i))));
        assert_eq!(pattern.steps, Steps { all: 38, next_page: 38, ahead: 38, down: 0 });
        assert_eq!((pattern.runs, pattern.longest_run), (2, 20));
        assert_eq!(pattern.first_touch, Some(FirstTouch::Ascending));
    }

    #[test]
    fn a_refault_is_of_a_page_that_was_gone() {
        let row = Row::default();
        let copy = Row { class: Class::Cow, cause: Cause::CowAnon, ..row };
        let notify = Row { cause: Cause::WriteNotify, ..row };
        let again = Row { cause: Cause::AnonRefault, ..row };
        let rows = [(1, row), (1, copy), (2, row), (2, notify), (1, again), (2, again), (1, again)];
        let pattern = of_heap(rows);
        // Since the copy, since the notification, and since the fault before.
        assert_eq!((pattern.refaults, pattern.refault_after_ns), (3, Some(2_000_000)));
        assert_eq!((pattern.faults, pattern.pages), (7, 2));
        assert_eq!(pattern.grown_ns, [0, 2_000_000, 2_000_000]);
    }

    #[test]
    fn sizes_are_what_was_installed() {
        let of_size = |size| Row { size, latency: None, ..Row::default() };
        let sizes = [(0, 2 << 20), (512, 64 << 10), (528, 4_096), (529, 0)];
        let pattern = of_heap(sizes.map(|(page, size)| (page, of_size(size))));
        assert_eq!(pattern.installed_bytes, (2 << 20) + (64 << 10) + 4_096);
        assert_eq!((pattern.huge_bytes, pattern.medium_bytes), (2 << 20, 64 << 10));
        assert_eq!(pattern.touched_bytes, pattern.installed_bytes + 4_096);
        assert_eq!((pattern.stall_ns, pattern.longest_run), (None, 4));
    }

    #[test]
    fn the_most_frequent_value_is_counted_exactly() {
        let mut values: Vec<i64> = (0..1_000).map(|i| 1_000 + i).collect();
        assert_eq!(most_frequent(&values), None);
        values.extend([7; 200]);
        values.extend((0..100).map(|i| 5_000 + i));
        assert_eq!(most_frequent(&values), Some((7, 200)));
        assert_eq!(most_frequent(&[0, 0, 0, 4]), Some((4, 1)));
        assert_eq!(most_frequent(&[-2, 2]), Some((2, 1)));
        assert_eq!(most_frequent(&[]), None);
    }
}
