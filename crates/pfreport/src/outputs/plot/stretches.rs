//! Ranges of addresses without their wide gaps.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter;

/// Pages by their numbers, in any order.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    /// Those of the base size.
    single: Vec<u64>,
    /// First and last of larger ones.
    large: Vec<(u64, u64)>,
}

impl Pages {
    /// Adds a page, which may cover many of the base size: the first and the last of them.
    pub fn push(&mut self, (first, last): (u64, u64)) {
        // Neighbouring faults are often of one page.
        if first == last && self.single.last() != Some(&first) {
            self.single.push(first);
        } else if first < last && self.large.last() != Some(&(first, last)) {
            self.large.push((first, last));
        }
    }

    /// Whether there are larger ones.
    #[must_use]
    pub const fn has_large(&self) -> bool {
        !self.large.is_empty()
    }
}

/// Stretches of an address range that hold faults, laid end to end: large gaps take no room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretches {
    /// First and last page of each, in order.
    pub stretches: Vec<(u64, u64)>,
    /// Pages of those before each.
    before: Vec<u64>,
}

/// Gaps collapsed in one lane: shared libraries and thread stacks make many.
const GAPS: usize = 4_096;

impl Stretches {
    /// Splits at gaps that would take more than a fifth of what remains, the widest first; and between blocks
    /// that are close in themselves and far apart, however many there are.
    #[must_use]
    pub fn new(pages: Pages) -> Self {
        let Pages { mut single, mut large } = pages;
        single.sort_unstable();
        single.dedup();
        large.sort_unstable();
        large.dedup();
        let Some(first) = runs(&single, &large).next().map(|(from, _)| from) else {
            return Self::default();
        };
        let (mut touched, mut last) = (0_u64, first);
        let mut before = None;
        // The widest gaps, each with the page behind it and the one before it.
        let mut widest = BinaryHeap::new();
        for (from, to) in runs(&single, &large) {
            if let Some(end) = before {
                widest.push(Reverse((from - end - 1, from, end)));
                if widest.len() > GAPS {
                    widest.pop();
                }
            }
            touched = touched.saturating_add(to - from).saturating_add(1);
            (before, last) = (Some(to), to);
        }
        let gaps: Vec<(u64, u64, u64)> =
            widest.into_sorted_vec().into_iter().map(|Reverse(gap)| gap).collect();
        let mut rest = (last - first).saturating_add(1);
        let (mut wide, mut is_wide) = (0, true);
        for (number, &(gap, ..)) in gaps.iter().enumerate() {
            is_wide &= gap > rest / 5 && gap >= 4;
            rest = rest.saturating_sub(gap);
            let next = gaps.get(number + 1).map_or(1, |&(gap, ..)| gap);
            let is_apart = gap / next >= 8 && gap >= touched && gap > rest / 5;
            if is_wide || is_apart {
                wide = number + 1;
            }
        }
        let mut cuts: Vec<(u64, u64)> =
            gaps.iter().take(wide).map(|&(_, behind, end)| (end, behind)).collect();
        cuts.sort_unstable();
        let mut from = first;
        let mut stretches = Vec::new();
        for (end, behind) in cuts {
            stretches.push((from, end));
            from = behind;
        }
        stretches.push((from, last));
        let mut sum = 0_u64;
        let before = stretches.iter().map(|&(from, to)| {
            let before = sum;
            sum = sum.saturating_add(to - from).saturating_add(1);
            before
        });
        Self { before: before.collect(), stretches }
    }

    /// Pages of all stretches.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.stretches
            .iter()
            .map(|(from, to)| (to - from).saturating_add(1))
            .fold(0, u64::saturating_add)
    }

    /// Number of a page among those of all stretches; none outside them.
    #[must_use]
    pub fn index(&self, page: u64) -> Option<u64> {
        let at = self.stretches.partition_point(|&(_, to)| to < page);
        let &(from, _) = self.stretches.get(at).filter(|&&(from, _)| from <= page)?;
        Some(self.before.get(at)?.saturating_add(page - from))
    }
}

