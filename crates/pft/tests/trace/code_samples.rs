//! Call chains, modules, symbols and stack pointers with known contents.

use pft::record::{
    CallChainRecord, FaultBatch, ModuleKind, ModuleRecord, ModuleState, NODE_UNKNOWN, Section,
    Segment, StackPointerRecord, SymbolKind, SymbolRecord,
};

use crate::samples::faults;

/// Faults of which some have one of the three chains, and some a node.
pub fn faults_with_chains(rows: usize) -> FaultBatch {
    let mut batch = faults(rows);
    for row in 0..rows {
        batch.columns.call_chain.push(row as u32 % 4);
        batch.columns.node.push([0, 254, NODE_UNKNOWN, 1, 0][row % 5]);
    }
    batch
}

/// A chain of both parts and one of each alone.
pub fn call_chains() -> Vec<CallChainRecord> {
    let chain = |id, cut, kernel: &[u64], user: &[u64]| CallChainRecord {
        id,
        cut,
        kernel: kernel.to_vec(),
        user: user.to_vec(),
    };
    vec![
        chain(1, false, &[0xffff_ffff_8100_1000, u64::MAX], &[0x40_1000, 0x40_2004]),
        chain(2, true, &[], &[0x40_1000, 0, 0x40_2004]),
        chain(u32::MAX, false, &[0xffff_ffff_8100_1000], &[]),
    ]
}

/// A file with segments and sections, and one module of each other kind and state.
pub fn modules() -> Vec<ModuleRecord> {
    let segment = |address, memory_bytes, prot| Segment {
        file_offset: 0x1000,
        file_bytes: 0x234,
        address,
        memory_bytes,
        prot,
    };
    let section = |name: &[u8], address, bytes, no_bits, tls| Section {
        name: name.to_vec(),
        address,
        bytes,
        no_bits,
        tls,
    };
    let elf = ModuleRecord {
        id: 1,
        kind: ModuleKind::Elf,
        state: ModuleState::Read,
        pid: 0,
        dev_major: 8,
        dev_minor: 1,
        inode: u64::MAX,
        path: b"/usr/lib/lib \xff\"x\".so".to_vec(),
        build_id: (0..20).collect(),
        segments: vec![segment(0x1000, 0x234, 5), segment(0x3000, 0x2000, 3)],
        sections: vec![
            section(b".text", 0x1000, 0x200, false, false),
            section(b".tbss", 0x3000, 0x40, true, true),
            section(b".tdata", 0x3000, 0x10, false, true),
            section(b".bss", 0x3000, 0x2000, true, false),
        ],
    };
    let bare = ModuleRecord {
        id: 2,
        kind: ModuleKind::Kernel,
        dev_major: 0,
        dev_minor: 0,
        inode: 0,
        path: b"[kernel]".to_vec(),
        build_id: vec![0xab; 64],
        segments: vec![],
        sections: vec![],
        ..elf.clone()
    };
    let vdso = ModuleRecord {
        id: 3,
        kind: ModuleKind::Vdso,
        state: ModuleState::NotOpened,
        path: b"[vdso]".to_vec(),
        build_id: vec![],
        sections: vec![section(b"", u64::MAX - 1, 1, false, false)],
        ..bare.clone()
    };
    let perf_map = ModuleRecord {
        id: 4,
        kind: ModuleKind::PerfMap,
        state: ModuleState::Malformed,
        pid: 100,
        path: b"/tmp/perf-100.map".to_vec(),
        build_id: vec![],
        ..bare.clone()
    };
    let replaced = ModuleRecord {
        id: 5,
        state: ModuleState::Replaced,
        path: b"/opt/gone".to_vec(),
        build_id: vec![],
        segments: vec![segment(0, 0, 0)],
        sections: vec![],
        ..elf.clone()
    };
    vec![elf, bare, vdso, perf_map, replaced]
}

/// An address with an inlined function, one of which less is known, and an object.
pub fn symbols() -> Vec<SymbolRecord> {
    let symbol = |module, kind, address, size_bytes, name: &[u8], file: &[u8], line| SymbolRecord {
        module,
        kind,
        address,
        size_bytes,
        name: name.to_vec(),
        file: file.to_vec(),
        line,
    };
    let function = SymbolKind::Function;
    vec![
        symbol(1, function, 0x1010, 0, b"std::vec<T, A>::push", b"/src/vec.h", 120),
        symbol(1, function, 0x1010, 0, b"fill\xc3", b"/src/main.cc", 7),
        symbol(2, function, u64::MAX, 0, b"do_user_addr_fault", b"", 0),
        symbol(1, SymbolKind::Object, 0x3000, 0x2000, b"TABLE", b"", u32::MAX),
    ]
}

pub fn stack_pointers() -> Vec<StackPointerRecord> {
    let record =
        |time_ns, tid, stack_pointer| StackPointerRecord { time_ns, pid: 100, tid, stack_pointer };
    vec![
        record(1_001_000, 100, 0x7fff_ffff_e000),
        record(1_001_010, 101, 0x7f00_0000_0ff8),
        record(1_001_010, 100, u64::MAX),
    ]
}
