//! The subcommands: each has its options and its way from input to output in a module of its own.

pub(crate) mod dataset;
pub(crate) mod diff;
pub(crate) mod dump;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod recover;
pub(crate) mod redact;
pub(crate) mod verify;
