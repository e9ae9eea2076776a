//! What is found in how faults walk through places: patterns, and advice.

pub(crate) mod advice;
pub(crate) mod pattern;
pub(crate) mod place;
