//! Ranges of addresses without their wide gaps.

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
    /// that are close in themselves and far apart, however many there are. `pages` are
    /// page numbers in any order.
    #[must_use]
    pub fn new(mut pages: Vec<u64>) -> Self {
        pages.sort_unstable();
        pages.dedup();
        let (Some(&first), Some(&last)) = (pages.first(), pages.last()) else {
            return Self::default();
        };
        let mut gaps: Vec<(u64, usize)> =
            pages.windows(2).enumerate().map(|(i, pair)| (pair[1] - pair[0] - 1, i)).collect();
        let widest = gaps.len().saturating_sub(GAPS);
        if widest > 0 {
            gaps.select_nth_unstable(widest);
        }
        let mut gaps = gaps.split_off(widest);
        gaps.sort_unstable_by(|a, b| b.cmp(a));
        let mut rest = (last - first).saturating_add(1);
        let (mut wide, mut is_wide) = (0, true);
        for (number, &(gap, _)) in gaps.iter().enumerate() {
            is_wide &= gap > rest / 5 && gap >= 4;
            rest = rest.saturating_sub(gap);
            let next = gaps.get(number + 1).map_or(1, |&(gap, _)| gap.max(1));
            let is_apart = gap / next >= 8 && gap >= pages.len() as u64 && gap > rest / 5;
            if is_wide || is_apart {
                wide = number + 1;
            }
        }
        let mut cuts: Vec<usize> = gaps.iter().take(wide).map(|&(_, i)| i).collect();
        cuts.sort_unstable();
        let mut from = first;
        let mut stretches = Vec::new();
        for cut in cuts {
            stretches.push((from, pages[cut]));
            from = pages[cut + 1];
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

#[cfg(test)]
mod tests {
    use super::Stretches;

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
    fn equally_wide_gaps_take_no_room_either() {
        // The stacks of 200 threads, of each of which two pages were touched.
        let stacks: Vec<u64> = (0..200).flat_map(|i| [i * 2_048, i * 2_048 + 1]).collect();
        let stretches = Stretches::new(stacks);
        assert_eq!((stretches.stretches.len(), stretches.pages()), (200, 400));
        // Blocks as wide as the gaps between them stay together.
        let blocks = Stretches::new((0..3_000).filter(|page| page / 100 % 2 == 0).collect());
        assert_eq!(blocks.stretches, [(0, 2_899)]);
    }

    #[test]
    fn scattered_pages_stay_one_stretch() {
        let pages = (0..1_000).map(|i| i * 7_919 % 100_003).collect();
        assert_eq!(Stretches::new(pages).stretches.len(), 1);
        assert_eq!(Stretches::new(Vec::new()).pages(), 0);
        assert_eq!(Stretches::new(vec![0, u64::MAX]).stretches, [(0, 0), (u64::MAX, u64::MAX)]);
    }
}
