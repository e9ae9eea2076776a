//! What the trace says about one fault, before it is judged.

use pft::record::flags;

use crate::names::Access;
use crate::pages::page_history::Past;
use crate::space::vma::{Backing, EXEC, READ, WRITE};

/// Addresses from here on never belong to a process: user space ends at 2^47 or, with five levels of
/// page tables, at 2^56.
pub(crate) const USER_SPACE_END: u64 = 1 << 56;

/// Longest instruction: a fetch may fault this far behind the instruction's address.
const LONGEST_INSTRUCTION_BYTES: u64 = 15;

/// The hardware error code of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ErrorCode {
    /// The page was present: a protection fault.
    pub present: bool,
    /// What the instruction did.
    pub access: Access,
}

impl ErrorCode {
    /// The error code in the flags of a fault, if one was recorded.
    pub(crate) fn of(fault_flags: u32) -> Option<Self> {
        let has = |bit| fault_flags & bit != 0;
        let access = if has(flags::ERROR_INSTRUCTION) {
            Access::Exec
        } else if has(flags::ERROR_WRITE) {
            Access::Write
        } else {
            Access::Read
        };
        let present = has(flags::ERROR_PRESENT);
        has(flags::ERROR_CODE_VALID).then_some(Self { present, access })
    }
}

/// What the mapping of a fault says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MapEvidence {
    pub backing: Backing,
    pub shared: bool,
    pub prot: u32,
    /// Whether the trace saw the address being mapped.
    pub seen_from_start: bool,
    /// Whether it may have been mapped anew since then.
    pub may_be_new: bool,
}

impl MapEvidence {
    /// Whether the protection allows the access; an unknown access is allowed by any.
    pub(crate) fn allows(&self, access: Access) -> bool {
        match access {
            Access::Write => self.prot & WRITE != 0,
            Access::Exec => self.prot & EXEC != 0,
            // On x86 what can be written or executed can be read.
            Access::Read | Access::Unknown => self.prot != 0,
        }
    }

    /// Whether the protection allows writing.
    pub(crate) fn writable(&self) -> bool {
        self.prot & WRITE != 0
    }
}

/// Everything that decides on the cause of a completed fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    /// The kernel counted it as major.
    pub major: bool,
    pub error: Option<ErrorCode>,
    pub access: Access,
    pub map: Option<MapEvidence>,
    pub past: Past,
    /// The kernel extended the mapping during this fault.
    pub stack_grown: bool,
    /// It installed 2 MiB or more.
    pub huge: bool,
    /// All advice that drops pages is known.
    pub drops_known: bool,
    /// The machine had no swap space, as far as the trace tells.
    pub no_swap: bool,
    /// It waited: longer than the threshold, or a signal interrupted it.
    pub waited: bool,
}

/// What the instruction did: by the error code; without one only where nothing else is possible.
pub(crate) fn access_of(
    error: Option<ErrorCode>,
    user_ip: Option<u64>,
    addr: u64,
    (map, page_shift): (Option<&MapEvidence>, u32),
) -> Access {
    if let Some(error) = error {
        return error.access;
    }
    let executable = map.is_some_and(|map| map.prot & EXEC != 0);
    if let Some(ip) = user_ip {
        // An instruction that is being executed has its first byte mapped, so a fault there is its
        // fetch; so is one in the page that it reaches into.
        let begins_page = addr & ((1 << page_shift) - 1) == 0;
        let reaches_in = begins_page && addr.wrapping_sub(ip) < LONGEST_INSTRUCTION_BYTES;
        if ip == addr || reaches_in && executable {
            return Access::Exec;
        }
    }
    match map {
        Some(map) if !map.shared && map.prot == READ => Access::Read,
        _ => Access::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_read_bit_by_bit() {
        let of = |bits: u32| {
            let code = ErrorCode::of(flags::ERROR_CODE_VALID | bits << flags::ERROR_CODE_SHIFT);
            code.map(|code| (code.present, code.access))
        };
        assert_eq!(of(0x7), Some((true, Access::Write)));
        assert_eq!(of(0x3), Some((true, Access::Write)), "kernel-mode write");
        assert_eq!(of(0x6), Some((false, Access::Write)));
        assert_eq!(of(0x4), Some((false, Access::Read)));
        assert_eq!(of(0x14), Some((false, Access::Exec)));
        assert_eq!(ErrorCode::of(0x7 << flags::ERROR_CODE_SHIFT), None);
    }

    fn map(prot: u32, shared: bool) -> Option<MapEvidence> {
        Some(MapEvidence {
            backing: Backing::File,
            shared,
            prot,
            seen_from_start: true,
            may_be_new: false,
        })
    }

    #[test]
    fn without_error_code_the_access_is_known_only_where_one_is_possible() {
        let of = |ip, addr, map: Option<MapEvidence>| access_of(None, ip, addr, (map.as_ref(), 12));
        assert_eq!(of(Some(0x5000), 0x5000, map(5, false)), Access::Exec);
        assert_eq!(of(Some(0x4ffa), 0x5000, map(5, false)), Access::Exec);
        assert_eq!(of(Some(0x4ff0), 0x5000, map(5, false)), Access::Unknown);
        assert_eq!(of(Some(0x4ffa), 0x5000, map(3, false)), Access::Unknown);
        assert_eq!(of(Some(0x9000), 0x5000, map(1, false)), Access::Read);
        assert_eq!(of(Some(0x9000), 0x5000, map(1, true)), Access::Unknown);
        assert_eq!(of(Some(0x9000), 0x5000, map(0, false)), Access::Unknown, "it forbids each");
        assert_eq!(of(None, 0x5000, None), Access::Unknown);
    }

    #[test]
    fn protections_allow_what_they_say() {
        let allows = |prot, access| map(prot, false).is_some_and(|map| map.allows(access));
        assert!(!allows(0, Access::Read) && !allows(0, Access::Unknown));
        assert!(allows(1, Access::Read) && !allows(1, Access::Write) && !allows(1, Access::Exec));
        assert!(allows(2, Access::Read) && allows(4, Access::Exec));
    }
}
