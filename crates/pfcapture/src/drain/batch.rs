//! Faults on their way from the rings to the store, with the call chains and stacks that came with them.

pub use pfpairing::{ChainSpan, FaultRow};

/// Registers of a thread in user space, as far as unwinding needs them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserRegs {
    /// Instruction pointer: the faulting instruction in user mode, else that behind the system call.
    pub ip: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Frame pointer (`bp`, `x29`), which may hold anything.
    pub fp: u64,
    /// Return address in a register (`lr`); 0 where the architecture has none.
    pub lr: u64,
}

/// A copy of the upper end of a thread's stack, from the stack pointer on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserStack {
    /// Position of its fault in [`FaultRows::rows`], as long as these are in the order in which they
    /// were handed over. The fault's [`ChainSpan`] holds the callers in the kernel, if any.
    pub row: u32,
    /// Registers at that moment.
    pub regs: UserRegs,
    /// Where the copy begins in [`FaultRows::stack_bytes`].
    pub start: u32,
    /// Its length in bytes, a multiple of 8; less than what was asked for where the stack ends.
    pub len: u32,
}

/// What became of the stacks of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StackCounts {
    /// Copies that were read.
    pub copied: u64,
    /// Of these, those that became call chains.
    pub unwound: u64,
    /// Of these, those of which not even one caller was found.
    pub failed: u64,
    /// Of these, those for which there was no time or no room.
    pub dropped: u64,
}

/// Faults of one ring, in order of completion, and what they refer to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FaultRows {
    /// The faults.
    pub rows: Vec<FaultRow>,
    /// Addresses to which the chains of the rows refer.
    pub callers: Vec<u64>,
    /// Stacks that are to be unwound, in order of their rows.
    pub stacks: Vec<UserStack>,
    /// Memory to which the stacks refer.
    pub stack_bytes: Vec<u8>,
    /// Numbers of the call chains of the rows in the trace, once they are known; empty if there are
    /// none.
    pub chain_ids: Vec<u32>,
    /// What became of the stacks.
    pub stack_counts: StackCounts,
}

impl FaultRows {
    /// Forgets everything but the memory that it takes.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.callers.clear();
        self.stacks.clear();
        self.stack_bytes.clear();
        self.chain_ids.clear();
        self.stack_counts = StackCounts::default();
    }

    /// Memory in use, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Self { rows, callers, stacks, stack_bytes, chain_ids, .. } = self;
        size_of_val(rows.as_slice())
            + size_of_val(callers.as_slice())
            + size_of_val(stacks.as_slice())
            + stack_bytes.len()
            + size_of_val(chain_ids.as_slice())
    }

    /// Brings the rows in order of entry, in which they are stored. They come in order of completion,
    /// which is nearly the same.
    pub(crate) fn put_in_order(&mut self) {
        self.rows.sort_by_key(|row| row.time_ns);
    }

    /// The callers of a chain, in the kernel and in user space.
    #[must_use]
    pub fn callers_of(&self, chain: ChainSpan) -> (&[u64], &[u64]) {
        let start = chain.start as usize;
        let (kernel, user) = (usize::from(chain.kernel), usize::from(chain.user));
        let callers = self.callers.get(start..start + kernel + user).unwrap_or_default();
        callers.split_at_checked(kernel).unwrap_or_default()
    }
}

impl From<Vec<FaultRow>> for FaultRows {
    fn from(rows: Vec<FaultRow>) -> Self {
        Self { rows, ..Self::default() }
    }
}
