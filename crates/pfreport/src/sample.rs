//! Hand-made traces for the tests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pfmodel::names::{Access, Cause, Class, MapConfidence, RegionKind};
use pfmodel::table::{
    Analysis, CallChain, Function, Location, Mapping, Module, NONE, Object, Process, Region, Thread,
};
use pft::record::{LATENCY_UNKNOWN, ModuleKind, ModuleState, TraceHeader};

use crate::load::{Loaded, Mark, Member, ReadStats};

/// A fault with everything ordinary.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub time: u64,
    pub latency: Option<u64>,
    pub class: Class,
    pub cause: Cause,
    pub proc: u32,
    pub tid: u32,
    pub addr: u64,
    pub size: u64,
    pub mapping: u32,
    pub kernel_mode: bool,
    pub code: u32,
    pub chain: u32,
    pub object: u32,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            time: 0,
            latency: Some(1_000),
            class: Class::Minor,
            cause: Cause::AnonFirstTouch,
            proc: 0,
            tid: 100,
            addr: 0x1000,
            size: 4_096,
            mapping: NONE,
            kernel_mode: false,
            code: NONE,
            chain: NONE,
            object: NONE,
        }
    }
}

/// Appends a fault.
pub fn push(analysis: &mut Analysis, row: Row) {
    let faults = &mut analysis.faults;
    faults.time_ns.push(row.time);
    faults.latency_ns.push(row.latency.unwrap_or(LATENCY_UNKNOWN));
    faults.class.push(row.class);
    faults.cause.push(row.cause);
    faults.slow.push(row.class == Class::Minor && row.latency.is_some_and(|ns| ns > 100_000));
    faults.access.push(Access::Read);
    faults.kernel_mode.push(row.kernel_mode);
    faults.proc.push(row.proc);
    faults.tid.push(row.tid);
    faults.comm.push(row.proc);
    faults.cpu.push(1);
    faults.addr.push(row.addr);
    faults.ip.push(0x40_1000);
    faults.page_size_bytes.push(row.size);
    faults.nth.push(1);
    faults.attempts.push(1);
    faults.mapping.push(row.mapping);
    faults.ip_mapping.push(if row.kernel_mode { NONE } else { 0 });
    faults.map_confidence.push(if row.mapping == NONE {
        MapConfidence::Unknown
    } else {
        MapConfidence::Exact
    });
    faults.region.push(row.mapping);
    faults.code.push(row.code);
    faults.object.push(row.object);
    faults.call_chain.push(row.chain);
    analysis.exactness.faults += 1;
    analysis.exactness.classes[row.class as usize] += 1;
    analysis.exactness.map_confidence[if row.mapping == NONE { 2 } else { 0 }] += 1;
}

/// Begins a phase.
pub fn mark(loaded: &mut Loaded, time_ns: u64, name: &str) {
    loaded.marks.push(Mark { time_ns, name: name.to_owned() });
}

/// Mappings of a server: its text, a heap, a model file.
pub const TEXT: u32 = 0;
pub const HEAP: u32 = 1;
pub const MODEL: u32 = 2;

fn mapping(start: u64, bytes: u64, path: &str, kind: RegionKind, region: &str) -> Mapping {
    let is_file = matches!(kind, RegionKind::Text | RegionKind::File);
    Mapping {
        proc: 0,
        start,
        end: start + bytes,
        prot: if kind == RegionKind::Text { 5 } else { 3 },
        shared: false,
        file_offset: if is_file { 0x1000 } else { 0 },
        dev: if is_file { (8, 1) } else { (0, 0) },
        inode: if is_file { 4_711 } else { 0 },
        path: path.as_bytes().to_vec(),
        kind,
        region: region.as_bytes().to_vec(),
        valid_from_ns: 0,
        valid_to_ns: 10_000_000_000,
        confirmed_ns: 10_000_000_000,
        seen_from_start: true,
        module: NONE,
    }
}

