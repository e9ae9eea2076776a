//! Rules about memory: copies, huge pages, stacks, what was given back, slow faults, and rates.

use pfmodel::names::{Cause, RegionKind};
use pfmodel::table::NONE;
use pft::keys::fact;

use super::{MS, PAGE, add, found, heap, large, only, read, titles, trace};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, Row};

/// The server with a heap in its child, which was forked after a second.
fn family() -> (Loaded, u32) {
    let mut loaded = made_up::two_processes();
    let mut heap = loaded.analysis.mappings[HEAP as usize].clone();
    heap.proc = 1;
    loaded.analysis.mappings.push(heap);
    (loaded, 3)
}

#[test]
fn copies_after_fork() {
    let (mut loaded, childs) = family();
    add(&mut loaded, (0..1_500).map(|i| heap(i, Cause::CowAnon)));
    let child = |i| Row { proc: 1, tid: 101, mapping: childs, ..heap(i, Cause::CowAnon) };
    add(&mut loaded, (0..500).map(child));
    let advice = &found(&loaded)[0];
    assert_eq!(advice.title, "Copying memory after fork");
    assert_eq!(advice.place, "memory of server (pid 4242) and its children");
    assert_eq!(
        advice.cost_text,
        "2,000 copy-on-write faults of 100 µs on average, 200 ms of stall (100 % of all, 2.0 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        [
            "at most 7.81 MiB copied after 1 fork, 1,500 by the parent and 500 by children, the last \
             1.2 s after the first fork",
            "the most in [heap] of server (pid 4242)"
        ]
    );
    (0..300).for_each(|row| loaded.analysis.faults.cause[row] = Cause::CowAnonOrZero);
    assert_eq!(
        found(&loaded)[0].evidence[2],
        "300 of them are on pages whose past the trace did not see: the copy may be the first of the \
         zero page there"
    );
}

#[test]
fn copies_without_a_fork_that_was_seen_are_silent() {
    let faults = || (0..2_000).map(|i| heap(i, Cause::CowAnon));
    let mut loaded = trace(faults());
    assert_eq!(titles(&loaded), ["Copying memory after fork"]);
    loaded.analysis.processes[1].parent = NONE;
    assert_eq!(titles(&loaded), [""; 0]);
    let mut loaded = trace(faults());
    loaded.analysis.processes[1].first_seen_ns = 9_000 * MS;
    assert_eq!(titles(&loaded), [""; 0]);
    // Copies of the zero page and of a file are no matter of a fork.
    let zero = (0..2_000).map(|i| Row { cause: Cause::CowZero, ..heap(i, Cause::CowAnon) });
    assert_eq!(titles(&trace(zero)), [""; 0]);
}

#[test]
fn writes_to_what_was_swapped_in_since_are_no_copies_after_fork() {
    let swapped = |fork_ns: u64| {
        let mut loaded = trace((0..2_000).map(|i| heap(i, Cause::AnonUnknown)));
        add(&mut loaded, (0..2_000).map(|i| heap(i, Cause::CowAnon)));
        loaded.analysis.processes[1].first_seen_ns = fork_ns;
        titles(&loaded)
    };
    // Read from 2.0 s to 2.2 s, written from then on.
    assert!(!swapped(1_000 * MS).contains(&"Copying memory after fork"));
    assert!(swapped(2_200 * MS).contains(&"Copying memory after fork"));
}

/// Touches every `step`-th page of `bytes` of memory.
fn touched(bytes: u64, step: u64, setting: &str) -> Loaded {
    let mut loaded = made_up::empty();
    let start = 0x6000_0000_0000;
    let memory = large(&mut loaded, RegionKind::Anon, start, bytes);
    let row = |i| Row {
        latency: Some(10_000),
        addr: start + i * step * PAGE,
        mapping: memory,
        ..heap(0, Cause::AnonFirstTouch)
    };
    add(&mut loaded, (0..bytes / PAGE / step).map(row));
    loaded.facts.insert(fact::VM_THP_ENABLED.to_owned(), setting.to_owned());
    loaded
}

#[test]
fn large_memory_without_huge_pages() {
    let advice = &found(&touched(64 << 20, 1, "madvise"))[0];
    assert_eq!(advice.title, "First touch of large memory without huge pages");
    assert_eq!(advice.place, "[anon] of server (pid 4242)");
    assert_eq!(
        advice.cost_text,
        "16,384 first touches of 10 µs on average, 164 ms of stall (100 % of all, 1.6 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        [
            "64 MiB were touched 4 KiB at a time; 32 faults of 2 MiB would do",
            "transparent huge pages were given on request only (madvise)",
            "it is at 0x600000000000, 64 MiB mapped"
        ]
    );
    assert!(advice.worth_trying.starts_with("MADV_HUGEPAGE on this memory"));
    let tries = |setting| found(&touched(64 << 20, 1, setting))[0].worth_trying.clone();
    assert!(tries("never").starts_with("transparent_hugepage/enabled = madvise"));
    assert!(tries("always").starts_with("find out which of these it is"));
    assert!(tries("").starts_with("transparent huge pages (MADV_HUGEPAGE)"));
}

