//! Reports on a page-fault trace: where faults happen, what they cost, why they happen.
//!
//! The way of the data: [`load`] reads and analyses a trace; [`faults`] offers its fault table to
//! Polars, column by column as needed; [`group`] aggregates it. Each output is a module of its own:
//! [`summary`], [`by`], [`csv`], [`picture`]. [`run`] does what the command line ([`cli`]) asks for.

pub mod accounts;
pub mod advice;
pub mod by;
pub mod chains;
pub mod cli;
pub mod code;
pub mod csv;
pub mod diff;
pub mod dump;
pub mod error;
mod failure;
pub mod faults;
pub mod field;
pub mod flamegraph;
pub mod group;
mod in_parts;
pub mod info;
mod join;
pub mod layout;
pub mod load;
pub mod output;
pub mod pages;
pub mod pattern;
pub mod picture;
pub mod place;
pub mod progress;
pub mod run;
#[cfg(test)]
mod sample;
pub mod scope;
pub mod stacks;
pub mod stall;
pub mod summary;
pub mod table;
pub mod text;
pub mod units;
