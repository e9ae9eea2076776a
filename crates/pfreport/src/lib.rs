//! Reports on a page-fault trace: where faults happen, what they cost, why they happen.
//!
//! # The way of the data
//!
//! [`cli`] says what is asked for, a group of options a file; [`run`] does it. [`load`] reads a trace through
//! [`input`] and analyses it into a [`load::Loaded`], of which every output is a function; `join` makes one
//! of several traces. [`select`] then drops the rows that are not asked for, so that no output knows of
//! selections. A trace that is larger than memory comes in parts ([`load::Loaded::open_in_parts`]). The
//! subcommands [`diff`], [`dataset`], [`info`], [`dump`], [`verify`], [`recover`], [`redact`] and [`import`] have their
//! options and their way in their own modules; only the first two analyse.
//!
//! # What outputs are made of
//!
//! - Rows: [`field`] names the columns of table `faults`, [`faults`] makes Polars frames of those that an
//!   output needs, [`group`] aggregates them, [`tables`] has the tables beside, [`sql`] asks them all.
//! - Figures: [`accounts`] is the ledger against the kernel's counters, [`scope`] what the recording was asked
//!   for, [`target`] whom it was of, [`stall`] the time during which threads stood still, [`pages`] how many pages are distinct, and
//!   `failure` why an access failed.
//! - Places: [`place`] is a file of a process or a stretch of its memory, and [`pattern`] how faults walk through
//!   it; [`advice`] draws on both. [`code`] names an instruction, [`chains`] a call chain.
//!
//! # Outputs
//!
//! | asked for by | module | |
//! |---|---|---|
//! | nothing else | [`summary`] | one screen of text |
//! | `--json`, `--html` | [`json`], [`html`] | the summary for programs, and as a page |
//! | `--openmetrics` | [`openmetrics`] | the same as metrics |
//! | `--by` | [`by`] | groups of faults |
//! | `--table`, `--sql` | [`listing`] | a table, or the answer to a query |
//! | `--patterns`, `--advice`, `--events` | [`pattern`], [`advice`], [`events`] | other texts |
//! | `--csv`, `--jsonl`, `--parquet`, `--arrow` | [`export`] | any of these tables as a file, batch by batch |
//! | `--histogram`, `--heatmap` | [`plot`] | on the terminal; what it counts is drawn by pictures too |
//! | `--png`, `--svg` | [`picture`] | shapes first, then pixels or SVG |
//! | `--flamegraph`, `--folded`, `--pprof`, `--firefox` | [`stacks`], [`flamegraph`] | weights by call chain |
//!
//! Every file is written through [`output`], and [`destination`] tells files from standard output. Everything in a trace may be hostile: names pass
//! [`text::printable`] before they reach an output. [`units`] prints numbers, [`table`] lays out columns for a
//! [`layout`], [`cell`] is a value with its text and its exact figure, and [`progress`] a bar while a large
//! trace is read. What can go wrong is one [`error::Error`], which knows its exit code and what helps.
//!
//! Public is what the program and its tests need; the compiler then finds what nothing needs.

// These pages are for people who work on the program: `cargo doc --document-private-items`.
#![allow(rustdoc::private_intra_doc_links)]

pub mod accounts;
mod advice;
mod by;
mod cell;
mod cgroup_name;
mod chains;
pub mod cli;
mod code;
mod dataset;
mod destination;
mod diff;
mod dump;
pub mod error;
mod events;
pub mod export;
mod failure;
pub mod faults;
pub mod field;
mod flamegraph;
mod gaps;
mod group;
mod html;
mod import;
mod info;
mod input;
mod join;
mod json;
pub mod layout;
mod listing;
pub mod load;
#[cfg(test)]
mod made_up;
mod openmetrics;
mod output;
mod pages;
mod pattern;
mod picture;
mod place;
mod plot;
mod progress;
mod recover;
mod redact;
mod row_set;
pub mod run;
mod scope;
mod select;
mod sql;
mod stacks;
mod stall;
mod summary;
mod table;
mod tables;
mod target;
pub mod text;
mod units;
mod verify;

/// What files and documents say that they were made by.
pub(crate) const GENERATOR: &str = concat!("pfreport ", env!("CARGO_PKG_VERSION"));
