//! What is known of the code that ran.

use crate::chains::Chains;
use crate::locations::Locations;
use crate::modules::Modules;
use crate::recording::Recording;

/// Modules, and what becomes of the addresses and chains in them.
#[derive(Debug)]
pub(super) struct Code {
    pub modules: Modules,
    pub locations: Locations,
    pub chains: Chains,
}

impl Code {
    /// Takes it out of a recording that still has its map records and snapshots.
    pub(super) fn take_from(recording: &mut Recording) -> Self {
        Self {
            modules: Modules::take_from(recording),
            locations: Locations::new(recording.header.page_size_bytes),
            chains: Chains::new(std::mem::take(&mut recording.call_chains)),
        }
    }
}
