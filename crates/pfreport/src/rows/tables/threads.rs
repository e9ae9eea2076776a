//! Table `threads`.

use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, TRACE, column, origin};
use crate::load::Loaded;

pub const COLUMNS: &[ColumnInfo] = &[
    TRACE,
    column("proc", Kind::U32, "", "never", "number of its process, as in `faults`"),
    column("pid", Kind::U32, "", "unknown", "process id"),
    column("tid", Kind::U32, "", "never", "thread id"),
    column(
        "from_ns",
        Kind::U64,
        "ns",
        "never",
        "created, or the start of the recording, or first seen",
    ),
    column("to_ns", Kind::U64, "ns", "never", "exit, or the end of the recording"),
];

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let analysis = &loaded.analysis;
    let all = || analysis.threads.iter();
    let pid = |proc: u32| analysis.processes.get(proc as usize).map(|process| process.pid);
    Rows::new(COLUMNS, analysis.threads.len())
        .text(all().map(|thread| origin::trace(loaded, thread.from_ns)))
        .u32(all().map(|thread| Some(thread.proc)))
        .u32(all().map(|thread| pid(thread.proc)))
        .u32(all().map(|thread| Some(thread.tid)))
        .u64(all().map(|thread| Some(origin::time(loaded, thread.from_ns, thread.from_ns))))
        .u64(all().map(|thread| Some(origin::time(loaded, thread.from_ns, thread.to_ns))))
        .frame()
}
