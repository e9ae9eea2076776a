//! Call chains from a copy of registers and stack, by the unwind tables of the mapped files.

mod source;
mod space;

use std::panic::{AssertUnwindSafe, catch_unwind};

use framehop::{FrameAddress, MayAllocateDuringUnwind, Unwinder as _};

pub use source::UnwindSource;
pub use space::AddressSpace;

#[cfg(target_arch = "aarch64")]
use framehop::aarch64 as native;
// Elsewhere nothing is unwound; the types only let this compile.
#[cfg(not(target_arch = "aarch64"))]
use framehop::x86_64 as native;

const SUPPORTED: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

#[cfg(target_arch = "aarch64")]
type Cache = native::CacheAarch64<MayAllocateDuringUnwind>;
#[cfg(not(target_arch = "aarch64"))]
type Cache = native::CacheX86_64<MayAllocateDuringUnwind>;

/// The registers that unwinding starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// Instruction pointer.
    pub ip: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Frame pointer: rbp, x29.
    pub fp: u64,
    /// Link register (aarch64), 0 elsewhere.
    pub lr: u64,
}

/// What was unwound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallChain {
    /// The instruction pointer, then return addresses, innermost first. Each return address lies behind
    /// its call: look it up as the address before.
    pub addresses: Vec<u64>,
    /// The chain goes on, or may: the stack was not copied far enough, the limit was reached, or a frame
    /// could not be followed. Otherwise it ends at the first function of the thread.
    pub cut: bool,
}

/// Unwinds call chains of any number of address spaces, and remembers the rules it used.
///
/// On machines other than x86-64 and aarch64 a chain is the instruction pointer alone, and cut.
pub struct Unwinder {
    cache: Cache,
    /// [`space::changes`] when the cache was new.
    cache_since: u64,
}

impl Default for Unwinder {
    fn default() -> Self {
        Self { cache: Cache::new(), cache_since: space::changes() }
    }
}

impl std::fmt::Debug for Unwinder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unwinder").finish_non_exhaustive()
    }
}

impl Unwinder {
    /// Unwinds from `registers`, with `stack` the bytes from `registers.sp` upwards, to at most
    /// `max_callers` return addresses.
    ///
    /// Tables of a mapped file are read when the first frame in it is met (that may take as long as
    /// reading the file's `.eh_frame`). Files without tables, and code that the space says has none, are
    /// followed by frame pointers; code that keeps none gives wrong or no callers there. A chain is cut in
    /// files that could not be read, and where a return address does not lie in executable memory: that
    /// address is not part of it.
    pub fn unwind(
        &mut self,
        space: &mut AddressSpace,
        registers: &Registers,
        stack: &[u8],
        max_callers: usize,
    ) -> CallChain {
        let mut chain = CallChain { addresses: vec![registers.ip], cut: true };
        if !SUPPORTED {
            return chain;
        }
        // framehop marks its rules with a 16-bit count of all changes to all spaces. Before that comes
        // round, and a rule of old would be taken for another file's, the rules are forgotten.
        if space::changes().wrapping_sub(self.cache_since) > u64::from(u16::MAX / 2) {
            *self = Self::default();
        }
        let walked = catch_unwind(AssertUnwindSafe(|| {
            self.walk(space, registers, stack, max_callers, &mut chain)
        }));
        match walked {
            Ok(cut) => chain.cut = cut,
            // Arithmetic on absurd registers or tables; what was found so far stands.
            Err(_) => *self = Self::default(),
        }
        chain
    }

    /// Returns whether the chain is cut.
    fn walk(
        &mut self,
        space: &mut AddressSpace,
        registers: &Registers,
        stack: &[u8],
        max_callers: usize,
        chain: &mut CallChain,
    ) -> bool {
        let mut read_stack = |address: u64| {
            let offset = address.checked_sub(registers.sp).ok_or(())?;
            let offset = usize::try_from(offset).map_err(|_| ())?;
            let word = stack.get(offset..).and_then(|rest| rest.first_chunk::<8>()).ok_or(())?;
            Ok(u64::from_ne_bytes(*word))
        };
        let mut state = native_registers(registers);
        let mut address = FrameAddress::from_instruction_pointer(registers.ip);
        for _ in 0..max_callers {
            let Some(unwinder) = space.loaded_for(address.address_for_lookup()) else {
                return true;
            };
            let cache = &mut self.cache;
            match unwinder.unwind_frame(address, &mut state, cache, &mut read_stack) {
                Ok(Some(caller)) => match FrameAddress::from_return_address(caller) {
                    Some(caller) if !space.is_code(caller.address_for_lookup()) => return true,
                    Some(caller) => {
                        chain.addresses.push(caller.address());
                        address = caller;
                    }
                    None => return false,
                },
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
        true
    }
}

#[cfg(target_arch = "aarch64")]
fn native_registers(registers: &Registers) -> native::UnwindRegsAarch64 {
    // User addresses have at most 52 bits; what lies above is pointer authentication.
    let mask = native::PtrAuthMask(u64::MAX >> 12);
    native::UnwindRegsAarch64::new_with_ptr_auth_mask(
        mask,
        registers.lr,
        registers.sp,
        registers.fp,
    )
}

#[cfg(not(target_arch = "aarch64"))]
fn native_registers(registers: &Registers) -> native::UnwindRegsX86_64 {
    native::UnwindRegsX86_64::new(registers.ip, registers.sp, registers.fp)
}
