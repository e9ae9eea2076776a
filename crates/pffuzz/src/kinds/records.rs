//! Facts, tasks, mappings, faults, losses, checkpoints.

use arbitrary::Result;
use pft::record::{
    Checkpoint, Fact, FaultBatch, FaultColumns, LedgerEntry, LostBy, LostRecord, MapRecord,
    NODE_UNKNOWN, Snapshot, SnapshotReason, TaskKind, TaskRecord, Vma,
};

use crate::random::Source;

const MOST: usize = 12;

pub fn facts(source: &mut Source<'_>) -> Result<Vec<Fact>> {
    source.list(MOST, |source| Ok(Fact { key: source.text()?, value: source.text()? }))
}

pub fn tasks(source: &mut Source<'_>) -> Result<Vec<TaskRecord>> {
    use TaskKind::{Comm, Exec, Exit, Fork, Present};
    source.list(MOST, |source| {
        Ok(TaskRecord {
            time_ns: source.number()?,
            kind: source.choose(&[Present, Fork, Comm, Exec, Exit])?,
            pid: source.id()?,
            tid: source.id()?,
            parent_pid: source.id()?,
            parent_tid: source.id()?,
            comm: source.name()?,
        })
    })
}

pub fn maps(source: &mut Source<'_>) -> Result<Vec<MapRecord>> {
    source.list(MOST, |source| {
        Ok(MapRecord {
            time_ns: source.number()?,
            pid: source.id()?,
            tid: source.id()?,
            start: source.number()?,
            end: source.number()?,
            file_offset: source.number()?,
            dev_major: source.id()?,
            dev_minor: source.id()?,
            inode: source.id()?.into(),
            inode_generation: source.id()?.into(),
            prot: source.byte()?.into(),
            flags: source.byte()?.into(),
            path: source.name()?,
        })
    })
}

pub fn snapshot(source: &mut Source<'_>) -> Result<Snapshot> {
    use SnapshotReason::{End, Exec, Loss, Periodic, Query, Start, UnknownAddress};
    Ok(Snapshot {
        pid: source.id()?,
        start_ns: source.number()?,
        end_ns: source.number()?,
        reason: source.choose(&[Start, Exec, Loss, UnknownAddress, Periodic, End, Query])?,
        vmas: source.list(MOST, vma)?,
    })
}

fn vma(source: &mut Source<'_>) -> Result<Vma> {
    Ok(Vma {
        start: source.number()?,
        end: source.number()?,
        prot: source.byte()?.into(),
        shared: source.bool()?,
        file_offset: source.number()?,
        dev_major: source.id()?,
        dev_minor: source.id()?,
        inode: source.id()?.into(),
        path: source.name()?,
    })
}

pub fn faults(source: &mut Source<'_>) -> Result<FaultBatch> {
    let (with_chains, with_nodes) = (source.bool()?, source.bool()?);
    let cpu = source.id()?;
    let mut columns = FaultColumns::default();
    for _ in 0..source.below(4 * MOST)? {
        columns.time_ns.push(source.number()?);
        columns.latency_ns.push(source.number()?);
        columns.addr.push(source.number()?);
        columns.ip.push(source.number()?);
        columns.pid.push(source.id()?);
        columns.tid.push(source.id()?);
        columns.flags.push(source.word()?);
        columns.attempts.push(source.id()?);
        if with_chains {
            columns.call_chain.push(source.id()?);
        }
        if with_nodes {
            columns.node.push(source.byte()?);
        }
    }
    // What says nothing is not stored.
    if columns.call_chain.iter().all(|&id| id == 0) {
        columns.call_chain.clear();
    }
    if columns.node.iter().all(|&node| node == NODE_UNKNOWN) {
        columns.node.clear();
    }
    Ok(FaultBatch { cpu, columns })
}

pub fn losses(source: &mut Source<'_>) -> Result<Vec<LostRecord>> {
    source.list(MOST, |source| {
        Ok(LostRecord {
            after_ns: source.number()?,
            time_ns: source.number()?,
            cpu: source.id()?,
            by: source.choose(&[LostBy::Ring, LostBy::Recorder])?,
            count: source.number()?,
        })
    })
}

pub fn checkpoint(source: &mut Source<'_>) -> Result<Checkpoint> {
    Ok(Checkpoint {
        time_ns: source.number()?,
        realtime_ns: source.number()?,
        boottime_ns: source.number()?,
        end: source.bool()?,
        ledger: source.list(MOST, |source| {
            Ok(LedgerEntry { key: source.text()?, value: source.number()? })
        })?,
    })
}
