//! JSON lines: an object a row, addresses as `"0x…"`, times as ISO 8601 in UTC, nulls as `null`.

use polars::prelude::{DataFrame, DataType};
use polars_io::SerWriter as _;
use polars_io::json::{JsonFormat, JsonWriter};

use super::with_literals;
use crate::error::Error;

/// A batch as lines.
///
/// # Errors
/// [`Error::Table`] for a type of column that JSON does not have.
pub fn encode(frame: &DataFrame) -> Result<Vec<u8>, Error> {
    let mut frame = with_literals(frame.clone())?;
    let is_names =
        |dtype: &DataType| matches!(dtype, DataType::Enum(..) | DataType::Categorical(..));
    let names: Vec<usize> =
        (0..frame.width()).filter(|&i| is_names(frame.columns()[i].dtype())).collect();
    for i in names {
        let text = frame.columns()[i].strict_cast(&DataType::String)?;
        frame.replace_column(i, text)?;
    }
    let mut bytes = Vec::new();
    JsonWriter::new(&mut bytes).with_json_format(JsonFormat::JsonLines).finish(&mut frame)?;
    Ok(bytes)
}
