//! The tables beside `faults`, and `faults` among them: by name, with what each column means.
//!
//! What is said here of columns is all that is said of them: `schemas/tables.md` has the same words, which
//! a test compares, and errors name the columns from here.

mod callchains;
mod facts;
mod ledger;
mod losses;
mod mappings;
mod marks;
mod modules;
mod oom;
mod origin;
mod processes;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod threads;

use polars::prelude::DataFrame;

use crate::error::Error;
use crate::load::Loaded;
use crate::rows::faults::Faults;
use crate::rows::field::Field;
pub use text::{Numbers, render, sorted};

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number of 32 bits.
    U32,
    /// The same with a sign.
    I32,
    /// A number of 64 bits.
    U64,
    /// An address, 64 bits, in text and CSV as `0x…`.
    Address,
    /// True or false.
    Bool,
    /// A time of day.
    Time,
}

/// A column as it is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Unit of its values; empty for none.
    pub unit: &'static str,
    /// When it has no value.
    pub null: &'static str,
    /// What it means, as Markdown.
    pub meaning: &'static str,
}

/// Shorthand for lists of columns: a name, a type, a unit, when it is null, what it means.
pub(crate) const fn column(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    null: &'static str,
    meaning: &'static str,
) -> ColumnInfo {
    ColumnInfo { name, kind, unit, null, meaning }
}

/// Column `trace` of tables whose rows have a time.
const TRACE: ColumnInfo = column("trace", Kind::Text, "", "never", "file that the row comes from");

/// Column `trace` of tables that several traces have in common.
const SHARED_TRACE: ColumnInfo = column(
    "trace",
    Kind::Text,
    "",
    "several traces",
    "file that the row comes from; of several traces that are reported on together it is not told",
);

/// Defines [`Table`].
macro_rules! tables {
    ($($table:ident, $module:ident, $name:literal, $about:literal;)*) => {
        /// A table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Table {
            /// One row per fault: see [`Field`].
            Faults,
            $(#[doc = $about] $table,)*
        }

        impl Table {
            /// All tables.
            pub const ALL: &'static [Self] = &[Self::Faults, $(Self::$table,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { Self::Faults => "faults", $(Self::$table => $name,)* }
            }

            /// What a row is.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self {
                    Self::Faults => "One row per fault.",
                    $(Self::$table => $about,)*
                }
            }

            /// Its columns; those of `faults` are in `schemas/faults.md`, and here none.
            #[must_use]
            pub const fn columns(self) -> &'static [ColumnInfo] {
                match self { Self::Faults => &[], $(Self::$table => $module::COLUMNS,)* }
            }

            /// The table.
            ///
            /// # Errors
            /// [`Error::Table`] should Polars refuse a column.
            pub fn frame(self, loaded: &Loaded) -> Result<DataFrame, Error> {
                match self {
                    Self::Faults => Faults::new(loaded, Field::ALL)?.frame(0..usize::MAX),
                    $(Self::$table => Ok($module::frame(loaded)?),)*
                }
            }
        }
    };
}

tables! {
    Processes, processes, "processes", "One row per process: a pid from when it was first seen.";
    Threads, threads, "threads", "One row per thread and its life inside the recording.";
    Mappings, mappings, "mappings", "One row per mapping over a stretch of time: what a range of addresses held between two moments.";
    Modules, modules, "modules", "One row per file with code, and for the kernel, the vdso, and code made at run time.";
    Callchains, callchains, "callchains", "One row per function of each call chain that faults of the trace have, the innermost first.";
    Losses, losses, "losses", "One row per stretch of time in which records were lost.";
    Oom, oom, "oom", "One row per process that the kernel killed because memory ran out.";
    Marks, marks, "marks", "One row per mark (`pfrecord mark NAME`): the beginning of a phase.";
    Ledger, ledger, "ledger", "One row per count of recorder and kernel; `schemas/pft.md` lists the keys.";
    Facts, facts, "facts", "One row per fact about machine and recording; `schemas/pft.md` lists the keys.";
}

impl Table {
    /// The table called `name`.
    ///
    /// # Errors
    /// The names there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|table| table.name() == name);
        found.ok_or_else(|| format!("the tables are {}", Self::names().join(", ")))
    }

    /// The names of all tables.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|table| table.name()).collect()
    }

    /// The names of its columns.
    #[must_use]
    pub fn column_names(self) -> Vec<&'static str> {
        match self {
            Self::Faults => Field::ALL.iter().map(|field| field.name()).collect(),
            _ => self.columns().iter().map(|column| column.name).collect(),
        }
    }
}
