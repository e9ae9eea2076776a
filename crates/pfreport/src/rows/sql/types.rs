//! The types that columns have in SQL.
//!
//! Words are text rather than codes, so that every comparison and `LIKE` works, and calendar times are the
//! text that tables have, which sorts as the times do. Numbers are signed and wide,
//! since sums of 32 bits would wrap round in Polars, and so would a difference below zero; addresses
//! need all 64 bits and stay unsigned.

use polars::prelude::{
    Column, DataFrame, DataType, Int64Chunked, IntoColumn as _, NewChunkedArray as _, PolarsError,
    PolarsResult, UInt64Chunked,
};

use crate::outputs::export::{ADDRESSES, calendar_times};
use crate::rows::field::Field;

/// Another column that uses all 64 bits, as addresses do.
const INODE: &str = "inode";

/// A frame with the types of SQL.
///
/// # Errors
/// Should Polars refuse a column.
pub fn for_sql(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let columns = frame.columns().iter().map(column_for_sql).collect::<PolarsResult<_>>()?;
    DataFrame::new(frame.height(), columns)
}

fn column_for_sql(column: &Column) -> PolarsResult<Column> {
    match column.dtype() {
        DataType::Enum(..) => column.cast(&DataType::String),
        DataType::Datetime(..) => calendar_times(column),
        DataType::UInt32 => column.cast(&DataType::Int64),
        DataType::UInt64 if !ADDRESSES.contains(&&**column.name()) && column.name() != INODE => {
            let values = column.u64()?;
            if column.name() == Field::LatencyNs.name() {
                check_sum(values)?;
            }
            Ok(signed(values).into_column())
        }
        _ => Ok(column.clone()),
    }
}

/// Polars' sums wrap round: latencies that add up to three centuries, as those of a forged file may, would look like
/// any others.
fn check_sum(values: &UInt64Chunked) -> PolarsResult<()> {
    let sum = values.iter().flatten().map(u128::from).sum::<u128>();
    if sum > i64::MAX as u128 {
        let what =
            format!("column {} adds up to more than 2^63: the trace is forged", values.name());
        return Err(PolarsError::ComputeError(what.into()));
    }
    Ok(())
}

/// Times of three centuries and sizes of eight exbibytes do not occur: what is beyond comes from a file
/// that lies, and stays the largest number there is.
fn signed(values: &UInt64Chunked) -> Int64Chunked {
    let signed = values.iter().map(|value| value.map(|n| i64::try_from(n).unwrap_or(i64::MAX)));
    Int64Chunked::from_iter_options(values.name().clone(), signed)
}

/// The type of a column of table `faults` in SQL.
fn dtype(field: Field) -> DataType {
    match field {
        Field::Addr | Field::Ip | Field::Inode => DataType::UInt64,
        Field::Slow => DataType::Boolean,
        Field::TimeNs
        | Field::LatencyNs
        | Field::Proc
        | Field::Pid
        | Field::Tid
        | Field::Cpu
        | Field::PageSizeBytes
        | Field::Nth
        | Field::Attempts
        | Field::FileOffset
        | Field::Callchain
        | Field::Node
        | Field::Mapping => DataType::Int64,
        Field::Trace
        | Field::WallTime
        | Field::Phase
        | Field::Class
        | Field::Cause
        | Field::Failure
        | Field::Access
        | Field::Mode
        | Field::Comm
        | Field::Region
        | Field::RegionKind
        | Field::Path
        | Field::Perms
        | Field::Dev
        | Field::MapConfidence
        | Field::Module
        | Field::Function
        | Field::Source
        | Field::Object
        | Field::BuildId
        | Field::Cgroup => DataType::String,
    }
}

/// Columns of table `faults` without rows: what queries are checked against.
///
/// # Errors
/// Should Polars refuse a column.
pub fn empty_faults(fields: &[Field]) -> PolarsResult<DataFrame> {
    let empty = |&field: &Field| Column::new_empty(field.name().into(), &dtype(field));
    DataFrame::new(0, fields.iter().map(empty).collect())
}

#[cfg(test)]
mod tests {
    use polars::prelude::{Column, DataFrame, DataType};

    use super::{empty_faults, for_sql};
    use crate::made_up;
    use crate::rows::faults::Faults;
    use crate::rows::field::Field;

    #[test]
    fn queries_are_checked_against_what_they_get() {
        let loaded = made_up::empty();
        let table = Faults::new(&loaded, Field::ALL).unwrap().frame(0..0).unwrap();
        assert_eq!(for_sql(&table).unwrap().schema(), empty_faults(Field::ALL).unwrap().schema());
    }

    #[test]
    fn latencies_that_no_sum_holds_are_refused() {
        let frame = |latencies: [u64; 2]| {
            DataFrame::new(2, vec![Column::new("latency_ns".into(), latencies)]).unwrap()
        };
        assert!(for_sql(&frame([1 << 62, (1 << 62) - 1])).is_ok());
        let error = for_sql(&frame([1 << 62, 1 << 62])).unwrap_err();
        assert!(error.to_string().contains("latency_ns adds up"), "{error}");
    }

    #[test]
    fn large_numbers_stay_large() {
        let wide = |name: &str| Column::new(name.into(), [u64::MAX, 5]);
        let small = Column::new("cpu".into(), [u32::MAX, 5]);
        let frame = DataFrame::new(2, vec![wide("addr"), wide("file_offset"), small]).unwrap();
        let frame = for_sql(&frame).unwrap();
        assert_eq!(frame.column("addr").unwrap().dtype(), &DataType::UInt64);
        let signed = |name| frame.column(name).unwrap().i64().unwrap().to_vec();
        assert_eq!(signed("file_offset"), [Some(i64::MAX), Some(5)]);
        assert_eq!(signed("cpu"), [Some(i64::from(u32::MAX)), Some(5)]);
    }
}
