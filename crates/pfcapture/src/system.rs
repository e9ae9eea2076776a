//! The machine that is recorded on, and what this user may do there.

pub(crate) mod clock;
pub(crate) mod host;
pub(crate) mod page_nodes;
pub(crate) mod permission;
pub(crate) mod precedence;
pub mod privileges;
