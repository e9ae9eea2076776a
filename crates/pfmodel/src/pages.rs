//! What happened to each page before: touched, written, copied, given back.

pub(crate) mod drops;
pub(crate) mod history_places;
pub(crate) mod page_blocks;
pub(crate) mod page_history;
