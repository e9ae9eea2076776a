//! Words that a condition compares columns with: of columns with a fixed set of words one that does not
//! exist is a slip of the pen, which would select nothing without a notice.

use pfmodel::names::{Access, Cause, Class, MapConfidence, RegionKind};
use polars::prelude::{Expr, LiteralValue, Operator};

use crate::error::Error;
use crate::names::failure::REASONS;
use crate::print::text::harmless;
use crate::rows::field::Field;

/// Checks the words of a condition: those of `=`, `<>` and `IN`, and of `LIKE` without wildcards.
///
/// # Errors
/// [`Error::UnknownWord`] for the first that its column cannot have.
pub fn check(expression: &Expr) -> Result<(), Error> {
    for part in expression {
        match part {
            Expr::BinaryExpr { left, op, right } if is_equality(*op) => {
                check_pair(left, right)?;
                check_pair(right, left)?;
            }
            // `IN` is a function of the column and of a series of values.
            Expr::Function { input, .. } => {
                if let [column, values] = &input[..] {
                    check_series(column, values)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

const fn is_equality(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq | Operator::EqValidity | Operator::NotEq | Operator::NotEqValidity
    )
}

fn check_pair(column: &Expr, value: &Expr) -> Result<(), Error> {
    match (column_of(column), value) {
        (Some(field), Expr::Literal(value)) => {
            value.extract_str().map_or(Ok(()), |word| check_word(field, word))
        }
        _ => Ok(()),
    }
}

fn check_series(column: &Expr, values: &Expr) -> Result<(), Error> {
    let Some(field) = column_of(column) else { return Ok(()) };
    for part in values {
        if let Expr::Literal(LiteralValue::Series(series)) = part
            && let Ok(words) = series.str()
        {
            words.iter().flatten().try_for_each(|word| check_word(field, word))?;
        }
    }
    Ok(())
}

fn column_of(expression: &Expr) -> Option<Field> {
    match expression {
        Expr::Column(name) => Field::parse(name).ok(),
        _ => None,
    }
}

fn check_word(field: Field, word: &str) -> Result<(), Error> {
    match words(field) {
        Some(known) if !known.contains(&word) => {
            Err(Error::UnknownWord { column: field.name(), word: harmless(word), known })
        }
        _ => Ok(()),
    }
}

/// The words that a column can have, if they are fixed.
fn words(field: Field) -> Option<Vec<&'static str>> {
    Some(match field {
        Field::Class => Class::ALL.iter().map(|class| class.as_str()).collect(),
        Field::Cause => Cause::ALL.iter().map(|cause| cause.as_str()).collect(),
        Field::Failure => REASONS.to_vec(),
        Field::Access => Access::ALL.iter().map(|access| access.as_str()).collect(),
        Field::Mode => vec!["user", "kernel"],
        Field::RegionKind => RegionKind::ALL.iter().map(|kind| kind.as_str()).collect(),
        Field::MapConfidence => MapConfidence::ALL.iter().map(|sure| sure.as_str()).collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use polars::prelude::DataType;

    use super::words;
    use crate::made_up;
    use crate::rows::faults::Faults;
    use crate::rows::field::Field;

    #[test]
    fn they_are_those_of_the_table() {
        let loaded = made_up::with_code();
        let table = Faults::new(&loaded, Field::ALL).unwrap().frame(0..0).unwrap();
        // Other columns are enumerated as well, of what the trace names.
        let of_trace = [
            Field::Trace,
            Field::Phase,
            Field::Comm,
            Field::Region,
            Field::Path,
            Field::Perms,
            Field::Dev,
            Field::Module,
            Field::Function,
            Field::Source,
            Field::Object,
            Field::BuildId,
            Field::Cgroup,
        ];
        for &field in Field::ALL {
            let found = match table.column(field.name()).unwrap().dtype() {
                DataType::Enum(categories, _) if !of_trace.contains(&field) => {
                    Some(categories.categories().values_iter().collect::<Vec<_>>())
                }
                _ => None,
            };
            assert_eq!(words(field), found, "{field:?}");
        }
    }
}