/// One process that did nothing for ten seconds.
pub fn empty() -> Loaded {
    let second = 1_000_000_000;
    let mappings = vec![
        mapping(0x40_0000, 0x10_0000, "/usr/bin/server", RegionKind::Text, "server"),
        mapping(0x100_0000, 0x100_0000, "[heap]", RegionKind::Heap, "[heap]"),
        mapping(
            0x7f00_0000_0000,
            0x1000_0000,
            "/srv/models/model.gguf",
            RegionKind::File,
            "model.gguf",
        ),
    ];
    let region = |mapping: &Mapping| Region { kind: mapping.kind, label: mapping.region.clone() };
    let mut analysis = Analysis::default();
    analysis.regions = mappings.iter().map(region).collect();
    analysis.processes = vec![Process {
        pid: 4_242,
        parent: NONE,
        comm: 0,
        first_seen_ns: 0,
        exit_ns: None,
        cgroups: Vec::new(),
    }];
    analysis.threads = vec![Thread { proc: 0, tid: 100, from_ns: 0, to_ns: 10 * second }];
    analysis.mappings = mappings;
    analysis.comms = vec![b"server".to_vec(), b"worker".to_vec()];
    analysis.slow_threshold_ns = 100_000;
    analysis.duration_ns = 10 * second;
    analysis.exactness.error_code = true;
    analysis.exactness.kernel_mode = true;
    analysis.exactness.complete = true;
    let member = Member {
        name: "run.pft".to_owned(),
        path: PathBuf::from("run.pft"),
        target: "server".to_owned(),
        offset_ns: 0,
        start_realtime_ns: 1_795_178_096 * second,
        duration_ns: 10 * second,
        rows: 0..usize::MAX,
        recorded_ns: 0..10 * second,
        window_ns: None,
        flaws: Vec::new(),
        has_wall_clock: true,
    };
    Loaded {
        members: vec![member],
        read: ReadStats { is_whole: true, ..ReadStats::default() },
        name: "run.pft".to_owned(),
        path: PathBuf::from("run.pft"),
        header: TraceHeader {
            uuid: [7; 16],
            page_size_bytes: 4_096,
            clock_id: 1,
            start_ns: 5 * second,
            start_realtime_ns: 1_795_178_096 * second,
        },
        facts: BTreeMap::new(),
        ledger: BTreeMap::new(),
        damage: Vec::new(),
        gaps: Vec::new(),
        notes: Vec::new(),
        marks: Vec::new(),
        oom: Vec::new(),
        analysis,
        selection: None,
    }
}

/// The same with a child.
pub fn two_processes() -> Loaded {
    let mut loaded = empty();
    let child = Process {
        pid: 4_243,
        parent: 0,
        comm: 1,
        first_seen_ns: 1_000_000_000,
        exit_ns: None,
        cgroups: Vec::new(),
    };
    loaded.analysis.processes.push(child);
    loaded
}

/// Places in code of [`with_code`].
pub const MAIN: u32 = 0;
pub const LOOP: u32 = 1;
/// `Table::touch`, inlined into `Table::grow`.
pub const INLINED: u32 = 2;
/// In a library without symbols.
pub const UNNAMED: u32 = 3;
pub const KERNEL: u32 = 4;

fn function(name: &str, file: &str, line: u32) -> Function {
    Function { name: name.into(), file: file.into(), line }
}

/// The server with symbols.
pub fn with_code() -> Loaded {
    let mut loaded = empty();
    let analysis = &mut loaded.analysis;
    let module = |kind, state, path: &str, build_id: &[u8]| Module {
        kind,
        state,
        path: path.into(),
        build_id: build_id.into(),
    };
    analysis.modules = vec![
        module(ModuleKind::Elf, ModuleState::Read, "/usr/bin/server", &[0xbe, 0xef]),
        module(ModuleKind::Elf, ModuleState::NotOpened, "/usr/lib/libfoo.so", &[]),
        module(ModuleKind::Kernel, ModuleState::Read, "[kernel]", &[]),
    ];
    analysis.mappings[TEXT as usize].module = 0;
    let place = |module, label: &str, address, functions| Location {
        module,
        module_label: label.into(),
        address,
        functions,
    };
    let inlined = vec![
        function("Table::touch", "/src/table.rs", 42),
        function("Table::grow", "/src/table.rs", 99),
    ];
    analysis.locations = vec![
        place(0, "server", 0x1000, vec![function("main", "/src/main.rs", 0)]),
        place(0, "server", 0x1100, vec![function("serve::loop", "", 0)]),
        place(0, "server", 0x1200, inlined),
        place(1, "libfoo.so", 0x1234, Vec::new()),
        place(2, "[kernel]", 0xffff_ffff_8100_0000, vec![function("copy_from_user", "", 0)]),
    ];
    let (name, address) = (b"TABLE".to_vec(), 0x4000);
    analysis.objects = vec![Object { module: 0, name, address, size_bytes: 64 }];
    loaded
}

/// A call chain, innermost first.
pub fn chain(kernel: &[u32], user: &[u32], cut: bool) -> CallChain {
    CallChain { kernel: kernel.to_vec(), user: user.to_vec(), cut }
}
