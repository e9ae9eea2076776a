//! Each rule where it speaks, with its numbers, and where something is missing for it.

use pfmodel::names::{Cause, Class, RegionKind};
use pfmodel::table::{CallChain, Function, Location, NONE};
use pft::keys::fact;

use super::{Advice, Evidence, advice, brief, render};
use crate::layout::Layout;
use crate::load::Loaded;
use crate::sample::{self, HEAP, MODEL, Row};
use crate::summary::tests::{assert_golden, screen};

const MODEL_AT: u64 = 0x7f00_0000_0000;
const HEAP_AT: u64 = 0x100_0000;
const PAGE: u64 = 4_096;
const MS: u64 = 1_000_000;

/// A fault at a page of the model file.
fn read(page: u64) -> Row {
    Row {
        time: 0,
        latency: Some(2 * MS),
        class: Class::Major,
        cause: Cause::FileRead,
        addr: MODEL_AT + page * PAGE,
        mapping: MODEL,
        ..Row::default()
    }
}

/// A fault at a page of the heap.
fn heap(page: u64, cause: Cause) -> Row {
    let class = match cause {
        Cause::SwapIn => Class::Major,
        Cause::CowAnon => Class::Cow,
        _ => Class::Minor,
    };
    let latency = Some(100_000);
    Row { latency, class, cause, addr: HEAP_AT + page * PAGE, mapping: HEAP, ..Row::default() }
}

/// A trace of faults, one after another without a pause.
fn trace(rows: impl IntoIterator<Item = Row>) -> Loaded {
    let mut loaded = sample::two_processes();
    add(&mut loaded, rows);
    loaded
}

fn add(loaded: &mut Loaded, rows: impl IntoIterator<Item = Row>) {
    let faults = &loaded.analysis.faults;
    let last = faults.len().checked_sub(1);
    let mut time =
        last.map_or(2_000 * MS, |row| faults.time_ns[row] + faults.stall_ns(row).unwrap_or(0));
    for row in rows {
        sample::push(&mut loaded.analysis, Row { time, ..row });
        time += row.latency.unwrap_or(1_000);
    }
}

/// A file or memory of the first process that is large enough for anything.
fn large(loaded: &mut Loaded, kind: RegionKind, start: u64, bytes: u64) -> u32 {
    let mappings = &mut loaded.analysis.mappings;
    let mut mapping = mappings[HEAP as usize].clone();
    (mapping.start, mapping.end, mapping.kind) = (start, start + bytes, kind);
    (mapping.region, mapping.path) = (b"[anon]".to_vec(), Vec::new());
    if kind == RegionKind::File {
        (mapping.region, mapping.path) = (b"data.bin".to_vec(), b"/srv/data.bin".to_vec());
        mapping.inode = 12;
    }
    mappings.push(mapping);
    mappings.len() as u32 - 1
}

fn found(loaded: &Loaded) -> Vec<Advice> {
    advice(&Evidence::of(loaded))
}

fn titles(loaded: &Loaded) -> Vec<&'static str> {
    found(loaded).into_iter().map(|advice| advice.title).collect()
}

/// The only finding, as the screen has it.
fn only(loaded: &Loaded) -> String {
    let advice = found(loaded);
    assert_eq!(advice.len(), 1, "{advice:?}");
    brief(&advice[0])
}

const RANDOM: &str = "Random reads of a file, a page at a time";
const NO_READAHEAD: &str = "Sequential reads of a file without readahead";
const ON_DEMAND: &str = "Waiting for files to be read, part by part";

#[test]
fn random_reads() {
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
            "each installs 4 KiB; 0 % of 199 steps lead to the next page, 61 % at most 2 MiB ahead",
            "137 of the reads (68 %) are within 64 KiB of an earlier one, where reading around a \
             fault brings pages in by default: readahead is off or pages did not stay"
        ]
    );
    assert!(advice[0].worth_trying.starts_with("look for MADV_RANDOM"));
    // Far apart nothing can be told.
    let apart = found(&trace((0..200).map(|i| read(i * 16 * 7_919 % (16 * 4_093)))));
    assert_eq!(apart[0].title, RANDOM);
    assert!(apart[0].evidence[1].starts_with("no read is within 64 KiB of an earlier one"));
    assert!(!apart[0].worth_trying.contains("MADV_RANDOM"));
}

#[test]
fn reads_in_order_are_not_random() {
    assert_eq!(titles(&trace((0..200).map(|i| read(i * 32)))), [ON_DEMAND]);
    assert_eq!(titles(&trace((0..200).map(read))), [NO_READAHEAD]);
    // Too few to tell an order.
    assert_eq!(titles(&trace((0..63).map(|i| read(i * 397 % 1_009)))), [""; 0]);
}

