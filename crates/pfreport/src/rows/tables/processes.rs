//! Table `processes`.

use pfmodel::table::NONE;
use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, TRACE, column, origin};
use crate::load::Loaded;
use crate::print::text::printable;

pub const COLUMNS: &[ColumnInfo] = &[
    TRACE,
    column("proc", Kind::U32, "", "never", "number of the process, as in `faults`"),
    column("pid", Kind::U32, "", "never", "process id"),
    column("parent", Kind::U32, "", "not recorded", "`proc` of the parent"),
    column(
        "comm",
        Kind::Text,
        "",
        "never",
        "last name of its main thread; empty if never recorded",
    ),
    column("first_seen_ns", Kind::U64, "ns", "never", "first seen, since the start of the trace"),
    column("exit_ns", Kind::U64, "ns", "did not exit, or not recorded", "exit of its last thread"),
    column("cgroup", Kind::Text, "", "unknown", "last [control group](faults.md#control-groups)"),
];

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let analysis = &loaded.analysis;
    let all = || analysis.processes.iter();
    Rows::new(COLUMNS, analysis.processes.len())
        .text(all().map(|process| origin::trace(loaded, process.first_seen_ns)))
        .u32((0..).zip(all()).map(|(number, _)| Some(number)))
        .u32(all().map(|process| Some(process.pid)))
        .u32(all().map(|process| Some(process.parent).filter(|&parent| parent != NONE)))
        .text(all().map(|process| {
            Some(
                analysis
                    .comms
                    .get(process.comm as usize)
                    .map_or_else(String::new, |c| printable(c)),
            )
        }))
        .u64(all().map(|process| {
            Some(origin::time(loaded, process.first_seen_ns, process.first_seen_ns))
        }))
        .u64(all().map(|process| {
            process.exit_ns.map(|ns| origin::time(loaded, process.first_seen_ns, ns))
        }))
        .text(all().map(|process| {
            let path = analysis.cgroups.get(process.last_cgroup()? as usize)?;
            Some(printable(path))
        }))
        .frame()
}
