use super::*;

const PAGE: PageKey = PageKey::new(512 << 12, 12, 12);
const RANGE: PageKey = PageKey::new(512 << 12, 12, 21);

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
    let inside = PageKey::new(700 << 12, 12, 12);
    let past = visit(&mut pages, inside, 0, 2, Change::Forget);
    assert_eq!(past, known(1, PageState::Private));
    // What the base page went through since counts more than the huge page before.
    assert_eq!(pages.past(inside, 0, 3, None).state, PageState::Unknown);
}

#[test]
fn pages_of_any_size_cover_what_is_in_them() {
    // arm64 with base pages of 64 KiB: 2 MiB of contiguous ones, and blocks of 512 MiB.
    let page = |addr, shift| PageKey::new(addr, 16, shift);
    let (near, far) = (0x7f00_0001_0000, 0x7f00_1fff_ffff);
    let mut pages = PageHistory::default();
    visit(&mut pages, page(0x7f00_0000_0000, 29), 0, 1, Change::Private);
    for addr in [near, far] {
        assert_eq!(pages.past(page(addr, 16), 0, 2, None), known(1, PageState::Private));
        assert_eq!(pages.past(page(addr, 21), 0, 2, None), known(1, PageState::Private));
    }
    assert_eq!(pages.past(page(far + 1, 16), 0, 2, None), Past::default());
    visit(&mut pages, page(near, 21), 0, 2, Change::Clean);
    assert_eq!(pages.past(page(near + 0x10_0000, 16), 0, 3, None).state, PageState::Clean);
    assert_eq!(pages.past(page(near + 0x20_0000, 16), 0, 3, None).state, PageState::Private);
    // The large page goes, too, where all of it was dropped.
    let advice = Some(Dropped { faults: 3, unsure: false });
    assert_eq!(pages.past(page(far, 16), 0, 4, advice).loss, Loss::Yes);
}

#[test]
fn sizes_that_no_machine_has_are_bounded() {
    let mut pages = PageHistory::default();
    for (now, shift) in (0..).zip(13..64) {
        visit(&mut pages, PageKey::new(1 << 40, 12, shift), 0, now, Change::Keep);
    }
    assert_eq!(pages.larger.len(), MAX_SIZES);
    assert_eq!(pages.past(PageKey::new(1 << 40, 12, 12), 0, 100, None).faults, 51);
    for shift in [0, 11, 12, 64, 255] {
        assert_eq!(PageKey::new(1 << 40, 12, shift).bounds(), (1 << 40, 1 << 40), "{shift}");
    }
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
    let other = PageKey::new(600 << 12, 12, 12);
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
