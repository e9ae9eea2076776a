//! Rules about the order in which files are read, and what readahead did.

use pfmodel::names::{Cause, Class};

use super::{MS, NO_READAHEAD, ON_DEMAND, RANDOM, found, read, titles, trace};
use crate::made_up::Row;

const BACKWARD: &str = "Reads of a file from its end to its start";
const CACHED_START: &str = "A cached file mapped page by page";

/// A fault at a page of the model file that was in memory.
fn cached(page: u64) -> Row {
    Row { class: Class::Minor, cause: Cause::FileCached, latency: Some(5_000), ..read(page) }
}

/// The n-th of 2,000 places in random order, a thousand pages apart.
fn place(number: u64) -> u64 {
    number * 761 % 2_000 * 1_100
}

#[test]
fn random_reads_without_readahead() {
    // Each window of 16 pages twice or more.
    let loaded = trace((0..200).map(|i| read(i * 397 % 1_009)));
    let advice = found(&loaded);
    assert_eq!(advice.len(), 1);
    assert_eq!(advice[0].title, RANDOM);
    assert_eq!(
        advice[0].cost_text,
        "200 major faults of 2 ms on average, 400 ms of stall (100 % of all, 4.0 % of the wall time)"
    );
    assert_eq!(
        advice[0].evidence,
        [
            "166 of 166 first touches within 64 KiB of an earlier read (100 %) had to read as well, \
             though reading around a fault brings pages in by default: readahead is off or pages did \
             not stay",
            "each installs 4 KiB; 0 % of 199 steps lead to the next page, 61 % at most 2 MiB ahead"
        ]
    );
    assert!(advice[0].worth_trying.starts_with("look for MADV_RANDOM"));
}

#[test]
fn random_reads_with_readahead() {
    // A page behind each fourth place is touched as well, which a read brought along.
    let used = |part: u64, pages: u64| {
        let rows = (0..200).flat_map(move |i| {
            let along = if i % part == 0 { pages } else { 0 };
            let read = Row { latency: Some(7 * MS), ..read(place(i)) };
            [read].into_iter().chain((1..=along).map(move |page| cached(place(i) + page)))
        });
        found(&trace(rows)).remove(0)
    };
    let few = used(4, 1);
    assert_eq!(few.title, RANDOM);
    assert_eq!(
        few.evidence[0],
        "50 of 50 first touches within 64 KiB of an earlier read (100 %) found their page in memory: \
         each read brings its neighbours along, of which 0.2 were used per read"
    );
    assert_eq!(
        few.worth_trying,
        "MADV_RANDOM on this mapping, or a smaller read_ahead_kb of the disk, so that each fault reads \
         what it needs; more memory where pages are read again; or load what is needed before it is \
         touched, many pages at a time (MADV_WILLNEED, MADV_POPULATE_READ), or the whole file if it fits"
    );
    // A file larger than memory: pages near the last reads are there, those near earlier ones are gone.
    let far = (0..400).flat_map(|i| {
        let along = (i % 10 == 0).then(|| cached(place(i % 200) + i / 200 + 200));
        [read(place(i % 200) + i / 200)].into_iter().chain(along)
    });
    let far = found(&trace(far.map(|row| Row { latency: Some(7 * MS), ..row }))).remove(0);
    assert_eq!(
        far.evidence[0],
        "40 of 40 first touches within 1 MiB of one of the 8 reads before (100 %) found their page in \
         memory: each read brings its neighbours along, of which 0.1 were used per read"
    );
    assert!(far.worth_trying.starts_with("MADV_RANDOM on this mapping"));
    let many = used(1, 10);
    assert!(many.evidence[0].ends_with("10.0 were used per read"), "{:?}", many.evidence);
    assert!(many.worth_trying.starts_with("load what is needed"), "{}", many.worth_trying);
}

