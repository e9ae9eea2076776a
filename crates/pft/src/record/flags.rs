//! Bits and fields of [`super::FaultColumns::flags`].

/// Mask of the [`super::Outcome`].
pub const OUTCOME_MASK: u32 = 0x7;
/// The completion came without its entry: `time_ns` is the completion's time, latency unknown.
pub const NO_ENTRY: u32 = 1 << 3;
/// The access was made in kernel mode (`copy_from_user` and the like).
pub const KERNEL_MODE: u32 = 1 << 4;
/// Bits 8–15 hold the hardware error code; otherwise they are zero and mean nothing.
pub const ERROR_CODE_VALID: u32 = 1 << 5;
/// Completion time was before entry time (clocks of two CPUs): latency unknown.
pub const NEGATIVE_LATENCY: u32 = 1 << 6;
/// Shift of the low eight bits of the x86 page-fault error code.
pub const ERROR_CODE_SHIFT: u32 = 8;
/// Error code: the page was present (a protection fault), otherwise not mapped.
pub const ERROR_PRESENT: u32 = 1 << 8;
/// Error code: the access was a write.
pub const ERROR_WRITE: u32 = 1 << 9;
/// Error code: the access was made in user mode.
pub const ERROR_USER: u32 = 1 << 10;
/// Error code: the access was an instruction fetch.
pub const ERROR_INSTRUCTION: u32 = 1 << 12;
/// Shift of the base-2 logarithm of the page size installed; 0 there means unknown.
pub const PAGE_SHIFT_SHIFT: u32 = 16;
/// Mask of that logarithm after shifting.
pub const PAGE_SHIFT_MASK: u32 = 0xff;
/// Shift of the signal's number, with [`super::Outcome::Signalled`]; the topmost field.
pub const SIGNAL_SHIFT: u32 = 24;
