//! What lies at an address: region, section, thread stack, function, object; in which control group a process was.

pub(crate) mod cgroups;
pub(crate) mod chains;
pub(crate) mod locations;
pub(crate) mod modules;
pub(crate) mod objects;
pub(crate) mod parts;
pub(crate) mod placement;
pub(crate) mod region;
