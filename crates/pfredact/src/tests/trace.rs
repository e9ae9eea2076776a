//! A trace with a secret in every place that can hold one.

use std::collections::BTreeSet;

use pft::record::{
    CallChainRecord, CallKind, CallRecord, CgroupRecord, Checkpoint, Fact, FaultBatch, Frame,
    GapReason, GapRecord, LedgerEntry, LostBy, LostRecord, MapRecord, MarkRecord, ModuleKind,
    ModuleRecord, ModuleState, OomRecord, Section, Snapshot, SnapshotReason, StackPointerRecord,
    SymbolKind, SymbolRecord, TaskKind, TaskRecord, TraceHeader, Vma,
};
use pft::{Trace, Writer};

use crate::{Checked, Level, Options, Plan, Result};

pub const START: u64 = 77_000_000_000_000;
pub const REALTIME: u64 = 1_795_303_603_119_485_680;
pub const PROGRAM: u64 = 0x5613_7e53_3000;
pub const HEAP: u64 = 0x5613_b4f9_8000;
pub const LIBRARY: u64 = 0x7f53_d95a_7000;
pub const JIT: u64 = 0x7f53_d000_0000;
pub const STACK: u64 = 0x7fff_02ca_3000;
pub const KERNEL: u64 = 0xffff_ffff_9a40_1000;
pub const VSYSCALL: u64 = 0xffff_ffff_ff60_0000;
pub const BUILD_ID: [u8; 20] = *b"\xde\xad\xbe\xef0123456789abcdef";

pub fn fact(key: &str, value: &str) -> Fact {
    Fact { key: key.to_owned(), value: value.to_owned() }
}

pub fn header() -> TraceHeader {
    TraceHeader {
        uuid: *b"secret uuid here",
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: START,
        start_realtime_ns: REALTIME,
    }
}

fn facts() -> Vec<Fact> {
    vec![
        fact("machine.hostname", "build7.acmecorp.example"),
        fact("kernel.release", "6.18.44-acmekernel-amd64"),
        fact("kernel.version", "#1 SMP PREEMPT_DYNAMIC Debian 6.18.44-1"),
        fact(
            "target.command",
            "/home/alicia/zeppelin/bin/airship --token=hunter2secret data/cargolist.db",
        ),
        fact("target.cgroup", "/user.slice/airshipgroup.scope"),
        fact("target.kind", "command"),
        fact("target.pids", "4242,4300"),
        fact("label.ticketkey", "JIRA-4711 of alicia"),
        fact("vm.thp_enabled", "madvise"),
        fact("unknown.fact", "unknownfactvalue"),
        fact("recovered.from", "uuidofanothertrace"),
    ]
}

/// Paths of mappings: where, how long, protection, inode, path.
pub fn mappings() -> Vec<(u64, u64, u32, u64, &'static [u8])> {
    vec![
        (PROGRAM, 0x4000, 5, 771_001, b"/home/alicia/zeppelin/bin/airship"),
        (PROGRAM + 0x4000, 0x2000, 3, 771_001, b"/home/alicia/zeppelin/bin/airship"),
        (HEAP, 0x21000, 3, 0, b"[heap]"),
        (JIT, 0x10000, 7, 0, b""),
        (JIT + 0x10_0000, 0x1000, 3, 0, b"[anon:secretpool]"),
        (JIT + 0x20_0000, 0x1000, 3, 0, b"[anon: glibc: malloc arena]"),
        (JIT + 0x30_0000, 0x1000, 3, 771_002, b"/memfd:wirebuffer (deleted)"),
        (JIT + 0x40_0000, 0x1000, 3, 771_003, b"/dev/shm/shmqueue-7"),
        (JIT + 0x50_0000, 0x1000, 1, 771_004, b"/data/payloads/cargolist.db (deleted)"),
        (JIT + 0x60_0000, 0x1000, 3, 771_005, b"/SYSV0000002a (deleted)"),
        (LIBRARY, 0x26000, 5, 326_279, b"/usr/lib/x86_64-linux-gnu/libc.so.6"),
        (LIBRARY + 0x10_0000, 0x1000, 5, 326_280, b"/usr/lib/x86_64-linux-gnu/libalicia.so.1"),
        (STACK, 0x21000, 3, 0, b"[stack]"),
        (VSYSCALL, 0x1000, 4, 0, b"[vsyscall]"),
    ]
}

fn vma((start, bytes, prot, inode, path): (u64, u64, u32, u64, &[u8])) -> Vma {
    Vma {
        start,
        end: start + bytes,
        prot,
        shared: false,
        file_offset: 0,
        dev_major: u32::from(inode > 0) * 254,
        dev_minor: u32::from(inode > 0) * 3,
        inode,
        path: path.to_vec(),
    }
}

