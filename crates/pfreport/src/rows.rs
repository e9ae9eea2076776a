//! Rows: table `faults` and those beside it as Polars frames, groups of faults, and SQL over all of them.

pub mod faults;
pub mod field;
pub(crate) mod group;
pub(crate) mod row_set;
pub(crate) mod sql;
pub(crate) mod tables;
