//! What a trace says as a whole: its ledger against the counters of the kernel, what it leaves out, time stalled, distinct pages.

pub mod accounts;
pub(crate) mod gaps;
pub(crate) mod pages;
pub(crate) mod scope;
pub(crate) mod stall;
pub(crate) mod target;
pub(crate) mod unseen;
