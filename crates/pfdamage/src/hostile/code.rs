//! Call chains, modules and symbols that name each other wrongly, or far too often.

use pft::record::{
    CallChainRecord, ModuleKind, ModuleRecord, Section, Segment, SymbolKind, SymbolRecord,
};

use super::{BASE, Fault, Named, ODD, PAGE, Recording, START_NS, map};
use crate::code_samples;

pub const ALL: &[Named] = &[
    ("call chains by the million", many_chains),
    ("call chains without end", |_| long_chains(900_000, "")),
    ("a long call chain of long names", |rows| long_chains(1_000, &"n".repeat(rows * 5))),
    ("call chains of one number", same_number),
    ("call chains that are not there", no_chains),
    ("a call chain for each fault", own_chains),
    ("modules by the million", many_modules),
    ("modules of many segments that overlap", segments),
    ("modules of many sections that overlap", sections),
    ("modules at odd addresses", |_| odd_modules()),
    ("symbols by the million", many_symbols),
    ("symbols of modules that are not there", no_modules),
    ("functions inlined without end", inlined),
    ("objects that overlap", objects),
];

fn chain(id: u32, user: Vec<u64>) -> CallChainRecord {
    CallChainRecord { id, cut: false, kernel: Vec::new(), user }
}

/// A recording with a program mapped at the base.
fn program() -> Recording {
    Recording::new().maps([map(START_NS, BASE, BASE + (1 << 32), "/bin/program")])
}

fn module(id: u32) -> ModuleRecord {
    ModuleRecord {
        id,
        kind: ModuleKind::Elf,
        dev_major: 8,
        dev_minor: 1,
        inode: 1,
        path: b"/bin/program".to_vec(),
        segments: vec![Segment {
            file_offset: 0,
            file_bytes: 1 << 32,
            address: 0,
            memory_bytes: 1 << 32,
            prot: 5,
        }],
        sections: Vec::new(),
        ..code_samples::modules().remove(0)
    }
}

fn symbol(module: u32, kind: SymbolKind, address: u64, name: &str) -> SymbolRecord {
    SymbolRecord {
        module,
        kind,
        address,
        size_bytes: 0,
        name: name.into(),
        file: Vec::new(),
        line: 0,
    }
}

fn with_chains(
    recording: Recording,
    chains: impl IntoIterator<Item = CallChainRecord>,
) -> Recording {
    recording.records(chains, |writer, chains| writer.call_chains(chains))
}

fn with_symbols(
    recording: Recording,
    symbols: impl IntoIterator<Item = SymbolRecord>,
) -> Recording {
    recording.records(symbols, |writer, symbols| writer.symbols(symbols))
}

fn with_modules(
    recording: Recording,
    modules: impl IntoIterator<Item = ModuleRecord>,
) -> Recording {
    recording.records(modules, |writer, modules| writer.modules(modules))
}

fn faults(rows: usize, chain: impl Fn(u64) -> u32) -> impl Iterator<Item = Fault> {
    (0..rows as u64).map(move |n| Fault {
        call_chain: chain(n),
        ip: BASE + n * 64,
        ..Fault::nth(n % 1_000)
    })
}

fn many_chains(rows: usize) -> Vec<u8> {
    let chains = (0..rows as u32).map(|n| chain(n + 1, vec![BASE]));
    with_chains(program(), chains).faults(faults(1_000, |n| n as u32)).end()
}

/// Two chains of so many callers, all the same one, with this name.
fn long_chains(callers: usize, name: &str) -> Vec<u8> {
    let mut recording = program();
    for id in [1, 2] {
        recording.writer.call_chains(&[chain(id, vec![BASE + 0x101; callers])]).unwrap();
    }
    let symbols = (!name.is_empty()).then(|| symbol(1, SymbolKind::Function, 0x100, name));
    let recording = with_symbols(with_modules(recording, [module(1)]), symbols);
    recording.faults(faults(2_000, |n| 1 + (n % 2) as u32)).end()
}

fn same_number(rows: usize) -> Vec<u8> {
    let chains = (0..rows as u64).map(|n| chain(u32::MAX - (n % 2) as u32, vec![BASE + n; 3]));
    with_chains(program(), chains).faults(faults(1_000, |n| u32::MAX - n as u32 % 4)).end()
}

fn no_chains(rows: usize) -> Vec<u8> {
    program().faults(faults(rows, |n| u32::MAX - n as u32)).end()
}

