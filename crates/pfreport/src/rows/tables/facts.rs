//! Table `facts`.

use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, SHARED_TRACE, column, origin};
use crate::load::Loaded;
use crate::print::text::printable;

pub const COLUMNS: &[ColumnInfo] = &[
    SHARED_TRACE,
    column("key", Kind::Text, "", "never", "dotted name: `kernel.release`"),
    column("value", Kind::Text, "", "never", "the fact"),
];

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let all = || loaded.facts.iter();
    Rows::new(COLUMNS, loaded.facts.len())
        .text(all().map(|_| origin::only(loaded)))
        .text(all().map(|(key, _)| Some(printable(key.as_bytes()))))
        .text(all().map(|(_, value)| Some(printable(value.as_bytes()))))
        .frame()
}
