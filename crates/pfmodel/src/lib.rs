#![doc = include_str!("../README.md")]
//!
//! ## The way through the crate
//!
//! [`analyse`] is the way in; [`analyse_in_order`] takes faults as they are read, a window of time of them if
//! asked to, and [`analyse_in_parts`] gives rows a part at a time. [`Live`] is the same for a recording that goes
//! on, and [`lines`] the text of its faults. `append` lays one analysis behind another. A trace may come from
//! anybody: any input gives an answer, in time and memory in proportion to the input.
//!
//! The way of the data, a folder a step: `order` brings records of tasks, mappings and calls into one order, and
//! hands out faults by time; `world` replays the records up to the time of each fault; `space` answers which
//! mapping held an address, and how certain that is; `pages` remembers what happened to the page before;
//! `judge` turns that evidence into class and cause; `naming` says what lies there: region, section, thread stack,
//! function, object, callers, control group. `analyse` leads through these steps and `table` is what comes out;
//! `collections` has the containers.

mod analyse;
mod collections;
pub mod column;
#[cfg(feature = "internals")]
pub mod hot_loops;
mod judge;
pub mod lines;
mod live;
pub mod names;
mod naming;
mod order;
mod pages;
mod recording;
mod space;
pub mod table;
mod world;

pub use analyse::{Wanted, analyse, analyse_in_order, analyse_in_parts};
pub use judge::threshold::{slow_threshold_ns, threshold_sample};
pub use live::{Judged, Live, Place, Unjudged};
pub use order::fault::Fault;
pub use order::fault_order::Batch;
pub use recording::{Options, Recording};