#[test]
fn whether_readahead_is_on_is_not_always_to_be_seen() {
    let unknown = |rows: Vec<Row>| {
        let advice = found(&trace(rows)).remove(0);
        assert_eq!(advice.title, RANDOM);
        assert!(advice.worth_trying.starts_with("compare the size of the disk's reads"));
        advice.evidence[0].clone()
    };
    assert_eq!(
        unknown((0..200).map(|i| read(place(i))).collect()),
        "reads may bring neighbours along that are not used or do not stay, or readahead is off, which \
         the trace does not tell: 0 of 0 first touches within 64 KiB of an earlier read had to read as \
         well; each took 2 ms, where 4 KiB take an SSD about 0.1 ms"
    );
    // A file larger than memory: neighbours that were read along long ago are gone.
    let twice = |latency| {
        let twice = (0..400).map(move |i| read(place(i % 200) + i / 200));
        twice.map(|row| Row { latency, ..row }).collect::<Vec<_>>()
    };
    let slow = unknown(twice(Some(7 * MS)));
    assert!(slow.contains("200 of 200 first touches within 64 KiB"), "{slow}");
    let fast = &found(&trace(twice(Some(MS))))[0];
    assert!(fast.worth_trying.starts_with("look for MADV_RANDOM"), "{}", fast.worth_trying);
    // Where most of a file was in memory before, so are the neighbours of what was not.
    let warm = |i| [read(place(i)), cached(place(i) + 1), cached(place(1_000 + i))];
    let rows = (0..200).flat_map(warm).chain((0..600).map(|i| cached(place(1_200 + i))));
    assert!(unknown(rows.collect()).contains("0 of 200 first touches within 64 KiB"));
}

#[test]
fn reads_in_order_are_not_random() {
    assert_eq!(titles(&trace((0..200).map(|i| read(i * 32)))), [ON_DEMAND]);
    assert_eq!(titles(&trace((0..200).map(read))), [NO_READAHEAD]);
}

#[test]
fn few_reads_in_any_order_are_waits() {
    let slow = |rows: &mut dyn Iterator<Item = Row>| {
        found(&trace(rows.map(|row| Row { latency: Some(9 * MS), ..row }))).remove(0)
    };
    for number in [12, 16, 17, 40, 63] {
        let random = slow(&mut (0..number).map(|i| read(place(i))));
        assert_eq!(random.title, ON_DEMAND, "{number}");
        let in_order = slow(&mut (0..number).map(read));
        assert_eq!(in_order.title, ON_DEMAND, "{number}");
    }
    let random = slow(&mut (0..63).map(|i| read(place(i))));
    assert_eq!(
        random.evidence,
        [
            "all of them read from the disk",
            "the reads of /srv/models/model.gguf are few, but in random order"
        ]
    );
    assert!(random.worth_trying.ends_with("is used, MADV_RANDOM"), "{}", random.worth_trying);
    assert_eq!(slow(&mut (0..64).map(|i| read(place(i)))).title, RANDOM);
}

#[test]
fn reads_from_the_end_to_the_start() {
    let down = |step: u64| trace((0..60).rev().map(move |i| read(i * step)));
    for step in [1, 16, 1_024] {
        let advice = found(&down(step)).remove(0);
        assert_eq!(advice.title, BACKWARD, "{step}");
        assert_eq!(
            advice.evidence,
            ["100 % of 59 steps from one read to the next lead to a lower page"]
        );
        assert!(advice.worth_trying.starts_with("read forward: "), "{}", advice.worth_trying);
    }
    assert_eq!(titles(&trace((0..60).map(|i| read(i * 16)))), [ON_DEMAND]);
}

#[test]
fn what_reads_brought_in_was_not_in_memory_before() {
    // All of the file, read in 128 parts of 512 pages: by reads, or as it was there already.
    let all = |is_read: fn(u64) -> bool| {
        let row = move |i: u64| if is_read(i) { read(i) } else { cached(i) };
        titles(&trace((0..65_536).step_by(16).map(row)))
    };
    assert_eq!(all(|i| i % 512 == 0), [ON_DEMAND]);
    assert!(!all(|i| i == 0).contains(&ON_DEMAND), "2 ms are not worth it");
    let cached_only =
        trace((0..65_536).step_by(4).map(|i| Row { latency: Some(30_000), ..cached(i) }));
    assert_eq!(titles(&cached_only), [CACHED_START]);
}

#[test]
fn with_pages_of_64_kib_only_the_page_before_is_read_along() {
    let evidence = |neighbour: fn(u64) -> u64| {
        // The first of the 16 pages of 4 KiB that are one.
        let at = |i| place(i) / 16 * 16 + 16;
        let rows = (0..100).map(|i| read(at(i))).chain((0..100).map(|i| read(neighbour(at(i)))));
        let rows = rows.map(|row| Row { size: 64 << 10, ..row });
        let mut loaded = trace(rows);
        loaded.header.page_size_bytes = 64 << 10;
        found(&loaded).remove(0).evidence.remove(0)
    };
    let behind = evidence(|at| at + 16);
    assert!(behind.contains(": 0 of 0 first touches within 64 KiB of an earlier read"), "{behind}");
    let before = evidence(|at| at - 16);
    assert!(before.contains(": 100 of 100 first touches within 64 KiB"), "{before}");
}
