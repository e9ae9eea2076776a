//! The table that a command line asks for, for people or for programs.

use std::io::Write;
use std::path::PathBuf;

use polars::prelude::DataFrame;

use crate::cli::Arguments;
use crate::error::Error;
use crate::figures::scope::Scope;
use crate::findings::pattern;
use crate::load::{Loaded, Reach};
use crate::outputs::by;
use crate::outputs::export;
use crate::outputs::listing::Listing;
use crate::print::layout::Layout;
use crate::rows::faults::Faults;
use crate::rows::field::Field;
use crate::rows::tables::Table;
use crate::select::Selection;

/// Rows on a screen.
const ROWS: usize = 20;

/// What is in the table.
#[derive(Debug, Clone)]
pub enum Asked {
    /// All faults, which programs get if nothing else is asked for.
    Faults,
    /// Groups of faults by these columns.
    Groups(Vec<Field>),
    /// The same, grouped while the trace was read in parts.
    Grouped(Vec<Field>, DataFrame),
    /// Another table, or the answer to a query.
    Listing(Listing),
    /// How faults walk through mappings.
    Patterns,
}

impl Asked {
    /// What the options name.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`]; those of [`Listing::parse`].
    pub fn parse(arguments: &Arguments) -> Result<Self, Error> {
        if let Some(listing) = Listing::parse(&arguments.query)? {
            return Ok(Self::Listing(listing));
        }
        if arguments.views.patterns {
            return Ok(Self::Patterns);
        }
        let keys = keys(&arguments.query.by)?;
        Ok(if keys.is_empty() { Self::Faults } else { Self::Groups(keys) })
    }

    /// Whether the options name a table at all.
    pub const fn is_named(&self) -> bool {
        !matches!(self, Self::Faults)
    }

    /// The table that a choice of faults does not narrow, if it is one.
    pub fn unselected(&self) -> Option<&'static str> {
        match self {
            Self::Listing(Listing::Table(table, _)) if *table != Table::Faults => {
                Some(table.name())
            }
            _ => None,
        }
    }

    /// Whether it is every fault, row by row.
    pub fn is_all_faults(&self) -> bool {
        match self {
            Self::Faults => true,
            Self::Listing(listing) => listing.is_all_faults(None),
            Self::Groups(_) | Self::Grouped(..) | Self::Patterns => false,
        }
    }

    /// How far the faults have to be read for the selected ones to be in the table.
    pub fn reach(&self, selection: &Selection) -> Reach {
        match self {
            Self::Faults => Reach::of(Field::ALL),
            Self::Groups(keys) | Self::Grouped(keys, _) => {
                Reach::of(keys).max(Reach::of(selection.fields()))
            }
            Self::Listing(_) | Self::Patterns => Reach::Whole,
        }
    }

    /// For people; nothing if no table was named.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail; [`Error::UnknownColumn`] for an order by a column that the table
    /// does not have; [`Error::Output`].
    pub fn print(
        &self,
        loaded: &Loaded,
        arguments: &Arguments,
        layout: Layout,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        let query = &arguments.query;
        let top = query.top.unwrap_or(ROWS);
        let width = layout.table_width;
        match self {
            Self::Faults => {}
            Self::Listing(listing) => {
                out.write_all(listing.render(loaded, top, width)?.as_bytes())?;
            }
            Self::Patterns => out.write_all(pattern::render(loaded, top, width).as_bytes())?,
            Self::Groups(keys) | Self::Grouped(keys, _) => {
                let groups = self.groups(loaded, keys, arguments, None)?;
                out.write_all(by::render(loaded, &groups, keys, top, width)?.as_bytes())?;
                if let Some(caveat) = Scope::of(loaded).caveat(loaded.skipped()) {
                    writeln!(out, "  {caveat}")?;
                }
            }
        }
        Ok(())
    }

    /// In all the formats that are asked for; returns the paths of files.
    ///
    /// # Errors
    /// As [`Asked::print`]; those of [`export::frame`].
    pub fn export(
        &self,
        loaded: &Loaded,
        arguments: &Arguments,
        out: &mut impl Write,
    ) -> Result<Vec<PathBuf>, Error> {
        let query = &arguments.query;
        let frame = match self {
            Self::Faults if query.top.is_none() => return export::faults(loaded, arguments, out),
            Self::Faults => {
                Faults::new(loaded, Field::ALL)?.frame(0..query.top.unwrap_or(usize::MAX))?
            }
            Self::Listing(listing) if listing.is_all_faults(query.top) => {
                return export::faults(loaded, arguments, out);
            }
            Self::Listing(listing) => listing.frame(loaded, query.top)?,
            Self::Patterns => pattern::table(loaded, query.top)?,
            Self::Groups(keys) | Self::Grouped(keys, _) => {
                by::with_chains(loaded, self.groups(loaded, keys, arguments, query.top)?)?
            }
        };
        export::frame(loaded, arguments, &frame, out)
    }
}

impl Asked {
    fn groups(
        &self,
        loaded: &Loaded,
        keys: &[Field],
        arguments: &Arguments,
        top: Option<usize>,
    ) -> Result<DataFrame, Error> {
        let sort = arguments.query.sort.as_deref();
        match self {
            Self::Grouped(_, groups) => by::ordered(groups.clone(), sort, top),
            _ => by::table(loaded, keys, sort, top),
        }
    }
}

/// The columns of `--by`, each once.
fn keys(names: &[String]) -> Result<Vec<Field>, Error> {
    let mut keys = Vec::new();
    for name in names {
        let field = Field::parse(name.trim())?;
        if !keys.contains(&field) {
            keys.push(field);
        }
    }
    Ok(keys)
}
