//! What happened to each page before: the memory that causes like `cow-zero` or `anon-refault` need.
//!
//! Moments are numbers of faults: half the size of a time, and a fork compares with them as well.

use crate::pages::drops::Dropped;
use crate::pages::page_blocks::PageBlocks;

/// Base-2 logarithm of the size from which on pages count as huge.
pub(crate) const HUGE_SHIFT: u32 = 21;
/// And of the largest that any machine has (16 GiB).
pub(crate) const LARGEST_SHIFT: u32 = 34;
/// Sizes beside the base page that are told apart: no machine has more. Pages of further ones, which only a file made
/// up can have, are kept like base pages.
const MAX_SIZES: usize = 6;

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

/// The pages of one address space: those larger than the base page by their size. On most machines there is one such
/// size if any, on arm64 there are up to four.
#[derive(Debug, Default)]
pub(crate) struct PageHistory {
    base: Pages,
    larger: Vec<(u32, Pages)>,
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
    /// [`PageHistory::visit`] of a page of this size, with what pages of other sizes went through and the last fault of
    /// those.
    #[inline]
    fn visit(
        &mut self,
        page: u64,
        (mapped, born, other, latest): (u32, u32, Past, Option<Latest>),
        now: u32,
        advice: Option<Dropped>,
        judge: impl FnOnce(Past) -> Change,
    ) {
        let place = self.entries.find_or_add(page, Entry::UNTOUCHED);
        let loss = match advice {
            Some(advice) => loss(self.latest_at(place, born, now), latest, now, advice),
            None => Loss::No,
        };
        let Some(entry) = self.entries.get_mut(place) else { return };
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
            self.note_latest(place, Latest { fault: now, unsure: advice.unsure });
        }
    }
}

/// Which page a fault is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageKey {
    /// Where its history is kept: an address in it.
    addr: u64,
    /// Number of the base page.
    base: u64,
    /// Base-2 logarithm of the size that the fault installed where that is more than a base page, 0 otherwise.
    shift: u32,
}

impl PageKey {
    /// The page at an address, of 2 to the power of `page_shift` bytes (0 where that is not known) where base pages are
    /// of `base_shift`.
    #[inline]
    pub(crate) const fn new(addr: u64, base_shift: u32, page_shift: u32) -> Self {
        let is_larger = page_shift > base_shift && page_shift < u64::BITS;
        Self { addr, base: addr >> base_shift, shift: if is_larger { page_shift } else { 0 } }
    }

    /// First and last address of a page larger than the base page; of a base page the address of the fault.
    pub(crate) const fn bounds(self) -> (u64, u64) {
        let mask = (1 << self.shift) - 1;
        (self.addr & !mask, self.addr | mask)
    }
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
        let (own, page) = self.own(key);
        let (other, latest) = self.others(key, born, before, advice.is_some());
        let loss = match advice {
            Some(advice) => loss(own.latest(page, born, before), latest, before, advice),
            None => Loss::No,
        };
        combine(own.past(page, born, before), other).after(loss)
    }

    /// The pages of the size of this one, and its number among them.
    fn own(&self, key: PageKey) -> (&Pages, u64) {
        let larger = self.larger.iter().find(|(shift, _)| *shift == key.shift);
        larger.map_or((&self.base, key.base), |(shift, pages)| (pages, key.addr >> shift))
    }

    /// The same to change.
    fn own_mut(&mut self, key: PageKey) -> (&mut Pages, u64) {
        if key.shift == 0 {
            return (&mut self.base, key.base);
        }
        let known = self.larger.iter().position(|(shift, _)| *shift == key.shift);
        if known.is_none() && self.larger.len() < MAX_SIZES {
            // From the finest on.
            let at = self.larger.partition_point(|(shift, _)| *shift < key.shift);
            self.larger.insert(at, (key.shift, Pages::default()));
            return self.own_mut(key);
        }
        match known.and_then(|index| self.larger.get_mut(index)) {
            Some((shift, pages)) => (pages, key.addr >> *shift),
            None => (&mut self.base, key.base),
        }
    }

    /// What the pages of other sizes went through that cover this one, or that it covers with its address; and the
    /// last fault of any of them, if that is wanted.
    fn others(
        &self,
        key: PageKey,
        born: u32,
        before: u32,
        wants_latest: bool,
    ) -> (Past, Option<Latest>) {
        let (mut past, mut latest) = (Past::default(), None);
        let sizes = self.larger.iter().map(|(shift, pages)| (*shift, pages, key.addr >> shift));
        let is_base = self.larger.is_empty() || !self.larger.iter().any(|size| size.0 == key.shift);
        let base = (!is_base).then_some((0, &self.base, key.base));
        for (_, pages, page) in base.into_iter().chain(sizes.filter(|size| size.0 != key.shift)) {
            past = combine(past, pages.past(page, born, before));
            if wants_latest {
                latest = later(latest, pages.latest(page, born, before));
            }
        }
        (past, latest)
    }

    /// The page faulted while advice for it was followed, which is known only after `faults` faults.
    pub(crate) fn doubt(&mut self, key: PageKey, faults: u32) {
        let (pages, page) = self.own_mut(key);
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
        // Where all pages are of one size, nothing else is looked at: it would cost a quarter more.
        if self.larger.is_empty() && key.shift == 0 {
            let known = (mapped, born, Past::default(), None);
            return self.base.visit(key.base, known, now, advice, judge);
        }
        self.own_mut(key);
        let (other, latest) = self.others(key, born, now, advice.is_some());
        let (own, page) = self.own_mut(key);
        own.visit(page, (mapped, born, other, latest), now, advice, judge);
    }
}

/// The later of two faults.
fn later(one: Option<Latest>, other: Option<Latest>) -> Option<Latest> {
    one.into_iter().chain(other).max_by_key(|latest| latest.fault)
}

/// What advice for a page means before fault `before`, by the last faults of the page itself and of
/// pages of other sizes there.
fn loss(own: Option<Latest>, other: Option<Latest>, before: u32, advice: Dropped) -> Loss {
    match later(own, other) {
        None => Loss::No,
        // Since then it has faulted again; whether it had before does not show any more.
        Some(latest) if latest.fault >= before => Loss::Unsure,
        Some(latest) if latest.fault >= advice.faults && latest.unsure => Loss::Unsure,
        Some(latest) if latest.fault >= advice.faults => Loss::No,
        Some(_) if advice.unsure => Loss::Unsure,
        Some(_) => Loss::Yes,
    }
}

/// The own past of a page of one size, and the past of pages of other sizes that covered it.
fn combine(own: Past, other: Past) -> Past {
    Past {
        faults: own.faults.saturating_add(other.faults),
        touched: own.touched || other.touched,
        state: if own.touched { own.state } else { other.state },
        loss: own.loss.max(other.loss),
    }
}

#[cfg(test)]
mod tests;
