//! Builders of what is known of code, and the places in code that faults have.

use pfmodel::names::{Access, RegionKind};
use pfmodel::table::{Analysis, Location, Mapping, NONE};
use pft::record::{
    CallChainRecord, ModuleKind, ModuleRecord, ModuleState, Section, Segment, StackPointerRecord,
    SymbolKind, SymbolRecord, TaskKind, flags,
};

use crate::trace::*;

/// Where tests load their library.
pub const BASE: u64 = 0x7f00_0000_0000;
pub const LIB: &str = "/lib/libx.so";

pub fn segment(offset: u64, file: u64, address: u64, memory: u64, prot: u32) -> Segment {
    Segment { file_offset: offset, file_bytes: file, address, memory_bytes: memory, prot }
}

pub fn section(name: &str, address: u64, bytes: u64) -> Section {
    let no_bits = name == ".bss" || name == ".tbss";
    let tls = name == ".tbss";
    Section { name: name.as_bytes().to_vec(), address, bytes, no_bits, tls }
}

/// A module of a file of which nothing but its name is known.
pub fn module(id: u32, path: &str) -> ModuleRecord {
    ModuleRecord {
        id,
        kind: ModuleKind::Elf,
        state: ModuleState::Read,
        pid: 0,
        dev_major: 8,
        dev_minor: 1,
        inode: inode(path),
        path: path.as_bytes().to_vec(),
        build_id: vec![id as u8; 20],
        segments: Vec::new(),
        sections: Vec::new(),
    }
}

pub fn special(id: u32, kind: ModuleKind, pid: u32, path: &str) -> ModuleRecord {
    ModuleRecord { kind, pid, dev_major: 0, dev_minor: 0, inode: 0, ..module(id, path) }
}

/// A library as linkers lay it out. Its data begins in the page of the file in which its constants end;
/// the first page of the data is made read-only once it is relocated.
pub fn library(id: u32, path: &str) -> ModuleRecord {
    ModuleRecord {
        segments: vec![
            segment(0, 0xf00, 0, 0xf00, R),
            segment(0x1000, 0x1800, 0x1000, 0x1800, RX),
            segment(0x3000, 0x800, 0x3000, 0x800, R),
            segment(0x3800, 0xa00, 0x4800, 0x3a00, RW),
        ],
        sections: vec![
            section(".text", 0x1040, 0x17c0),
            section(".bss", 0x5200, 0x3000),
            section(".rodata", 0x3000, 0x7f0),
            section(".dynsym", 0x200, 0x400),
            section(".tbss", 0x4c00, 0x800),
            section(".data.rel.ro", 0x4800, 0x400),
            section(".data", 0x5000, 0x200),
        ],
        ..module(id, path)
    }
}

/// The mappings of that library: start, end, protection, offset, and whether of the file.
pub const PARTS: [(u64, u64, u32, u64, bool); 5] = [
    (0, 0x1000, R, 0, true),
    (0x1000, 0x3000, RX, 0x1000, true),
    (0x3000, 0x4000, R, 0x3000, true),
    (0x4000, 0x6000, RW, 0x3000, true),
    (0x6000, 0x9000, RW, 0, false),
];

impl Trace {
    pub fn module(mut self, module: ModuleRecord) -> Self {
        self.recording.modules.push(module);
        self
    }

    pub fn function(self, module: u32, address: u64, name: &str) -> Self {
        self.symbol(module, SymbolKind::Function, (address, 0), name)
    }

    pub fn object(self, module: u32, address: u64, size: u64, name: &str) -> Self {
        self.symbol(module, SymbolKind::Object, (address, size), name)
    }

    fn symbol(mut self, module: u32, kind: SymbolKind, place: (u64, u64), name: &str) -> Self {
        let (address, size_bytes) = place;
        let name = name.as_bytes().to_vec();
        let (file, line) = (b"x.c".to_vec(), name.len() as u32);
        let symbol = SymbolRecord { module, kind, address, size_bytes, name, file, line };
        self.recording.symbols.push(symbol);
        self
    }

