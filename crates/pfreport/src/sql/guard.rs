//! Polars' SQL, with everything that can go wrong in it as an error.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use polars::error::PolarsError;

use crate::text::printable;

/// What Polars says instead of a reason.
const PREFIXES: [&str; 2] = ["sql parser error: ", "TokenizerError: "];

/// Runs a part of a query. The error is one line for the user: what is wrong with the query.
///
/// Some queries that are wrong make Polars panic rather than fail: that is an error of the query as well.
///
/// # Errors
/// What Polars says.
pub fn guarded<T>(part: impl FnOnce() -> Result<T, PolarsError>) -> Result<T, String> {
    // Nothing that the closure touches is used after a panic.
    match panic::catch_unwind(AssertUnwindSafe(part)) {
        Ok(result) => result.map_err(|error| in_words(&error)),
        Err(payload) => Err(reason(&*payload)),
    }
}

fn in_words(error: &PolarsError) -> String {
    let text = match error {
        PolarsError::ColumnNotFound(text)
        | PolarsError::ComputeError(text)
        | PolarsError::InvalidOperation(text)
        | PolarsError::SchemaMismatch(text)
        | PolarsError::SchemaFieldNotFound(text)
        | PolarsError::SQLInterface(text)
        | PolarsError::SQLSyntax(text) => text.to_string(),
        other => other.to_string(),
    };
    first_line(&text)
}

fn reason(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.map_or_else(|| "it cannot be computed".to_owned(), first_line)
}

/// Behind the first line comes the plan of the query, which tells users little.
fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let line = PREFIXES.iter().fold(line, |line, prefix| line.strip_prefix(prefix).unwrap_or(line));
    printable(line.as_bytes())
}
