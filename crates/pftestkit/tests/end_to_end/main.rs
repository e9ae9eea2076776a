//! Real programs, recorded by `pfrecord` and reported by `pfreport`, against what the workloads know
//! of their own faults.
//!
//! The programs under test are taken from the target directory of the test: `cargo build --workspace`
//! comes first.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod advice;
mod attach;
mod callchains;
mod calls;
mod causes;
mod check;
mod content;
mod counters;
mod damage;
mod deceit;
mod diff;
mod events;
mod files;
mod fire;
mod histories;
mod import;
mod installed;
mod ledger;
mod live;
mod many_mappings;
mod nodes;
mod old_kernels;
mod oom;
mod outputs;
mod privileges;
mod profiles;
mod programs;
mod python;
mod real_programs;
mod recording;
mod recover;
mod redaction;
mod refusals;
mod regions;
mod robust;
mod sections;
mod selection;
mod stat;
mod swap;
mod symbols;
mod targets;
mod thread_stacks;
mod views;
mod waits;
mod witness;
