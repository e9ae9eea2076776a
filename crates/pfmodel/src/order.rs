//! What was recorded, in one order of time: records of tasks, mappings and calls, and the faults of all CPUs.

pub(crate) mod fault;
pub(crate) mod fault_order;
pub(crate) mod records;
pub(crate) mod timeline;
