//! What is known of the code that ran.

use std::collections::HashSet;

use pft::record::flags;

use crate::naming::chains::Chains;
use crate::naming::locations::Locations;
use crate::naming::modules::Modules;
use crate::order::fault::Fault;
use crate::recording::Recording;
use crate::table::builder::Row;

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

    /// Gives a fault whose instruction was not measured the one of the chain with this id.
    pub(super) fn add_instruction(&self, fault: &mut Fault, chain: u32) {
        if !fault.knows_ip() {
            let ip = self.chains.instruction(chain, fault.flags & flags::KERNEL_MODE != 0);
            fault.ip = ip.unwrap_or(fault.ip);
        }
    }
}

/// The instructions of faults, each once.
#[derive(Debug, Default)]
pub(super) struct Instructions {
    seen: HashSet<Instruction>,
    in_order: Vec<Instruction>,
    /// The last one: faults in a loop have the same.
    last: Option<Instruction>,
}

/// An instruction in the mapping that held it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Instruction {
    pub kernel_mode: bool,
    pub mapping: u32,
    pub ip: u64,
}

impl Instructions {
    /// Remembers that of a fault, if it is known.
    pub(super) fn see(&mut self, row: &Row) {
        let Row { kernel_mode, ip_mapping: mapping, ip, .. } = *row;
        let instruction = Instruction { kernel_mode, mapping, ip };
        if row.knows_ip && self.last != Some(instruction) {
            self.last = Some(instruction);
            if self.seen.insert(instruction) {
                self.in_order.push(instruction);
            }
        }
    }

    /// All of them, in the order in which they were first seen.
    pub(super) fn in_order(self) -> Vec<Instruction> {
        self.in_order
    }
}