#[test]
fn small_or_sparse_memory_needs_no_huge_pages() {
    let none = [""; 0];
    assert_eq!(titles(&touched((64 << 20) - 4_096, 1, "always")), none);
    assert_eq!(titles(&touched(128 << 20, 2, "always")).len(), 1);
    // One page of three: huge pages would take three times the memory.
    assert_eq!(titles(&touched(256 << 20, 3, "always")), none);
    let mut loaded = touched(64 << 20, 1, "always");
    loaded.analysis.faults.page_size_bytes.fill(2 << 20);
    assert_eq!(titles(&loaded), none);
}

/// A mapping of a cached file of which a page in every `step` windows is read.
fn cached(step: u64) -> Loaded {
    let mut loaded = made_up::empty();
    let start = 0x6000_0000_0000;
    let file = large(&mut loaded, RegionKind::File, start, 4_000 * 16 * PAGE);
    let row = |i| Row {
        latency: Some(50_000),
        addr: start + i * step * 16 * PAGE,
        mapping: file,
        ..heap(0, Cause::FileCached)
    };
    add(&mut loaded, (0..4_000 / step).map(row));
    loaded
}

#[test]
fn a_cached_file_is_mapped_page_by_page() {
    let advice = &found(&cached(1))[0];
    assert_eq!(advice.title, "A cached file mapped page by page");
    assert_eq!(advice.place, "/srv/data.bin of server (pid 4242)");
    assert_eq!(
        advice.cost_text,
        "4,000 minor faults of 50 µs on average, 200 ms of stall (100 % of all, 2.0 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        ["its pages were in memory already; the faults are in 100 % of the 64 KiB windows of the \
             mapping (250 MiB)"]
    );
    assert_eq!(titles(&cached(2)).len(), 1);
    assert_eq!(titles(&cached(3)), [""; 0]);
    // Code is mapped by the loader.
    let mut code = cached(1);
    code.analysis.mappings.last_mut().unwrap().kind = RegionKind::Text;
    assert_eq!(titles(&code), [""; 0]);
}

#[test]
fn stacks_that_grow() {
    let growths = |number: u64| {
        let mut loaded = made_up::empty();
        let stack = large(&mut loaded, RegionKind::Stack, 0x7ffc_0000_0000, 1 << 30);
        loaded.analysis.mappings[stack as usize].region = b"[stack]".to_vec();
        let row = |i| Row {
            latency: Some(400_000),
            addr: 0x7ffc_3000_0000 - i * PAGE,
            mapping: stack,
            ..heap(0, Cause::StackGrowth)
        };
        add(&mut loaded, (0..number).map(row));
        loaded.analysis.faults.slow.fill(false);
        loaded
    };
    let advice = &found(&growths(256))[0];
    assert_eq!(advice.title, "A stack that grows and grows");
    assert_eq!(advice.place, "[stack] of server (pid 4242)");
    assert_eq!(
        advice.cost_text,
        "256 growths of 400 µs on average, 102 ms of stall (100 % of all, 1.0 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        ["the kernel extended the stack at each of these faults, over 1 MiB, from 2.000 s to \
             2.102 s"]
    );
    assert_eq!(titles(&growths(255)), [""; 0]);
}

#[test]
fn memory_given_back() {
    let refaults = |first: u64, again: u64| {
        let rows = (0..first).map(|i| heap(i % 4_000, Cause::AnonFirstTouch));
        trace(rows.chain((0..again).map(|i| heap(i, Cause::AnonRefault))))
    };
    let mut loaded = refaults(1_000, 3_000);
    let text = only(&loaded);
    assert!(text.starts_with(
        "Memory given back and touched again: [heap] of server (pid 4242), 3,000 re-faults of 100 µs on average, 300 ms \
         of stall (75 % of all, 3.0 % of the wall time). 75 % of the faults there (11.7 MiB) are of \
         pages that had been touched before and were gone. Worth trying: let the allocator keep it"
    ));
    assert!(found(&loaded)[0].evidence[1].starts_with("calls were not recorded"));
    loaded.facts.insert(fact::CAPTURE_CALLS.to_owned(), "yes".to_owned());
    assert!(found(&loaded)[0].evidence[1].starts_with("each had been dropped by advice"));
    assert_eq!(titles(&refaults(0, 999)), [""; 0]);
    assert_eq!(titles(&refaults(10_000, 1_100)), [""; 0]);
}