fn module(id: u32, kind: ModuleKind, path: &[u8], build_id: &[u8]) -> ModuleRecord {
    let section = |name: &[u8], address| Section {
        name: name.to_vec(),
        address,
        bytes: 0x100,
        no_bits: false,
        tls: false,
    };
    ModuleRecord {
        id,
        kind,
        state: ModuleState::Read,
        pid: u32::from(kind == ModuleKind::PerfMap) * 4242,
        dev_major: 254,
        dev_minor: 3,
        inode: if kind == ModuleKind::Elf { 771_001 } else { 0 },
        path: path.to_vec(),
        build_id: build_id.to_vec(),
        segments: vec![],
        sections: match kind {
            ModuleKind::Elf if id == 1 => {
                vec![section(b".text", 0x1000), section(b".airshipsection", 0x2000)]
            }
            ModuleKind::Elf => vec![section(b".text", 0x1000)],
            _ => vec![],
        },
    }
}

fn symbol(module: u32, address: u64, name: &[u8], file: &[u8]) -> SymbolRecord {
    SymbolRecord {
        module,
        kind: SymbolKind::Function,
        address,
        size_bytes: 0,
        name: name.to_vec(),
        file: file.to_vec(),
        line: 12,
    }
}

/// The records of the trace, a frame each.
pub fn frames() -> Vec<Frame> {
    let task = |kind, tid, comm: &[u8]| TaskRecord {
        time_ns: START,
        kind,
        pid: 4242,
        tid,
        parent_pid: 0,
        parent_tid: 0,
        comm: comm.to_vec(),
    };
    let map = |(start, bytes, prot, inode, path): (u64, u64, u32, u64, &[u8])| MapRecord {
        time_ns: START + 5,
        pid: 4242,
        tid: 4300,
        start,
        end: start + bytes,
        file_offset: 0,
        dev_major: 254,
        dev_minor: 3,
        inode,
        inode_generation: 99_887_766,
        prot,
        flags: 2,
        path: path.to_vec(),
    };
    let mut batch = FaultBatch { cpu: 1, ..FaultBatch::default() };
    let columns = &mut batch.columns;
    for (n, (addr, ip)) in [
        (HEAP + 0x1234, PROGRAM + 0x10),
        (STACK + 0x20ff8, PROGRAM + 0x18),
        (JIT + 0x50_0010, LIBRARY + 0x100),
        (0x10, JIT + 0x40),
        (HEAP + 0x5000, KERNEL + 0x30),
    ]
    .into_iter()
    .enumerate()
    {
        columns.time_ns.push(START + 100 + n as u64);
        columns.latency_ns.push(500);
        columns.addr.push(addr);
        columns.ip.push(ip);
        columns.pid.push(4242);
        columns.tid.push(4300);
        columns.flags.push(0x0c_0620);
        columns.attempts.push(1);
        columns.call_chain.push(1);
    }
    vec![
        Frame::Host(facts()),
        Frame::Tasks(vec![
            task(TaskKind::Present, 4242, b"airship"),
            task(TaskKind::Comm, 4300, b"cargoworker-12"),
        ]),
        Frame::Snapshot(Snapshot {
            pid: 4242,
            start_ns: START + 1,
            end_ns: START + 2,
            reason: SnapshotReason::Start,
            vmas: mappings().into_iter().map(vma).collect(),
        }),
        Frame::Maps(vec![map((JIT + 0x70_0000, 0x1000, 3, 771_006, b"/opt/hangar/manifest.idx"))]),
        Frame::CallChains(vec![CallChainRecord {
            id: 1,
            cut: false,
            kernel: vec![KERNEL + 0x30, KERNEL + 0x1234_5678],
            user: vec![PROGRAM + 0x10, LIBRARY + 0x26000],
        }]),
        Frame::Faults(batch),
        Frame::Lost(vec![LostRecord {
            after_ns: 0,
            time_ns: START + 60,
            cpu: 1,
            by: LostBy::Ring,
            count: 3,
        }]),
        Frame::Gaps(vec![GapRecord {
            after_ns: START + 65,
            before_ns: u64::MAX,
            kind: 0,
            frames: 0,
            rows: None,
            bytes: 3,
            reason: GapReason::Cut,
        }]),
        Frame::Oom(vec![OomRecord {
            time_ns: START + 70,
            pid: 4242,
            comm: b"oomedprocess".to_vec(),
            by_pid: 4242,
            by_tid: 4300,
            total_vm_kib: Some(1),
            anon_rss_kib: None,
            file_rss_kib: None,
            shmem_rss_kib: None,
            pgtables_kib: None,
            uid: Some(50_321),
            oom_score_adj: Some(0),
        }]),
        Frame::Marks(vec![MarkRecord { time_ns: START + 80, name: b"load customerbase".to_vec() }]),
        Frame::Calls(vec![CallRecord {
            time_ns: START + 90,
            end_ns: START + 91,
            pid: 4242,
            tid: 4300,
            kind: CallKind::Mremap,
            addr: JIT + 0x10_0000,
            len_bytes: 0x1000,
            new_len_bytes: 0x2000,
            argument: 1,
            result: (JIT + 0x80_0000).cast_signed(),
        }]),
        Frame::Modules(vec![
            module(1, ModuleKind::Elf, b"/home/alicia/zeppelin/bin/airship", &BUILD_ID),
            module(2, ModuleKind::Elf, b"/usr/lib/x86_64-linux-gnu/libc.so.6", &[7; 20]),
            module(3, ModuleKind::Kernel, b"[kernel]", &[]),
            module(4, ModuleKind::PerfMap, b"/tmp/perf-4242.map", &[]),
        ]),
        Frame::Symbols(vec![
            symbol(1, 0x10, b"airship::lift_ballast(int)", b"/home/alicia/zeppelin/src/engine.cc"),
            symbol(2, 0x100, b"__libc_start_main", b"./csu/libc-start.c"),
            symbol(3, KERNEL + 0x30, b"rep_movs_alternative", b""),
            symbol(4, JIT + 0x40, b"LinterpretedFlight;::cruise", b""),
            symbol(99, 0x10, b"ofmissingmodule", b""),
        ]),
        Frame::Cgroups(vec![
            CgroupRecord {
                time_ns: START + 85,
                pid: 4242,
                path: b"/user.slice/airshipgroup.scope".to_vec(),
            },
            CgroupRecord {
                time_ns: START + 86,
                pid: 4300,
                path: b"/system.slice/docker-deadbeefcafe0042.scope/balloonpod".to_vec(),
            },
        ]),
        Frame::StackPointers(vec![StackPointerRecord {
            time_ns: START + 95,
            pid: 4242,
            tid: 4300,
            stack_pointer: STACK + 0x21000,
        }]),
        Frame::Checkpoint(Checkpoint {
            time_ns: START + 1_000,
            realtime_ns: REALTIME + 1_000,
            boottime_ns: START + 2_000,
            end: true,
            ledger: vec![
                LedgerEntry { key: "captured.minor".to_owned(), value: 5 },
                LedgerEntry { key: "unknown.ledger.key".to_owned(), value: 5 },
            ],
        }),
    ]
}

