//! `v1.0-code.pft`: call chains, modules, symbols, stack pointers and NUMA nodes.

use pft::record::{
    CallChainRecord, Checkpoint, Fact, FaultBatch, FaultColumns, LATENCY_UNKNOWN, ModuleKind,
    ModuleRecord, ModuleState, NODE_UNKNOWN, Section, Segment, StackPointerRecord, SymbolKind,
    SymbolRecord, TraceHeader,
};
use pft::{Writer, keys};

const START_NS: u64 = 1_000_000_000;

fn call_chains() -> Vec<CallChainRecord> {
    let user = vec![0x5555_5555_5160, 0x5555_5555_51a4, 0x7fff_f7c2_a1ca];
    let in_user_mode = CallChainRecord { id: 1, cut: false, kernel: Vec::new(), user };
    let in_kernel_mode = CallChainRecord {
        id: 2,
        cut: true,
        kernel: vec![0xffff_ffff_8150_1000, 0xffff_ffff_8120_0010],
        user: vec![0x7fff_f7d1_0a9d, 0x5555_5555_51b0],
    };
    vec![in_user_mode, in_kernel_mode]
}

/// Two faults with chains, one of which has a node, and one with neither.
fn faults() -> FaultBatch {
    FaultBatch {
        cpu: 1,
        columns: FaultColumns {
            time_ns: vec![START_NS + 100, START_NS + 200, START_NS + 300],
            latency_ns: vec![700, LATENCY_UNKNOWN, 900],
            addr: vec![0x5555_5555_8010, 0x7fff_f7a0_0000, 0x5555_5555_9000],
            ip: vec![0x5555_5555_5160, 0xffff_ffff_8150_1000, 0x5555_5555_5160],
            pid: vec![4711; 3],
            tid: vec![4711, 4712, 4711],
            flags: vec![0x0c_0620, 0x10, 0x0c_0620],
            attempts: vec![1; 3],
            call_chain: vec![1, 2, 0],
            node: vec![0, NODE_UNKNOWN, NODE_UNKNOWN],
        },
    }
}

fn modules() -> Vec<ModuleRecord> {
    let section = |name: &str, address, bytes, no_bits, tls| Section {
        name: name.into(),
        address,
        bytes,
        no_bits,
        tls,
    };
    let program = ModuleRecord {
        id: 1,
        kind: ModuleKind::Elf,
        state: ModuleState::Read,
        pid: 0,
        dev_major: 8,
        dev_minor: 1,
        inode: 123_456,
        path: b"/usr/bin/example".to_vec(),
        build_id: vec![0xde, 0xad, 0xbe, 0xef],
        segments: vec![
            Segment {
                file_offset: 0x1000,
                file_bytes: 0x1d5,
                address: 0x1000,
                memory_bytes: 0x1d5,
                prot: 5,
            },
            Segment {
                file_offset: 0x2db8,
                file_bytes: 0x258,
                address: 0x3db8,
                memory_bytes: 0x1268,
                prot: 6,
            },
        ],
        sections: vec![
            section(".text", 0x1060, 0x160, false, false),
            section(".tbss", 0x3db8, 0x10, true, true),
            section(".data", 0x4000, 0x10, false, false),
            section(".bss", 0x4010, 0x1010, true, false),
        ],
    };
    let kernel = ModuleRecord {
        id: 2,
        kind: ModuleKind::Kernel,
        dev_major: 0,
        dev_minor: 0,
        inode: 0,
        path: b"[kernel]".to_vec(),
        build_id: Vec::new(),
        segments: Vec::new(),
        sections: Vec::new(),
        ..program.clone()
    };
    let gone = ModuleRecord {
        id: 3,
        state: ModuleState::NotOpened,
        inode: 123_457,
        path: b"/tmp/plugin, \xe2\x9c\x93.so (deleted)".to_vec(),
        build_id: Vec::new(),
        segments: Vec::new(),
        sections: Vec::new(),
        ..program.clone()
    };
    let perf_map = ModuleRecord {
        id: 4,
        kind: ModuleKind::PerfMap,
        pid: 4711,
        path: b"/tmp/perf-4711.map".to_vec(),
        ..kernel.clone()
    };
    vec![program, kernel, gone, perf_map]
}

fn symbols() -> Vec<SymbolRecord> {
    let inlined = SymbolRecord {
        module: 1,
        kind: SymbolKind::Function,
        address: 0x1160,
        size_bytes: 0,
        name: b"std::vector<int, std::allocator<int> >::push_back".to_vec(),
        file: b"/usr/include/c++/14/bits/stl_vector.h".to_vec(),
        line: 1283,
    };
    let outer = SymbolRecord {
        name: b"fill".to_vec(),
        file: b"/src/example.cc".to_vec(),
        line: 12,
        ..inlined.clone()
    };
    let in_kernel = SymbolRecord {
        module: 2,
        address: 0xffff_ffff_8150_1000,
        name: b"rep_movs_alternative".to_vec(),
        file: Vec::new(),
        line: 0,
        ..inlined.clone()
    };
    let object = SymbolRecord {
        kind: SymbolKind::Object,
        address: 0x4020,
        size_bytes: 4096,
        name: b"TABLE".to_vec(),
        file: Vec::new(),
        line: 0,
        ..inlined.clone()
    };
    vec![inlined, outer, in_kernel, object]
}

/// The bytes of the file.
pub fn bytes() -> pft::Result<Vec<u8>> {
    let header = TraceHeader {
        uuid: *b"golden      code",
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: START_NS,
        start_realtime_ns: 1_700_000_000_000_000_000,
    };
    let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
    let stack_pointer =
        |time_ns, tid, stack_pointer| StackPointerRecord { time_ns, pid: 4711, tid, stack_pointer };
    let mut writer = Writer::create(Vec::new(), &header, 1)?;
    writer.host(&[
        fact(keys::fact::KERNEL_RELEASE, "6.18.0"),
        fact(keys::fact::CAPTURE_CALL_GRAPH, "fp"),
        fact(keys::fact::MACHINE_CPU_NODES, "0-1=0"),
    ])?;
    writer.call_chains(&call_chains())?;
    writer.faults(&faults())?;
    writer.stack_pointers(&[
        stack_pointer(START_NS + 800, 4711, 0x7fff_ffff_e2a0),
        stack_pointer(START_NS + 950, 4712, 0x7fff_f79f_fe38),
    ])?;
    writer.modules(&modules())?;
    writer.symbols(&symbols())?;
    writer.checkpoint(&Checkpoint {
        time_ns: START_NS + 1000,
        end: true,
        ..Checkpoint::default()
    })?;
    writer.finish()
}
