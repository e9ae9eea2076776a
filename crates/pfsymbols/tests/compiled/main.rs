//! Tests on programs of known content, compiled when the tests run.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod elf;
mod functions;
mod hostile;
mod machine;
mod objects;
mod program;
mod unwind;
