//! Table `oom`.

use pft::record::OomRecord;
use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, TRACE, column, origin};
use crate::load::Loaded;
use crate::print::text::printable;

pub const COLUMNS: &[ColumnInfo] = &[
    TRACE,
    column("time_ns", Kind::U64, "ns", "never", "when it was chosen, since the start of the trace"),
    column("pid", Kind::U32, "", "never", "process id of the victim"),
    column("comm", Kind::Text, "", "unknown", "its name"),
    column("by_pid", Kind::U32, "", "never", "process of the task that ran out of memory"),
    column("by_tid", Kind::U32, "", "never", "its thread"),
    column("total_vm_bytes", Kind::U64, "bytes", "unknown", "address space of the victim"),
    column("anon_rss_bytes", Kind::U64, "bytes", "unknown", "its resident anonymous memory"),
    column("file_rss_bytes", Kind::U64, "bytes", "unknown", "its resident file pages"),
    column("shmem_rss_bytes", Kind::U64, "bytes", "unknown", "its resident shared memory"),
    column("pgtables_bytes", Kind::U64, "bytes", "unknown", "its page tables"),
    column("uid", Kind::U32, "", "unknown", "its user"),
    column("oom_score_adj", Kind::I32, "", "unknown", "its `/proc/PID/oom_score_adj`"),
];

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let all = || loaded.oom.iter();
    let time = |victim: &OomRecord| victim.time_ns.saturating_sub(loaded.header.start_ns);
    let bytes = |kib: Option<u64>| kib.map(|kib| kib.saturating_mul(1024));
    Rows::new(COLUMNS, loaded.oom.len())
        .text(all().map(|victim| origin::trace(loaded, time(victim))))
        .u64(all().map(|victim| Some(origin::time(loaded, time(victim), time(victim)))))
        .u32(all().map(|victim| Some(victim.pid)))
        .text(all().map(|victim| (!victim.comm.is_empty()).then(|| printable(&victim.comm))))
        .u32(all().map(|victim| Some(victim.by_pid)))
        .u32(all().map(|victim| Some(victim.by_tid)))
        .u64(all().map(|victim| bytes(victim.total_vm_kib)))
        .u64(all().map(|victim| bytes(victim.anon_rss_kib)))
        .u64(all().map(|victim| bytes(victim.file_rss_kib)))
        .u64(all().map(|victim| bytes(victim.shmem_rss_kib)))
        .u64(all().map(|victim| bytes(victim.pgtables_kib)))
        .u32(all().map(|victim| victim.uid))
        .i32(all().map(|victim| victim.oom_score_adj))
        .frame()
}
