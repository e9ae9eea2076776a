//! What is known of the code that ran.

use pft::record::flags;

use crate::chains::Chains;
use crate::fault_order::Fault;
use crate::locations::Locations;
use crate::modules::Modules;
use crate::recording::Recording;

/// Modules, and what becomes of the addresses and chains in them.
#[derive(Debug)]
pub(super) struct Code {
    pub modules: Modules,
    pub locations: Locations,
    pub chains: Chains,
    /// Rows of which the instruction is not known, in order.
    pub unknown: Vec<usize>,
}

impl Code {
    /// Takes it out of a recording that still has its map records and snapshots.
    pub(super) fn take_from(recording: &mut Recording) -> Self {
        Self {
            modules: Modules::take_from(recording),
            locations: Locations::new(recording.header.page_size_bytes),
            chains: Chains::new(std::mem::take(&mut recording.call_chains)),
            unknown: Vec::new(),
        }
    }

    /// A fault with its instruction, by the chain with this id where it was not measured.
    pub(super) fn with_instruction(&self, fault: Fault, chain: u32) -> Fault {
        if fault.knows_ip() {
            return fault;
        }
        let ip = self.chains.instruction(chain, fault.flags & flags::KERNEL_MODE != 0);
        Fault { ip: ip.unwrap_or(fault.ip), ..fault }
    }
}
