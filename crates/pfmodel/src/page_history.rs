//! What happened to each page before: the memory that causes like `cow-zero` or `anon-refault` need.
//!
//! Moments are numbers of faults: half the size of a time, and a fork compares with them as well.

use crate::drops::Dropped;
use crate::page_blocks::PageBlocks;

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
    /// Whether it was given back since it last faulted in.
    pub loss: Loss,
}

impl Past {
    /// What it means for a page that has a file behind it: without the private copy, that is the content.
    pub(crate) fn of_file(self) -> Self {
        if self.loss == Loss::Yes { Self { state: PageState::Clean, ..self } } else { self }
    }

    /// The same where the page was not touched here, but perhaps in a process that this one was forked from.
    pub(crate) fn or_inherited(self, inherited: Self) -> Self {
        if self.touched { self } else { Self { faults: self.faults, ..inherited } }
    }

    /// Whether no cause can tell it from another: none depends on how often a page has faulted.
    pub(crate) fn is_same_for_causes(&self, other: &Self) -> bool {
        let Self { faults: _, touched, state, loss } = *self;
        (touched, state, loss) == (other.touched, other.state, other.loss)
    }

    fn after(self, loss: Loss) -> Self {
        match loss {
            Loss::No => self,
            Loss::Unsure | Loss::Yes => Self { state: PageState::Unknown, loss, ..self },
        }
    }
}

/// Whether the kernel took a page away, on advice, since it last faulted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Loss {
    #[default]
    No,
    Unsure,
    Yes,
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

#[derive(Debug, Default)]
struct Pages {
    entries: PageBlocks<Entry>,
    /// The last fault of pages for which there was advice, beside the first in their entry: by the places of
    /// entries, as far as there was any.
    latest: Vec<Latest>,
}

/// The default, fault 0, is never later than the first fault of a page.
#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    fault: u32,
    /// The kernel may have followed the advice only after this fault.
    unsure: bool,
}

impl Pages {
    fn past(&self, page: u64, born: u32, before: u32) -> Past {
        let entry = self.entries.find(page).and_then(|place| self.entries.get(place));
        entry.map_or(Past::default(), |entry| entry.past(born, before))
    }

    /// The last fault of a page since it was mapped, if that was before fault `before`.
    fn latest(&self, page: u64, born: u32, before: u32) -> Option<Latest> {
        self.latest_at(self.entries.find(page)?, born, before)
    }

    /// The same by the place of its entry. Earlier faults than the first advice are not told apart.
    fn latest_at(&self, place: usize, born: u32, before: u32) -> Option<Latest> {
        let first = self.entries.get(place)?.first;
        if first < born || first >= before {
            return None;
        }
        let latest = self.latest.get(place).filter(|latest| latest.fault >= first);
        Some(latest.map_or(Latest { fault: first, unsure: false }, |&latest| latest))
    }

