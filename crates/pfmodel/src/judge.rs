//! From evidence to class and cause.

pub(crate) mod classify;
pub(crate) mod evidence;
pub(crate) mod incomplete;
pub(crate) mod threshold;
