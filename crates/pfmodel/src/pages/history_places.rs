//! Where the history of pages is kept once memory has moved.
//!
//! `mremap` moves gigabytes at once, so the history of the pages stays where it is, under their old
//! addresses, and the mapping remembers how far it moved (`Piece::history_offset`). What is mapped at
//! the old addresses later needs another place for its own history: one that no process can map.

use crate::collections::piece_tree::{PieceTree, Span};
use crate::pages::page_history::LARGEST_SHIFT;

/// First address of the places for what is mapped where moved memory was; above all of user space.
const FIRST_FREE: u64 = 1 << 60;

#[derive(Debug, Clone, Copy)]
struct Taken {
    start: u64,
    end: u64,
}

impl Span for Taken {
    fn start(&self) -> u64 {
        self.start
    }

    fn end(&self) -> u64 {
        self.end
    }
}

/// The places that moved memory has left its history in. A copy takes constant time.
#[derive(Debug, Clone)]
pub(crate) struct HistoryPlaces {
    taken: PieceTree<Taken>,
    next_free: u64,
}

impl Default for HistoryPlaces {
    fn default() -> Self {
        Self { taken: PieceTree::default(), next_free: FIRST_FREE }
    }
}

impl HistoryPlaces {
    /// Whether nothing ever moved.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.floor(u64::MAX).is_none()
    }

    /// The history of memory that is now elsewhere is kept at `start..end`.
    pub(crate) fn take(&mut self, start: u64, end: u64) {
        if start >= end || start >= FIRST_FREE {
            return;
        }
        let first = self.taken.at(start).map_or(start, |taken| taken.start);
        let last = self.taken.at(end - 1).map_or(end, |taken| taken.end);
        self.taken.remove(first, last);
        self.taken.insert(Taken { start: first, end: last });
    }

    /// What to add to the addresses of a new mapping `start..end` to get the place of its history:
    /// nothing, unless that of other memory is there.
    pub(crate) fn offset_for(&mut self, start: u64, end: u64) -> u64 {
        if self.taken.overlapping(start, end).next().is_none() {
            return 0;
        }
        // Huge pages stay whole.
        let huge = 1 << LARGEST_SHIFT;
        let place = self.next_free.next_multiple_of(huge) + start % huge;
        // Only impossible sizes come to the end of the numbers; their histories may mix.
        self.next_free = place.saturating_add(end - start).min(u64::MAX - 2 * huge);
        place.wrapping_sub(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_on_taken_places_gets_another_one() {
        let mut places = HistoryPlaces::default();
        assert!(places.is_empty());
        assert_eq!(places.offset_for(0x1000, 0x2000), 0);
        places.take(0x4000, 0x6000);
        places.take(0x5000, 0x8000);
        assert!(!places.is_empty());
        assert_eq!(places.offset_for(0x3000, 0x4000), 0);
        assert_eq!(places.offset_for(0x8000, 0x9000), 0);
        let first = places.offset_for(0x7000, 0x9000).wrapping_add(0x7000);
        let second = places.offset_for(0x5000, 0x6000).wrapping_add(0x5000);
        assert_eq!(
            (first, second),
            (FIRST_FREE + 0x7000, FIRST_FREE + (1 << LARGEST_SHIFT) + 0x5000)
        );
        places.take(first, first + 0x2000);
        assert_eq!(places.offset_for(first, first + 1), 0, "no process maps anything there");
    }

    #[test]
    fn impossible_sizes_do_not_overflow() {
        let mut places = HistoryPlaces::default();
        places.take(0, u64::MAX);
        for _ in 0..3 {
            assert_ne!(places.offset_for(1, u64::MAX), 0);
        }
    }
}
