//! The tables that `testdata/read_pft.py` prints, made by the Rust reader.

use std::fmt::{Display, Write as _};

use pft::Trace;
use pft::record::{
    CallChainRecord, CallKind, CallRecord, CgroupRecord, FaultBatch, Frame, GapReason, GapRecord,
    LATENCY_UNKNOWN, MarkRecord, ModuleKind, ModuleRecord, ModuleState, NODE_UNKNOWN, OomRecord,
    Section, Segment, StackPointerRecord, SymbolKind, SymbolRecord,
};

/// Names of the tables, as the script takes them, and their columns.
pub const TABLES: [(&str, &str); 12] = [
    ("faults", "time_ns,latency_ns,addr,ip,pid,tid,flags,attempts,cpu,call_chain,node\n"),
    (
        "oom",
        "time_ns,pid,comm,by_pid,by_tid,total_vm_kib,anon_rss_kib,file_rss_kib,shmem_rss_kib,\
         pgtables_kib,uid,oom_score_adj\n",
    ),
    ("marks", "time_ns,name\n"),
    ("calls", "time_ns,end_ns,pid,tid,kind,addr,len_bytes,new_len_bytes,argument,result\n"),
    ("stack_pointers", "time_ns,pid,tid,stack_pointer\n"),
    ("callchains", "id,cut,kernel,user\n"),
    ("modules", "id,kind,state,pid,dev_major,dev_minor,inode,path,build_id\n"),
    ("segments", "module,file_offset,file_bytes,address,memory_bytes,prot\n"),
    ("sections", "module,name,address,bytes,no_bits,tls\n"),
    ("symbols", "module,kind,address,size_bytes,name,file,line\n"),
    ("gaps", "after_ns,before_ns,kind,frames,rows,bytes,reason\n"),
    ("cgroups", "time_ns,pid,path\n"),
];

/// One table of all frames of a trace.
pub fn table(trace: &Trace, name: &str) -> String {
    let (_, columns) = TABLES.iter().find(|(table, _)| *table == name).unwrap();
    let mut rows = String::new();
    for (_, frame) in trace.iter() {
        rows += &match (name, frame.unwrap()) {
            ("faults", Frame::Faults(batch)) => faults(&batch),
            ("oom", Frame::Oom(victims)) => victims.iter().map(oom).collect(),
            ("marks", Frame::Marks(marks)) => marks.iter().map(mark).collect(),
            ("calls", Frame::Calls(calls)) => calls.iter().map(call).collect(),
            ("stack_pointers", Frame::StackPointers(pointers)) => {
                pointers.iter().map(stack_pointer).collect()
            }
            ("callchains", Frame::CallChains(chains)) => chains.iter().map(call_chain).collect(),
            ("modules", Frame::Modules(modules)) => modules.iter().map(module).collect(),
            ("segments", Frame::Modules(modules)) => modules.iter().map(segments).collect(),
            ("sections", Frame::Modules(modules)) => modules.iter().map(sections).collect(),
            ("symbols", Frame::Symbols(symbols)) => symbols.iter().map(symbol).collect(),
            ("gaps", Frame::Gaps(gaps)) => gaps.iter().map(gap).collect(),
            ("cgroups", Frame::Cgroups(cgroups)) => cgroups.iter().map(cgroup).collect(),
            _ => String::new(),
        };
    }
    format!("{columns}{rows}")
}

fn faults(batch: &FaultBatch) -> String {
    let c = &batch.columns;
    let mut rows = String::new();
    for row in 0..c.len() {
        let latency = known(Some(c.latency_ns[row]).filter(|&ns| ns != LATENCY_UNKNOWN));
        let chain = known(c.call_chain.get(row).filter(|&&id| id != 0));
        let node = known(c.node.get(row).filter(|&&node| node != NODE_UNKNOWN));
        writeln!(
            rows,
            "{},{latency},{:#x},{:#x},{},{},{:#x},{},{},{chain},{node}",
            c.time_ns[row],
            c.addr[row],
            c.ip[row],
            c.pid[row],
            c.tid[row],
            c.flags[row],
            c.attempts[row],
            batch.cpu
        )
        .unwrap();
    }
    rows
}

fn oom(v: &OomRecord) -> String {
    format!(
        "{},{},{},{},{},{},{},{},{},{},{},{}\n",
        v.time_ns,
        v.pid,
        text(&v.comm),
        v.by_pid,
        v.by_tid,
        known(v.total_vm_kib),
        known(v.anon_rss_kib),
        known(v.file_rss_kib),
        known(v.shmem_rss_kib),
        known(v.pgtables_kib),
        known(v.uid),
        known(v.oom_score_adj),
    )
}

