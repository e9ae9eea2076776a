//! What every parser of untrusted bytes has to hold, whatever the bytes are.
//!
//! A [`Target`] takes any bytes and panics if a promise is broken: not only that nothing panics, but also
//! that what was read can be written and read again, that memory is within its stated bound, and that
//! another reading of the same bytes agrees. Three programs call the targets:
//! * the fuzzers in `fuzz/` (cargo-fuzz), which look for bytes that reach new code: `scripts/checks/fuzz.sh`;
//! * `tests/replay/corpora.rs`, which replays what they found: `testdata/corpora` and `testdata/cases`;
//! * `tests/replay/short.rs`, which changes these at random, the same way in every run.

#![allow(clippy::panic, reason = "it is how a broken promise is told")]

mod forge;
pub mod kinds;
mod panics;
mod random;
mod targets;

pub use panics::quiet_dependencies;
pub use targets::{TARGETS, Target};

/// Runs the target of this name.
///
/// # Panics
/// If there is none, or a promise is broken.
pub fn run(name: &str, bytes: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.run)(bytes),
        None => panic!("no target {name}"),
    }
}
