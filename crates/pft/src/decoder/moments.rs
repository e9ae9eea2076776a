//! Frames of what happened beside the faults: oom kills, marks, calls, control groups; and of what is lost of it.

use super::Expected;
use super::records::{Result, Text};
use crate::archive::{
    ArchivedCallsV1, ArchivedCgroupsV1, ArchivedGapsV1, ArchivedMarksV1, ArchivedOomV1,
};
use crate::record::{
    CallKind, CallRecord, CgroupRecord, GapReason, GapRecord, MarkRecord, OomRecord,
};

/// Checks the times of rows one after the other.
pub(super) struct Times {
    expected: Expected,
    last_ns: u64,
}

impl Times {
    pub(super) fn new(expected: Expected) -> Self {
        Self { expected, last_ns: 0 }
    }

    pub(super) fn check(&mut self, time_ns: u64) -> Result<()> {
        self.expected.check_time(time_ns)?;
        if time_ns < self.last_ns {
            return Err("the rows are not in order of time");
        }
        self.last_ns = time_ns;
        Ok(())
    }
}

pub(super) fn oom(archive: &ArchivedOomV1, expected: Expected) -> Result<Vec<OomRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut times = Times::new(expected);
    let mut text = Text::new(&archive.text);
    let mut victims = Vec::with_capacity(archive.rows.len());
    let kib = |stored: u64| (stored != u64::MAX).then_some(stored);
    for row in archive.rows.iter() {
        let time_ns = row.time_ns.to_native();
        times.check(time_ns)?;
        let (uid, oom_score_adj) = (row.uid.to_native(), row.oom_score_adj.to_native());
        victims.push(OomRecord {
            time_ns,
            pid: row.pid.to_native(),
            comm: text.bytes(row.comm_offset.to_native(), row.comm_bytes.to_native())?,
            by_pid: row.by_pid.to_native(),
            by_tid: row.by_tid.to_native(),
            total_vm_kib: kib(row.total_vm_kib.to_native()),
            anon_rss_kib: kib(row.anon_rss_kib.to_native()),
            file_rss_kib: kib(row.file_rss_kib.to_native()),
            shmem_rss_kib: kib(row.shmem_rss_kib.to_native()),
            pgtables_kib: kib(row.pgtables_kib.to_native()),
            uid: (uid != u32::MAX).then_some(uid),
            oom_score_adj: (oom_score_adj != i32::MIN).then_some(oom_score_adj),
        });
    }
    text.finish()?;
    Ok(victims)
}

pub(super) fn marks(archive: &ArchivedMarksV1, expected: Expected) -> Result<Vec<MarkRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut times = Times::new(expected);
    let mut text = Text::new(&archive.text);
    let mut marks = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let time_ns = row.time_ns.to_native();
        times.check(time_ns)?;
        let name = text.bytes(row.name_offset.to_native(), row.name_bytes.to_native())?;
        marks.push(MarkRecord { time_ns, name });
    }
    text.finish()?;
    Ok(marks)
}

pub(super) fn cgroups(
    archive: &ArchivedCgroupsV1,
    expected: Expected,
) -> Result<Vec<CgroupRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut times = Times::new(expected);
    let mut text = Text::new(&archive.text);
    let mut cgroups = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let time_ns = row.time_ns.to_native();
        times.check(time_ns)?;
        let path = text.bytes(row.path_offset.to_native(), row.path_bytes.to_native())?;
        cgroups.push(CgroupRecord { time_ns, pid: row.pid.to_native(), path });
    }
    text.finish()?;
    Ok(cgroups)
}

pub(super) fn calls(archive: &ArchivedCallsV1, expected: Expected) -> Result<Vec<CallRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut times = Times::new(expected);
    let mut calls = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let (time_ns, end_ns) = (row.time_ns.to_native(), row.end_ns.to_native());
        times.check(time_ns)?;
        if end_ns != u64::MAX {
            expected.check_time(end_ns)?;
        }
        calls.push(CallRecord {
            time_ns,
            end_ns,
            pid: row.pid.to_native(),
            tid: row.tid.to_native(),
            kind: match row.kind.to_native() {
                0 => CallKind::Munmap,
                1 => CallKind::Mremap,
                2 => CallKind::Madvise,
                _ => return Err("a call has an unknown kind"),
            },
            addr: row.addr.to_native(),
            len_bytes: row.len_bytes.to_native(),
            new_len_bytes: row.new_len_bytes.to_native(),
            argument: row.argument.to_native(),
            result: row.result.to_native(),
        });
    }
    Ok(calls)
}

pub(super) fn gaps(archive: &ArchivedGapsV1, expected: Expected) -> Result<Vec<GapRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut gaps = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let (after_ns, before_ns) = (row.after_ns.to_native(), row.before_ns.to_native());
        if before_ns < after_ns {
            return Err("a gap ends before it begins");
        }
        let rows = row.rows.to_native();
        gaps.push(GapRecord {
            after_ns,
            before_ns,
            kind: u16::try_from(row.kind.to_native()).map_err(|_| "a gap has no kind of frame")?,
            frames: row.frames.to_native(),
            rows: (rows != u64::MAX).then_some(rows),
            bytes: row.bytes.to_native(),
            reason: match row.reason.to_native() {
                0 => GapReason::Missing,
                1 => GapReason::Checksum,
                2 => GapReason::Rule,
                3 => GapReason::Parts,
                4 => GapReason::Cut,
                _ => return Err("a gap has an unknown reason"),
            },
        });
    }
    Ok(gaps)
}
