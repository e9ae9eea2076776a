//! Rules of the rows of one frame that readers do not ask for.

use super::finding::{Findings, Place};
use super::rule::Rule;
use super::{facts, faults};
use crate::record::{
    CallKind, CallRecord, Checkpoint, Frame, MapRecord, ModuleKind, ModuleRecord, Snapshot,
    SymbolKind, TaskKind, TaskRecord, Vma,
};
use rustc_hash::FxHashSet;

/// `PROT_READ`, `PROT_WRITE` and `PROT_EXEC`.
const PROTECTIONS: u32 = 7;

/// Checks the records of a frame.
pub(super) fn check(frame: &Frame, place: Place, findings: &mut Findings) {
    match frame {
        Frame::Host(facts) => {
            for (row, fact) in facts.iter().enumerate() {
                facts::check(fact, place.row(row), findings);
            }
        }
        Frame::Tasks(tasks) => {
            in_order(tasks.iter().map(|task| task.time_ns), place, findings);
            for (row, task) in tasks.iter().enumerate() {
                check_task(task, place.row(row), findings);
            }
        }
        Frame::Maps(maps) => {
            in_order(maps.iter().map(|map| map.time_ns), place, findings);
            for (row, map) in maps.iter().enumerate() {
                let MapRecord { start, end, prot, .. } = *map;
                range(start, end, place.row(row), findings);
                protection(prot, place.row(row), findings);
            }
        }
        Frame::Snapshot(snapshot) => check_snapshot(snapshot, place, findings),
        Frame::Faults(batch) => {
            in_order(batch.columns.time_ns.iter().copied(), place, findings);
            faults::check(&batch.columns, place, findings);
        }
        Frame::Lost(losses) => {
            for (row, loss) in losses.iter().enumerate() {
                let (after, time) = (loss.after_ns, loss.time_ns);
                if after > time {
                    let what = || format!("lost after {after} and before {time}");
                    findings.add(Rule::Loss, place.row(row), what);
                }
            }
        }
        Frame::Checkpoint(checkpoint) => ledger_keys(checkpoint, place, findings),
        Frame::Calls(calls) => {
            for (row, call) in calls.iter().enumerate() {
                check_call(call, place.row(row), findings);
            }
        }
        Frame::Modules(modules) => {
            for (row, module) in modules.iter().enumerate() {
                check_module(module, place.row(row), findings);
            }
        }
        Frame::Symbols(symbols) => {
            for (row, symbol) in symbols.iter().enumerate() {
                let size = symbol.size_bytes;
                if symbol.kind == SymbolKind::Function && size != 0 {
                    let what = || format!("a function has a size of {size} bytes");
                    findings.add(Rule::SymbolSize, place.row(row), what);
                }
            }
        }
        // Readers refuse what is wrong with these.
        Frame::Oom(_)
        | Frame::Marks(_)
        | Frame::CallChains(_)
        | Frame::StackPointers(_)
        | Frame::Gaps(_)
        | Frame::Cgroups(_) => {}
    }
}

fn in_order(times: impl Iterator<Item = u64>, place: Place, findings: &mut Findings) {
    let mut before = 0;
    for (row, time) in times.enumerate() {
        if time < before {
            let what = || format!("the time {time} is before that of the row before, {before}");
            findings.add(Rule::RowOrder, place.row(row), what);
        }
        before = time;
    }
}

fn range(start: u64, end: u64, place: Place, findings: &mut Findings) {
    if start >= end {
        let what = || format!("it begins at {start:#x} and ends at {end:#x}");
        findings.add(Rule::MapRange, place, what);
    }
}

fn protection(prot: u32, place: Place, findings: &mut Findings) {
    if prot & !PROTECTIONS != 0 {
        findings.add(Rule::Protection, place, || format!("the protection is {prot:#x}"));
    }
}

fn check_task(task: &TaskRecord, place: Place, findings: &mut Findings) {
    let kind = task.kind;
    let has_parent = matches!(kind, TaskKind::Fork | TaskKind::Exit);
    if !has_parent && (task.parent_pid, task.parent_tid) != (0, 0) {
        let what = || format!("a record of kind {} has a parent", kind as u8);
        findings.add(Rule::TaskFields, place, what);
    }
    if has_parent && !task.comm.is_empty() {
        let what = || format!("a record of kind {} has a name", kind as u8);
        findings.add(Rule::TaskFields, place, what);
    }
}

fn check_snapshot(snapshot: &Snapshot, place: Place, findings: &mut Findings) {
    let Snapshot { start_ns, end_ns, .. } = *snapshot;
    if start_ns > end_ns {
        let what = || format!("it begins at {start_ns} and ends at {end_ns}");
        findings.add(Rule::SnapshotTimes, place, what);
    }
    for (row, vma) in snapshot.vmas.iter().enumerate() {
        let Vma { start, end, prot, .. } = *vma;
        range(start, end, place.row(row), findings);
        protection(prot, place.row(row), findings);
    }
    vma_order(0, &snapshot.vmas, place, findings);
}

/// Checks the order of mappings of which those before end at `end`; where these do.
pub(super) fn vma_order(end: u64, vmas: &[Vma], place: Place, findings: &mut Findings) -> u64 {
    let mut end = end;
    for (row, vma) in vmas.iter().enumerate() {
        if vma.start < end {
            let start = vma.start;
            let what = || format!("it begins at {start:#x}, where the one before ends at {end:#x}");
            findings.add(Rule::SnapshotOrder, place.row(row), what);
        }
        end = vma.end;
    }
    end
}

fn ledger_keys(checkpoint: &Checkpoint, place: Place, findings: &mut Findings) {
    let mut keys = FxHashSet::default();
    for (row, entry) in checkpoint.ledger.iter().enumerate() {
        if !keys.insert(entry.key.as_str()) {
            let what = || "its key is there already".to_owned();
            findings.add(Rule::LedgerKeys, place.row(row), what);
        }
    }
}

fn check_call(call: &CallRecord, place: Place, findings: &mut Findings) {
    let mut wrong = |field: &str, value: i64| {
        let what = || format!("a call of kind {} has the {field} {value}", call.kind as u8);
        findings.add(Rule::CallFields, place, what);
    };
    let is_mremap = call.kind == CallKind::Mremap;
    if !is_mremap && call.new_len_bytes != 0 {
        wrong("new length", call.new_len_bytes.cast_signed());
    }
    if call.kind == CallKind::Munmap && call.argument != 0 {
        wrong("argument", call.argument.into());
    }
    if !is_mremap && call.end_ns != u64::MAX && call.result > 0 {
        wrong("result", call.result);
    }
}

fn check_module(module: &ModuleRecord, place: Place, findings: &mut Findings) {
    let pid = module.pid;
    if module.kind != ModuleKind::PerfMap && pid != 0 {
        let what = || format!("a module of kind {} belongs to process {pid}", module.kind as u8);
        findings.add(Rule::ModulePid, place, what);
    }
    for segment in &module.segments {
        protection(segment.prot, place, findings);
    }
}
