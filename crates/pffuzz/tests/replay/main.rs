//! The targets on what fuzzers found, and on changes of that.

mod corpora;
mod mutator;
mod package;
mod short;
mod stored;
