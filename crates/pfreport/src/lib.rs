//! Reports on a page-fault trace: where faults happen, what they cost, why they happen.
//!
//! # The way of the data
//!
//! [`cli`] says what is asked for, a group of options a file; [`run`] does it. [`load`] reads traces through
//! [`files::input`] and analyses them into a [`load::Loaded`], of which every output is a function; [`load::join`] makes one
//! of several. [`select`] then drops the rows that are not asked for, so that no output selects
//! rows for itself. A trace that is larger than memory comes in parts ([`load::Loaded::open_in_parts`]). The
//! subcommands in [`commands`] have their options and their way in their own modules; only `diff` and `dataset` analyse.
//!
//! # What outputs are made of
//!
//! - [`rows`]: `field` names the columns of table `faults`, `faults` makes Polars frames of those that an
//!   output needs, `row_set` is some of them, `group` aggregates them, `tables` has the tables beside, `sql` asks them all.
//! - [`figures`]: `accounts` is the ledger against the kernel's counters, `scope` what the recording was asked
//!   for, `gaps` what its file has not any more, `target` whom it was of, `unseen` what perf does not show, `stall` the time during which threads
//!   stood still, and `pages` how many pages are distinct.
//! - [`findings`]: a `place` is a file of a process or a stretch of its memory, `pattern` how faults walk through
//!   it; `advice` draws on both.
//! - [`names`]: what an instruction, a call chain, a control group and a failed access are called.
//! - [`mod@print`]: numbers with their units, columns for a layout, a value with its text and its exact figure. Everything
//!   in a trace may be hostile: names pass [`text::printable`](print::text::printable) before they reach an output.
//!
//! # Outputs
//!
//! All in [`outputs`] but for the two texts of [`findings`]:
//!
//! | asked for by | module | |
//! |---|---|---|
//! | nothing else | `summary` | one screen of text |
//! | `--json`, `--html` | `json`, `html` | the summary for programs, and as a page |
//! | `--openmetrics` | `openmetrics` | the same as metrics |
//! | `--by` | `by` | groups of faults |
//! | `--table`, `--sql` | `listing` | a table, or the answer to a query |
//! | `--patterns`, `--advice`, `--events` | `pattern`, `advice`, `events` | other texts |
//! | `--csv`, `--jsonl`, `--parquet`, `--arrow` | `export` | any of these tables as a file, batch by batch |
//! | `--histogram`, `--heatmap` | `plot` | on the terminal; what it counts is drawn by pictures too |
//! | `--png`, `--svg` | `picture` | shapes first, then pixels or SVG |
//! | `--flamegraph`, `--folded`, `--pprof`, `--firefox` | `stacks`, `flamegraph` | weights by call chain |
//!
//! Every file is written through [`files::new_file`], and [`files::destination`] tells files from standard output. What can
//! go wrong is one [`error::Error`], which knows its exit code and what helps.
//!
//! Public is what the program and its tests need; the compiler then finds what nothing needs.

// These pages are for people who work on the program: `cargo doc --document-private-items`.
#![allow(rustdoc::private_intra_doc_links)]

pub mod cli;
mod commands;
pub mod error;
pub mod figures;
mod files;
mod findings;
pub mod load;
#[cfg(test)]
mod made_up;
mod names;
pub mod outputs;
pub mod print;
pub mod rows;
pub mod run;
mod select;

/// What files and documents say that they were made by.
pub(crate) const GENERATOR: &str = concat!("pfreport ", env!("CARGO_PKG_VERSION"));
