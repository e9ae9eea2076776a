//! Each rule where it speaks, with its numbers, and where something is missing for it.

mod files;
mod first_use;
mod killed;
mod memory;

use pfmodel::names::{Cause, Class, RegionKind};
use pfmodel::table::{CallChain, Function, Location, NONE};
use pft::keys::fact;

use super::{Advice, Evidence, advice, brief, render};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, MODEL, Row};
use crate::outputs::summary::tests::{assert_golden, assert_goldens};
use crate::print::layout::Layout;

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
    let mut loaded = made_up::two_processes();
    add(&mut loaded, rows);
    loaded
}

fn add(loaded: &mut Loaded, rows: impl IntoIterator<Item = Row>) {
    let faults = &loaded.analysis.faults;
    let last = faults.len().checked_sub(1);
    let mut time =
        last.map_or(2_000 * MS, |row| faults.time_ns[row] + faults.stall_ns(row).unwrap_or(0));
    for row in rows {
        made_up::push(&mut loaded.analysis, Row { time, ..row });
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
    let advice = advice(&Evidence::of(loaded));
    for finding in &advice {
        let row = format!("\n| `{}` | {} | ", finding.id, finding.title);
        assert!(DOCUMENT.contains(&row), "no line {row}");
    }
    advice
}

const DOCUMENT: &str = include_str!("../../../../../schemas/patterns.md");

#[test]
fn each_rule_has_an_id_of_its_own() {
    let table = DOCUMENT.split("| id | title | evidence |\n").nth(1).unwrap();
    let rows = table.lines().skip(1).take_while(|line| !line.is_empty());
    let ids: Vec<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    let of_words = |id: &str| id.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    assert!(ids.iter().all(|id| of_words(id)), "{ids:?}");
    let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (super::RULES.len(), super::RULES.len()));
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
const THRASHING: &str = "Thrashing: the same pages are read again and again";

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
    assert_eq!(titles(&trace((0..63).map(read))), [ON_DEMAND]);
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
        ["100 of them read from the disk, 50 waited for a read that was under way"]
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
        ["all of them read from the disk", "the costliest file is /srv/models/model.gguf: 400 ms"]
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
        [ON_DEMAND, THRASHING]
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
    let mut loaded = made_up::two_processes();
    let mut model = loaded.analysis.mappings[MODEL as usize].clone();
    model.proc = 1;
    loaded.analysis.mappings.push(model);
    for i in 0..200_u64 {
        let row = Row { time: i * 2 * MS, ..read(i * 32) };
        made_up::push(&mut loaded.analysis, row);
        let row = Row { time: row.time + MS, proc: 1, tid: 101, mapping: 3, ..row };
        made_up::push(&mut loaded.analysis, row);
    }
    assert_eq!(titles(&loaded), [ON_DEMAND]);
}