    fn note_latest(&mut self, place: usize, latest: Latest) {
        if self.latest.len() <= place {
            self.latest.resize(self.entries.len(), Latest::default());
        }
        if let Some(last) = self.latest.get_mut(place) {
            *last = latest;
        }
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
        Past { faults: self.faults, touched: true, state, loss: Loss::No }
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
    /// What was known of a page just before fault `before`, in a mapping born at fault `born`, with the
    /// last advice for it.
    pub(crate) fn past(
        &self,
        key: PageKey,
        born: u32,
        before: u32,
        advice: Option<Dropped>,
    ) -> Past {
        let loss = match advice {
            Some(advice) => {
                let base = self.base.latest(key.base, born, before);
                loss(base, self.huge.latest(key.range, born, before), before, advice)
            }
            None => Loss::No,
        };
        let base = self.base.past(key.base, born, before);
        if self.huge.entries.is_empty() {
            return base.after(loss);
        }
        let huge = self.huge.past(key.range, born, before);
        if key.huge { combine(huge, base).after(loss) } else { combine(base, huge).after(loss) }
    }

    /// The page faulted while advice for it was followed, which is known only after `faults` faults.
    pub(crate) fn doubt(&mut self, key: PageKey, faults: u32) {
        let (pages, page) =
            if key.huge { (&mut self.huge, key.range) } else { (&mut self.base, key.base) };
        let place = pages.entries.find_or_add(page, Entry::UNTOUCHED);
        pages.note_latest(place, Latest { fault: faults, unsure: true });
    }

    /// Counts fault `now` of a page in a mapping born at fault `mapped`, with the last advice for it: gives its
    /// past, as known since fault `born`, to `judge` and takes the change that `judge` finds.
    pub(crate) fn visit(
        &mut self,
        key: PageKey,
        (mapped, born): (u32, u32),
        now: u32,
        advice: Option<Dropped>,
        judge: impl FnOnce(Past) -> Change,
    ) {
        let (own, page, other, other_page) = if key.huge {
            (&mut self.huge, key.range, &self.base, key.base)
        } else {
            (&mut self.base, key.base, &self.huge, key.range)
        };
        let place = own.entries.find_or_add(page, Entry::UNTOUCHED);
        let loss = match advice {
            Some(advice) => {
                let other = other.latest(other_page, born, now);
                loss(own.latest_at(place, born, now), other, now, advice)
            }
            None => Loss::No,
        };
        let other = match other.entries.is_empty() {
            true => Past::default(),
            false => other.past(other_page, born, now),
        };
        let Some(entry) = own.entries.get_mut(place) else { return };
        let mut earlier = 0;
        if entry.first < born || entry.first == NEVER {
            earlier = if entry.first < mapped { 0 } else { entry.faults };
            *entry = Entry { first: now, faults: earlier, ..Entry::UNTOUCHED };
        }
        let past = combine(entry.past(born, now), other).after(loss);
        let change = judge(Past { faults: past.faults.saturating_add(earlier), ..past });
        entry.faults = entry.faults.saturating_add(1);
        if loss != Loss::No {
            (entry.clean, entry.private) = (NEVER, NEVER);
        }
        entry.change(change, now);
        let first = entry.first;
        if let Some(advice) = advice.filter(|advice| advice.unsure || first < advice.faults) {
            own.note_latest(place, Latest { fault: now, unsure: advice.unsure });
        }
    }
}

/// What advice for a page means before fault `before`, by the last faults of the page itself and of the
/// page of another size there.
fn loss(own: Option<Latest>, other: Option<Latest>, before: u32, advice: Dropped) -> Loss {
    match own.into_iter().chain(other).max_by_key(|latest| latest.fault) {
        None => Loss::No,
        // Since then it has faulted again; whether it had before does not show any more.
        Some(latest) if latest.fault >= before => Loss::Unsure,
        Some(latest) if latest.fault >= advice.faults && latest.unsure => Loss::Unsure,
        Some(latest) if latest.fault >= advice.faults => Loss::No,
        Some(_) if advice.unsure => Loss::Unsure,
        Some(_) => Loss::Yes,
    }
}

/// The own past of a page of one size, and the past of the page of another size that covered it.
fn combine(own: Past, other: Past) -> Past {
    Past {
        faults: own.faults.saturating_add(other.faults),
        touched: own.touched || other.touched,
        state: if own.touched { own.state } else { other.state },
        loss: own.loss.max(other.loss),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: PageKey = PageKey { base: 512, range: 1, huge: false };
    const RANGE: PageKey = PageKey { base: 512, range: 1, huge: true };

    fn visit(pages: &mut PageHistory, key: PageKey, born: u32, now: u32, change: Change) -> Past {
        visit_advised(pages, key, (born, now), None, change)
    }

    fn visit_advised(
        pages: &mut PageHistory,
        key: PageKey,
        (born, now): (u32, u32),
        advice: Option<(u32, bool)>,
        change: Change,
    ) -> Past {
        let mut seen = Past::default();
        let advice = advice.map(|(faults, unsure)| Dropped { faults, unsure });
        pages.visit(key, (born, born), now, advice, |past| {
            seen = past;
            change
        });
        seen
    }

    fn known(faults: u32, state: PageState) -> Past {
        Past { faults, touched: true, state, loss: Loss::No }
    }

    #[test]
    fn a_page_remembers_faults_and_content() {
        let mut pages = PageHistory::default();
        assert_eq!(visit(&mut pages, PAGE, 0, 5, Change::Clean), Past::default());
        let second = visit(&mut pages, PAGE, 0, 6, Change::Private);
        assert_eq!(second, known(1, PageState::Clean));
        let third = visit(&mut pages, PAGE, 0, 7, Change::Forget);
        assert_eq!(third, known(2, PageState::Private));
        let fourth = visit(&mut pages, PAGE, 0, 8, Change::Keep);
        assert_eq!(fourth, known(3, PageState::Unknown));
    }

    #[test]
    fn a_new_mapping_starts_afresh() {
        let mut pages = PageHistory::default();
        visit(&mut pages, PAGE, 0, 5, Change::Private);
        assert_eq!(pages.past(PAGE, 6, 7, None), Past::default());
        assert_eq!(visit(&mut pages, PAGE, 6, 7, Change::Keep), Past::default());
        assert_eq!(pages.past(PAGE, 6, 8, None).faults, 1);
    }

    #[test]
    fn a_fork_sees_the_page_as_it_was_then() {
        let mut pages = PageHistory::default();
        visit(&mut pages, PAGE, 0, 5, Change::Clean);
        visit(&mut pages, PAGE, 0, 9, Change::Private);
        assert_eq!(pages.past(PAGE, 0, 5, None), Past::default());
        assert_eq!(pages.past(PAGE, 0, 7, None).state, PageState::Clean);
        assert_eq!(pages.past(PAGE, 0, 10, None).state, PageState::Private);
    }

    #[test]
    fn a_huge_page_covers_its_base_pages() {
        let mut pages = PageHistory::default();
        visit(&mut pages, RANGE, 0, 1, Change::Private);
        let inside = PageKey { base: 700, ..PAGE };
        let past = visit(&mut pages, inside, 0, 2, Change::Forget);
        assert_eq!(past, known(1, PageState::Private));
        // What the base page went through since counts more than the huge page before.
        assert_eq!(pages.past(inside, 0, 3, None).state, PageState::Unknown);
    }

    #[test]
    fn what_was_dropped_is_gone_until_the_next_fault() {
        let mut pages = PageHistory::default();
        visit(&mut pages, PAGE, 0, 5, Change::Private);
        let again = visit_advised(&mut pages, PAGE, (0, 8), Some((7, false)), Change::Clean);
        assert_eq!(again, Past { loss: Loss::Yes, ..known(1, PageState::Unknown) });
        let third = visit_advised(&mut pages, PAGE, (0, 9), Some((7, false)), Change::Private);
        assert_eq!(third, known(2, PageState::Clean), "advice counts once");
        let fourth = visit_advised(&mut pages, PAGE, (0, 12), Some((10, false)), Change::Keep);
        assert_eq!(fourth.loss, Loss::Yes);
        let other = PageKey { base: 600, ..PAGE };
        let first = visit_advised(&mut pages, other, (0, 13), Some((10, false)), Change::Clean);
        assert_eq!(first, Past::default(), "nothing was there to drop");
    }

    #[test]
    fn advice_under_way_leaves_the_content_open() {
        let mut pages = PageHistory::default();
        let open = |faults| Past { loss: Loss::Unsure, ..known(faults, PageState::Unknown) };
        visit(&mut pages, PAGE, 0, 5, Change::Private);
        let during = visit_advised(&mut pages, PAGE, (0, 8), Some((7, true)), Change::Private);
        assert_eq!(during, open(1));
        let behind = visit_advised(&mut pages, PAGE, (0, 9), Some((7, false)), Change::Private);
        assert_eq!(behind, open(2), "dropped before or after fault 8");
        let later = visit_advised(&mut pages, PAGE, (0, 10), Some((7, false)), Change::Private);
        assert_eq!(later, known(3, PageState::Private));
    }

    #[test]
    fn a_huge_page_is_dropped_with_its_range() {
        let mut pages = PageHistory::default();
        visit(&mut pages, RANGE, 0, 1, Change::Private);
        let again = visit_advised(&mut pages, PAGE, (0, 3), Some((2, false)), Change::Private);
        assert_eq!((again.loss, again.touched), (Loss::Yes, true));
        let next = visit_advised(&mut pages, PAGE, (0, 4), Some((2, false)), Change::Private);
        assert_eq!(next, known(2, PageState::Private));
    }

    #[test]
    fn a_fork_sees_what_was_dropped_before_it() {
        let mut pages = PageHistory::default();
        visit(&mut pages, PAGE, 0, 5, Change::Private);
        let advice = Some(Dropped { faults: 7, unsure: false });
        assert_eq!(pages.past(PAGE, 0, 8, advice).loss, Loss::Yes);
        visit_advised(&mut pages, PAGE, (0, 9), Some((7, false)), Change::Private);
        let unsure = Past { loss: Loss::Unsure, ..known(2, PageState::Unknown) };
        assert_eq!(pages.past(PAGE, 0, 8, advice), unsure);
        assert_eq!(pages.past(PAGE, 0, 10, advice).loss, Loss::No);
    }
}
