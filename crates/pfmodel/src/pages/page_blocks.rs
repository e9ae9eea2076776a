//! Something for each page, by the number of the page.

use crate::collections::keyed_map::KeyedMap;

/// Pages in a block: threads walk through pages, and one look-up into a large table costs more than all the
/// rest of a fault. Of 16 bytes each, four fill a cache line, and pages that lie alone waste no more than that.
const BLOCK_SHIFT: u32 = 2;
const BLOCK: usize = 1 << BLOCK_SHIFT;

/// One `T` for each page of the blocks in which a page was added. A place is the same as long as this lives.
#[derive(Debug)]
pub(crate) struct PageBlocks<T> {
    /// Places of blocks by number.
    places: KeyedMap<u64, u32>,
    /// Numbers of blocks by place: as they were added, so that a walk through memory that was walked through before
    /// in the same order goes from one to the next.
    numbers: Vec<u64>,
    items: Vec<T>,
    /// The blocks found last by [`PageBlocks::find_or_add`], each at a place that a stretch of memory chooses: threads
    /// take turns, and each walks through another.
    last: [u32; WALKS],
}

/// Walks of which that is remembered: more threads than fault at a time on most machines.
const WALKS: usize = 64;
/// Blocks of a stretch: 2 MiB of 4 KiB pages.
const STRETCH_SHIFT: u32 = 9 - BLOCK_SHIFT;
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Where the last block of the stretch with this block is remembered.
const fn walk(number: u64) -> usize {
    ((number >> STRETCH_SHIFT).wrapping_mul(SPREAD) >> 32) as usize % WALKS
}

impl<T> Default for PageBlocks<T> {
    fn default() -> Self {
        Self {
            places: KeyedMap::default(),
            numbers: Vec::new(),
            items: Vec::new(),
            last: [0; WALKS],
        }
    }
}

impl<T: Clone> PageBlocks<T> {
    /// The place of a page, if one of its block was added.
    pub(crate) fn find(&self, page: u64) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let number = page >> BLOCK_SHIFT;
        let block = match self.near_last(number) {
            Some(block) => block,
            None => *self.places.get(&number)? as usize,
        };
        Some(place(block, page))
    }

    /// The place of a page, which is added with its block: each of those `untouched`.
    pub(crate) fn find_or_add(&mut self, page: u64, untouched: T) -> usize {
        let number = page >> BLOCK_SHIFT;
        let block = match self.near_last(number) {
            Some(block) => block,
            None => {
                let next = self.numbers.len() as u32;
                let block = *self.places.entry(number).or_insert(next);
                if block == next {
                    self.numbers.push(number);
                    self.items.resize(self.items.len() + BLOCK, untouched);
                }
                block as usize
            }
        };
        self.last[walk(number)] = block as u32;
        place(block, page)
    }

    /// The block with that number if it is the last one of its stretch or the one behind it: three of four look-ups end
    /// here on a walk through memory, and nearly all on a second walk.
    fn near_last(&self, number: u64) -> Option<usize> {
        let last = self.last[walk(number)] as usize;
        let near = self.numbers.get(last..)?.iter().take(2);
        near.copied().position(|other| other == number).map(|behind| last + behind)
    }

    /// What is at a place.
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.items.get(place)
    }

    /// What is at a place, to change.
    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.items.get_mut(place)
    }

    /// Number of places.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether no page was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

fn place(block: usize, page: u64) -> usize {
    block << BLOCK_SHIFT | page as usize & (BLOCK - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_a_place_of_its_own() {
        let mut blocks = PageBlocks::<u32>::default();
        assert_eq!((blocks.find(7), blocks.is_empty()), (None, true));
        let pages = [7, 8, 0, 1 << 52, u64::MAX, 9, 6, 12];
        for (page, n) in pages.into_iter().zip(1..) {
            let place = blocks.find_or_add(page, 0);
            assert_eq!(blocks.get(place), Some(&0), "{page}");
            *blocks.get_mut(place).expect("there is one") = n;
        }
        // Six blocks: of 4, 8, 0, 1 << 52, the last one, and 12.
        assert_eq!(blocks.len(), 24);
        for (page, n) in pages.into_iter().zip(1..) {
            let found = blocks.find(page).and_then(|place| blocks.get(place));
            assert_eq!(found, Some(&n), "{page}");
            assert_eq!(Some(blocks.find_or_add(page, 0)), blocks.find(page), "{page}");
        }
        assert_eq!((blocks.find(16), blocks.len()), (None, 24));
    }
}
