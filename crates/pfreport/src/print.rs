//! How values are printed: numbers with units, columns, names that may be hostile.

pub(crate) mod cell;
pub mod layout;
pub(crate) mod table;
pub mod text;
pub(crate) mod units;
