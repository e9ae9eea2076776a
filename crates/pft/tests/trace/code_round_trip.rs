//! Call chains, modules, symbols, stack pointers and the columns of faults that belong to them: what is
//! written is read back, in frames of bounded size.

use pft::record::{
    CallChainRecord, FaultBatch, Frame, ModuleKind, ModuleRecord, ModuleState, NODE_UNKNOWN,
    Section, Segment, StackPointerRecord, SymbolKind, SymbolRecord,
};
use pft::{Encoder, Error, FrameKind, MAX_FAULT_ROWS, Trace, Writer};
use proptest::prelude::*;

use crate::code_samples::{call_chains, faults_with_chains, modules, stack_pointers, symbols};
use crate::forge::{archive_frame, decode_only, refusal};
use crate::rules::{constant_columns, faults_archive};
use crate::samples::{decoded, faults, header};

const FAULTS: u16 = 5;

/// Frames and rows of a trace, and what decodes.
fn written(write: impl FnOnce(&mut Writer<Vec<u8>>)) -> (Vec<u64>, Vec<Frame>) {
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    write(&mut writer);
    let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
    let rows = trace.frames().iter().map(|info| info.rows).collect();
    let (frames, 0) = decoded(&trace) else {
        panic!("a frame does not decode");
    };
    (rows, frames)
}

fn batches(frames: Vec<Frame>) -> Vec<FaultBatch> {
    let batch = |frame| match frame {
        Frame::Faults(batch) => batch,
        other => panic!("{other:?}"),
    };
    frames.into_iter().map(batch).collect()
}

#[test]
fn chains_and_nodes_of_faults_are_cut_like_the_other_columns() {
    let mut batch = faults_with_chains(2 * MAX_FAULT_ROWS + 3);
    // Nothing is known in the second frame, so that it has neither column.
    batch.columns.call_chain[MAX_FAULT_ROWS..2 * MAX_FAULT_ROWS].fill(0);
    batch.columns.node[MAX_FAULT_ROWS..2 * MAX_FAULT_ROWS].fill(NODE_UNKNOWN);
    let (rows, frames) = written(|writer| writer.faults(&batch).unwrap());
    assert_eq!(rows, [65_536, 65_536, 3]);
    let [first, second, third] = <[FaultBatch; 3]>::try_from(batches(frames)).unwrap();
    assert_eq!(first.columns.call_chain, batch.columns.call_chain[..MAX_FAULT_ROWS]);
    assert_eq!(first.columns.node, batch.columns.node[..MAX_FAULT_ROWS]);
    assert_eq!((second.columns.call_chain, second.columns.node), (vec![], vec![]));
    assert_eq!(third.columns.call_chain, batch.columns.call_chain[2 * MAX_FAULT_ROWS..]);
    assert_eq!(third.columns.node, batch.columns.node[2 * MAX_FAULT_ROWS..]);
}

#[test]
fn columns_of_which_nothing_is_known_take_no_bytes() {
    let mut encoder = Encoder::new(&header(), 1).unwrap();
    let plain = encoder.encode_faults(&faults(5)).unwrap();
    let mut batch = faults(5);
    batch.columns.call_chain = vec![0; 5];
    batch.columns.node = vec![NODE_UNKNOWN; 5];
    assert_eq!(encoder.encode_faults(&batch).unwrap(), plain);
    batch.columns.node[4] = 0;
    let (_, frames) = written(|writer| writer.faults(&batch).unwrap());
    batch.columns.call_chain = vec![];
    assert_eq!(batches(frames), [batch]);
}

#[test]
fn chains_and_nodes_of_another_length_are_refused() {
    let mut encoder = Encoder::new(&header(), 1).unwrap();
    let mut batch = faults_with_chains(3);
    batch.columns.call_chain.pop();
    assert!(matches!(
        encoder.encode_faults(&batch),
        Err(Error::ColumnLengths { column: "call_chain", expected: 3, found: 2 })
    ));
    let mut batch = faults_with_chains(3);
    batch.columns.node.push(0);
    assert!(matches!(
        encoder.encode_faults(&batch),
        Err(Error::ColumnLengths { column: "node", expected: 3, found: 4 })
    ));
}