fn own_chains(rows: usize) -> Vec<u8> {
    let rows = rows / 4;
    let chains =
        (0..rows as u64).map(|n| chain(n as u32 + 1, (0..20).map(|k| BASE + n * k).collect()));
    with_chains(program(), chains).faults(faults(rows, |n| n as u32 + 1)).end()
}

fn many_modules(rows: usize) -> Vec<u8> {
    let modules = (0..rows as u32).map(|id| ModuleRecord {
        inode: u64::from(id % 3),
        segments: Vec::new(),
        build_id: Vec::new(),
        ..module(id)
    });
    with_modules(program(), modules).faults(faults(1_000, |_| 0)).end()
}

fn segments(rows: usize) -> Vec<u8> {
    let segment = |n: u64| Segment {
        file_offset: n,
        file_bytes: 1 << 32,
        address: n * 16,
        memory_bytes: 1 << 40,
        prot: 7,
    };
    let all = ModuleRecord { segments: (0..rows as u64).map(segment).collect(), ..module(1) };
    with_modules(program(), [all]).faults(faults(rows / 10, |_| 0)).end()
}

fn sections(rows: usize) -> Vec<u8> {
    let section = |n: u64| Section {
        name: b".text".to_vec(),
        address: n,
        bytes: 1 << 40,
        no_bits: n.is_multiple_of(3),
        tls: n.is_multiple_of(5),
    };
    let all = ModuleRecord { sections: (0..rows as u64).map(section).collect(), ..module(1) };
    with_modules(program(), [all]).faults(faults(rows / 10, |_| 0)).end()
}

fn odd_modules() -> Vec<u8> {
    let mut modules = Vec::new();
    for address in ODD {
        for length in ODD.into_iter().filter(|length| address.checked_add(*length).is_some()) {
            let segment = Segment {
                file_offset: address,
                file_bytes: length,
                address: length,
                memory_bytes: address,
                prot: u32::MAX,
            };
            modules
                .push(ModuleRecord { segments: vec![segment; 3], ..module(modules.len() as u32) });
        }
    }
    let symbols = ODD.into_iter().flat_map(|address| {
        (0..40).map(move |id| SymbolRecord {
            size_bytes: u64::MAX - address / 2,
            ..symbol(
                id,
                if id % 2 == 0 { SymbolKind::Object } else { SymbolKind::Function },
                address,
                "odd",
            )
        })
    });
    let maps = ODD.map(|offset| pft::record::MapRecord {
        file_offset: offset,
        ..map(START_NS, BASE + (offset & 0xff_f000), BASE + (1 << 30), "/bin/program")
    });
    let recording = with_symbols(with_modules(Recording::new().maps(maps), modules), symbols);
    recording.faults(faults(1_000, |_| 0)).end()
}

fn many_symbols(rows: usize) -> Vec<u8> {
    let symbols = (0..rows as u64).map(|n| symbol(1, SymbolKind::Function, n * 64, "f"));
    with_symbols(with_modules(program(), [module(1)]), symbols)
        .faults(faults(rows / 10, |_| 0))
        .end()
}

fn no_modules(rows: usize) -> Vec<u8> {
    let symbols = (0..rows as u64).map(|n| symbol(n as u32, SymbolKind::Object, n, ""));
    with_symbols(program(), symbols).faults(faults(1_000, |_| 0)).end()
}

/// One address that has all functions there are.
fn inlined(rows: usize) -> Vec<u8> {
    let rows = rows.min(super::FRAME_ROWS);
    let symbols = (0..rows).map(|n| symbol(1, SymbolKind::Function, 0x100, &format!("f{n}")));
    let recording = with_symbols(with_modules(program(), [module(1)]), symbols);
    let recording = with_chains(recording, [chain(1, vec![BASE + 0x101; 1_000])]);
    recording.faults(faults(1_000, |n| (n % 2) as u32)).end()
}

fn objects(rows: usize) -> Vec<u8> {
    let object = |n: u64| SymbolRecord {
        size_bytes: 1 << 40,
        ..symbol(1, SymbolKind::Object, n * PAGE, "object")
    };
    let symbols = (0..rows as u64).map(object);
    with_symbols(with_modules(program(), [module(1)]), symbols)
        .faults(faults(rows / 10, |_| 0))
        .end()
}
