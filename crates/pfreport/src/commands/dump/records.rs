//! The records of a frame, one a line.

use std::io::{self, Write};

use pft::record::{
    CallChainRecord, CallRecord, CgroupRecord, Checkpoint, Fact, FaultBatch, FaultColumns, Frame,
    GapRecord, LATENCY_UNKNOWN, LedgerEntry, LostRecord, MapRecord, MarkRecord, ModuleRecord,
    NODE_UNKNOWN, OomRecord, Outcome, Snapshot, StackPointerRecord, SymbolRecord, TaskRecord, Vma,
};

use super::line::Line;
use crate::figures::gaps;

/// Writes the first `top` records of a frame, and how many there are beyond.
///
/// # Errors
/// `out` takes no more.
pub fn write(out: &mut impl Write, frame: &Frame, top: u64) -> io::Result<()> {
    match frame {
        Frame::Host(facts) => all(out, facts, top, fact),
        Frame::Tasks(tasks) => all(out, tasks, top, task),
        Frame::Maps(maps) => all(out, maps, top, map),
        Frame::Snapshot(snapshot) => {
            out.write_all(head_of_snapshot(snapshot).as_bytes())?;
            all(out, &snapshot.vmas, top, vma)
        }
        Frame::Faults(batch) => faults(out, batch, top),
        Frame::Lost(lost) => all(out, lost, top, loss),
        Frame::Checkpoint(checkpoint) => {
            out.write_all(head_of_checkpoint(checkpoint).as_bytes())?;
            all(out, &checkpoint.ledger, top, entry)
        }
        Frame::Oom(victims) => all(out, victims, top, oom),
        Frame::Marks(marks) => all(out, marks, top, mark),
        Frame::Calls(calls) => all(out, calls, top, call),
        Frame::CallChains(chains) => all(out, chains, top, chain),
        Frame::Modules(modules) => all(out, modules, top, module),
        Frame::Symbols(symbols) => all(out, symbols, top, symbol),
        Frame::StackPointers(pointers) => all(out, pointers, top, stack_pointer),
        Frame::Gaps(gaps) => all(out, gaps, top, gap),
        Frame::Cgroups(cgroups) => all(out, cgroups, top, cgroup),
        _ => Ok(()),
    }
}

fn all<T>(out: &mut impl Write, rows: &[T], top: u64, line: fn(&T) -> String) -> io::Result<()> {
    let shown = usize::try_from(top).unwrap_or(usize::MAX).min(rows.len());
    for row in rows.iter().take(shown) {
        out.write_all(line(row).as_bytes())?;
    }
    more(out, rows.len() - shown)
}

fn more(out: &mut impl Write, rows: usize) -> io::Result<()> {
    match rows {
        0 => Ok(()),
        _ => writeln!(out, "  ... {rows} more"),
    }
}

fn fact(Fact { key, value }: &Fact) -> String {
    Line::of("fact").name("key", key.as_bytes()).name("value", value.as_bytes()).end()
}

fn task(task: &TaskRecord) -> String {
    Line::of("task")
        .put("time_ns", task.time_ns)
        .put("kind", format_args!("{:?}", task.kind))
        .put("pid", task.pid)
        .put("tid", task.tid)
        .put("parent_pid", task.parent_pid)
        .put("parent_tid", task.parent_tid)
        .name("comm", &task.comm)
        .end()
}

fn map(map: &MapRecord) -> String {
    Line::of("map")
        .put("time_ns", map.time_ns)
        .put("pid", map.pid)
        .put("tid", map.tid)
        .hex("start", map.start)
        .hex("end", map.end)
        .hex("file_offset", map.file_offset)
        .put("dev", format_args!("{}:{}", map.dev_major, map.dev_minor))
        .put("inode", map.inode)
        .put("inode_generation", map.inode_generation)
        .hex("prot", map.prot)
        .hex("flags", map.flags)
        .name("path", &map.path)
        .end()
}

fn gap(gap: &GapRecord) -> String {
    Line::of("gap")
        .put("after_ns", gap.after_ns)
        .known("before_ns", Some(gap.before_ns).filter(|&ns| ns != u64::MAX))
        .known("kind", gaps::kind(gap).map(|kind| kind.replace(' ', "-")))
        .known("frames", Some(gap.frames).filter(|&frames| frames > 0))
        .known("rows", gap.rows)
        .put("bytes", gap.bytes)
        .put("reason", gaps::word(gap.reason))
        .end()
}

fn head_of_snapshot(snapshot: &Snapshot) -> String {
    Line::of("snapshot")
        .put("pid", snapshot.pid)
        .put("start_ns", snapshot.start_ns)
        .put("end_ns", snapshot.end_ns)
        .put("reason", format_args!("{:?}", snapshot.reason))
        .put("vmas", snapshot.vmas.len())
        .end()
}

fn vma(vma: &Vma) -> String {
    Line::of("vma")
        .hex("start", vma.start)
        .hex("end", vma.end)
        .hex("prot", vma.prot)
        .put("shared", vma.shared)
        .hex("file_offset", vma.file_offset)
        .put("dev", format_args!("{}:{}", vma.dev_major, vma.dev_minor))
        .put("inode", vma.inode)
        .name("path", &vma.path)
        .end()
}

fn faults(out: &mut impl Write, batch: &FaultBatch, top: u64) -> io::Result<()> {
    let rows = batch.columns.len();
    let shown = usize::try_from(top).unwrap_or(usize::MAX).min(rows);
    for row in 0..shown {
        out.write_all(fault(batch.cpu, &batch.columns, row).as_bytes())?;
    }
    more(out, rows - shown)
}

