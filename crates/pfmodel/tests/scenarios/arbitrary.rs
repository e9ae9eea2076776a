//! Records of all kinds, as hostile as can be.

use pft::record::{
    CallKind, CallRecord, FaultBatch, FaultColumns, LostBy, LostRecord, MapRecord, Snapshot,
    SnapshotReason, TaskKind, TaskRecord, Vma,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::trace::START_NS;

/// Few values, so that records meet, and the odd ones.
pub fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => (0..40u64).prop_map(|n| n * 0x1000),
        4 => START_NS..START_NS + 200,
        1 => prop::sample::select(vec![0, 1, u64::MAX, u64::MAX - 1, 1 << 47, 1 << 56]),
        1 => any::<u64>(),
    ]
}

pub fn id() -> impl Strategy<Value = u32> {
    prop_oneof![9 => 1..5u32, 1 => any::<u32>()]
}

pub fn path() -> impl Strategy<Value = Vec<u8>> {
    let names =
        ["", "//anon", "[heap]", "[stack]", "/a", "/b (deleted)", "/memfd:x", "[vdso]", "/SYSV"];
    let known = prop::sample::select(names.to_vec()).prop_map(|name| name.as_bytes().to_vec());
    prop_oneof![9 => known, 1 => vec(any::<u8>(), 0..6)]
}

pub fn task() -> impl Strategy<Value = TaskRecord> {
    use TaskKind::{Comm, Exec, Exit, Fork, Present};
    let kind = prop::sample::select(vec![Present, Fork, Comm, Exec, Exit]);
    (number(), kind, id(), id(), id(), path()).prop_map(
        |(time_ns, kind, pid, tid, parent, comm)| TaskRecord {
            time_ns,
            kind,
            pid,
            tid,
            parent_pid: parent,
            parent_tid: parent,
            comm,
        },
    )
}

pub fn vma() -> impl Strategy<Value = Vma> {
    (number(), number(), any::<u32>(), any::<bool>(), number(), 0..3u64, path()).prop_map(
        |(start, end, prot, shared, file_offset, inode, path)| Vma {
            start,
            end,
            prot,
            shared,
            file_offset,
            dev_major: 8,
            dev_minor: 1,
            inode,
            path,
        },
    )
}

pub fn map_record() -> impl Strategy<Value = MapRecord> {
    (number(), id(), id(), vma(), 0..4u32).prop_map(|(time_ns, pid, tid, vma, flags)| MapRecord {
        time_ns,
        pid,
        tid,
        start: vma.start,
        end: vma.end,
        file_offset: vma.file_offset,
        dev_major: vma.dev_major,
        dev_minor: vma.dev_minor,
        inode: vma.inode,
        inode_generation: 0,
        prot: vma.prot,
        flags,
        path: vma.path,
    })
}

pub fn snapshot() -> impl Strategy<Value = Snapshot> {
    let reason = prop::sample::select(vec![SnapshotReason::Loss, SnapshotReason::Query]);
    (id(), number(), number(), reason, vec(vma(), 0..8)).prop_map(
        |(pid, start_ns, end_ns, reason, vmas)| Snapshot { pid, start_ns, end_ns, reason, vmas },
    )
}

pub fn call_record() -> impl Strategy<Value = CallRecord> {
    use CallKind::{Madvise, Mremap, Munmap};
    let kind = prop::sample::select(vec![Munmap, Mremap, Madvise]);
    let end = prop_oneof![4 => number(), 1 => Just(u64::MAX)];
    let result =
        prop_oneof![1 => Just(0), 4 => number().prop_map(|addr| addr as i64), 1 => -30..0i64];
    let sizes = (number(), number(), number());
    (number(), end, id(), kind, sizes, 0..30u32, result).prop_map(
        |(time_ns, end_ns, pid, kind, (addr, len_bytes, new_len_bytes), argument, result)| {
            let tid = pid;
            #[rustfmt::skip]
            let call = CallRecord {
                time_ns, end_ns, pid, tid, kind, addr, len_bytes, new_len_bytes, argument, result,
            };
            call
        },
    )
}

pub fn lost() -> impl Strategy<Value = LostRecord> {
    (number(), number(), any::<bool>()).prop_map(|(after_ns, time_ns, ring)| {
        let by = if ring { LostBy::Ring } else { LostBy::Recorder };
        LostRecord { after_ns, time_ns, cpu: 0, by, count: u64::MAX }
    })
}

pub fn batch() -> impl Strategy<Value = FaultBatch> {
    let row = (number(), number(), number(), number(), id(), id(), any::<u32>(), any::<u32>());
    (id(), vec(row, 0..30)).prop_map(|(cpu, rows)| {
        let mut columns = FaultColumns::default();
        for (time_ns, latency_ns, addr, ip, pid, tid, flags, attempts) in rows {
            columns.time_ns.push(time_ns);
            columns.latency_ns.push(latency_ns);
            columns.addr.push(addr);
            columns.ip.push(ip);
            columns.pid.push(pid);
            columns.tid.push(tid);
            columns.flags.push(flags);
            columns.attempts.push(attempts);
        }
        FaultBatch { cpu, columns }
    })
}

#[derive(Debug, Clone)]
pub enum Step {
    Task(TaskRecord),
    Map(MapRecord),
    Call(CallRecord),
    Snapshot(Snapshot),
    Lost(LostRecord),
    Fault(pfmodel::Fault),
}

pub fn step() -> impl Strategy<Value = Step> {
    let fault = (number(), number(), number(), number(), id(), any::<u32>()).prop_map(
        |(time_ns, latency_ns, addr, ip, pid, flags)| {
            let (tid, attempts, cpu) = (pid, 1, 0);
            pfmodel::Fault { time_ns, latency_ns, addr, ip, pid, tid, flags, attempts, cpu }
        },
    );
    prop_oneof![
        3 => task().prop_map(Step::Task),
        6 => map_record().prop_map(Step::Map),
        6 => call_record().prop_map(Step::Call),
        1 => snapshot().prop_map(Step::Snapshot),
        1 => lost().prop_map(Step::Lost),
        8 => fault.prop_map(Step::Fault),
    ]
}
