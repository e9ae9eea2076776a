//! Polars' SQL, with everything that can go wrong in it as an error.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars::error::PolarsError;

use crate::print::text::{harmless, shorten};

/// Longest reason.
const REASON_CHARACTERS: usize = 240;

/// What Polars says before a reason.
const PREFIXES: [&str; 2] = ["sql parser error: ", "not found: "];

/// Where a reason ends and advice for programs begins.
const ENDS: [&str; 2] = ["; valid columns", ". It's possible that"];

/// What Polars says of an order by an aggregate, and what that means.
const UNORDERED: [&str; 2] = [
    "sort expressions must have same length",
    "ORDER BY takes columns of the answer: name the aggregate with AS",
];

/// Parts of queries that are being run.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Runs a part of a query. The error is one line for the user: what is wrong with the query.
///
/// Some queries that are wrong make Polars panic rather than fail, as `GREATEST()` does: that is an error of the
/// query as well, and what a panic usually prints is not.
///
/// # Errors
/// What Polars says.
pub fn guarded<T>(part: impl FnOnce() -> Result<T, PolarsError>) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // Polars works on threads of its own: which one panics does not tell whether it is a query.
            // A test that fails beside one that runs a query has to be heard.
            if cfg!(test) || RUNNING.load(Ordering::Relaxed) == 0 {
                usual(info);
            }
        }));
    });
    RUNNING.fetch_add(1, Ordering::Relaxed);
    // Nothing that the closure touches is used after a panic.
    let result = panic::catch_unwind(AssertUnwindSafe(part));
    RUNNING.fetch_sub(1, Ordering::Relaxed);
    match result {
        Ok(result) => result.map_err(|error| in_words(&error)),
        Err(payload) => Err(reason(&*payload)),
    }
}

fn in_words(error: &PolarsError) -> String {
    match error {
        PolarsError::ColumnNotFound(text)
        | PolarsError::ComputeError(text)
        | PolarsError::Duplicate(text)
        | PolarsError::InvalidOperation(text)
        | PolarsError::SchemaMismatch(text)
        | PolarsError::SchemaFieldNotFound(text)
        | PolarsError::ShapeMismatch(text)
        | PolarsError::SQLInterface(text)
        | PolarsError::SQLSyntax(text) => one_line(text),
        other => one_line(&other.to_string()),
    }
}

fn reason(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.map_or_else(|| "it cannot be computed".to_owned(), one_line)
}

/// Behind the first line comes the plan of the query, which tells users little; behind a colon at its end
/// comes what it announces.
fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let announced = lines.first().is_some_and(|line| line.ends_with(':'));
    let line = lines[..lines.len().min(if announced { lines.len() } else { 1 })].join(" ");
    let line =
        PREFIXES.iter().fold(&*line, |line, prefix| line.strip_prefix(prefix).unwrap_or(line));
    let line = ENDS.iter().fold(line, |line, end| line.split(end).next().unwrap_or(line));
    let [said, meant] = UNORDERED;
    let line = if line.starts_with(said) { meant } else { line };
    shorten(&harmless(line), REASON_CHARACTERS)
}