#[test]
fn columns_of_chains_and_nodes_by_the_specification() {
    let column = |base, id, encoding| (base, 0, [id, encoding, 0, 0]);
    let frame = |added: &[_]| {
        let columns = [&constant_columns()[..], added].concat();
        archive_frame(FAULTS, 2, &faults_archive(2, &columns, &[]))
    };
    let found = |added: &[_]| match decode_only(frame(added)) {
        Ok(Frame::Faults(batch)) => (batch.columns.call_chain, batch.columns.node),
        other => panic!("{other:?}"),
    };
    assert_eq!(found(&[]), (vec![], vec![]));
    assert_eq!(found(&[column(0, 9, 1), column(0, 10, 1)]), (vec![], vec![]));
    let largest = [column(u32::MAX.into(), 9, 2), column(255, 10, 2)];
    assert_eq!(found(&largest), (vec![u32::MAX; 2], vec![254; 2]));
    assert_eq!(found(&[column(1, 10, 1), column(7, 11, 99)]), (vec![], vec![0; 2]));
    assert_eq!(refusal(frame(&[column(1 << 32, 9, 1)])), "a value exceeds 32 bits");
    assert_eq!(refusal(frame(&[column(256, 10, 1)])), "a node exceeds 254");
    for id in [9, 10] {
        for encoding in [3, 4] {
            let refused = refusal(frame(&[column(1, id, encoding)]));
            assert_eq!(refused, "a column has an encoding that it cannot have");
        }
        assert_eq!(refusal(frame(&[column(1, id, 5)])), "a column has an unknown encoding");
        assert_eq!(refusal(frame(&[column(1, id, 1); 2])), "a column occurs twice");
    }
}

#[test]
fn empty_lists_are_no_frames() {
    let mut encoder = Encoder::new(&header(), 1).unwrap();
    assert_eq!(encoder.encode_call_chains(&[]).unwrap(), []);
    assert_eq!(encoder.encode_modules(&[]).unwrap(), []);
    assert_eq!(encoder.encode_symbols(&[]).unwrap(), []);
    assert_eq!(encoder.encode_stack_pointers(&[]).unwrap(), []);
}

#[test]
fn long_lists_become_several_frames() {
    // 96 bytes and 127 addresses: 1112 bytes a chain, of 8 MiB.
    let chain = call_chains()[0].clone();
    let chains: Vec<_> = (1..10_000)
        .map(|id| CallChainRecord { id, kernel: vec![1; 27], user: vec![2; 100], ..chain.clone() })
        .collect();
    let (rows, frames) = written(|writer| writer.call_chains(&chains).unwrap());
    assert_eq!(rows, [7543, 2456]);
    let pieces: [_; 2] = [&chains[..7543], &chains[7543..]];
    assert_eq!(frames, pieces.map(|piece| Frame::CallChains(piece.to_vec())));

    let module = modules().swap_remove(0);
    let sections = vec![module.sections[0].clone(); 30_000];
    let modules: Vec<_> = (0..5)
        .map(|id| ModuleRecord { id, sections: sections.clone(), ..module.clone() })
        .collect();
    let (rows, frames) = written(|writer| writer.modules(&modules).unwrap());
    assert_eq!(rows, [2, 2, 1]);
    let pieces = [&modules[..2], &modules[2..4], &modules[4..]];
    assert_eq!(frames, pieces.map(|piece| Frame::Modules(piece.to_vec())));

    let record = stack_pointers().swap_remove(0);
    let records: Vec<_> =
        (0..90_000).map(|time_ns| StackPointerRecord { time_ns, ..record.clone() }).collect();
    let (rows, frames) = written(|writer| writer.stack_pointers(&records).unwrap());
    assert_eq!(rows, [87_381, 2_619]);
    let pieces = [&records[..87_381], &records[87_381..]];
    assert_eq!(frames, pieces.map(|piece| Frame::StackPointers(piece.to_vec())));
}

#[test]
fn symbols_of_one_address_stay_in_one_frame() {
    let [inlined, outer, ..] = <[SymbolRecord; 4]>::try_from(symbols()).unwrap();
    let long = |symbol: &SymbolRecord, address| SymbolRecord {
        address,
        name: vec![b'x'; 3 << 20],
        ..symbol.clone()
    };
    // A frame has room for two of them.
    let names = [long(&inlined, 1), long(&inlined, 2), long(&outer, 2), long(&inlined, 3)];
    let (rows, frames) = written(|writer| writer.symbols(&names).unwrap());
    assert_eq!(rows, [1, 2, 1]);
    let pieces = [&names[..1], &names[1..3], &names[3..]];
    assert_eq!(frames, pieces.map(|piece| Frame::Symbols(piece.to_vec())));
}

