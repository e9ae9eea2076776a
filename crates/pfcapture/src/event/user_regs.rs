//! Registers of a thread in user space, as samples carry them (`PERF_SAMPLE_REGS_USER`): those of a mask,
//! in the order of their numbers, which `asm/perf_regs.h` of each architecture gives.

use crate::drain::batch::UserRegs;

/// Numbers of the registers that unwinding needs.
struct Numbers {
    ip: u32,
    sp: u32,
    fp: u32,
    lr: Option<u32>,
}

#[cfg(target_arch = "x86_64")]
const NUMBERS: Option<Numbers> = Some(Numbers { ip: 8, sp: 7, fp: 6, lr: None });
#[cfg(target_arch = "aarch64")]
const NUMBERS: Option<Numbers> = Some(Numbers { ip: 32, sp: 31, fp: 29, lr: Some(30) });
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const NUMBERS: Option<Numbers> = None;

/// Mask of the stack pointer; 0 on architectures whose registers are not known here.
pub const STACK_POINTER: u64 = match NUMBERS {
    Some(Numbers { sp, .. }) => 1 << sp,
    None => 0,
};

/// Mask of what unwinding needs; 0 likewise.
pub const UNWINDING: u64 = match NUMBERS {
    Some(Numbers { ip, sp, fp, lr: Some(lr) }) => 1 << ip | 1 << sp | 1 << fp | 1 << lr,
    Some(Numbers { ip, sp, fp, lr: None }) => 1 << ip | 1 << sp | 1 << fp,
    None => 0,
};

/// The registers of a mask, from the words of a sample; 0 for those that are not among them.
#[must_use]
pub fn parse(mask: u64, words: &[u8]) -> UserRegs {
    let Some(numbers) = NUMBERS else { return UserRegs::default() };
    let register = |number: u32| {
        let bit = 1 << number;
        let index = (mask & (bit - 1)).count_ones() as usize;
        let word = words.chunks_exact(8).nth(index).filter(|_| mask & bit != 0);
        word.and_then(|word| word.try_into().ok()).map_or(0, u64::from_ne_bytes)
    };
    UserRegs {
        ip: register(numbers.ip),
        sp: register(numbers.sp),
        fp: register(numbers.fp),
        lr: numbers.lr.map_or(0, register),
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn registers_come_in_the_order_of_their_numbers() {
        let words: Vec<u8> = [6u64, 7, 8].into_iter().flat_map(u64::to_ne_bytes).collect();
        assert_eq!(parse(UNWINDING, &words), UserRegs { ip: 8, sp: 7, fp: 6, lr: 0 });
        let only = UserRegs { sp: 6, ..UserRegs::default() };
        assert_eq!(parse(STACK_POINTER, &words[..8]), only);
        assert_eq!(parse(UNWINDING, &words[..9]), UserRegs { fp: 6, ..UserRegs::default() });
    }
}
