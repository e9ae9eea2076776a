//! What was hit is named where a trace ends, and each window of a flight recorder.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use pft::record::{MapRecord, ModuleKind, ModuleRecord, SymbolKind, SymbolRecord};

use super::*;
use crate::drain::batch::{ChainSpan, FaultRows};
use crate::explain::{Explain, Explained, Limits, Opener, Wanted};

/// Names every place after its offset; with `patient` it takes until a limit is reached.
struct Namer {
    patient: bool,
}

impl Explain for Namer {
    fn explain(&mut self, wanted: Wanted, limits: Limits<'_>) -> Explained {
        while self.patient && !limits.are_reached() {
            std::thread::yield_now();
        }
        assert!(!self.patient || Instant::now() < limits.deadline, "nobody was in a hurry");
        let asked = wanted.asked();
        let symbol = |module: &ModuleRecord, address| SymbolRecord {
            module: module.id,
            kind: SymbolKind::Function,
            address,
            size_bytes: 0,
            name: format!("f{address:x}").into_bytes(),
            file: Vec::new(),
            line: 0,
        };
        let symbols = wanted.modules.iter().flat_map(|module| {
            module.code.iter().map(|place| symbol(&module.record, place.offset))
        });
        let symbols: Vec<_> = if self.patient { Vec::new() } else { symbols.collect() };
        let named = symbols.len() as u64;
        let modules = wanted.modules.into_iter().map(|module| module.record).collect();
        Explained { modules, symbols, asked, named, skipped: asked - named }
    }
}

fn naming(patient: bool) -> Option<Naming> {
    Some(Naming::new(Box::new(Namer { patient }), None, Opener::start().unwrap()))
}

/// A file that is nowhere, mapped as code from 0x1000.
fn code(time_ns: u64) -> Item {
    Item::Maps(vec![MapRecord {
        time_ns,
        pid: 4,
        tid: 4,
        start: 0x1000,
        end: 0x9000,
        file_offset: 0x7000,
        dev_major: 8,
        dev_minor: 1,
        inode: 77,
        inode_generation: 0,
        prot: 5,
        flags: 2,
        path: b"/nowhere/code".to_vec(),
    }])
}

fn faults(time_ns: u64, callers: &[u64]) -> FaultRows {
    let user = u16::try_from(callers.len()).unwrap();
    let chain = ChainSpan { user, ..ChainSpan::default() };
    let ip = callers[0];
    let rows = vec![FaultRow { ip, chain, ..row(time_ns, 5) }];
    FaultRows { rows, callers: callers.to_vec(), ..FaultRows::default() }
}

fn end(time_ns: u64) -> Item {
    Item::Checkpoint(Checkpoint { time_ns, end: true, ..Checkpoint::default() })
}

/// The frames in short, and the last ledger.
fn told(path: &Path) -> (Vec<String>, Vec<(String, u64)>) {
    let trace = Trace::open(path).unwrap();
    assert!(trace.is_complete());
    let mut ledger = Vec::new();
    let mut frames = Vec::new();
    for (_, frame) in trace.iter() {
        frames.push(match frame.unwrap() {
            Frame::CallChains(chains) => {
                let chains = chains.iter().map(|chain| format!("{}: {:x?}", chain.id, chain.user));
                format!("chains {}", chains.collect::<Vec<_>>().join(", "))
            }
            Frame::Faults(batch) => format!("faults {:?}", batch.columns.call_chain),
            Frame::Modules(modules) => {
                let path = |module: &ModuleRecord| String::from_utf8(module.path.clone()).unwrap();
                let known = |module: &ModuleRecord| {
                    assert_eq!(module.kind, ModuleKind::Elf);
                    format!("{} {:?}", path(module), module.state)
                };
                format!("modules {}", modules.iter().map(known).collect::<Vec<_>>().join(", "))
            }
            Frame::Symbols(symbols) => {
                let name = |symbol: &SymbolRecord| String::from_utf8(symbol.name.clone()).unwrap();
                format!("symbols {}", symbols.iter().map(name).collect::<Vec<_>>().join(", "))
            }
            Frame::Checkpoint(checkpoint) => {
                ledger = checkpoint.ledger;
                format!("checkpoint {}", checkpoint.end)
            }
            _ => continue,
        });
    }
    let kept = ["symbols.", "modules.", "callchains.", "captured.call_chains"];
    ledger.retain(|line| {
        kept.iter().any(|key| line.key.starts_with(key)) && line.key != ledger_keys::SYMBOLS_TIME_NS
    });
    (frames, ledger.into_iter().map(|line| (line.key, line.value)).collect())
}

fn lines(lines: &[(&str, u64)]) -> Vec<(String, u64)> {
    lines.iter().map(|&(key, value)| (key.to_owned(), value)).collect()
}