#[test]
fn swap() {
    let mut loaded = trace((0..2_000).map(|i| heap(i, Cause::SwapIn)));
    (0..500).for_each(|row| loaded.analysis.faults.nth[row] = 2);
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
            "at least 7.81 MiB came back from swap; 500 of these pages had been used earlier in the trace",
            "vm.swappiness was 60"
        ]
    );
    assert_eq!(titles(&loaded), ["Waiting for swap"]);
    add(&mut loaded, (0..300).map(|i| heap(i, Cause::AnonUnknown)));
    loaded.analysis.faults.nth[2_100..].fill(2);
    assert_eq!(
        found(&loaded)[0].evidence[1],
        "200 minor faults of these processes on pages used earlier probably found them in the swap cache"
    );
    // A child that is swapped as well.
    let mut both = trace((0..1_500).map(|i| heap(i, Cause::SwapIn)));
    let mut childs = both.analysis.mappings[HEAP as usize].clone();
    childs.proc = 1;
    both.analysis.mappings.push(childs);
    let row = |i| Row { proc: 1, mapping: 3, ..heap(i, Cause::SwapIn) };
    add(&mut both, (0..500).map(row));
    assert_eq!(found(&both)[0].place, "[heap] of server (pid 4242) and 1 other process");
    assert_eq!(found(&both)[0].cost.faults, 2_000);
    // Shared memory comes back from swap as well, if there is any.
    let shared = |i| Row { cause: Cause::Shmem, ..heap(i, Cause::SwapIn) };
    let mut loaded = trace((0..2_000).map(shared));
    assert_eq!(titles(&loaded), ["Waiting for swap"]);
    loaded.facts.insert(fact::VM_SWAP_TOTAL_BYTES.to_owned(), "0".to_owned());
    assert_eq!(titles(&loaded), [""; 0]);
    let minor = trace((0..2_000).map(|i| Row { class: Class::Minor, ..shared(i) }));
    assert!(!titles(&minor).contains(&"Waiting for swap"));
    // A file page of which it is not known is no swap-in.
    let maybe = Row { cause: Cause::FileOrSwap, ..heap(0, Cause::SwapIn) };
    assert_eq!(titles(&trace((0..2_000).map(|_| maybe))), [THRASHING]);
    assert_eq!(titles(&trace((0..999).map(|i| heap(i, Cause::SwapIn)))), [""; 0]);
    // The same page many times is thrashing as well.
    let again = trace((0..2_000).map(|i| heap(i % 500, Cause::SwapIn)));
    assert_eq!(titles(&again), ["Waiting for swap", THRASHING]);
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
    (0..60).for_each(|row| faults.code[row] = 1);
    (60..180).for_each(|row| faults.code[row] = 2);
    (60..180).for_each(|row| faults.kernel_mode[row] = true);
    (60..180).for_each(|row| faults.call_chain[row] = 0);
    let text = brief(&found(&loaded)[0]);
    assert!(text.contains("of the wall time), most of it in load\\x1b_block (60 %). "), "{text}");
    let outer = Function { name: b"main".to_vec(), file: Vec::new(), line: 0 };
    loaded.analysis.locations[0].functions.push(outer);
    let culprit = found(&loaded)[0].culprit.clone().unwrap();
    assert_eq!(culprit.name, "load\\x1b_block, inlined in main");
    // Without call chains it is the kernel's function.
    loaded.analysis.faults.call_chain.fill(NONE);
    let culprit = found(&loaded)[0].culprit.clone().unwrap();
    assert_eq!((&*culprit.name, &*culprit.share), ("copy_to_user", "60 %"));
    loaded.analysis.faults.code.fill(NONE);
    assert_eq!(found(&loaded)[0].culprit, None);
}

#[test]
fn functions_with_a_small_share_are_not_named() {
    let mut loaded = trace((0..200).map(|i| read(i * 397 % 1_009)));
    with_code(&mut loaded);
    loaded.analysis.faults.code.fill(NONE);
    (0..40).for_each(|row| loaded.analysis.faults.code[row] = 1);
    let culprit = |loaded: &Loaded| found(loaded)[0].culprit.clone();
    assert_eq!(culprit(&loaded).unwrap().share, "20 %");
    loaded.analysis.faults.code[0] = NONE;
    assert_eq!(culprit(&loaded), None);
    // A place in a module without symbols.
    let (module_label, address) = (b"stress-ng".to_vec(), 0x2d_620e);
    let unnamed = Location { module: NONE, module_label, address, functions: Vec::new() };
    loaded.analysis.locations.push(unnamed);
    (50..loaded.analysis.faults.code.len()).for_each(|row| loaded.analysis.faults.code[row] = 3);
    let culprit = culprit(&loaded).unwrap();
    assert_eq!((&*culprit.name, &*culprit.share), ("stress-ng+0x2d620e", "75 %"));
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
    assert_goldens("summary-advice", &loaded);
}

#[test]
fn no_finding_is_no_claim_that_faults_are_cheap() {
    let said = |loaded: &Loaded| render(loaded, Layout::PIPED).replace("\n  ", " ");
    assert_eq!(said(&made_up::empty()), "  No advice: there are no faults.\n");
    let unknown = |latency, number: u64| {
        let row = move |i| Row { latency, ..heap(i % 4_000, Cause::AnonUnknown) };
        trace((0..number).map(row))
    };
    assert_eq!(
        said(&unknown(Some(1_000), 100)),
        "  No advice: no cause of faults costs at least 5 ms and 1 % of the life of its processes. The \
         costliest groups of faults: --by region,cause.\n"
    );
    assert_eq!(
        said(&unknown(None, 9_999)),
        "  No advice: no cause has 10,000 faults or 100 that read from a disk; what they cost is not known, \
         for want of latencies. The largest groups of faults: --by region,cause.\n"
    );
    let mut costly = unknown(Some(100_000), 2_000);
    costly.analysis.faults.slow.fill(false);
    assert_eq!(
        said(&costly),
        "  No advice: no rule explains the faults, though minor anon-unknown may be worth a look: 2,000 \
         faults of 100 µs on average, 200 ms of stall (100 % of all, 2.0 % of the wall time). Where they are: \
         --by region,cause.\n"
    );
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
    crate::findings::pattern::table(&loaded, None).unwrap();
    let _ = crate::findings::pattern::render(&loaded, 10, None);
}