#[test]
fn what_costs_little_is_worth_no_advice() {
    let reads = |latency| {
        let row = move |i: u64| Row { latency, ..read(i * 397 % 1_009) };
        titles(&trace((0..200).map(row)))
    };
    // 1 % of ten seconds.
    assert_eq!(reads(Some(500_000)), [RANDOM]);
    assert_eq!(reads(Some(499_999)), [""; 0]);
    assert_eq!(reads(None), [RANDOM]);
    // A process that lives shorter than the recording loses a larger share.
    let short = |latency| {
        let mut loaded =
            trace((0..200).map(|i| Row { latency: Some(latency), ..read(i * 397 % 1_009) }));
        loaded.analysis.processes[0].exit_ns = Some(500 * MS);
        titles(&loaded)
    };
    assert_eq!(short(25_000), [RANDOM]);
    assert_eq!(short(24_999), [""; 0]);
}

#[test]
fn sequential_reads_without_readahead() {
    let text = only(&trace((0..100).chain(500..600).map(read)));
    assert_eq!(
        text,
        "Sequential reads of a file without readahead: /srv/models/model.gguf, 200 major faults of 2 ms on average, \
         400 ms of stall (100 % of all, 4.0 % of the wall time). 99 % of 199 steps from one read to \
         the next lead to the very next page, which readahead would have brought in. Worth trying: \
         leave out MADV_RANDOM, or give MADV_SEQUENTIAL; raise read_ahead_kb of \
         the disk if it is 0; load ahead of use (MADV_POPULATE_READ)."
    );
    // Readahead brings in every other page.
    assert_eq!(titles(&trace((0..200).map(|i| read(i * 2)))), [ON_DEMAND]);
    assert_eq!(titles(&trace((0..63).map(read))), [""; 0]);
}

#[test]
fn reads_with_readahead() {
    let mut loaded = trace((0..100).map(|i| read(i * 32)));
    let wait = |i: u64| Row { class: Class::Minor, cause: Cause::FileWait, ..read(i * 32 + 16) };
    add(&mut loaded, (0..50).map(wait));
    let advice = &found(&loaded)[0];
    assert_eq!(advice.title, ON_DEMAND);
    assert_eq!(
        advice.cost_text,
        "150 faults of 2 ms on average, 300 ms of stall (100 % of all, 3.0 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        ["100 of the faults read from the disk, 50 waited for a read that was under way"]
    );
    // Waiting alone is not reading.
    assert_eq!(titles(&trace((0..150).map(wait))), [""; 0]);
}

#[test]
fn several_files_are_summed_up() {
    let mut loaded = trace((0..200).map(|i| read(i * 32)));
    let other = large(&mut loaded, RegionKind::File, 0x6000_0000_0000, 1 << 30);
    let rows =
        (0..100).map(|i| Row { addr: 0x6000_0000_0000 + i * 32 * PAGE, mapping: other, ..read(0) });
    add(&mut loaded, rows);
    let advice = &found(&loaded)[0];
    assert_eq!(advice.place, "/srv/models/model.gguf and 1 other file");
    assert_eq!(
        advice.evidence,
        [
            "300 of the faults read from the disk",
            "the costliest file is /srv/models/model.gguf: 400 ms"
        ]
    );
}

#[test]
fn thrashing() {
    let rounds = |pages: u64, again: u64| {
        let first = (0..pages).map(|i| read(i * 32));
        trace(first.chain((0..again).map(|i| read(i * 32))))
    };
    let advice = found(&rounds(200, 100));
    assert_eq!(
        advice.iter().map(|advice| advice.title).collect::<Vec<_>>(),
        [ON_DEMAND, super::THRASHING]
    );
    assert_eq!(
        advice[1].cost_text,
        "100 repeated reads of 2 ms on average, 200 ms of stall (33 % of all, 2.0 % of the wall time)"
    );
    assert_eq!(
        advice[1].evidence,
        [
            "100 of 300 reads (33 %) are of a page that the trace saw being read before, up to 2 \
             times; 398 ms after the read before (median)",
            "the reads are of 200 distinct pages"
        ]
    );
    assert_eq!(titles(&rounds(200, 63)), [ON_DEMAND]);
    assert_eq!(titles(&rounds(1_000, 99)), [ON_DEMAND]);
}

#[test]
fn two_processes_that_wait_for_one_read_do_not_thrash() {
    let mut loaded = sample::two_processes();
    let mut model = loaded.analysis.mappings[MODEL as usize].clone();
    model.proc = 1;
    loaded.analysis.mappings.push(model);
    for i in 0..200_u64 {
        let row = Row { time: i * 2 * MS, ..read(i * 32) };
        sample::push(&mut loaded.analysis, row);
        let row = Row { time: row.time + MS, proc: 1, tid: 101, mapping: 3, ..row };
        sample::push(&mut loaded.analysis, row);
    }
    assert_eq!(titles(&loaded), [ON_DEMAND]);
}