const CHAINS: [(&str, u64); 4] = [
    ("captured.call_chains", 3),
    ("callchains.distinct", 2),
    ("callchains.cut", 0),
    ("callchains.dropped", 0),
];

#[test]
fn a_trace_ends_with_the_names_of_what_was_hit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.pft");
    let destination = Destination::File(path.clone());
    let store = Store::create(&StorePlan { naming: naming(false), ..plan(destination) }).unwrap();
    store.put(code(1));
    for callers in [&[0x1010, 0x2011][..], &[0x1010, 0x2011], &[0x1020]] {
        assert_eq!(store.put_faults(0, &mut faults(2, callers)), None);
    }
    store.put(end(3));
    let finished = store.finish(|| false).unwrap();
    let (frames, ledger) = told(&path);
    let expected = [
        "chains 1: [1010, 2011]",
        "faults [1]",
        "faults [1]",
        "chains 2: [1020]",
        "faults [2]",
        "checkpoint false",
        "modules /nowhere/code NotOpened",
        "symbols f7010, f8010, f7020",
        "checkpoint true",
    ];
    assert_eq!(frames, expected);
    let named = [
        ("symbols.asked", 3),
        ("symbols.found", 3),
        ("symbols.skipped", 0),
        ("modules.found", 0),
        ("modules.missing", 1),
    ];
    assert_eq!(ledger, lines(&[&CHAINS[..], &named].concat()));
    let named = finished.named.unwrap();
    assert_eq!((named.asked, named.found, named.missing), (3, 3, 1));
}

#[test]
fn who_cannot_wait_for_names_has_a_whole_trace_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.pft");
    let destination = Destination::File(path.clone());
    let store = Store::create(&StorePlan { naming: naming(true), ..plan(destination) }).unwrap();
    store.put(code(1));
    assert_eq!(store.put_faults(0, &mut faults(2, &[0x1010])), None);
    // So long a recording that the limit alone would be half a minute.
    store.put(end(3_600_000_000_000));
    let asked = AtomicUsize::new(0);
    let finished = store.finish(|| asked.fetch_add(1, Ordering::Relaxed) == 1).unwrap();
    assert_eq!(finished.named.unwrap().skipped, 1);
    let (frames, ledger) = told(&path);
    let expected = ["checkpoint false", "modules /nowhere/code NotOpened", "checkpoint true"];
    assert_eq!(frames[2..], expected);
    let skipped = lines(&[("symbols.asked", 1), ("symbols.found", 0), ("symbols.skipped", 1)]);
    assert_eq!(ledger[4..7], skipped);
}

#[test]
fn every_window_has_its_own_names_and_chains() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.pft");
    let window = Duration::from_secs(10);
    let mut store = Store::create(&StorePlan {
        flight: Some(Flight { window, trigger_latency: None }),
        naming: naming(false),
        ..plan(Destination::File(path.clone()))
    })
    .unwrap();
    store.put(code(1));
    let chain = [0x1010, 0x2011];
    assert_eq!(store.put_faults(0, &mut faults(2, &chain)), None);
    for seconds in [5, 10, 15] {
        store.begin_segment(seconds * SECOND_NS);
    }
    assert_eq!(store.put_faults(0, &mut faults(15 * SECOND_NS, &chain)), None);
    store.dump(DumpReason::Signal);
    drop(next(&store));
    assert_eq!(store.put_faults(0, &mut faults(16 * SECOND_NS, &[0x1020])), None);
    store.finish(|| false).unwrap();
    let (frames, ledger) = told(&path);
    let expected = [
        "chains 2: [1010, 2011]",
        "faults [2]",
        "modules /nowhere/code NotOpened",
        "symbols f7010, f8010",
        "checkpoint true",
    ];
    assert_eq!(frames, expected);
    assert_eq!(ledger.iter().find(|(key, _)| key == "callchains.distinct").unwrap().1, 1);
    let (frames, _) = told(&folder.path().join("run.2.pft"));
    assert_eq!(frames[2..4], ["chains 3: [1020]", "faults [3]"]);
    assert_eq!(frames[5], "symbols f7010, f8010, f7020");
}

#[test]
fn stacks_that_nobody_unwinds_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.pft");
    let store = Store::create(&plan(Destination::File(path.clone()))).unwrap();
    let mut batch = faults(2, &[0x1010]);
    batch.stacks.push(crate::drain::batch::UserStack {
        row: 0,
        regs: Default::default(),
        start: 0,
        len: 0,
    });
    assert_eq!(store.put_faults(0, &mut batch), None);
    store.put(end(3));
    let finished = store.finish(|| false).unwrap();
    assert_eq!((finished.stacks_dropped, finished.named), (1, None));
    assert_eq!(told(&path).0, ["chains 1: [1010]", "faults [1]", "checkpoint true"]);
}