#[test]
fn a_heap_that_is_trimmed() {
    let trimmed = |first: u64, again: u64| {
        let mut loaded = trace((0..first).map(|i| heap(i % 4_000, Cause::AnonFirstTouch)));
        add(&mut loaded, (0..again).map(|i| heap(i % 500, Cause::AnonUnknown)));
        loaded.analysis.faults.nth[first as usize..].fill(7);
        loaded.analysis.faults.slow.fill(false);
        loaded
    };
    let mut loaded = trimmed(1_000, 3_000);
    let advice = &found(&loaded)[0];
    assert_eq!(advice.title, "Heap given back and touched again");
    assert_eq!(advice.place, "[heap] of server (pid 4242)");
    assert_eq!(
        advice.cost_text,
        "3,000 later touches of 100 µs on average, 300 ms of stall (75 % of all, 3.0 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        [
            "75 % of the faults there touch pages that had been there before, 1.95 MiB of them, up to 7 \
             times each",
            "what took the pages is not recorded: most likely the allocator gave the end of the heap \
             back (brk) and grew it again"
        ]
    );
    assert!(advice.worth_trying.contains("glibc.malloc.trim_threshold="));
    let note = "had faulted before in the same mapping and was gone again; --patterns counts";
    let screen =
        |loaded: &Loaded| crate::outputs::summary::tests::screen(loaded).replace("\n  ", " ");
    assert!(!screen(&loaded).contains(note));
    let few = trimmed(12_000, 1_300);
    assert_eq!(titles(&few), [""; 0]);
    assert!(screen(&few).contains(&format!("1,300 faults (9.8 % of all) hit a page that {note}")));
    // They may as well come from the swap cache.
    loaded.analysis.faults.cause[0] = Cause::SwapIn;
    assert_eq!(titles(&loaded), [""; 0]);
    let mut first = trimmed(0, 3_000);
    first.analysis.faults.nth.fill(1);
    assert_eq!(titles(&first), [""; 0]);
}

/// Memory of 8 MiB that is mapped and touched so many times, each time at the same addresses or not.
fn mapped_anew(rounds: u64, same: bool) -> Loaded {
    let mut loaded = made_up::empty();
    for round in 0..rounds {
        let start = 0x6000_0000_0000 + if same { 0 } else { round * (16 << 20) };
        let memory = large(&mut loaded, RegionKind::Anon, start, 8 << 20);
        let row = |i| Row {
            latency: Some(10_000),
            addr: start + i * PAGE,
            mapping: memory,
            ..heap(0, Cause::AnonFirstTouch)
        };
        add(&mut loaded, (0..2_048).map(row));
    }
    loaded
}

#[test]
fn memory_mapped_anew() {
    let advice = found(&mapped_anew(10, true));
    let titles_found: Vec<_> = advice.iter().map(|advice| advice.title).collect();
    let huge = "First touch of large memory without huge pages";
    assert_eq!(titles_found, [huge, "Memory mapped anew and touched again"]);
    // Four of each mapping.
    assert_eq!(
        advice[0].evidence[0],
        "80 MiB were touched 4 KiB at a time; 40 faults of 2 MiB would do"
    );
    assert_eq!(
        advice[1].cost_text,
        "18,432 first touches of 10 µs on average, 184 ms of stall (90 % of all, 1.8 % of the wall time)"
    );
    assert_eq!(
        advice[1].evidence,
        [
            "90 % of the faults there touch addresses that were in use before, unmapped and mapped anew: \
          10 mappings in a stretch of 8 MiB"
        ]
    );
    assert!(advice[1].worth_trying.contains("M_MMAP_THRESHOLD"));
    assert_eq!(titles(&mapped_anew(10, false)), [""; 0]);
}

#[test]
fn slow_minor_faults() {
    let slow = |cause| trace((0..100).map(|i| Row { latency: Some(MS), ..heap(i, cause) }));
    let advice = &found(&slow(Cause::AnonFirstTouch))[0];
    assert_eq!(advice.title, "Minor faults that wait");
    assert_eq!(
        advice.cost_text,
        "100 slow minor faults of 1 ms on average, 100 ms of stall (100 % of all, 1.0 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        [
            "each took longer than 100 µs, the longest 1 ms",
            "100 are anon-first-touch, 100 % of their stall time"
        ]
    );
    assert!(advice.worth_trying.starts_with("look at memory pressure"));
    let huge = slow(Cause::HugePage);
    assert!(found(&huge)[0].worth_trying.starts_with("touch the memory ahead of use"));
    let notified = found(&slow(Cause::WriteNotify)).remove(0);
    assert!(notified.worth_trying.starts_with("the first write to a page of a file waits"));
    assert!(notified.unknown.contains("the file system"));
    let cached = found(&slow(Cause::FileCached)).remove(0);
    assert!(cached.worth_trying.starts_with("look at what else works on the file"));
    // Waits for a file have advice of their own.
    assert_eq!(titles(&slow(Cause::FileWait)), [""; 0]);
    let mut fast = slow(Cause::AnonFirstTouch);
    fast.analysis.faults.slow.fill(false);
    assert_eq!(titles(&fast), [""; 0]);
}

#[test]
fn more_major_faults_than_the_alert() {
    let majors = |number| trace((0..number).map(|i| Row { latency: Some(200), ..read(i * 32) }));
    let text = only(&majors(5_001));
    assert_eq!(
        text,
        "500 major faults/s over the whole recording exceed the usual alert of 500/s."
    );
    assert_eq!(titles(&majors(5_000)), [""; 0]);
    // It comes last, whatever it costs.
    let loaded = trace((0..5_001).map(|i| read(i * 32 % 65_536)));
    assert_eq!(titles(&loaded).last(), Some(&"Major faults beyond the usual alert"));
}
