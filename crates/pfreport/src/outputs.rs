//! What can be asked for: each output is a function of [`crate::load::Loaded`].

pub(crate) mod by;
pub(crate) mod events;
pub mod export;
pub(crate) mod flamegraph;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod listing;
pub(crate) mod openmetrics;
pub(crate) mod picture;
pub(crate) mod plot;
pub(crate) mod stacks;
pub(crate) mod summary;
