//! Table `marks`.

use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, TRACE, column, origin};
use crate::load::Loaded;

pub const COLUMNS: &[ColumnInfo] = &[
    TRACE,
    column(
        "phase",
        Kind::Text,
        "",
        "never",
        "name of the mark, as in `faults`; it may occur again",
    ),
    column("from_ns", Kind::U64, "ns", "never", "when, since the start of the trace"),
    column("to_ns", Kind::U64, "ns", "never", "the next mark, or the end of the trace"),
];

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let marks = &loaded.marks;
    let ends = marks.iter().skip(1).map(|mark| mark.time_ns);
    let ends = ends.chain([loaded.analysis.duration_ns]);
    let all = || marks.iter();
    Rows::new(COLUMNS, marks.len())
        .text(all().map(|mark| origin::trace(loaded, mark.time_ns)))
        .text(all().map(|mark| Some(mark.name.clone())))
        .u64(all().map(|mark| Some(origin::time(loaded, mark.time_ns, mark.time_ns))))
        .u64(all().zip(ends).map(|(mark, end)| Some(origin::time(loaded, mark.time_ns, end))))
        .frame()
}
