//! Distinct pages of groups.

use super::numbers::Hashed;

/// Base-2 logarithm of the pages that one entry holds, a bit for each.
const STRETCH_SHIFT: u32 = u64::BITS.ilog2();

/// The pages that the faults of each group hit, by what these installed. What is kept grows with the stretches of
/// memory that were touched, not with faults.
#[derive(Debug, Default)]
pub struct DistinctPages {
    /// By size, bytes: 0 where it is unknown.
    sizes: Vec<(u64, Pages)>,
}

/// A stretch of pages of a process, as far as a group touched it: group, process, number.
type Stretch = (u32, u32, u64);

#[derive(Debug, Default)]
struct Pages {
    bits: Hashed<Stretch, u64>,
    /// The stretch that was touched last, and what is to be added to its bits.
    last: Option<(Stretch, u64)>,
}

impl Pages {
    fn touch(&mut self, stretch: Stretch, bits: u64) {
        match &mut self.last {
            Some((last, last_bits)) if *last == stretch => *last_bits |= bits,
            _ => self.settle((stretch, bits)),
        }
    }

    fn settle(&mut self, next: (Stretch, u64)) {
        if let Some((stretch, bits)) = self.last.replace(next) {
            *self.bits.entry(stretch).or_default() |= bits;
        }
    }

    fn into_bits(mut self) -> Hashed<Stretch, u64> {
        if let Some((stretch, bits)) = self.last {
            *self.bits.entry(stretch).or_default() |= bits;
        }
        self.bits
    }
}

impl DistinctPages {
    /// A fault of a group installed `size_bytes` at base page `page` of a process.
    #[inline]
    pub fn touch(&mut self, group: u32, size_bytes: u64, proc: u32, page: u64) {
        let stretch = (group, proc, page >> STRETCH_SHIFT);
        let bit = 1 << (page & ((1 << STRETCH_SHIFT) - 1));
        self.of_size(size_bytes).touch(stretch, bit);
    }

    fn of_size(&mut self, size_bytes: u64) -> &mut Pages {
        // There are two or three.
        let found = self.sizes.iter().position(|&(size, _)| size == size_bytes);
        let index = found.unwrap_or_else(|| {
            self.sizes.push((size_bytes, Pages::default()));
            self.sizes.len() - 1
        });
        &mut self.sizes[index].1
    }

    /// Adds the pages of others, whose groups have these numbers here.
    pub fn merge(&mut self, others: Self, numbers: &[u32]) {
        for (size_bytes, others) in others.sizes {
            let pages = self.of_size(size_bytes);
            for ((group, proc, number), bits) in others.into_bits() {
                pages.touch((numbers[group as usize], proc, number), bits);
            }
        }
    }

    /// For each group, distinct pages, and the sum over sizes of distinct pages of that size times the size.
    pub fn counts(self, groups: usize) -> Vec<(u64, u64)> {
        let mut counts = vec![(0, 0_u64); groups];
        let mut all: Option<Hashed<Stretch, u64>> = None;
        for (size_bytes, pages) in self.sizes {
            let bits = pages.into_bits();
            for (&(group, ..), bits) in &bits {
                let touched = &mut counts[group as usize].1;
                let bytes = u64::from(bits.count_ones()).saturating_mul(size_bytes);
                *touched = touched.saturating_add(bytes);
            }
            match &mut all {
                None => all = Some(bits),
                // A page of any size is one page, by its address.
                Some(all) => {
                    bits.into_iter().for_each(|(s, bits)| *all.entry(s).or_default() |= bits);
                }
            }
        }
        for ((group, ..), bits) in all.unwrap_or_default() {
            counts[group as usize].0 += u64::from(bits.count_ones());
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::DistinctPages;

    #[test]
    fn pages_are_counted_once() {
        let mut pages = DistinctPages::default();
        for page in [1, 2, 1, 63, 64, 1, u64::MAX >> 12] {
            pages.touch(0, 4096, 7, page);
        }
        pages.touch(0, 4096, 8, 1);
        pages.touch(2, 4096, 7, 1);
        assert_eq!(pages.counts(3), [(6, 6 * 4096), (0, 0), (1, 4096)]);
    }

    #[test]
    fn a_page_of_two_sizes_is_one_page() {
        let mut pages = DistinctPages::default();
        pages.touch(0, 4096, 7, 512);
        pages.touch(0, 2 << 20, 7, 512);
        pages.touch(0, 0, 7, 512);
        pages.touch(0, 0, 7, 513);
        let touched = 4096 + (2 << 20);
        let mut others = DistinctPages::default();
        others.touch(1, 4096, 7, 512);
        others.touch(0, 4096, 7, 512);
        pages.merge(others, &[3, 0]);
        assert_eq!(pages.counts(4), [(2, touched), (0, 0), (0, 0), (1, 4096)]);
    }
}
