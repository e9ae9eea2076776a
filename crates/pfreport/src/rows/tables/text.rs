//! Any frame as a table in text.

use polars::prelude::{AnyValue, Column, DataFrame, DataType, SortMultipleOptions};

use crate::error::Error;
use crate::outputs::export::ADDRESSES;
use crate::print::table::{layout_aligned, name_cell};
use crate::print::text::harmless;
use crate::print::units::{bytes, count, counted, duration};
use crate::rows::field::Field;

/// Columns of counts, which sort from high to low as sizes do.
const COUNTS: [&str; 2] = ["records", "value"];

/// How numbers look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// With units that read well.
    Readable,
    /// As they are.
    Plain,
}

/// The first `top` of `total` rows, which are those of a frame or its beginning, for people: in lines of `width` columns where long names can give way.
/// Addresses are `0x…`, nulls `-`.
///
/// # Errors
/// [`Error::Table`] should Polars refuse a value.
pub fn render(
    frame: &DataFrame,
    total: usize,
    numbers: Numbers,
    top: usize,
    width: Option<usize>,
) -> Result<String, Error> {
    let names = frame.get_column_names();
    // A query may name its columns as it likes.
    let header: Vec<String> = names.iter().map(|name| harmless(name)).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let is_name: Vec<bool> =
        frame.columns().iter().map(|column| !column.dtype().is_primitive_numeric()).collect();
    let cell = |column: &Column, row| Ok(text(column.name(), &column.get(row)?, numbers));
    let rows = (0..frame.height().min(top))
        .map(|row| frame.columns().iter().map(|column| cell(column, row)).collect())
        .collect::<Result<Vec<Vec<String>>, Error>>()?;
    let mut out = layout_aligned(&header, &is_name, rows, width);
    let left_out = total.saturating_sub(top);
    if left_out > 0 {
        out.push_str(&format!(
            "  and {} (-n N shows more)\n",
            counted(left_out as u64, "more row")
        ));
    }
    Ok(out)
}

fn text(name: &str, value: &AnyValue<'_>, numbers: Numbers) -> String {
    let readable = numbers == Numbers::Readable;
    match value {
        AnyValue::Null => "-".to_owned(),
        AnyValue::UInt64(address) if ADDRESSES.contains(&name) => format!("{address:#x}"),
        AnyValue::UInt64(ns) if readable && name.ends_with("_ns") => duration(*ns),
        AnyValue::UInt64(n) if readable && name.ends_with("_bytes") => bytes(*n),
        AnyValue::UInt64(n) if readable && COUNTS.contains(&name) => count(*n),
        AnyValue::String(text) => name_cell(text),
        AnyValue::StringOwned(text) => name_cell(text),
        AnyValue::Enum(code, names) => {
            names.cat_to_str(*code).map_or_else(|| "-".to_owned(), name_cell)
        }
        // Polars rounds fractions when it prints them.
        AnyValue::Float64(n) => n.to_string(),
        other => harmless(&other.to_string()),
    }
}

/// Sorts a frame by one of its columns: latencies, sizes and counts from high to low, others upwards, nulls last. Rows that
/// are equal there keep their order.
///
/// # Errors
/// [`Error::UnknownColumn`] with the columns of `frame`.
pub fn sorted(frame: &DataFrame, by: &str) -> Result<DataFrame, Error> {
    let known: Vec<String> = frame.get_column_names().iter().map(ToString::to_string).collect();
    if !known.iter().any(|name| name == by) {
        return Err(Error::UnknownColumn { name: by.to_owned(), known });
    }
    let is_number = !matches!(frame.column(by)?.dtype(), DataType::String | DataType::Enum(..));
    let is_measure = by == Field::LatencyNs.name() || by.ends_with("_bytes");
    let descending = is_number && (is_measure || COUNTS.contains(&by));
    let options = SortMultipleOptions::default()
        .with_order_descending(descending)
        .with_nulls_last(true)
        .with_maintain_order(true);
    Ok(frame.sort([by], options)?)
}