/// Pages without gaps between them, from the first to the last of each run; both lists are in order.
fn runs<'a>(pages: &'a [u64], large: &'a [(u64, u64)]) -> impl Iterator<Item = (u64, u64)> + 'a {
    let mut pages = pages.iter().map(|&page| (page, page)).peekable();
    let mut large = large.iter().copied().peekable();
    let mut next = move || match (pages.peek(), large.peek()) {
        (Some(page), Some(other)) if page < other => pages.next(),
        (_, Some(_)) => large.next(),
        _ => pages.next(),
    };
    let mut coming = next();
    iter::from_fn(move || {
        let (from, mut to) = coming?;
        loop {
            coming = next();
            match coming {
                Some((first, last)) if first <= to.saturating_add(1) => to = to.max(last),
                _ => return Some((from, to)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Pages, Stretches};

    fn stretches(single: Vec<u64>) -> Stretches {
        Stretches::new(Pages { single, large: Vec::new() })
    }

    #[test]
    fn pages_are_kept_by_their_size() {
        let mut pages = Pages::default();
        assert!(!pages.has_large());
        for page in [(3, 3), (3, 3), (512, 1_023), (512, 1_023), (3, 3), (4, 4)] {
            pages.push(page);
        }
        assert_eq!(
            (pages.single.as_slice(), pages.large.as_slice()),
            (&[3, 4][..], &[(512, 1_023)][..])
        );
        assert!(pages.has_large());
    }

    #[test]
    fn large_pages_are_there_from_their_first_to_their_last() {
        let both =
            |single, large: &[(u64, u64)]| Stretches::new(Pages { single, large: large.to_vec() });
        let large = [(1_024, 1_535), (512, 1_023), (512, 1_023), (512, 527)];
        let mixed = both(vec![700, 1_536, 1_540], &large);
        assert_eq!(mixed.stretches, [(512, 1_540)]);
        let apart = both(vec![1_000_000], &large);
        assert_eq!(apart.stretches, [(512, 1_535), (1_000_000, 1_000_000)]);
        assert_eq!(apart.index(1_000_000), Some(1_024));
        assert_eq!(both(Vec::new(), &large).pages(), 1_024);
        let all = both(vec![3], &[(0, u64::MAX)]);
        assert_eq!(all.stretches, [(0, u64::MAX)]);
    }

    #[test]
    fn wide_gaps_take_no_room() {
        let split = stretches(vec![1_000_001, 10, 11, 13, 1_000_000]);
        assert_eq!(split.stretches, [(10, 13), (1_000_000, 1_000_001)]);
        assert_eq!(split.pages(), 6);
        assert_eq!(split.index(10), Some(0));
        assert_eq!(split.index(1_000_001), Some(5));
        assert_eq!(split.index(14), None);
    }

    #[test]
    fn equally_wide_gaps_take_no_room_either() {
        // The stacks of 200 threads, of each of which two pages were touched.
        let stacks: Vec<u64> = (0..200).flat_map(|i| [i * 2_048, i * 2_048 + 1]).collect();
        let split = stretches(stacks);
        assert_eq!((split.stretches.len(), split.pages()), (200, 400));
        // Blocks as wide as the gaps between them stay together.
        let blocks = stretches((0..3_000).filter(|page| page / 100 % 2 == 0).collect());
        assert_eq!(blocks.stretches, [(0, 2_899)]);
    }

    #[test]
    fn scattered_pages_stay_one_stretch() {
        let pages = (0..1_000).map(|i| i * 7_919 % 100_003).collect();
        assert_eq!(stretches(pages).stretches.len(), 1);
        assert_eq!(stretches(Vec::new()).pages(), 0);
        assert_eq!(stretches(vec![0, u64::MAX]).stretches, [(0, 0), (u64::MAX, u64::MAX)]);
    }
}
