//! The address ranges of a process that some record or snapshot has described: what lies outside
//! calls for a snapshot.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of addresses as disjoint ranges; neighbours are joined.
#[derive(Debug, Clone, Default)]
pub struct KnownRanges {
    /// Start to end.
    ranges: BTreeMap<u64, u64>,
}

impl KnownRanges {
    /// Adds a range.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        while let Some((&from, &to)) = self.ranges.range(..=end).next_back() {
            if to < start {
                break;
            }
            self.ranges.remove(&from);
            start = start.min(from);
            end = end.max(to);
        }
        self.ranges.insert(start, end);
    }

    /// The range that holds `addr`.
    #[must_use]
    pub fn find(&self, addr: u64) -> Option<Range<u64>> {
        let (&start, &end) = self.ranges.range(..=addr).next_back()?;
        (addr < end).then_some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_and_overlaps_join() {
        let mut known = KnownRanges::default();
        known.insert(0x1000..0x2000);
        known.insert(0x4000..0x5000);
        assert_eq!(known.find(0x1fff), Some(0x1000..0x2000));
        assert_eq!(known.find(0x2000), None);
        assert_eq!(known.find(0xfff), None);
        known.insert(0x2000..0x3000);
        assert_eq!(known.find(0x2fff), Some(0x1000..0x3000));
        known.insert(0x2800..0x4800);
        assert_eq!(known.find(0x1000), Some(0x1000..0x5000));
        known.insert(0x1800..0x1900);
        assert_eq!(known.find(0x4fff), Some(0x1000..0x5000));
        known.insert(0x9000..0x9000);
        assert_eq!(known.find(0x9000), None);
    }
}
