//! Reports on a page-fault trace: where faults happen, what they cost, why they happen.
//!
//! The way of the data: [`load`] reads and analyses a trace; [`faults`] offers its fault table to
//! Polars, column by column as needed; [`group`] aggregates it. Each output is a module of its own:
//! [`summary`], [`by`], [`export`], [`json`], [`picture`]. [`run`] does what the command line ([`cli`]) asks for.

pub mod accounts;
pub mod advice;
pub mod by;
pub mod cell;
pub mod chains;
pub mod cli;
pub mod code;
pub mod diff;
pub mod dump;
pub mod error;
pub mod events;
pub mod export;
mod failure;
pub mod faults;
pub mod field;
pub mod flamegraph;
pub mod group;
pub mod html;
pub mod info;
pub mod input;
mod join;
pub mod json;
pub mod layout;
pub mod listing;
pub mod load;
pub mod output;
pub mod pages;
pub mod pattern;
pub mod picture;
pub mod place;
pub mod plot;
pub mod progress;
pub mod run;
#[cfg(test)]
mod sample;
pub mod scope;
pub mod select;
pub mod sql;
pub mod stacks;
pub mod stall;
pub mod summary;
pub mod table;
pub mod tables;
pub mod text;
pub mod units;
