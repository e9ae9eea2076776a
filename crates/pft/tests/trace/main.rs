//! The trace file as its users see it: written, read back, cut, damaged, forged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

mod cgroups;
mod code;
mod code_round_trip;
mod code_samples;
mod damage;
mod examples;
mod forge;
mod gaps;
mod golden;
mod hostile;
mod large;
mod moments;
mod prefixes;
mod raw;
mod recover;
mod round_trip;
mod rules;
mod samples;
mod schema;
mod tables;
mod verify;
