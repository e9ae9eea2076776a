//! Records that the writer takes and the page forbids.

use pft::record::{
    CallChainRecord, Fact, FaultBatch, LedgerEntry, MapRecord, SymbolKind, TaskKind, TaskRecord,
};

use super::Forgery;
use crate::samples::{gaps, map, tasks};
use crate::verify::sound::{KERNEL, Records, USER, and, with};

pub fn all() -> Vec<Forgery> {
    let mut all = tables();
    all.extend(faults());
    all.extend(between_frames());
    all
}

fn tables() -> Vec<Forgery> {
    vec![
        (
            "tasks",
            with(|records| {
                records.tasks[0].parent_tid = 9;
                records.tasks[1].comm = b"name".to_vec();
                records.tasks[4].time_ns = 1_000_299;
            }),
            vec![
                "Tasks frame 1, row 4: row-order: the time 1000299 is before that of the row before, 1000300",
                "Tasks frame 1, row 0: task-fields: a record of kind 0 has a parent",
                "Tasks frame 1, row 1: task-fields: a record of kind 1 has a name",
            ],
        ),
        (
            "maps",
            with(|records| {
                records.maps[0].end = records.maps[0].start;
                records.maps[1].prot = 0x0100_0003;
            }),
            vec![
                "Maps frame 2, row 0: map-range: it begins at 0x7f0000000000 and ends at 0x7f0000000000",
                "Maps frame 2, row 1: protection: the protection is 0x1000003",
            ],
        ),
        (
            "snapshot",
            with(|records| {
                records.snapshot.end_ns = records.snapshot.start_ns - 1;
                records.snapshot.vmas[1].end += 0x1001;
            }),
            vec![
                "Snapshot frame 3: snapshot-times: it begins at 1000050 and ends at 1000049",
                "Snapshot frame 3, row 2: snapshot-order: it begins at 0x4000, where the one before ends at 0x4001",
            ],
        ),
        (
            "lost",
            with(|records| records.lost[1].after_ns = records.lost[1].time_ns + 1),
            vec!["Lost frame 6, row 1: loss: lost after 1000601 and before 1000600"],
        ),
        (
            "calls",
            with(|records| {
                records.calls[0].argument = 1;
                records.calls[0].result = 2;
                records.calls[2].new_len_bytes = 3;
            }),
            vec![
                "Calls frame 9, row 0: call-fields: a call of kind 0 has the argument 1",
                "Calls frame 9, row 0: call-fields: a call of kind 0 has the result 2",
                "Calls frame 9, row 2: call-fields: a call of kind 2 has the new length 3",
            ],
        ),
        (
            "modules",
            with(|records| {
                records.modules[0].pid = 4;
                records.modules[0].segments[0].prot = 8;
            }),
            vec![
                "Modules frame 11, row 0: module-pid: a module of kind 0 belongs to process 4",
                "Modules frame 11, row 0: protection: the protection is 0x8",
            ],
        ),
        (
            "symbols",
            with(|records| {
                let function = records.symbols.iter_mut().find(|s| s.kind == SymbolKind::Function);
                function.unwrap().size_bytes = 6;
            }),
            vec!["Symbols frame 12, row 0: symbol-size: a function has a size of 6 bytes"],
        ),
        (
            "ledger",
            with(|records| {
                let again = LedgerEntry { key: "captured.minor".into(), value: 12 };
                records.checkpoint.ledger.push(again);
            }),
            vec!["Checkpoint frame 14, row 2: ledger-keys: its key is there already"],
        ),
        (
            "gaps",
            and(|writer| {
                let mut gaps = gaps();
                gaps[0].before_ns = gaps[0].after_ns - 1;
                writer.gaps(&gaps[..1]).unwrap();
                writer.gaps(&gaps[1..]).unwrap();
            }),
            vec!["Gaps frame 14: gap-times: a gap ends before it begins"],
        ),
        (
            "facts",
            with(|records| {
                let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
                records.host.extend([
                    fact("capture.latency", "yes"),
                    fact("capture.latency", "y\x1b[2J"),
                    fact("capture.delay_ns", "1e9"),
                    fact("capture.delay_ns", "1000000000"),
                    fact("capture.unheard_of", "?"),
                    fact("label.capture.latency", "perhaps"),
                ]);
            }),
            vec![
                "Host frame 0, row 4: fact-value: capture.latency is none of yes, no",
                "Host frame 0, row 5: fact-value: capture.delay_ns is no number",
            ],
        ),
    ]
}

fn with_flags(flags: u32, latency_ns: u64) -> Vec<u8> {
    with(|records| {
        records.faults.columns.flags[2] = flags;
        records.faults.columns.latency_ns[2] = latency_ns;
    })
}