#[test]
fn swap() {
    let mut loaded = trace((0..2_000).map(|i| heap(i, Cause::SwapIn)));
    loaded.analysis.faults.nth[..500].fill(2);
    loaded.facts.insert(fact::VM_SWAPPINESS.to_owned(), "60".to_owned());
    let advice = &found(&loaded)[0];
    assert_eq!((advice.title, &*advice.place), ("Waiting for swap", "[heap] of server (pid 4242)"));
    assert_eq!(
        advice.cost_text,
        "2,000 swap-ins of 100 µs on average, 200 ms of stall (100 % of all, 2.0 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        [
            "7.81 MiB came back from swap; 500 of these pages had been used earlier in the trace",
            "vm.swappiness was 60"
        ]
    );
    assert_eq!(titles(&loaded), ["Waiting for swap"]);
    // A file page of which it is not known is no swap-in.
    let maybe = Row { cause: Cause::FileOrSwap, ..heap(0, Cause::SwapIn) };
    assert_eq!(titles(&trace((0..2_000).map(|_| maybe))), [super::THRASHING]);
    assert_eq!(titles(&trace((0..999).map(|i| heap(i, Cause::SwapIn)))), [""; 0]);
    // The same page many times is thrashing as well.
    let again = trace((0..2_000).map(|i| heap(i % 500, Cause::SwapIn)));
    assert_eq!(titles(&again), ["Waiting for swap", super::THRASHING]);
}

/// The server with a heap in its child, which was forked after a second.
fn family() -> (Loaded, u32) {
    let mut loaded = sample::two_processes();
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
    loaded.analysis.faults.cause[..300].fill(Cause::CowAnonOrZero);
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

/// Touches every `step`-th page of `bytes` of memory.
fn touched(bytes: u64, step: u64, setting: &str) -> Loaded {
    let mut loaded = sample::empty();
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
    let mut loaded = sample::empty();
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
}

#[test]
fn stacks_that_grow() {
    let growths = |number: u64| {
        let mut loaded = sample::empty();
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

/// Gives rows a function: in user mode the instruction's, in kernel mode the caller's.
fn with_code(loaded: &mut Loaded) {
    let analysis = &mut loaded.analysis;
    for name in ["load\x1b_block", "memcpy", "copy_to_user"] {
        let name = name.as_bytes().to_vec();
        analysis.locations.push(Location {
            module: NONE,
            module_label: Vec::new(),
            address: 0,
            functions: vec![Function { name, file: Vec::new(), line: 0 }],
        });
    }
    analysis.call_chains = vec![CallChain { kernel: vec![2], user: vec![0], cut: false }];
}

#[test]
fn the_function_behind_most_of_it_is_named() {
    let mut loaded = trace((0..200).map(|i| read(i * 397 % 1_009)));
    with_code(&mut loaded);
    let faults = &mut loaded.analysis.faults;
    faults.code[..60].fill(1);
    faults.code[60..180].fill(2);
    faults.kernel_mode[60..180].fill(true);
    faults.call_chain[60..180].fill(0);
    let text = brief(&found(&loaded)[0]);
    assert!(text.contains("of the wall time), most of it in load\\x1b_block (60 %). "), "{text}");
    // Without call chains it is the kernel's function.
    loaded.analysis.faults.call_chain.fill(NONE);
    let culprit = found(&loaded)[0].culprit.clone().unwrap();
    assert_eq!((&*culprit.name, &*culprit.share), ("copy_to_user", "60 %"));
    loaded.analysis.faults.code.fill(NONE);
    assert_eq!(found(&loaded)[0].culprit, None);
}

#[test]
fn everything_in_words() {
    let mut loaded = trace((0..200).map(|i| read(i * 397 % 1_009)));
    with_code(&mut loaded);
    loaded.analysis.faults.code.fill(0);
    add(&mut loaded, (0..2_000).map(|i| heap(i, Cause::CowAnon)));
    loaded.analysis.exactness.complete = false;
    let text = render(&loaded, Layout::PIPED);
    assert_golden("advice.txt", &text);
    assert_golden("summary-advice.txt", &screen(&loaded));
    let nothing = render(&sample::empty(), Layout::PIPED);
    assert!(nothing.starts_with("  No advice: nothing that the rules know costs"), "{nothing}");
}

#[test]
fn hostile_traces_are_no_trouble() {
    let mut loaded = trace((0..200).map(|i| read(i * 397 % 1_009)));
    let mapping = &mut loaded.analysis.mappings[MODEL as usize];
    (mapping.start, mapping.end, mapping.file_offset) = (0, u64::MAX, u64::MAX - 5);
    for row in 0..200 {
        let faults = &mut loaded.analysis.faults;
        faults.addr[row] = (row as u64).wrapping_mul(0x1357_9bdf_1357_9bdf);
        faults.page_size_bytes[row] = 1 << (row % 64);
        faults.proc[row] = u32::MAX - row as u32;
        faults.cause[row] = Cause::ALL[row % Cause::ALL.len()];
        faults.code[row] = row as u32;
        faults.mapping[row] = row as u32 % 5;
    }
    found(&loaded);
    crate::pattern::table(&loaded, None).unwrap();
    let _ = crate::pattern::render(&loaded, 10, None);
}
