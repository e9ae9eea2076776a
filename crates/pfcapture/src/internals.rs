//! Inner parts under test from outside (feature `internals`): no part of the interface.

pub mod fuzzing;
pub mod hot_loops;
