//! Which memory was given back on advice (`madvise`), and when.

use std::ops::Range;

use crate::collections::piece_tree::{PieceTree, Span};

/// The last advice for a range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Advice {
    start: u64,
    end: u64,
    faults: u32,
    until_ns: u64,
}

impl Advice {
    /// As a fault at `time_ns` sees it.
    pub(crate) fn seen_at(&self, time_ns: u64) -> Dropped {
        Dropped { faults: self.faults, unsure: time_ns <= self.until_ns }
    }
}

impl Span for Advice {
    fn start(&self) -> u64 {
        self.start
    }

    fn end(&self) -> u64 {
        self.end
    }
}

/// Advice as a fault sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// How many faults the trace had seen when the advice was given.
    pub faults: u32,
    /// Whether the kernel may not have followed it yet, or not at all.
    pub unsure: bool,
}

/// All advice for one address space, by the place where the history of the pages is kept. A copy takes
/// constant time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drops {
    advice: PieceTree<Advice>,
}

impl Drops {
    /// After `faults` faults the pages of `start..end` were given back, at `until_ns` at the latest;
    /// `u64::MAX` if it is not known that they were.
    pub(crate) fn add(&mut self, (start, end): (u64, u64), faults: u32, until_ns: u64) {
        if start >= end {
            return;
        }
        let advice = Advice { start, end, faults, until_ns };
        // What is given back is mostly given back again and again.
        if let Some(old) = self.advice.starting_at(start).filter(|old| old.end == end) {
            *old = advice;
            return;
        }
        for addr in [start, end] {
            if let Some(old) = self.advice.at(addr).filter(|old| old.start < addr) {
                self.advice.insert(Advice { end: addr, ..old });
                self.advice.insert(Advice { start: addr, ..old });
            }
        }
        self.advice.remove(start, end);
        self.advice.insert(advice);
    }

    /// The last advice for an address as a fault at `time_ns` sees it.
    pub(crate) fn at(&self, addr: u64, time_ns: u64) -> Option<Dropped> {
        self.advice.at(addr).map(|advice| advice.seen_at(time_ns))
    }

    /// The last advice for an address, and the addresses for which it is the same.
    pub(crate) fn around(&self, addr: u64) -> (Range<u64>, Option<Advice>) {
        match self.advice.floor(addr) {
            Some(advice) if addr < advice.end => (advice.start..advice.end, Some(advice)),
            before => {
                let behind = self.advice.ceiling(addr).map_or(u64::MAX, |advice| advice.start);
                (before.map_or(0, |advice| advice.end)..behind, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_advice_for_an_address_counts() {
        let mut drops = Drops::default();
        drops.add((10, 40), 1, 100);
        drops.add((20, 30), 2, u64::MAX);
        drops.add((30, 30), 3, 0);
        let at = |addr| drops.at(addr, 101).map(|drop| (drop.faults, drop.unsure));
        assert_eq!(
            [9, 10, 20, 29, 30, 40].map(at),
            [None, Some((1, false)), Some((2, true)), Some((2, true)), Some((1, false)), None]
        );
        assert_eq!(drops.at(10, 100), Some(Dropped { faults: 1, unsure: true }));
    }

    #[test]
    fn advice_is_the_same_around_an_address() {
        let mut drops = Drops::default();
        assert_eq!(drops.around(7), (0..u64::MAX, None));
        drops.add((10, 40), 1, 100);
        drops.add((20, 30), 2, u64::MAX);
        drops.add((50, 60), 3, 0);
        let around = |addr| {
            let (range, advice) = drops.around(addr);
            (range, advice.map(|advice| advice.faults))
        };
        let ranges = [5, 10, 29, 30, 40, 49, 59, 60].map(around);
        let expected = [
            (0..10, None),
            (10..20, Some(1)),
            (20..30, Some(2)),
            (30..40, Some(1)),
            (40..50, None),
            (40..50, None),
            (50..60, Some(3)),
            (60..u64::MAX, None),
        ];
        assert_eq!(ranges, expected);
    }
}