    pub fn call_chain(mut self, id: u32, kernel: &[u64], user: &[u64]) -> Self {
        let (kernel, user) = (kernel.to_vec(), user.to_vec());
        self.recording.call_chains.push(CallChainRecord { id, cut: false, kernel, user });
        self
    }

    pub fn stack_pointer(mut self, time: u64, pid: u32, tid: u32, stack_pointer: u64) -> Self {
        let time_ns = START_NS + time;
        self.recording.stack_pointers.push(StackPointerRecord { time_ns, pid, tid, stack_pointer });
        self
    }

    /// A library is loaded in 10 ns from `time` on, as the dynamic loader does it.
    pub fn load(mut self, time: u64, base: u64, path: &str) -> Self {
        self = self.map(map(time, base, base + 0x9000, R, path));
        for ((start, end, prot, offset, is_file), n) in PARTS.into_iter().zip(0..).skip(1) {
            let path = if is_file { path } else { "//anon" };
            let mut record = map(time + n, base + start, base + end, prot, path);
            record.file_offset = offset;
            self = self.map(record);
        }
        let mut relocated = map(time + 8, base + 0x4000, base + 0x5000, R, path);
        relocated.file_offset = 0x3000;
        self.map(relocated)
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Region and kind of each row.
pub fn spots(analysis: &Analysis) -> Vec<(String, RegionKind)> {
    let spot = |&region: &u32| match analysis.regions.get(region as usize) {
        Some(region) => (text(&region.label), region.kind),
        None => ("none".to_owned(), RegionKind::Unknown),
    };
    analysis.faults.region.iter().map(spot).collect()
}

/// A place as `module+address function<caller…`, the innermost function first.
pub fn place(analysis: &Analysis, location: u32) -> String {
    let Some(location) = analysis.locations.get(location as usize) else {
        return "none".to_owned();
    };
    let Location { module_label, address, functions, .. } = location;
    let names: Vec<String> = functions.iter().map(|function| text(&function.name)).collect();
    format!("{}+{address:#x} {}", text(module_label), names.join("<")).trim_end().to_owned()
}

/// The place of the instruction of each row.
pub fn instructions(analysis: &Analysis) -> Vec<String> {
    analysis.faults.code.iter().map(|&code| place(analysis, code)).collect()
}

fn of_process(pid: u32, trace: Trace) -> Trace {
    trace.task(0, TaskKind::Exec, pid, pid, "other")
}

#[test]
fn instructions_are_found_in_their_module_with_all_their_functions() {
    let analysis = Trace::new()
        .module(library(7, LIB))
        .function(7, 0x1234, "inlined")
        .function(7, 0x1234, "outer")
        .function(7, 0x1300, "other")
        .function(8, 0x1234, "of no module")
        .load(10, BASE, LIB)
        .fault(fault(30, BASE + 0x8000, WRITE).at(BASE + 0x1234))
        .fault(fault(31, BASE + 0x8000, WRITE).at(BASE + 0x1300))
        .fault(fault(32, BASE + 0x8000, WRITE).at(BASE + 0x1234))
        .fault(fault(33, BASE + 0x8000, WRITE).at(BASE + 0x1236))
        .analyse();
    let expected = [
        "libx.so+0x1234 inlined<outer",
        "libx.so+0x1300 other",
        "libx.so+0x1234 inlined<outer",
        "libx.so+0x1236",
    ];
    assert_eq!(instructions(&analysis), expected);
    assert_eq!(analysis.faults.code[0], analysis.faults.code[2], "one place, one location");
    let location = &analysis.locations[analysis.faults.code[0] as usize];
    let module = &analysis.modules[location.module as usize];
    assert_eq!((text(&module.path), module.build_id.len()), (LIB.to_owned(), 20));
    let inner = &location.functions[0];
    assert_eq!((text(&inner.file), inner.line), ("x.c".to_owned(), 7));
}

#[test]
fn a_module_of_another_file_is_not_taken_for_it() {
    let mut other_inode = library(1, LIB);
    other_inode.inode += 1;
    let mut deleted = library(2, "/lib/gone.so (deleted)");
    deleted.inode = inode("/lib/gone.so");
    let mut gone_text = map(21, 0x20_1000, 0x20_3000, RX, "/lib/gone.so");
    gone_text.file_offset = 0x1000;
    let analysis = Trace::new()
        .module(other_inode)
        .module(deleted)
        .function(1, 0x1234, "wrong")
        .function(2, 0x1234, "right")
        .load(10, BASE, LIB)
        .map(gone_text)
        .fault(fault(30, BASE + 0x8000, WRITE).at(BASE + 0x1234))
        .fault(fault(31, BASE + 0x8000, WRITE).at(0x20_1234))
        .analyse();
    // Without a module the offset in the file, here the same as the address.
    let expected = ["libx.so+0x1234", "gone.so (deleted)+0x1234 right"];
    assert_eq!(instructions(&analysis), expected);
    assert_eq!(analysis.locations[analysis.faults.code[0] as usize].module, NONE);
}

#[test]
fn an_offset_that_no_segment_has_is_no_address_of_a_function() {
    let mut odd = map(10, BASE, BASE + 0x1000, RX, LIB);
    odd.file_offset = 0x2_0000;
    let analysis = Trace::new()
        .module(library(1, LIB))
        .function(1, 0x2_0010, "elsewhere")
        .map(odd)
        .fault(fault(20, BASE, READ).at(BASE + 0x10))
        .analyse();
    assert_eq!(instructions(&analysis), ["libx.so+0x20010"]);
}

#[test]
fn of_two_modules_with_one_id_the_first_counts() {
    let analysis = Trace::new()
        .module(library(1, LIB))
        .module(library(1, "/lib/second.so"))
        .function(1, 0x1234, "f")
        .load(10, BASE, LIB)
        .load(20, BASE + 0x10_0000, "/lib/second.so")
        .fault(fault(40, BASE, READ).at(BASE + 0x1234))
        .fault(fault(41, BASE, READ).at(BASE + 0x10_1234))
        .analyse();
    assert_eq!(analysis.modules.len(), 1);
    assert_eq!(instructions(&analysis), ["libx.so+0x1234 f", "second.so+0x1234"]);
}

#[test]
fn the_kernel_the_vdso_and_made_code_have_modules_of_their_own() {
    let analysis = of_process(2, Trace::new())
        .module(special(1, ModuleKind::Kernel, 0, "[kernel]"))
        .module(special(2, ModuleKind::Vdso, 0, "[vdso]"))
        .module(special(3, ModuleKind::PerfMap, 1, "/tmp/perf-1.map"))
        .function(1, 0xffff_ffff_8100_0010, "clear_page")
        .function(2, 0x600, "clock_gettime")
        .function(3, 0x50_0040, "compiled")
        .map(map(1, 0x7000, 0x9000, RX, "[vdso]"))
        .map(map(1, 0x50_0000, 0x51_0000, 7, "//anon"))
        .map(map_of(2, map(1, 0x50_0000, 0x51_0000, 7, "//anon")))
        .fault(fault(10, 0x7000, READ).kernel().at(0xffff_ffff_8100_0010))
        .fault(fault(11, 0x7000, READ).at(0x7600))
        .fault(fault(12, 0x7000, READ).at(0x50_0040))
        .fault(fault_of(2, 13, 0x50_0000, READ).at(0x50_0040))
        .fault(fault(14, 0x7000, READ).at(0xdead_0000))
        .analyse();
    let expected = [
        "[kernel]+0xffffffff81000010 clear_page",
        "[vdso]+0x600 clock_gettime",
        "[jit]+0x500040 compiled",
        "[anon]+0x500040",
        "+0xdead0000",
    ];
    assert_eq!(instructions(&analysis), expected);
}

fn map_of(pid: u32, map: pft::record::MapRecord) -> pft::record::MapRecord {
    pft::record::MapRecord { pid, tid: pid, ..map }
}

#[test]
fn without_modules_places_are_offsets_in_files() {
    let mut code = map(1, 0x40_0000, 0x41_0000, RX, "/bin/app");
    code.file_offset = 0x2000;
    let kernel = fault(11, 0x40_0000, READ).kernel().at(0xffff_8000_0000_0000);
    let analysis =
        Trace::new().map(code).fault(fault(10, 0x40_0000, READ).at(0x40_0123)).fault(kernel);
    let analysis = analysis.analyse();
    assert_eq!(instructions(&analysis), ["app+0x2123", "[kernel]+0xffff800000000000"]);
    assert!(analysis.modules.is_empty() && analysis.call_chains.is_empty());
}

#[test]
fn the_node_is_left_out_where_no_fault_has_one() {
    let trace = |node| {
        let first = fault(10, 0x7000, WRITE);
        let trace = Trace::new().map(map(1, 0x7000, 0x9000, RW, "//anon")).fault(first);
        trace.fault(first.node(node)).fault(first).analyse().faults.node
    };
    assert_eq!(trace(u8::MAX), []);
    assert_eq!(trace(1), [u8::MAX, 1, u8::MAX]);
}

#[test]
fn without_an_entry_the_instruction_is_known_only_from_elsewhere() {
    let no_entry = |fault: Fault| Fault { flags: fault.flags | flags::NO_ENTRY, ..fault };
    let bare = |time| no_entry(fault(time, BASE + 0x8000, WRITE).at(0));
    let kernel = 0xffff_ffff_8100_0010;
    let analysis = Trace::new()
        .module(library(1, LIB))
        .load(10, BASE, LIB)
        .map(map(20, 0, 0x1000, RX, "//anon"))
        .call_chain(1, &[], &[BASE + 0x1234, BASE + 0x1301])
        .call_chain(2, &[kernel], &[BASE + 0x1234])
        .call_chain(3, &[], &[])
        .fault(bare(30))
        .fault(bare(31).kernel())
        .fault(no_entry(fault(32, BASE + 0x8000, WRITE).at(BASE + 0x1300)))
        .fault(fault(33, BASE + 0x8000, WRITE).at(0))
        .fault(bare(34).chain(1))
        .fault(bare(35).kernel().chain(2))
        // Chains of the other mode, without that part, and lost.
        .fault(bare(36).chain(2))
        .fault(bare(37).kernel().chain(1))
        .fault(bare(38).chain(3))
        .fault(bare(39).chain(4))
        .analyse();
    let none = ("none".to_owned(), NONE, 0);
    let mapped = |place: &str, ip: u64| {
        let holds = |m: &Mapping| m.start <= ip && ip < m.end && m.prot == RX;
        let row = analysis.mappings.iter().position(holds);
        (place.to_owned(), row.map_or(NONE, |row| row as u32), ip)
    };
    let expected = [
        none.clone(),
        none.clone(),
        mapped("libx.so+0x1300", BASE + 0x1300),
        mapped("[anon]+0x0", 0),
        mapped("libx.so+0x1234", BASE + 0x1234),
        mapped("[kernel]+0xffffffff81000010", kernel),
        none.clone(),
        none.clone(),
        none.clone(),
        none,
    ];
    let faults = &analysis.faults;
    let places =
        instructions(&analysis).into_iter().zip(faults.ip_mapping.iter()).zip(faults.ip.iter());
    let places: Vec<_> = places.map(|((place, &mapping), &ip)| (place, mapping, ip)).collect();
    assert_eq!(places, expected);
}

#[test]
fn an_unknown_instruction_in_the_first_page_does_not_execute_it() {
    let at_zero = Fault { flags: flags::NO_ENTRY, ..fault(30, 0, READ).at(0).blind() };
    let measured = Fault { flags: 0, ..at_zero };
    let trace = Trace::new().map(map(20, 0, 0x1000, 7, "//anon"));
    let analysis = trace.fault(at_zero).fault(measured).analyse();
    assert_eq!(analysis.faults.access, [Access::Unknown, Access::Exec]);
}
