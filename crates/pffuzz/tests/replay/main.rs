//! The targets on what fuzzers found, and on changes of that.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

mod corpora;
mod mutator;
mod package;
mod short;
mod stored;
