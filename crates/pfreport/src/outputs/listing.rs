//! What `--table` and `--sql` ask for: a table as it is, or the answer to a query.

use polars::prelude::DataFrame;

use crate::cli::Query as Asked;
use crate::error::Error;
use crate::load::Loaded;
use crate::rows::faults::Faults;
use crate::rows::field::Field;
use crate::rows::sql::Query;
use crate::rows::tables::{Numbers, Table, render, sorted};

/// A table, or the answer to a query.
#[derive(Debug, Clone)]
pub enum Listing {
    /// A table, sorted by a column of it if one is named.
    Table(Table, Option<String>),
    /// The answer to a query.
    Sql(Query),
}

impl Listing {
    /// What a command line asks for, if it does.
    ///
    /// # Errors
    /// [`Error::Query`] for what is no query; [`Error::UnknownColumn`] for an order by what the table has not.
    pub fn parse(asked: &Asked) -> Result<Option<Self>, Error> {
        if let Some(sql) = &asked.sql {
            return Ok(Some(Self::Sql(Query::parse(sql)?)));
        }
        let Some(table) = asked.table else { return Ok(None) };
        if let Some(sort) =
            asked.sort.as_ref().filter(|sort| !table.column_names().contains(&sort.as_str()))
        {
            let known = table.column_names().into_iter().map(str::to_owned).collect();
            return Err(Error::UnknownColumn { name: sort.clone(), known });
        }
        Ok(Some(Self::Table(table, asked.sort.clone())))
    }

    /// Whether it is every fault in its usual order, `top` rows of it, which needs not be held in memory at
    /// once.
    #[must_use]
    pub fn is_all_faults(&self, top: Option<usize>) -> bool {
        matches!(self, Self::Table(Table::Faults, None)) && top.is_none()
    }

    /// Whether it looks at some columns of faults at most.
    #[must_use]
    pub const fn is_frugal(&self) -> bool {
        !matches!(self, Self::Table(Table::Faults, _))
    }

    /// The first `top` rows, all without.
    ///
    /// # Errors
    /// [`Error::Query`] for a query that cannot be answered; [`Error::Table`] should Polars fail.
    pub fn frame(&self, loaded: &Loaded, top: Option<usize>) -> Result<DataFrame, Error> {
        let frame = match self {
            Self::Sql(query) => query.run(loaded)?,
            Self::Table(Table::Faults, None) => {
                return Faults::new(loaded, Field::ALL)?.frame(0..top.unwrap_or(usize::MAX));
            }
            Self::Table(table, sort) => {
                let frame = table.frame(loaded)?;
                sort.as_ref().map_or(Ok(frame.clone()), |sort| sorted(&frame, sort))?
            }
        };
        Ok(top.map_or_else(|| frame.clone(), |top| frame.head(Some(top))))
    }

    /// The first `top` rows for people, in lines of `width` columns where long names can give way.
    ///
    /// # Errors
    /// As [`Listing::frame`].
    pub fn render(
        &self,
        loaded: &Loaded,
        top: usize,
        width: Option<usize>,
    ) -> Result<String, Error> {
        let is_all_faults = self.is_all_faults(None);
        let frame = self.frame(loaded, is_all_faults.then_some(top))?;
        let total = if is_all_faults { loaded.analysis.faults.len() } else { frame.height() };
        let numbers = match self {
            Self::Sql(_) => Numbers::Plain,
            Self::Table(..) => Numbers::Readable,
        };
        render(&frame, total, numbers, top, width)
    }
}
