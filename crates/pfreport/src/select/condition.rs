//! A condition on the columns of the fault table, in SQL.

mod words;

use std::ops::Range;

use polars::prelude::{DataType, Expr, IntoLazy as _};
use polars::sql::sql_expr;
use rayon::prelude::{IndexedParallelIterator as _, ParallelIterator as _, ParallelSliceMut as _};

use crate::error::Error;
use crate::load::Loaded;
use crate::rows::faults::Faults;
use crate::rows::field::Field;
use crate::rows::sql::{self, empty_faults, for_sql};

/// Rows that are judged at a time.
const BATCH_ROWS: usize = 256 * 1024;

/// Functions of a single row. Others, as `AVG`, look at several, which a condition must not: its rows are
/// judged in batches.
const FUNCTIONS: &[&str] = &[
    "abs",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "div",
    "ends_with",
    "exp",
    "floor",
    "greatest",
    "if",
    "ifnull",
    "initcap",
    "least",
    "left",
    "length",
    "ln",
    "log",
    "log10",
    "log1p",
    "log2",
    "lower",
    "ltrim",
    "mod",
    "nullif",
    "octet_length",
    "position",
    "pow",
    "power",
    "regexp_like",
    "replace",
    "reverse",
    "right",
    "round",
    "rtrim",
    "sign",
    "sqrt",
    "starts_with",
    "strpos",
    "substr",
    "substring",
    "trim",
    "try_cast",
    "upper",
];

/// Words that may stand before a parenthesis and are no functions.
const KEYWORDS: &[&str] = &[
    "and", "between", "case", "else", "in", "is", "like", "ilike", "not", "or", "regexp", "rlike",
    "then", "when",
];

/// A condition on single faults.
#[derive(Debug, Clone)]
pub struct Condition {
    text: String,
    fields: Vec<Field>,
    expression: Expr,
}

impl Condition {
    /// Reads a condition and checks it against the columns, before there is a trace.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`]; [`Error::UnknownWord`] where a column is compared with a word that it
    /// cannot have; [`Error::Condition`] for what is no SQL, looks at other rows, or is neither true nor
    /// false.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let function = sql::words_before_parentheses(text)
            .into_iter()
            .find(|word| !FUNCTIONS.contains(&&**word) && !KEYWORDS.contains(&&**word));
        if let Some(function) = function {
            let reason = format!(
                "`{function}(` cannot be used: a condition looks at one fault at a time; --sql can do more"
            );
            return Err(wrong(reason));
        }
        let text = text.trim();
        let expression = sql::guarded(|| sql_expr(sql::plain_numbers(text))).map_err(wrong)?;
        if let Expr::Alias(_, name) = &expression {
            // In SQL that names a result; here it is a unit, or a slip of the pen.
            let reason = format!(
                "`{name}` behind it has no meaning; numbers have no units: 2 µs of latency_ns are 2000, or 2e3"
            );
            return Err(wrong(reason));
        }
        let mut fields = Vec::new();
        for part in &expression {
            if let Expr::Column(name) = part {
                let field = Field::parse(name);
                if field.is_err() && text.contains(&format!("\"{name}\"")) {
                    let reason = format!("no column `{name}`; text is in single quotes: '{name}'");
                    return Err(wrong(reason));
                }
                let field = field?;
                if !fields.contains(&field) {
                    fields.push(field);
                }
            }
        }
        let condition = Self { text: text.to_owned(), fields, expression };
        let empty = empty_faults(&condition.fields)?.lazy();
        let result =
            sql::guarded(|| empty.select([condition.expression.clone().alias("kept")]).collect());
        match result.map_err(wrong)?.column("kept")?.dtype() {
            DataType::Boolean if !condition.fields.is_empty() => {
                words::check(&condition.expression)?;
                Ok(condition)
            }
            DataType::Boolean => Err(wrong("it names no column".to_owned())),
            other => Err(wrong(format!("it is neither true nor false, but of type {other}"))),
        }
    }

    /// As the user wrote it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns that it names.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Clears `mask` where the condition is not true; a condition that is null is not true.
    ///
    /// # Errors
    /// [`Error::Condition`] where a row cannot be judged, as in a cast of what is no number.
    pub fn mask(&self, loaded: &Loaded, mask: &mut [bool]) -> Result<(), Error> {
        let faults = Faults::new(loaded, &self.fields)?;
        mask.par_chunks_mut(BATCH_ROWS).enumerate().try_for_each(|(batch, mask)| {
            if !mask.contains(&true) {
                return Ok(());
            }
            let first = batch * BATCH_ROWS;
            let judged = self.judge(&faults, first..first + mask.len())?;
            for (kept, is_true) in mask.iter_mut().zip(judged) {
                *kept &= is_true;
            }
            Ok(())
        })
    }

    fn judge(&self, faults: &Faults<'_>, rows: Range<usize>) -> Result<Vec<bool>, Error> {
        let frame = for_sql(&faults.frame(rows)?)?.lazy();
        let result =
            sql::guarded(|| frame.select([self.expression.clone().alias("kept")]).collect());
        let result = result.map_err(wrong)?;
        let kept = result.column("kept")?.bool()?;
        Ok(kept.iter().map(|is_true| is_true == Some(true)).collect())
    }
}

fn wrong(reason: String) -> Error {
    let known = Field::ALL.iter().map(|field| field.name().to_owned()).collect();
    Error::Condition { reason, known }
}

#[cfg(test)]
mod tests;
