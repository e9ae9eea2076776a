//! What tables call things: code, call chains, control groups, failures.

pub(crate) mod cgroup;
pub(crate) mod chains;
pub(crate) mod code;
pub(crate) mod failure;