fn faults() -> Vec<Forgery> {
    const UNKNOWN: u64 = u64::MAX;
    vec![
        (
            "outcome",
            with_flags(7, UNKNOWN),
            vec![
                "Faults frame 5, row 2: fault-flags: the outcome is none that there is (flags 0x7)",
            ],
        ),
        (
            "bit 7",
            with_flags(0x88, UNKNOWN),
            vec!["Faults frame 5, row 2: fault-flags: the reserved bit 7 is set (flags 0x88)"],
        ),
        (
            "error code",
            with_flags(0x600, UNKNOWN),
            vec![
                "Faults frame 5, row 2: fault-flags: there is an error code that is not valid (flags 0x600)",
            ],
        ),
        (
            "page size",
            with_flags(0x0040_0000, UNKNOWN),
            vec![
                "Faults frame 5, row 2: fault-flags: the page installed is larger than the address space (flags 0x400000)",
            ],
        ),
        (
            "signal without outcome",
            with_flags(0x0b00_0000, UNKNOWN),
            vec![
                "Faults frame 5, row 2: fault-flags: there is a signal without the outcome (flags 0xb000000)",
            ],
        ),
        (
            "outcome without signal",
            with_flags(6, UNKNOWN),
            vec![
                "Faults frame 5, row 2: fault-flags: there is no signal with the outcome (flags 0x6)",
            ],
        ),
        ("signal", with_flags(0x0b00_0006, UNKNOWN), vec![]),
        (
            "latency without entry",
            with_flags(8, 0),
            vec!["Faults frame 5, row 2: latency-unknown: the latency is 0 (flags 0x8)"],
        ),
        (
            "negative latency",
            with_flags(0x40, 5),
            vec!["Faults frame 5, row 2: latency-unknown: the latency is 5 (flags 0x40)"],
        ),
        (
            "order of faults",
            with(|records| records.faults.columns.time_ns[2] = 1_001_006),
            vec![
                "Faults frame 5, row 2: row-order: the time 1001006 is before that of the row before, 1001007",
            ],
        ),
        (
            "chains of faults",
            with(|records| {
                let columns = &mut records.faults.columns;
                columns.ip = vec![USER + 1, KERNEL, 5];
                columns.call_chain = vec![1, 2, 2];
            }),
            vec![
                "Faults frame 5, row 0: chain-of-fault: the fault is at 0x401001, and call chain 1 begins elsewhere",
                "Faults frame 5, row 2: chain-of-fault: the fault is at 0x5, and call chain 2 begins in the kernel, but the fault was in user mode",
            ],
        ),
        (
            "an unknown chain",
            with(|records| records.faults.columns.call_chain[2] = 3),
            vec!["Faults frame 5, row 2: chain-first: call chain 3 is in no frame before it"],
        ),
    ]
}

fn between_frames() -> Vec<Forgery> {
    let late_chain = CallChainRecord { id: 3, cut: false, kernel: vec![], user: vec![USER] };
    let fault_with = |id, time_ns| {
        let mut columns = Records::new().faults.columns;
        columns.time_ns = vec![time_ns; 3];
        columns.call_chain = vec![id, 0, 0];
        FaultBatch { cpu: 0, columns }
    };
    vec![
        (
            "records behind faults",
            and(|writer| {
                let last = 1_001_007;
                let row = |time_ns| MapRecord { time_ns, ..map(0, b"") };
                writer.maps(&[row(last), row(last + 1)]).unwrap();
                let task = TaskRecord { time_ns: last - 7, ..tasks()[4].clone() };
                assert_eq!(task.kind, TaskKind::Exit);
                writer.tasks(&[task]).unwrap();
            }),
            vec![
                "Maps frame 14, row 0: sideband-first: its time is 1001007, and faults up to 1001007 lie before it",
                "Tasks frame 15, row 0: sideband-first: its time is 1001000, and faults up to 1001007 lie before it",
            ],
        ),
        (
            "a chain behind its fault",
            and(|writer| {
                writer.faults(&fault_with(3, 1_001_100)).unwrap();
                writer.call_chains(std::slice::from_ref(&late_chain)).unwrap();
                writer.faults(&fault_with(3, 1_001_101)).unwrap();
            }),
            vec!["Faults frame 14, row 0: chain-first: call chain 3 is in no frame before it"],
        ),
        (
            "other definitions",
            and(|writer| {
                let Records { mut chains, mut modules, .. } = Records::new();
                writer.call_chains(&chains).unwrap();
                writer.modules(&modules).unwrap();
                chains[1].user.push(6);
                modules[0].path.push(b'2');
                writer.call_chains(&chains).unwrap();
                writer.modules(&modules).unwrap();
            }),
            vec![
                "CallChains frame 16, row 1: definitions: call chain 2 was another one before",
                "Modules frame 17, row 0: definitions: module 1 was another one before",
            ],
        ),
        (
            "symbols again",
            and(|writer| writer.symbols(&Records::new().symbols[..1]).unwrap()),
            vec![
                "Symbols frame 14, row 0: symbol-order: symbols of address 0x1010 of module 1 were there before",
            ],
        ),
        (
            "two ends",
            and(|writer| writer.checkpoint(&Records::new().checkpoint).unwrap()),
            vec![
                "Checkpoint frame 15: checkpoint-end: it lies behind the checkpoint that closes the recording",
            ],
        ),
    ]
}
