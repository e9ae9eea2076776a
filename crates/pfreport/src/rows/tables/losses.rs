//! Table `losses`.

use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, TRACE, column, origin};
use crate::load::Loaded;

pub const COLUMNS: &[ColumnInfo] = &[
    TRACE,
    column(
        "from_ns",
        Kind::U64,
        "ns",
        "never",
        "lost after this moment, since the start of the trace",
    ),
    column("to_ns", Kind::U64, "ns", "never", "lost before this moment"),
    column("cpu", Kind::U32, "", "unknown", "CPU"),
    column("by", Kind::Text, "", "never", "who dropped them: `kernel` or `recorder`"),
    column("records", Kind::U64, "", "never", "how many; a fault has several records"),
];

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let losses = &loaded.analysis.exactness.losses;
    let all = || losses.iter();
    Rows::new(COLUMNS, losses.len())
        .text(all().map(|loss| origin::trace(loaded, loss.from_ns)))
        .u64(all().map(|loss| Some(origin::time(loaded, loss.from_ns, loss.from_ns))))
        .u64(all().map(|loss| Some(origin::time(loaded, loss.from_ns, loss.to_ns))))
        .u32(all().map(|loss| (loss.cpu != u32::MAX).then_some(loss.cpu)))
        .text(
            all().map(|loss| Some(if loss.by_recorder { "recorder" } else { "kernel" }.to_owned())),
        )
        .u64(all().map(|loss| Some(loss.count)))
        .frame()
}