fn mark(mark: &MarkRecord) -> String {
    format!("{},{}\n", mark.time_ns, text(&mark.name))
}

fn call(call: &CallRecord) -> String {
    let kind = match call.kind {
        CallKind::Munmap => "munmap",
        CallKind::Mremap => "mremap",
        CallKind::Madvise => "madvise",
        other => panic!("no name for {other:?}"),
    };
    let end_ns = Some(call.end_ns).filter(|&ns| ns != u64::MAX);
    format!(
        "{},{},{},{},{kind},{:#x},{},{},{},{}\n",
        call.time_ns,
        known(end_ns),
        call.pid,
        call.tid,
        call.addr,
        call.len_bytes,
        call.new_len_bytes,
        call.argument,
        known(end_ns.map(|_| call.result)),
    )
}

fn stack_pointer(record: &StackPointerRecord) -> String {
    format!("{},{},{},{:#x}\n", record.time_ns, record.pid, record.tid, record.stack_pointer)
}

fn call_chain(chain: &CallChainRecord) -> String {
    let addresses = |part: &[u64]| {
        part.iter().map(|address| format!("{address:#x}")).collect::<Vec<_>>().join(" ")
    };
    let (kernel, user) = (addresses(&chain.kernel), addresses(&chain.user));
    format!("{},{},{kernel},{user}\n", chain.id, u8::from(chain.cut))
}

fn module(module: &ModuleRecord) -> String {
    let kind = match module.kind {
        ModuleKind::Elf => "elf",
        ModuleKind::Kernel => "kernel",
        ModuleKind::Vdso => "vdso",
        ModuleKind::PerfMap => "perf-map",
        other => panic!("no name for {other:?}"),
    };
    let state = match module.state {
        ModuleState::Read => "read",
        ModuleState::NotOpened => "not-opened",
        ModuleState::Replaced => "replaced",
        ModuleState::Malformed => "malformed",
        other => panic!("no name for {other:?}"),
    };
    format!(
        "{},{kind},{state},{},{},{},{},{},{}\n",
        module.id,
        module.pid,
        module.dev_major,
        module.dev_minor,
        module.inode,
        text(&module.path),
        module.build_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
    )
}

fn segments(module: &ModuleRecord) -> String {
    let row = |s: &Segment| {
        format!(
            "{},{:#x},{},{:#x},{},{}\n",
            module.id, s.file_offset, s.file_bytes, s.address, s.memory_bytes, s.prot
        )
    };
    module.segments.iter().map(row).collect()
}

fn sections(module: &ModuleRecord) -> String {
    let row = |s: &Section| {
        format!(
            "{},{},{:#x},{},{},{}\n",
            module.id,
            text(&s.name),
            s.address,
            s.bytes,
            u8::from(s.no_bits),
            u8::from(s.tls)
        )
    };
    module.sections.iter().map(row).collect()
}

fn symbol(symbol: &SymbolRecord) -> String {
    let kind = match symbol.kind {
        SymbolKind::Function => "function",
        SymbolKind::Object => "object",
    };
    format!(
        "{},{kind},{:#x},{},{},{},{}\n",
        symbol.module,
        symbol.address,
        symbol.size_bytes,
        text(&symbol.name),
        text(&symbol.file),
        known(Some(symbol.line).filter(|&line| line != 0)),
    )
}

fn gap(gap: &GapRecord) -> String {
    let reason = match gap.reason {
        GapReason::Missing => "missing",
        GapReason::Checksum => "checksum",
        GapReason::Rule => "rule",
        GapReason::Parts => "parts",
        GapReason::Cut => "cut",
        other => panic!("no name for {other:?}"),
    };
    format!(
        "{},{},{},{},{},{},{reason}\n",
        gap.after_ns,
        known(Some(gap.before_ns).filter(|&ns| ns != u64::MAX)),
        known(Some(gap.kind).filter(|&kind| kind != 0)),
        known(Some(gap.frames).filter(|&frames| frames != 0)),
        known(gap.rows),
        gap.bytes,
    )
}

fn cgroup(cgroup: &CgroupRecord) -> String {
    format!("{},{},{}\n", cgroup.time_ns, cgroup.pid, text(&cgroup.path))
}

fn known(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Printable ASCII as it is, `\xNN` for the rest and for what would need quotes.
fn text(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for &byte in bytes {
        match byte {
            b',' | b'"' | b'\\' => write!(shown, "\\x{byte:02x}").unwrap(),
            b' '..=b'~' => shown.push(byte.into()),
            _ => write!(shown, "\\x{byte:02x}").unwrap(),
        }
    }
    shown
}
