#![doc = include_str!("../README.md")]
//!
//! ## The way through the crate
//!
//! [`analyse`] is the way in; [`analyse_in_order`] takes faults as they are read, a window of time of them if
//! asked to, and [`analyse_in_parts`] gives rows a part at a time. [`Live`] is the same for a recording that goes
//! on, and [`lines`] the text of its faults. `append` lays one analysis behind another. A trace may come from
//! anybody: any input gives an answer, in time and memory in proportion to the input.
//!
//! The way of the data: `timeline` brings records about tasks, mappings and calls into one order;
//! `world` replays them up to the time of each fault, which `fault_order` hands out; `address_space`
//! answers which mapping held an address; `page_history` remembers what happened to the page before,
//! and `drops` what was given back since; and `classify` and `incomplete` turn that evidence into class
//! and cause. `chains` looks up call chains in the mappings of that moment. At the end `region` names the
//! mappings, and `parts` says which section, zeroed memory or thread's stack (`stacks`) an address is in, by
//! where modules lie (`modules`, `placement`); `locations` and `objects` name code and data, and `cgroups`
//! says in which control groups processes were.

mod address_space;
mod analyse;
mod append;
mod births;
mod cgroups;
mod chains;
mod classify;
pub mod column;
mod doubts;
mod drops;
mod evidence;
mod fault_order;
mod history_places;
#[cfg(feature = "internals")]
pub mod hot_loops;
mod incomplete;
mod intern;
mod keyed_map;
pub mod lines;
mod live;
mod locations;
mod mapping_rows;
mod modules;
pub mod names;
mod objects;
mod page_blocks;
mod page_history;
mod parts;
mod piece_tree;
mod placement;
mod ranges;
mod recording;
mod records;
mod region;
mod slab;
mod stacks;
pub mod table;
mod table_builder;
mod threshold;
mod timeline;
mod vma;
mod world;

pub use analyse::{Wanted, analyse, analyse_in_order, analyse_in_parts};
pub use fault_order::Batch;
pub use live::{Fault, Judged, Live, Place, Unjudged};
pub use recording::{Options, Recording};
pub use threshold::{slow_threshold_ns, threshold_sample};
