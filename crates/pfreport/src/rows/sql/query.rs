//! A query over the tables.

use polars::prelude::{DataFrame, IntoLazy as _, SortMultipleOptions};
use polars::sql::{SQLContext, extract_table_identifiers};

use super::guard::guarded;
use super::types::for_sql;
use super::words::{
    Named, groups_and_windows, named, nests_aggregates, plain_numbers, wide_counts,
};
use crate::error::Error;
use crate::load::Loaded;
use crate::rows::faults::Faults;
use crate::rows::field::Field;
use crate::rows::tables::Table;

/// What a query begins with. Polars knows statements that change tables, which would change nothing here.
const BEGINNINGS: [&str; 5] = ["select", "with", "from", "explain", "("];

/// Words that leave the order of the rows to chance.
const SHUFFLING: [&str; 6] = ["group", "distinct", "union", "intersect", "except", "join"];

/// Words that decide about the order of the rows, or which of them there are.
const ORDERING: [&str; 4] = ["order", "limit", "fetch", "top"];

/// A query, and what it asks for.
#[derive(Debug, Clone)]
pub struct Query {
    sql: String,
    tables: Vec<Table>,
    named: Named,
    /// What [`Query::fields`] names, where it is not in the table of faults.
    faults: Option<DataFrame>,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`Error::Query`] for what is no query in SQL.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let named = named(text);
        let begins_well = named.first.as_deref().is_some_and(|word| BEGINNINGS.contains(&word));
        let sql = wide_counts(&plain_numbers(text));
        if nests_aggregates(text) {
            // Polars would answer, per group rather than over all groups.
            let reason = "an aggregate of an aggregate: put the inner one into a subquery";
            return Err(wrong(reason.to_owned(), &[]));
        }
        if groups_and_windows(text) {
            let reason = "a window in a grouped query: put one of them into a subquery";
            return Err(wrong(reason.to_owned(), &[]));
        }
        if !begins_well {
            return Err(wrong(
                "a query begins with SELECT or WITH, and changes nothing".to_owned(),
                &[],
            ));
        }
        let found = guarded(|| extract_table_identifiers(&sql, false, true));
        let found = found.map_err(|reason| wrong(reason, &[]))?;
        let is_named = |table: &Table| found.iter().any(|name| name == table.name());
        let tables = Table::ALL.iter().copied().filter(is_named).collect();
        Ok(Self { sql, tables, named, faults: None })
    }

    /// The columns of table `faults` that it may look at.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        if !self.tables.contains(&Table::Faults) {
            return Vec::new();
        }
        let is_named = |field: &&Field| {
            self.named.everything || self.named.words.iter().any(|word| word == field.name())
        };
        let fields: Vec<Field> = Field::ALL.iter().filter(is_named).copied().collect();
        // What only counts rows needs a column to count by.
        if fields.is_empty() { vec![Field::Proc] } else { fields }
    }

    /// The same over faults that are no longer there: the columns that it may look at, all of them.
    #[must_use]
    pub fn over(self, faults: DataFrame) -> Self {
        Self { faults: Some(faults), ..self }
    }

    /// The answer. Without an order of its own, rows whose order would be left to chance are sorted by all
    /// columns.
    ///
    /// # Errors
    /// [`Error::Query`] for a query that cannot be answered; [`Error::Table`] should Polars refuse a table.
    pub fn run(&self, loaded: &Loaded) -> Result<DataFrame, Error> {
        let mut context = SQLContext::new();
        for &table in &self.tables {
            let frame = match table {
                Table::Faults if let Some(faults) = &self.faults => faults.clone(),
                Table::Faults => Faults::new(loaded, &self.fields())?.frame(0..usize::MAX)?,
                other => other.frame(loaded)?,
            };
            context.register(table.name(), for_sql(&frame)?.lazy());
        }
        let answer = guarded(|| {
            let answer = context.execute(&self.sql)?.collect()?;
            let has = |words: &[&str]| {
                words.iter().any(|&word| self.named.words.iter().any(|w| w == word))
            };
            if has(&SHUFFLING) && !has(&ORDERING) {
                let columns = answer.get_column_names_owned();
                let options = SortMultipleOptions::default().with_maintain_order(true);
                return answer.sort(columns, options);
            }
            Ok(answer)
        });
        answer.map_err(|reason| wrong(reason, &self.tables))
    }
}

/// An error with the columns of the tables that are asked, or with the tables if there is none.
fn wrong(reason: String, tables: &[Table]) -> Error {
    let columns = |table: &Table| {
        format!("the columns of {} are {}", table.name(), table.column_names().join(", "))
    };
    let known = match tables {
        [] => format!("the tables are {}", Table::names().join(", ")),
        tables => tables.iter().map(columns).collect::<Vec<_>>().join("; "),
    };
    Error::Query { reason, known }
}

#[cfg(test)]
mod tests;
