//! Table `ledger`.

use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, SHARED_TRACE, column, origin};
use crate::load::Loaded;
use crate::print::text::printable;

pub const COLUMNS: &[ColumnInfo] = &[
    SHARED_TRACE,
    column("key", Kind::Text, "", "never", "dotted name: `captured.minor`"),
    column("value", Kind::U64, "", "never", "count, of the last ledger"),
];

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let all = || loaded.ledger.iter();
    Rows::new(COLUMNS, loaded.ledger.len())
        .text(all().map(|_| origin::only(loaded)))
        .text(all().map(|(key, _)| Some(printable(key.as_bytes()))))
        .u64(all().map(|(_, &value)| Some(value)))
        .frame()
}