fn fault(cpu: u32, columns: &FaultColumns, row: usize) -> String {
    let wide = |column: &[u64]| column.get(row).copied().unwrap_or_default();
    let narrow = |column: &[u32]| column.get(row).copied().unwrap_or_default();
    let bits = narrow(&columns.flags);
    let outcome = Outcome::of(bits);
    let mut line = Line::of("fault")
        .put("time_ns", wide(&columns.time_ns))
        .known("latency_ns", Some(wide(&columns.latency_ns)).filter(|&ns| ns != LATENCY_UNKNOWN))
        .hex("addr", wide(&columns.addr))
        .hex("ip", wide(&columns.ip))
        .put("pid", narrow(&columns.pid))
        .put("tid", narrow(&columns.tid))
        .put("cpu", cpu)
        .known("outcome", outcome.map(|outcome| format!("{outcome:?}")))
        .hex("flags", bits)
        .put("attempts", narrow(&columns.attempts));
    if !columns.call_chain.is_empty() {
        line = line.put("call_chain", narrow(&columns.call_chain));
    }
    if let Some(&node) = columns.node.get(row) {
        line = line.known("node", Some(node).filter(|&node| node != NODE_UNKNOWN));
    }
    line.end()
}

fn loss(loss: &LostRecord) -> String {
    Line::of("lost")
        .put("after_ns", loss.after_ns)
        .put("time_ns", loss.time_ns)
        .put("cpu", loss.cpu)
        .put("by", format_args!("{:?}", loss.by))
        .put("count", loss.count)
        .end()
}

fn head_of_checkpoint(checkpoint: &Checkpoint) -> String {
    Line::of("checkpoint")
        .put("time_ns", checkpoint.time_ns)
        .put("realtime_ns", checkpoint.realtime_ns)
        .put("boottime_ns", checkpoint.boottime_ns)
        .put("end", checkpoint.end)
        .put("entries", checkpoint.ledger.len())
        .end()
}

fn entry(entry: &LedgerEntry) -> String {
    Line::of("entry").name("key", entry.key.as_bytes()).put("value", entry.value).end()
}

fn oom(oom: &OomRecord) -> String {
    Line::of("oom")
        .put("time_ns", oom.time_ns)
        .put("pid", oom.pid)
        .name("comm", &oom.comm)
        .put("by_pid", oom.by_pid)
        .put("by_tid", oom.by_tid)
        .known("total_vm_kib", oom.total_vm_kib)
        .known("anon_rss_kib", oom.anon_rss_kib)
        .known("file_rss_kib", oom.file_rss_kib)
        .known("shmem_rss_kib", oom.shmem_rss_kib)
        .known("pgtables_kib", oom.pgtables_kib)
        .known("uid", oom.uid)
        .known("oom_score_adj", oom.oom_score_adj)
        .end()
}

fn mark(mark: &MarkRecord) -> String {
    Line::of("mark").put("time_ns", mark.time_ns).name("name", &mark.name).end()
}

fn call(call: &CallRecord) -> String {
    Line::of("call")
        .put("time_ns", call.time_ns)
        .known("end_ns", Some(call.end_ns).filter(|&ns| ns != u64::MAX))
        .put("pid", call.pid)
        .put("tid", call.tid)
        .put("kind", format_args!("{:?}", call.kind))
        .hex("addr", call.addr)
        .hex("len_bytes", call.len_bytes)
        .hex("new_len_bytes", call.new_len_bytes)
        .hex("argument", call.argument)
        .put("result", call.result)
        .end()
}

fn chain(chain: &CallChainRecord) -> String {
    Line::of("chain")
        .put("id", chain.id)
        .put("cut", chain.cut)
        .hexes("kernel", &chain.kernel)
        .hexes("user", &chain.user)
        .end()
}

/// A line for the module, one for each of its segments and sections.
fn module(module: &ModuleRecord) -> String {
    let mut lines = Line::of("module")
        .put("id", module.id)
        .put("kind", format_args!("{:?}", module.kind))
        .put("state", format_args!("{:?}", module.state))
        .put("pid", module.pid)
        .put("dev", format_args!("{}:{}", module.dev_major, module.dev_minor))
        .put("inode", module.inode)
        .name("path", &module.path)
        .digits("build_id", &module.build_id)
        .put("segments", module.segments.len())
        .put("sections", module.sections.len())
        .end();
    for segment in &module.segments {
        let line = Line::of("  segment")
            .hex("file_offset", segment.file_offset)
            .hex("file_bytes", segment.file_bytes)
            .hex("address", segment.address)
            .hex("memory_bytes", segment.memory_bytes)
            .hex("prot", segment.prot);
        lines.push_str(&line.end());
    }
    for section in &module.sections {
        let line = Line::of("  section")
            .name("name", &section.name)
            .hex("address", section.address)
            .hex("bytes", section.bytes)
            .put("no_bits", section.no_bits)
            .put("tls", section.tls);
        lines.push_str(&line.end());
    }
    lines
}

fn symbol(symbol: &SymbolRecord) -> String {
    Line::of("symbol")
        .put("module", symbol.module)
        .put("kind", format_args!("{:?}", symbol.kind))
        .hex("address", symbol.address)
        .put("size_bytes", symbol.size_bytes)
        .name("name", &symbol.name)
        .name("file", &symbol.file)
        .put("line", symbol.line)
        .end()
}

fn cgroup(cgroup: &CgroupRecord) -> String {
    let CgroupRecord { time_ns, pid, path } = cgroup;
    Line::of("cgroup").put("time_ns", time_ns).put("pid", pid).name("path", path).end()
}

fn stack_pointer(pointer: &StackPointerRecord) -> String {
    Line::of("stack")
        .put("time_ns", pointer.time_ns)
        .put("pid", pointer.pid)
        .put("tid", pointer.tid)
        .hex("stack_pointer", pointer.stack_pointer)
        .end()
}
