//! What happened to each page before: the memory that causes like `cow-zero` or `anon-refault` need.
//!
//! Moments are numbers of faults: half the size of a time, and a fork compares with them as well.

use crate::keyed_map::KeyedMap;

/// Base-2 logarithm of the size from which on pages count as huge.
pub(crate) const HUGE_SHIFT: u32 = 21;

const NEVER: u32 = u32::MAX;

/// What is known of a page's content before a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PageState {
    /// Nothing.
    #[default]
    Unknown,
    /// Mapped without a private copy: the zero page, or the page cache.
    Clean,
    /// A private copy exists: the page was written.
    Private,
}

/// What is known of a page before a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Past {
    /// Completed faults of this page in this address space since it was mapped.
    pub faults: u32,
    /// It has faulted in before, here or in a process that this one was forked from.
    pub touched: bool,
    /// Its content.
    pub state: PageState,
}

/// How a fault changed what is known of its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The page is now mapped without a private copy.
    Clean,
    /// The page now has a private copy.
    Private,
    /// Either, and the trace does not tell.
    Forget,
    /// None.
    Keep,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    first: u32,
    faults: u32,
    clean: u32,
    private: u32,
}

/// The pages of one address space. A page of 2 MiB or more is kept by its 2 MiB range, any other by
/// the base page of its address.
#[derive(Debug, Default)]
pub(crate) struct PageHistory {
    base: Pages,
    huge: Pages,
}

/// Pages that lie together in memory: threads walk through pages, and one look-up into a large table
/// costs more than all the rest of a fault.
const BLOCK_SHIFT: u32 = 2;

#[derive(Debug, Default)]
struct Pages {
    blocks: KeyedMap<u64, [Entry; 1 << BLOCK_SHIFT]>,
}

impl Pages {
    fn position(page: u64) -> usize {
        (page & ((1 << BLOCK_SHIFT) - 1)) as usize
    }

    fn past(&self, page: u64, born: u32, before: u32) -> Past {
        let entry =
            self.blocks.get(&(page >> BLOCK_SHIFT)).map(|block| block[Self::position(page)]);
        entry.map_or(Past::default(), |entry| entry.past(born, before))
    }

    fn entry(&mut self, page: u64) -> &mut Entry {
        let block = self.blocks.entry(page >> BLOCK_SHIFT);
        &mut block.or_insert([Entry::UNTOUCHED; 1 << BLOCK_SHIFT])[Self::position(page)]
    }

    fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

/// Which page a fault is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageKey {
    /// Number of the base page.
    pub base: u64,
    /// Number of the 2 MiB range.
    pub range: u64,
    /// Whether the fault installed 2 MiB or more.
    pub huge: bool,
}

impl Entry {
    const UNTOUCHED: Self = Self { first: NEVER, faults: 0, clean: NEVER, private: NEVER };

    /// What was known just before fault `before`, of a mapping born at fault `born`.
    fn past(&self, born: u32, before: u32) -> Past {
        if self.first < born || self.first >= before {
            return Past::default();
        }
        let state = match (self.private < before, self.clean < before) {
            (true, _) => PageState::Private,
            (_, true) => PageState::Clean,
            _ => PageState::Unknown,
        };
        Past { faults: self.faults, touched: true, state }
    }

    fn change(&mut self, change: Change, now: u32) {
        match change {
            Change::Private => self.private = self.private.min(now),
            Change::Clean => (self.clean, self.private) = (self.clean.min(now), NEVER),
            Change::Forget => (self.clean, self.private) = (NEVER, NEVER),
            Change::Keep => {}
        }
    }
}

impl PageHistory {
    /// What was known of a page just before fault `before`, in a mapping born at fault `born`.
    pub(crate) fn past(&self, key: PageKey, born: u32, before: u32) -> Past {
        let base = self.base.past(key.base, born, before);
        if self.huge.is_empty() {
            return base;
        }
        let huge = self.huge.past(key.range, born, before);
        if key.huge { combine(huge, base) } else { combine(base, huge) }
    }