#[test]
fn records_that_fit_into_no_frame_are_refused() {
    let mut encoder = Encoder::new(&header(), 1).unwrap();
    let too_large = |found, expected| {
        assert!(matches!(found, Err(Error::TooLarge { kind, .. }) if kind == expected));
    };
    let chain = CallChainRecord { user: vec![1; 1 << 20], ..call_chains()[0].clone() };
    too_large(encoder.encode_call_chains(&[chain]), FrameKind::CallChains);
    let segment = modules()[0].segments[0].clone();
    let module = ModuleRecord { segments: vec![segment; 1 << 17], ..modules()[0].clone() };
    too_large(encoder.encode_modules(&[module]), FrameKind::Modules);
    let symbol = SymbolRecord { file: vec![b'x'; 4 << 20], ..symbols()[0].clone() };
    too_large(encoder.encode_symbols(&vec![symbol; 2]), FrameKind::Symbols);
}

#[test]
fn what_readers_would_refuse_is_not_written() {
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    let empty = writer.bytes_written();
    let [chain, ..] = <[CallChainRecord; 3]>::try_from(call_chains()).unwrap();
    for (bad, expected) in [
        (CallChainRecord { id: 0, ..chain.clone() }, "a call chain has the number 0"),
        (
            CallChainRecord { kernel: vec![], user: vec![], ..chain.clone() },
            "a call chain is empty",
        ),
    ] {
        assert!(matches!(
            writer.call_chains(&[chain.clone(), bad]),
            Err(Error::RecordInvalid { kind: FrameKind::CallChains, what }) if what == expected
        ));
    }
    type Edit = fn(&mut ModuleRecord);
    let edits: [(Edit, &str); 4] = [
        (|m| m.build_id = vec![1; 65], "a build id is too long"),
        (|m| m.segments[1].memory_bytes = u64::MAX, "a segment exceeds the address space"),
        (|m| m.segments[0].file_bytes = u64::MAX, "a segment exceeds the address space"),
        (|m| m.sections[3].bytes = u64::MAX, "a section exceeds the address space"),
    ];
    for (edit, expected) in edits {
        let mut bad = modules().swap_remove(0);
        edit(&mut bad);
        assert!(matches!(
            writer.modules(&[bad]),
            Err(Error::RecordInvalid { kind: FrameKind::Modules, what }) if what == expected
        ));
    }
    assert_eq!(writer.bytes_written(), empty);
}

#[test]
fn stack_pointers_are_stored_in_order_of_time() {
    let [first, second, third] = <[StackPointerRecord; 3]>::try_from(stack_pointers()).unwrap();
    let (_, frames) = written(|writer| writer.stack_pointers(&[second, third, first]).unwrap());
    assert_eq!(frames, [Frame::StackPointers(stack_pointers())]);
}

#[test]
fn sections_are_stored_in_order_of_address() {
    let module = modules().swap_remove(0);
    let mut reversed = module.clone();
    reversed.sections.rotate_left(1);
    let (_, frames) = written(|writer| writer.modules(&[reversed]).unwrap());
    assert_eq!(frames, [Frame::Modules(vec![module])]);
}

#[test]
fn the_memory_that_a_frame_takes_is_bounded() {
    let module = modules().swap_remove(0);
    let sections = vec![Section { name: vec![], ..module.sections[0].clone() }; 10_000];
    let modules = [ModuleRecord { segments: vec![], sections, ..module }];
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.modules(&modules).unwrap();
    let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
    let taken = size_of::<ModuleRecord>() + 10_000 * size_of::<Section>();
    assert!(trace.frames()[0].decoded_bytes() >= taken as u64);
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..20)
}

/// First address or offset and length.
fn range() -> impl Strategy<Value = (u64, u64)> {
    any::<(u64, u64)>().prop_map(|(a, b)| (a.min(b), a.max(b) - a.min(b)))
}