pub fn written(frames: &[Frame]) -> Vec<u8> {
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    for frame in frames {
        crate::write::write_frame(&mut writer, frame).unwrap();
    }
    writer.finish().unwrap()
}

pub fn trace() -> Trace {
    Trace::from_bytes(written(&frames())).unwrap()
}

pub fn at(level: Level) -> Options {
    Options { level, seed: Some("a seed".to_owned()), ..Options::default() }
}

/// The redacted trace, and what the check said.
pub fn redacted(trace: &Trace, options: &Options) -> (Trace, Result<Checked>) {
    redacted_with(trace, options, &|_| false)
}

pub fn redacted_with(
    trace: &Trace,
    options: &Options,
    leaks: &dyn Fn(&[u8]) -> bool,
) -> (Trace, Result<Checked>) {
    let mut plan = Plan::new(trace, options).unwrap();
    let mut bytes = Vec::new();
    plan.write_with(trace, &mut bytes, leaks).unwrap();
    let output = Trace::from_bytes(bytes).unwrap();
    assert!(output.damage().is_empty(), "{:?}", output.damage());
    let checked = plan.check(&output);
    (output, checked)
}

/// All payloads, decompressed, one behind the other.
pub fn payloads(trace: &Trace) -> Vec<u8> {
    let (frames, damage) = trace.scan().unwrap();
    assert!(damage.is_empty());
    frames.iter().flat_map(|frame| trace.payload(frame).unwrap()).collect()
}

pub fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

/// All records.
pub fn decoded(trace: &Trace) -> Vec<Frame> {
    trace.iter().map(|(_, frame)| frame.unwrap()).collect()
}

/// All texts.
pub fn texts(trace: &Trace) -> BTreeSet<Vec<u8>> {
    let mut texts = BTreeSet::new();
    for mut frame in decoded(trace) {
        crate::fields::each_text(&mut frame, &mut |_, text| {
            texts.insert(text.clone());
        });
    }
    texts
}
