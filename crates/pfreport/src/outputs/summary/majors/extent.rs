//! Which bytes were read, in little memory.

use std::collections::BTreeMap;
use std::ops::Range;

/// Blocks that are told apart at most; of more, each becomes twice as long.
const BLOCKS: usize = 1_024;
/// Length of the first blocks, as a power of two: the smallest page.
const SHIFT: u32 = 12;
/// What is missing between two ranges is at least such a part of all: four ranges at most.
const GAPS: u64 = 4;

/// Which bytes were read.
#[derive(Debug, Clone)]
pub struct Extent {
    shift: u32,
    /// The first byte and the one behind the last of what begins in each block.
    blocks: BTreeMap<u64, (u64, u64)>,
}

impl Default for Extent {
    fn default() -> Self {
        Self { shift: SHIFT, blocks: BTreeMap::new() }
    }
}

impl Extent {
    /// Adds a page.
    pub fn add(&mut self, start: u64, bytes: u64) {
        self.put(start, start.saturating_add(bytes));
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        other.blocks.values().for_each(|&(start, end)| self.put(start, end));
    }

    fn put(&mut self, start: u64, end: u64) {
        let block = self.blocks.entry(start >> self.shift).or_insert((start, end));
        *block = (block.0.min(start), block.1.max(end));
        while self.blocks.len() > BLOCKS {
            self.shift += 1;
            let finer = std::mem::take(&mut self.blocks);
            finer.into_values().for_each(|(start, end)| {
                let block = self.blocks.entry(start >> self.shift).or_insert((start, end));
                *block = (block.0.min(start), block.1.max(end));
            });
        }
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        let first = self.blocks.values().map(|block| block.0).min().unwrap_or(0);
        let last = self.blocks.values().map(|block| block.1).max().unwrap_or(0);
        let gap = (last - first).div_ceil(GAPS).max(1);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for &(start, end) in self.blocks.values() {
            match ranges.last_mut().filter(|range| start < range.end.saturating_add(gap)) {
                Some(range) => range.end = range.end.max(end),
                None => ranges.push(start..end),
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::Extent;

    const P: u64 = 4_096;

    fn extent(pages: impl IntoIterator<Item = u64>) -> Extent {
        let mut extent = Extent::default();
        pages.into_iter().for_each(|page| extent.add(page * P, P));
        extent
    }

    /// First page of each range, and the one behind it.
    fn ranges(extent: &Extent) -> Vec<(u64, u64)> {
        extent.ranges().into_iter().map(|range| (range.start / P, range.end / P)).collect()
    }

    #[test]
    fn far_parts_are_ranges_of_their_own() {
        assert_eq!(ranges(&extent([])), []);
        assert_eq!(ranges(&extent([7])), [(7, 8)]);
        assert_eq!(ranges(&extent([9, 3, 5])), [(3, 6), (9, 10)]);
        assert_eq!(ranges(&extent(0..100)), [(0, 100)]);
        assert_eq!(ranges(&extent((0..10).chain(900..1_000))), [(0, 10), (900, 1_000)]);
        // A hole that is small beside all of it.
        assert_eq!(ranges(&extent((0..40).chain(60..1_000))), [(0, 1_000)]);
    }

    #[test]
    fn many_pages_keep_their_ends() {
        let mut all = extent((0..50_000).map(|i| i * 7 % 50_000 * 3));
        assert!(all.blocks.len() <= super::BLOCKS);
        assert_eq!(ranges(&all), [(0, 149_998)]);
        all.merge(&extent([10_000_000]));
        assert_eq!(ranges(&all), [(0, 149_998), (10_000_000, 10_000_001)]);
    }
}