    /// Counts fault `now` of a page in a mapping born at fault `born`: gives its past to `judge` and
    /// takes the change that `judge` finds.
    pub(crate) fn visit(
        &mut self,
        key: PageKey,
        born: u32,
        now: u32,
        judge: impl FnOnce(Past) -> Change,
    ) {
        let (entry, other) = if key.huge {
            (self.huge.entry(key.range), self.base.past(key.base, born, now))
        } else if self.huge.is_empty() {
            (self.base.entry(key.base), Past::default())
        } else {
            (self.base.entry(key.base), self.huge.past(key.range, born, now))
        };
        if entry.first < born || entry.first == NEVER {
            *entry = Entry { first: now, ..Entry::UNTOUCHED };
        }
        let change = judge(combine(entry.past(born, now), other));
        entry.faults = entry.faults.saturating_add(1);
        entry.change(change, now);
    }
}

/// The own past of a page of one size, and the past of the page of another size that covered it.
fn combine(own: Past, other: Past) -> Past {
    Past {
        faults: own.faults.saturating_add(other.faults),
        touched: own.touched || other.touched,
        state: if own.touched { own.state } else { other.state },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: PageKey = PageKey { base: 512, range: 1, huge: false };
    const RANGE: PageKey = PageKey { base: 512, range: 1, huge: true };

    fn visit(pages: &mut PageHistory, key: PageKey, born: u32, now: u32, change: Change) -> Past {
        let mut seen = Past::default();
        pages.visit(key, born, now, |past| {
            seen = past;
            change
        });
        seen
    }

    #[test]
    fn a_page_remembers_faults_and_content() {
        let mut pages = PageHistory::default();
        assert_eq!(visit(&mut pages, PAGE, 0, 5, Change::Clean), Past::default());
        let second = visit(&mut pages, PAGE, 0, 6, Change::Private);
        assert_eq!(second, Past { faults: 1, touched: true, state: PageState::Clean });
        let third = visit(&mut pages, PAGE, 0, 7, Change::Forget);
        assert_eq!(third, Past { faults: 2, touched: true, state: PageState::Private });
        let fourth = visit(&mut pages, PAGE, 0, 8, Change::Keep);
        assert_eq!(fourth, Past { faults: 3, touched: true, state: PageState::Unknown });
    }

    #[test]
    fn a_new_mapping_starts_afresh() {
        let mut pages = PageHistory::default();
        visit(&mut pages, PAGE, 0, 5, Change::Private);
        assert_eq!(pages.past(PAGE, 6, 7), Past::default());
        assert_eq!(visit(&mut pages, PAGE, 6, 7, Change::Keep), Past::default());
        assert_eq!(pages.past(PAGE, 6, 8).faults, 1);
    }

    #[test]
    fn a_fork_sees_the_page_as_it_was_then() {
        let mut pages = PageHistory::default();
        visit(&mut pages, PAGE, 0, 5, Change::Clean);
        visit(&mut pages, PAGE, 0, 9, Change::Private);
        assert_eq!(pages.past(PAGE, 0, 5), Past::default());
        assert_eq!(pages.past(PAGE, 0, 7).state, PageState::Clean);
        assert_eq!(pages.past(PAGE, 0, 10).state, PageState::Private);
    }

    #[test]
    fn a_huge_page_covers_its_base_pages() {
        let mut pages = PageHistory::default();
        visit(&mut pages, RANGE, 0, 1, Change::Private);
        let inside = PageKey { base: 700, ..PAGE };
        let past = visit(&mut pages, inside, 0, 2, Change::Forget);
        assert_eq!(past, Past { faults: 1, touched: true, state: PageState::Private });
        // What the base page went through since counts more than the huge page before.
        assert_eq!(pages.past(inside, 0, 3).state, PageState::Unknown);
    }
}
