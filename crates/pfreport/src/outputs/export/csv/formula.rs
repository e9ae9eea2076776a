//! Cells that a spreadsheet would take for formulas.

use std::borrow::Cow;
use std::fmt::Write as _;

use polars::prelude::{
    DataFrame, DataType, IntoColumn as _, NewChunkedArray as _, PolarsResult, StringChunked,
};

/// What begins a formula, or is passed over before one; the wide forms where such writing is usual.
const BEGINNINGS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A cell that no spreadsheet runs: a character that would begin a formula there, or behind a `;`, where many
/// spreadsheets begin a new cell, is escaped. Numbers and permissions (`---p`) stay as they are.
pub fn escaped(cell: &str) -> Cow<'_, str> {
    let begins = |before: char, c: char| before == ';' && BEGINNINGS.contains(&c);
    let befores = || std::iter::once(';').chain(cell.chars());
    if !befores().zip(cell.chars()).any(|(before, c)| begins(before, c)) || is_harmless(cell) {
        return Cow::Borrowed(cell);
    }
    let mut out = String::with_capacity(cell.len() + 8);
    for (before, c) in befores().zip(cell.chars()) {
        // Writing to a String cannot fail.
        let _ = match u32::from(c) {
            _ if !begins(before, c) => write!(out, "{c}"),
            code @ ..0x80 => write!(out, "\\x{code:02x}"),
            code => write!(out, "\\u{{{code:x}}}"),
        };
    }
    Cow::Owned(out)
}

/// Whether a cell is what it computes, or a fixed word that looks like a formula.
fn is_harmless(cell: &str) -> bool {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_permissions = match cell.as_bytes() {
        &[r, w, x, p] => {
            b"r-".contains(&r) && b"w-".contains(&w) && b"x-".contains(&x) && b"ps".contains(&p)
        }
        _ => false,
    };
    is_number || is_permissions
}

/// All texts of a table, escaped.
pub fn escaped_texts(frame: DataFrame) -> PolarsResult<DataFrame> {
    let is_text = |dtype: &DataType| {
        matches!(dtype, DataType::String | DataType::Enum(..) | DataType::Categorical(..))
    };
    let columns = frame.columns().iter().map(|column| {
        if !is_text(column.dtype()) {
            return Ok(column.clone());
        }
        let texts = column.strict_cast(&DataType::String)?;
        let cells = texts.str()?.iter().map(|cell| cell.map(escaped));
        Ok(StringChunked::from_iter_options(column.name().clone(), cells).into_column())
    });
    let columns = columns.collect::<PolarsResult<_>>()?;
    DataFrame::new(frame.height(), columns)
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn formulas_are_escaped_and_nothing_else() {
        let cases = [
            ("=cmd|' /C calc'!A0", "\\x3dcmd|' /C calc'!A0"),
            ("-[NSObject copy]", "\\x2d[NSObject copy]"),
            ("@SUM(1)", "\\x40SUM(1)"),
            ("\t=1", "\\x09=1"),
            ("＝1", "\\u{ff1d}1"),
            ("a;=1;+b", "a;\\x3d1;\\x2bb"),
            ("-1+1", "\\x2d1+1"),
            ("-", "\\x2d"),
            ("--x", "\\x2d-x"),
        ];
        for (cell, expected) in cases {
            assert_eq!(escaped(cell), expected);
        }
        for cell in ["", "-1", "+2.5", "---p", "-w-s", "a=b", "main;work", "[heap]", "0x10"] {
            assert_eq!(escaped(cell), cell);
        }
    }
}
