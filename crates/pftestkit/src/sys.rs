//! The system calls that workloads need, behind safe functions.

pub mod arena;
pub mod board;
pub mod code;
pub mod counters;
pub mod mapping;
pub mod parts;
pub mod process;
pub mod special;
pub mod stack;
pub mod swap;
pub mod userfault;
