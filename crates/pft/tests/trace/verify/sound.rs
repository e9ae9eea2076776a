//! A trace that keeps every rule, its records to be changed before it is written.

use pft::Writer;
use pft::record::{
    CallChainRecord, CallRecord, CgroupRecord, Checkpoint, Fact, FaultBatch, FaultColumns,
    LATENCY_UNKNOWN, LostRecord, MapRecord, MarkRecord, ModuleRecord, OomRecord, Snapshot,
    StackPointerRecord, SymbolRecord, TaskKind, TaskRecord,
};

use crate::code_samples::{modules, stack_pointers, symbols};
use crate::samples::{
    calls, cgroups, checkpoint, header, host, lost, map, marks, oom, snapshot, tasks,
};

/// Records of each kind, in the order in which they are written, a frame each.
pub struct Records {
    pub host: Vec<Fact>,
    pub tasks: Vec<TaskRecord>,
    pub maps: Vec<MapRecord>,
    pub snapshot: Snapshot,
    pub chains: Vec<CallChainRecord>,
    pub faults: FaultBatch,
    pub lost: Vec<LostRecord>,
    pub oom: Vec<OomRecord>,
    pub marks: Vec<MarkRecord>,
    pub calls: Vec<CallRecord>,
    pub stack_pointers: Vec<StackPointerRecord>,
    pub modules: Vec<ModuleRecord>,
    pub symbols: Vec<SymbolRecord>,
    pub cgroups: Vec<CgroupRecord>,
    pub checkpoint: Checkpoint,
}

/// Where the user code of the first call chain and the kernel code of the second one faulted.
pub const USER: u64 = 0x40_1000;
pub const KERNEL: u64 = 0xffff_ffff_8100_1000;

impl Records {
    pub fn new() -> Self {
        let mut tasks = tasks();
        for task in &mut tasks {
            if !matches!(task.kind, TaskKind::Fork | TaskKind::Exit) {
                (task.parent_pid, task.parent_tid) = (0, 0);
            }
        }
        let chain = |id, kernel: &[u64], user: &[u64]| CallChainRecord {
            id,
            cut: id == 2,
            kernel: kernel.to_vec(),
            user: user.to_vec(),
        };
        // A fault in user mode, one in kernel mode, one without its entry.
        let faults = FaultColumns {
            time_ns: vec![1_001_000, 1_001_007, 1_001_007],
            latency_ns: vec![700, 0, LATENCY_UNKNOWN],
            addr: vec![0x7000, 0x8fff, 0x7fff_ffff_f000],
            ip: vec![USER, KERNEL, 7],
            pid: vec![100, 100, 100],
            tid: vec![100, 101, 100],
            flags: vec![0x0c_0620, 0x0c_0230, 0x8],
            attempts: vec![1, 2, 1],
            call_chain: vec![1, 2, 0],
            node: vec![0, 254, 255],
        };
        Self {
            host: host(),
            tasks,
            maps: vec![map(1_000_010, b"//anon"), map(1_000_020, b"x")],
            snapshot: snapshot(3),
            chains: vec![chain(1, &[], &[USER, 0x40_2004]), chain(2, &[KERNEL, 9], &[5])],
            faults: FaultBatch { cpu: 3, columns: faults },
            lost: lost(),
            oom: oom(),
            marks: marks(),
            calls: calls(),
            stack_pointers: stack_pointers(),
            modules: modules(),
            symbols: symbols(),
            cgroups: cgroups(),
            checkpoint: checkpoint(),
        }
    }

    /// The closed trace; `more` is written before the checkpoint.
    pub fn write(&self, more: impl FnOnce(&mut Writer<Vec<u8>>)) -> Vec<u8> {
        let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
        writer.host(&self.host).unwrap();
        writer.tasks(&self.tasks).unwrap();
        writer.maps(&self.maps).unwrap();
        writer.snapshot(&self.snapshot).unwrap();
        writer.call_chains(&self.chains).unwrap();
        writer.faults(&self.faults).unwrap();
        writer.lost(&self.lost).unwrap();
        writer.oom(&self.oom).unwrap();
        writer.marks(&self.marks).unwrap();
        writer.calls(&self.calls).unwrap();
        writer.stack_pointers(&self.stack_pointers).unwrap();
        writer.modules(&self.modules).unwrap();
        writer.symbols(&self.symbols).unwrap();
        writer.cgroups(&self.cgroups).unwrap();
        more(&mut writer);
        writer.checkpoint(&self.checkpoint).unwrap();
        writer.finish().unwrap()
    }
}

/// The trace with other records.
pub fn with(edit: impl FnOnce(&mut Records)) -> Vec<u8> {
    let mut records = Records::new();
    edit(&mut records);
    records.write(|_| ())
}

/// The trace with more of them.
pub fn and(more: impl FnOnce(&mut Writer<Vec<u8>>)) -> Vec<u8> {
    Records::new().write(more)
}
