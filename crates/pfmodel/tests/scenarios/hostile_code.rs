//! Modules, symbols, chains and stack pointers as hostile as can be.

use std::time::{Duration, Instant};

use pfmodel::analyse;
use pfmodel::table::NONE;
use pft::record::{
    CallChainRecord, FaultBatch, ModuleKind, ModuleRecord, ModuleState, Section, Segment,
    StackPointerRecord, SymbolKind, SymbolRecord,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::arbitrary::*;
use crate::code::*;
use crate::trace::*;

fn a_segment() -> impl Strategy<Value = Segment> {
    (number(), number(), number(), number(), 0..8u32).prop_map(
        |(file_offset, file_bytes, address, memory_bytes, prot)| {
            segment(file_offset, file_bytes, address, memory_bytes, prot)
        },
    )
}

fn a_section() -> impl Strategy<Value = Section> {
    (path(), number(), number(), any::<bool>(), any::<bool>()).prop_map(
        |(name, address, bytes, no_bits, tls)| Section { name, address, bytes, no_bits, tls },
    )
}

fn a_module() -> impl Strategy<Value = ModuleRecord> {
    use ModuleKind::{Elf, Kernel, PerfMap, Vdso};
    let kind = prop::sample::select(vec![Elf, Elf, Elf, Kernel, PerfMap, Vdso]);
    let parts = (vec(a_segment(), 0..4), vec(a_section(), 0..4));
    (id(), kind, id(), 0..3u64, path(), parts).prop_map(
        |(id, kind, pid, inode, path, (segments, sections))| ModuleRecord {
            id,
            kind,
            state: ModuleState::Read,
            pid,
            dev_major: 8,
            dev_minor: 1,
            inode,
            path,
            build_id: Vec::new(),
            segments,
            sections,
        },
    )
}

fn a_symbol() -> impl Strategy<Value = SymbolRecord> {
    let kind = prop::sample::select(vec![SymbolKind::Function, SymbolKind::Object]);
    (id(), kind, number(), number(), path()).prop_map(
        |(module, kind, address, size_bytes, name)| {
            let file = Vec::new();
            SymbolRecord { module, kind, address, size_bytes, name, file, line: 0 }
        },
    )
}

fn a_chain() -> impl Strategy<Value = CallChainRecord> {
    (0..5u32, any::<bool>(), vec(number(), 0..4), vec(number(), 0..4))
        .prop_map(|(id, cut, kernel, user)| CallChainRecord { id, cut, kernel, user })
}

fn a_stack_pointer() -> impl Strategy<Value = StackPointerRecord> {
    (number(), id(), id(), number()).prop_map(|(time_ns, pid, tid, stack_pointer)| {
        StackPointerRecord { time_ns, pid, tid, stack_pointer }
    })
}

fn a_batch() -> impl Strategy<Value = FaultBatch> {
    let columns = (vec(0..6u32, 0..40), vec(prop_oneof![Just(u8::MAX), any::<u8>()], 0..40));
    (batch(), columns).prop_map(|(mut batch, (chains, nodes))| {
        (batch.columns.call_chain, batch.columns.node) = (chains, nodes);
        batch
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn any_code_has_an_answer_that_fits_its_tables(
        maps in vec(map_record(), 0..40),
        snapshots in vec(snapshot(), 0..4),
        modules in vec(a_module(), 0..6),
        symbols in vec(a_symbol(), 0..20),
        call_chains in vec(a_chain(), 0..6),
        stack_pointers in vec(a_stack_pointer(), 0..20),
        batches in vec(a_batch(), 0..4),
        page_size_bytes in prop_oneof![3 => Just(4096), 1 => any::<u32>()],
    ) {
        let mut recording = Trace::empty().recording;
        recording.header.page_size_bytes = page_size_bytes;
        (recording.maps, recording.snapshots) = (maps, snapshots);
        (recording.modules, recording.symbols) = (modules, symbols);
        (recording.call_chains, recording.stack_pointers) = (call_chains, stack_pointers);

        let analysis = analyse(recording, batches, &Default::default());

        let faults = &analysis.faults;
        let len = faults.len();
        prop_assert!(faults.node.is_empty() || faults.node.len() == len);
        prop_assert_eq!([faults.region.len(), faults.code.len(), faults.object.len()], [len; 3]);
        let fits = |index: u32, len: usize| index == NONE || (index as usize) < len;
        for row in 0..len {
            let region = faults.region[row];
            prop_assert_eq!(region == NONE, faults.mapping[row] == NONE);
            prop_assert!(fits(region, analysis.regions.len()));
            prop_assert!((faults.code[row] as usize) < analysis.locations.len());
            prop_assert!(fits(faults.object[row], analysis.objects.len()));
            prop_assert!(fits(faults.call_chain[row], analysis.call_chains.len()));
        }
        let locations = analysis.locations.len();
        for chain in &analysis.call_chains {
            let mut callers = chain.kernel.iter().chain(&chain.user);
            prop_assert!(callers.all(|&at| (at as usize) < locations));
        }
        for location in &analysis.locations {
            prop_assert!(fits(location.module, analysis.modules.len()));
        }
        for mapping in &analysis.mappings {
            prop_assert!(fits(mapping.module, analysis.modules.len()));
        }
        let chained = faults.call_chain.iter().filter(|&&chain| chain != NONE).count() as u64;
        let exactness = &analysis.exactness;
        prop_assert_eq!(chained + exactness.lost_call_chains, exactness.with_call_chain);
    }
}

/// Everything that has a list may have a long one.
#[test]
fn long_lists_cost_no_product() {
    let mut trace = Trace::new();
    let mut lib = library(1, LIB);
    // Overlapping sections and segments, nested objects, functions that are all at one address.
    lib.sections.extend((0..50_000).map(|n| Section {
        name: b".many".to_vec(),
        address: n,
        bytes: 1 << 40,
        no_bits: false,
        tls: false,
    }));
    lib.segments.extend((0..50_000).map(|n| segment(0, 1 << 40, n * 0x1000, 1 << 41, RX)));
    trace = trace.module(lib);
    for n in 0..50_000u64 {
        trace = trace
            .module(module(n as u32 + 1, "/lib/same.so"))
            .object(1, n, 200_000 - 2 * n, "nested")
            .function(1, 0x1100, "inlined");
    }
    for n in 0..50_000u64 {
        let mut part =
            map(10 + n, BASE + n * 0x1000, BASE + (n + 1) * 0x1000, R + 4 * (n as u32 % 2), LIB);
        part.file_offset = n % 7 * 0x1000;
        trace = trace
            .map(part)
            .fault(fault(100_000 + n, BASE + n * 0x1000, READ).at(BASE + n * 0x1000));
    }
    let start = Instant::now();
    let analysis = trace.analyse();
    assert_eq!((analysis.faults.len(), analysis.objects.len()), (50_000, 50_000));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// A library comes and goes between faults that all have the same long chain.
#[test]
fn chains_under_code_that_changes_stay_few() {
    let addresses: Vec<u64> = (0..100_000).map(|n| BASE + 0x1000 + n % 0x2000).collect();
    let mut trace = Trace::new().module(library(1, LIB)).call_chain(1, &[], &addresses);
    for n in 0..20_000u64 {
        let path = if n % 2 == 0 { LIB } else { "/lib/other.so" };
        let mut code = map(n * 10, BASE + 0x1000, BASE + 0x3000, RX, path);
        code.file_offset = 0x1000;
        trace = trace.map(code).fault(fault(n * 10 + 5, BASE, READ).chain(1));
    }
    let start = Instant::now();
    let analysis = trace.analyse();
    assert_eq!((analysis.call_chains.len(), analysis.locations.len()), (2, 2047));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// Stack pointers of many threads in one mapping out of which all of their guards are cut.
#[test]
fn many_stacks_of_one_mapping_stay_cheap() {
    let stacks = 20_000u64;
    let mut trace = Trace::new().map(map(1, BASE, BASE + stacks * 0x4000, RW, "//anon"));
    for n in 0..stacks {
        let guard = BASE + n * 0x4000;
        trace = trace
            .map(map(10 + n * 10, guard, guard + 0x1000, 0, "//anon"))
            .stack_pointer(11 + n * 10, 1, 2, guard + 0x1800)
            .fault(fault(12 + n * 10, guard + 0x2000, WRITE));
    }
    let start = Instant::now();
    let analysis = trace.analyse();
    let region = |&region: &u32| text(&analysis.regions[region as usize].label);
    assert!(analysis.faults.region.iter().all(|spot| region(spot) == "thread stack"));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}
