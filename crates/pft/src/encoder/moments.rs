//! What happened beside the faults: oom kills, marks, calls, control groups; and what is lost of it.
//!
//! Readers refuse frames of these kinds whose rows are not in order of time, so rows are sorted here.

use super::records::{push_text, split};
use super::{EncodedFrame, Encoder, Shape};
use crate::archive::{
    CallRow, CallsV1, CgroupRow, CgroupsV1, GapRow, GapsV1, MarkRow, MarksV1, OomRow, OomV1,
};
use crate::error::Result;
use crate::frame::FrameKind;
use crate::record::{CallRecord, CgroupRecord, GapRecord, MarkRecord, OomRecord};

/// `records` in order of a time or an address; those of one stay as they are.
pub(super) fn in_order<T>(records: &[T], key: impl Fn(&T) -> u64) -> Vec<&T> {
    let mut sorted: Vec<&T> = records.iter().collect();
    sorted.sort_by_key(|record| key(record));
    sorted
}

impl Encoder {
    /// Encodes victims of the OOM killer in order of time, as several frames if one cannot hold them;
    /// as none if there are none.
    ///
    /// # Errors
    /// As [`Encoder::encode_host`].
    pub fn encode_oom(&mut self, victims: &[OomRecord]) -> Result<Vec<EncodedFrame>> {
        let victims = in_order(victims, |victim| victim.time_ns);
        split(FrameKind::Oom, &victims, |victim| victim.comm.len())?
            .into_iter()
            .map(|victims| {
                let mut archive = OomV1::default();
                for victim in victims {
                    let (comm_offset, comm_bytes) = push_text(&mut archive.text, &victim.comm);
                    archive.rows.push(OomRow {
                        time_ns: victim.time_ns,
                        total_vm_kib: victim.total_vm_kib.unwrap_or(u64::MAX),
                        anon_rss_kib: victim.anon_rss_kib.unwrap_or(u64::MAX),
                        file_rss_kib: victim.file_rss_kib.unwrap_or(u64::MAX),
                        shmem_rss_kib: victim.shmem_rss_kib.unwrap_or(u64::MAX),
                        pgtables_kib: victim.pgtables_kib.unwrap_or(u64::MAX),
                        pid: victim.pid,
                        by_pid: victim.by_pid,
                        by_tid: victim.by_tid,
                        uid: victim.uid.unwrap_or(u32::MAX),
                        oom_score_adj: victim.oom_score_adj.unwrap_or(i32::MIN),
                        comm_offset,
                        comm_bytes,
                        reserved: 0,
                    });
                }
                let shape = Shape::of(FrameKind::Oom, victims.iter().map(|victim| victim.time_ns));
                self.seal(shape, &archive)
            })
            .collect()
    }

    /// Encodes marks in order of time, as several frames if one cannot hold them; as none if there are
    /// none.
    ///
    /// # Errors
    /// As [`Encoder::encode_host`].
    pub fn encode_marks(&mut self, marks: &[MarkRecord]) -> Result<Vec<EncodedFrame>> {
        let marks = in_order(marks, |mark| mark.time_ns);
        split(FrameKind::Marks, &marks, |mark| mark.name.len())?
            .into_iter()
            .map(|marks| {
                let mut archive = MarksV1::default();
                for mark in marks {
                    let (name_offset, name_bytes) = push_text(&mut archive.text, &mark.name);
                    archive.rows.push(MarkRow { time_ns: mark.time_ns, name_offset, name_bytes });
                }
                let shape = Shape::of(FrameKind::Marks, marks.iter().map(|mark| mark.time_ns));
                self.seal(shape, &archive)
            })
            .collect()
    }

    /// Encodes system calls in order of their entry, as several frames if one cannot hold them; as none
    /// if there are none. The times of a frame enclose entries and exits.
    ///
    /// # Errors
    /// [`crate::Error::Compress`] and [`crate::Error::Archive`] if memory is short.
    pub fn encode_calls(&mut self, calls: &[CallRecord]) -> Result<Vec<EncodedFrame>> {
        let calls = in_order(calls, |call| call.time_ns);
        split(FrameKind::Calls, &calls, |_| 0)?
            .into_iter()
            .map(|calls| {
                let rows = calls.iter().map(|call| CallRow {
                    time_ns: call.time_ns,
                    end_ns: call.end_ns,
                    addr: call.addr,
                    len_bytes: call.len_bytes,
                    new_len_bytes: call.new_len_bytes,
                    result: call.result,
                    kind: call.kind as u32,
                    pid: call.pid,
                    tid: call.tid,
                    argument: call.argument,
                });
                let archive = CallsV1 { rows: rows.collect() };
                let mut shape = Shape::of(FrameKind::Calls, calls.iter().map(|call| call.time_ns));
                for call in calls.iter().filter(|call| call.end_ns != u64::MAX) {
                    shape.first_ns = shape.first_ns.min(call.end_ns);
                    shape.last_ns = shape.last_ns.max(call.end_ns);
                }
                self.seal(shape, &archive)
            })
            .collect()
    }

    /// Encodes control groups of processes in order of time, as several frames if one cannot hold them; as
    /// none if there are none.
    ///
    /// # Errors
    /// As [`Encoder::encode_host`].
    pub fn encode_cgroups(&mut self, cgroups: &[CgroupRecord]) -> Result<Vec<EncodedFrame>> {
        let cgroups = in_order(cgroups, |cgroup| cgroup.time_ns);
        split(FrameKind::Cgroups, &cgroups, |cgroup| cgroup.path.len())?
            .into_iter()
            .map(|cgroups| {
                let mut archive = CgroupsV1::default();
                for cgroup in cgroups {
                    let (path_offset, path_bytes) = push_text(&mut archive.text, &cgroup.path);
                    archive.rows.push(CgroupRow {
                        time_ns: cgroup.time_ns,
                        pid: cgroup.pid,
                        path_offset,
                        path_bytes,
                        reserved: 0,
                    });
                }
                let times = cgroups.iter().map(|cgroup| cgroup.time_ns);
                self.seal(Shape::of(FrameKind::Cgroups, times), &archive)
            })
            .collect()
    }

    /// Encodes gaps in the order given, as several frames if one cannot hold them; as none if there are
    /// none. The frames have no times: those of gaps are bounds.
    ///
    /// # Errors
    /// As [`Encoder::encode_calls`].
    pub fn encode_gaps(&mut self, gaps: &[GapRecord]) -> Result<Vec<EncodedFrame>> {
        split(FrameKind::Gaps, gaps, |_| 0)?
            .into_iter()
            .map(|gaps| {
                let rows = gaps.iter().map(|gap| GapRow {
                    after_ns: gap.after_ns,
                    before_ns: gap.before_ns,
                    frames: gap.frames,
                    rows: gap.rows.unwrap_or(u64::MAX),
                    bytes: gap.bytes,
                    kind: gap.kind.into(),
                    reason: gap.reason as u32,
                });
                let archive = GapsV1 { rows: rows.collect() };
                let shape =
                    Shape { kind: FrameKind::Gaps, rows: gaps.len(), first_ns: 0, last_ns: 0 };
                self.seal(shape, &archive)
            })
            .collect()
    }
}
