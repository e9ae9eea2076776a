//! What happened beside the faults, in order of time as encoders bring it.

use arbitrary::Result;
use pft::record::{
    CallKind, CallRecord, CgroupRecord, GapReason, GapRecord, MarkRecord, OomRecord,
};

use crate::random::Source;

const MOST: usize = 8;

pub fn victims(source: &mut Source<'_>) -> Result<Vec<OomRecord>> {
    let mut victims = source.list(MOST, |source| {
        Ok(OomRecord {
            time_ns: source.number()?,
            pid: source.id()?,
            comm: source.name()?,
            by_pid: source.id()?,
            by_tid: source.id()?,
            total_vm_kib: kib(source)?,
            anon_rss_kib: kib(source)?,
            file_rss_kib: kib(source)?,
            shmem_rss_kib: kib(source)?,
            pgtables_kib: kib(source)?,
            uid: Some(source.id()?).filter(|&uid| uid != u32::MAX),
            oom_score_adj: Some(source.id()?.cast_signed()).filter(|&score| score != i32::MIN),
        })
    })?;
    victims.sort_by_key(|victim| victim.time_ns);
    Ok(victims)
}

/// The largest number stands for what is not known.
fn kib(source: &mut Source<'_>) -> Result<Option<u64>> {
    Ok(Some(source.number()?).filter(|&kib| kib != u64::MAX))
}

pub fn marks(source: &mut Source<'_>) -> Result<Vec<MarkRecord>> {
    let mut marks = source
        .list(MOST, |source| Ok(MarkRecord { time_ns: source.number()?, name: source.name()? }))?;
    marks.sort_by_key(|mark| mark.time_ns);
    Ok(marks)
}

pub fn cgroups(source: &mut Source<'_>) -> Result<Vec<CgroupRecord>> {
    let mut cgroups = source.list(MOST, |source| {
        Ok(CgroupRecord { time_ns: source.number()?, pid: source.id()?, path: source.name()? })
    })?;
    cgroups.sort_by_key(|cgroup| cgroup.time_ns);
    Ok(cgroups)
}

pub fn calls(source: &mut Source<'_>) -> Result<Vec<CallRecord>> {
    use CallKind::{Madvise, Mremap, Munmap};
    let mut calls = source.list(MOST, |source| {
        Ok(CallRecord {
            time_ns: source.number()?,
            end_ns: source.number()?,
            pid: source.id()?,
            tid: source.id()?,
            kind: source.choose(&[Munmap, Mremap, Madvise])?,
            addr: source.number()?,
            len_bytes: source.number()?,
            new_len_bytes: source.number()?,
            argument: source.byte()?.into(),
            result: source.number()?.cast_signed(),
        })
    })?;
    calls.sort_by_key(|call| call.time_ns);
    Ok(calls)
}

pub fn gaps(source: &mut Source<'_>) -> Result<Vec<GapRecord>> {
    use GapReason::{Checksum, Cut, Missing, Parts, Rule};
    source.list(MOST, |source| {
        let (one, two) = (source.number()?, source.number()?);
        Ok(GapRecord {
            after_ns: one.min(two),
            before_ns: one.max(two),
            // Of kinds that nobody knows, too.
            kind: source.byte()?.into(),
            frames: source.number()?,
            rows: Some(source.number()?).filter(|&rows| rows != u64::MAX),
            bytes: source.number()?,
            reason: source.choose(&[Missing, Checksum, Rule, Parts, Cut])?,
        })
    })
}
