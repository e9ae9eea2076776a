//! One address space: which mapping holds an address at the moment that was replayed, and what is not certain about it.

pub(crate) mod address_space;
pub(crate) mod births;
pub(crate) mod doubts;
pub(crate) mod mapping_rows;
pub(crate) mod stacks;
pub(crate) mod vma;
