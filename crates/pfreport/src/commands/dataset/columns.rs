//! The types of columns: few, and such as every engine has.

use polars::prelude::{
    Column, DataFrame, DataType, Int64Chunked, IntoColumn as _, IntoSeries as _,
    NewChunkedArray as _, PolarsResult, Schema, TimeUnit,
};

use crate::outputs::export::ADDRESSES;
use crate::rows::field::Field;
use crate::rows::sql::empty_faults;
use crate::rows::tables::{ColumnInfo, Kind, Table};

/// The column that is a partition here.
pub const PARTITION: &str = "trace";

/// Nanoseconds of a microsecond, in which times of day are.
const MICROSECOND: i64 = 1_000;

/// The columns of table `faults`.
pub fn fields() -> Vec<Field> {
    Field::ALL.iter().copied().filter(|field| field.name() != PARTITION).collect()
}

/// The columns that a table has in a dataset, and their types.
///
/// # Errors
/// Should Polars refuse a column.
pub fn schema(table: Table) -> PolarsResult<Schema> {
    Ok(match table {
        Table::Faults => {
            let mut schema: Schema = (**stable(&empty_faults(&fields())?)?.schema()).clone();
            schema.with_column(Field::WallTime.name().into(), moment());
            schema
        }
        _ => of_infos(table.columns()),
    })
}

/// The same of columns that are documented one by one.
pub fn of_infos(columns: &[ColumnInfo]) -> Schema {
    let kept = columns.iter().filter(|column| column.name != PARTITION);
    kept.map(|column| (column.name.into(), dtype(column.kind))).collect()
}

const fn dtype(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::String,
        Kind::U32 | Kind::I32 | Kind::U64 | Kind::Address => DataType::Int64,
        Kind::Bool => DataType::Boolean,
        Kind::Time => moment(),
    }
}

/// Times of day.
const fn moment() -> DataType {
    DataType::Datetime(TimeUnit::Microseconds, None)
}

/// A frame in these types. Words may be codes of an `Enum`, which files have as text.
///
/// # Errors
/// Should Polars refuse a column.
pub fn stable(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let kept = frame.columns().iter().filter(|column| column.name() != PARTITION);
    DataFrame::new(frame.height(), kept.map(column).collect::<PolarsResult<_>>()?)
}

fn column(column: &Column) -> PolarsResult<Column> {
    let name = column.name().clone();
    match column.dtype() {
        DataType::UInt32 | DataType::Int32 => column.cast(&DataType::Int64),
        DataType::UInt64 => {
            let is_address = ADDRESSES.contains(&&*name);
            let signed = |n: u64| match i64::try_from(n) {
                Ok(n) => n,
                // The upper half of addresses is below zero, as in two's complement.
                Err(_) if is_address => n.cast_signed(),
                Err(_) => i64::MAX,
            };
            let values = column.u64()?.iter().map(|value| value.map(signed));
            Ok(Int64Chunked::from_iter_options(name, values).into_column())
        }
        DataType::Datetime(TimeUnit::Nanoseconds, None) => {
            let times = column.datetime()?.physical().iter();
            let times = times.map(|ns| ns.map(|ns| ns.div_euclid(MICROSECOND)));
            let times = Int64Chunked::from_iter_options(name, times);
            Ok(times.into_datetime(TimeUnit::Microseconds, None).into_series().into_column())
        }
        _ => Ok(column.clone()),
    }
}
