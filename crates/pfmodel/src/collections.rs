//! Containers for what grows with a trace, in memory in proportion to it.

pub(crate) mod intern;
pub(crate) mod keyed_map;
pub(crate) mod piece_tree;
pub(crate) mod ranges;
pub(crate) mod slab;