prop_compose! {
    fn any_chain()(
        id in 1..=u32::MAX,
        cut in any::<bool>(),
        kernel in prop::collection::vec(any::<u64>(), 0..5),
        user in prop::collection::vec(any::<u64>(), 1..5),
        swapped in any::<bool>(),
    ) -> CallChainRecord {
        let (kernel, user) = if swapped { (user, kernel) } else { (kernel, user) };
        CallChainRecord { id, cut, kernel, user }
    }
}

prop_compose! {
    fn any_segment()(
        (file_offset, file_bytes) in range(),
        (address, memory_bytes) in range(),
        prot in any::<u32>(),
    ) -> Segment {
        Segment { file_offset, file_bytes, address, memory_bytes, prot }
    }
}

prop_compose! {
    fn any_section()(
        name in bytes(),
        (address, bytes) in range(),
        (no_bits, tls) in any::<(bool, bool)>(),
    ) -> Section {
        Section { name, address, bytes, no_bits, tls }
    }
}

prop_compose! {
    fn any_module()(
        (id, pid, dev_major, dev_minor, inode) in any::<(u32, u32, u32, u32, u64)>(),
        kind in prop::sample::select(
            &[ModuleKind::Elf, ModuleKind::Kernel, ModuleKind::Vdso, ModuleKind::PerfMap][..],
        ),
        state in prop::sample::select(
            &[
                ModuleState::Read,
                ModuleState::NotOpened,
                ModuleState::Replaced,
                ModuleState::Malformed,
            ][..],
        ),
        (path, build_id) in (bytes(), prop::collection::vec(any::<u8>(), 0..=64)),
        segments in prop::collection::vec(any_segment(), 0..5),
        mut sections in prop::collection::vec(any_section(), 0..5),
    ) -> ModuleRecord {
        sections.sort_by_key(|section| section.address);
        ModuleRecord {
            id, kind, state, pid, dev_major, dev_minor, inode, path, build_id, segments, sections,
        }
    }
}

prop_compose! {
    fn any_symbol()(
        (module, address, size_bytes, line) in (0..3u32, 0..4u64, any::<u64>(), any::<u32>()),
        kind in prop::sample::select(&[SymbolKind::Function, SymbolKind::Object][..]),
        (name, file) in (bytes(), bytes()),
    ) -> SymbolRecord {
        SymbolRecord { module, kind, address, size_bytes, name, file, line }
    }
}

proptest! {
    #[test]
    fn any_records(
        chains in prop::collection::vec(any_chain(), 1..10),
        modules in prop::collection::vec(any_module(), 1..10),
        symbols in prop::collection::vec(any_symbol(), 1..20),
        mut pointers in prop::collection::vec(any::<(u64, u32, u32, u64)>(), 1..20),
    ) {
        pointers.sort_by_key(|(time_ns, ..)| *time_ns);
        let record = |(time_ns, pid, tid, stack_pointer)| {
            StackPointerRecord { time_ns, pid, tid, stack_pointer }
        };
        let pointers: Vec<_> = pointers.into_iter().map(record).collect();
        let (_, frames) = written(|writer| {
            writer.call_chains(&chains).unwrap();
            writer.modules(&modules).unwrap();
            writer.symbols(&symbols).unwrap();
            writer.stack_pointers(&pointers).unwrap();
        });
        prop_assert_eq!(frames, [
            Frame::CallChains(chains),
            Frame::Modules(modules),
            Frame::Symbols(symbols),
            Frame::StackPointers(pointers),
        ]);
    }

    #[test]
    fn any_chains_and_nodes(
        rows in prop::collection::vec((prop::option::of(any::<u32>()), any::<u8>()), 1..50),
    ) {
        let mut batch = faults(rows.len());
        for (chain, node) in rows {
            batch.columns.call_chain.push(chain.unwrap_or(0));
            batch.columns.node.push(node);
        }
        let (_, frames) = written(|writer| writer.faults(&batch).unwrap());
        // What is known of no fault is left out.
        if batch.columns.call_chain.iter().all(|&id| id == 0) {
            batch.columns.call_chain.clear();
        }
        if batch.columns.node.iter().all(|&node| node == NODE_UNKNOWN) {
            batch.columns.node.clear();
        }
        prop_assert_eq!(batches(frames), [batch]);
    }
}
