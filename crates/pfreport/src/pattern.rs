//! In which order faults walk through files.

use std::collections::HashMap;

use pfmodel::table::Analysis;

use crate::faults::file_offset;

/// How far ahead still counts as walking forward, bytes: readahead and fault-around skip pages that a
/// sequential reader never faults on.
const AHEAD_BYTES: u64 = 2 << 20;

/// Steps from one fault to the next of the same thread in the same file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pattern {
    /// All steps.
    pub steps: u64,
    /// Those to the page behind the page before.
    pub next_page: u64,
    /// Those forward by at most 2 MiB, the next page included.
    pub ahead: u64,
}

/// What a pattern looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Mostly page after page.
    Sequential,
    /// Mostly forward, skipping pages.
    Forward,
    /// Neither.
    Random,
}

impl Pattern {
    /// Walks over the chosen rows in order of time; faults outside files are left out.
    #[must_use]
    pub fn of(analysis: &Analysis, page_bytes: u32, rows: impl Iterator<Item = usize>) -> Self {
        let faults = &analysis.faults;
        let page_bytes = u64::from(page_bytes.max(1));
        let mut pattern = Self::default();
        let mut last_page = HashMap::new();
        for row in rows {
            let Some(mapping) = analysis.mappings.get(faults.mapping[row] as usize) else {
                continue;
            };
            let Some(offset) = file_offset(mapping, faults.addr[row]) else {
                continue;
            };
            let page = offset / page_bytes;
            let walker = (faults.proc[row], faults.tid[row], mapping.dev, mapping.inode);
            let Some(last) = last_page.insert(walker, page) else {
                continue;
            };
            pattern.steps += 1;
            pattern.next_page += u64::from(last.checked_add(1) == Some(page));
            pattern.ahead += u64::from(page > last && page - last <= AHEAD_BYTES / page_bytes);
        }
        pattern
    }

    /// The verdict; none for fewer than 16 steps.
    #[must_use]
    pub const fn order(&self) -> Option<Order> {
        if self.steps < 16 {
            None
        } else if self.next_page * 2 >= self.steps {
            Some(Order::Sequential)
        } else if self.ahead * 10 >= self.steps * 7 {
            Some(Order::Forward)
        } else {
            Some(Order::Random)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, Pattern};
    use crate::sample::{self, HEAP, MODEL, Row};

    fn walk(pages: impl Iterator<Item = u64>) -> Pattern {
        let mut loaded = sample::empty();
        for page in pages {
            let addr = 0x7f00_0000_0000 + page * 4_096;
            sample::push(&mut loaded.analysis, Row { addr, mapping: MODEL, ..Row::default() });
            // Another thread and anonymous memory in between do not count.
            let heap = Row { addr: 0x100_0000, mapping: HEAP, ..Row::default() };
            sample::push(&mut loaded.analysis, heap);
        }
        let rows = loaded.analysis.faults.len();
        Pattern::of(&loaded.analysis, 4_096, 0..rows)
    }

    #[test]
    fn page_after_page() {
        let pattern = walk(0..100);
        assert_eq!(pattern, Pattern { steps: 99, next_page: 99, ahead: 99 });
        assert_eq!(pattern.order(), Some(Order::Sequential));
    }

    #[test]
    fn jumps_of_readahead() {
        let pattern = walk((0..100).map(|i| i * 32));
        assert_eq!(pattern, Pattern { steps: 99, next_page: 0, ahead: 99 });
        assert_eq!(pattern.order(), Some(Order::Forward));
    }

    #[test]
    fn scattered() {
        let pattern = walk((0..100).map(|i| i * 7_919 % 10_007));
        assert_eq!(pattern, Pattern { steps: 99, next_page: 0, ahead: 0 });
        assert_eq!(pattern.order(), Some(Order::Random));
        assert_eq!(walk(0..16).order(), None);
    }
}
