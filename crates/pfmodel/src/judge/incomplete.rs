//! Entries that never completed: failed accesses, threads still waiting, and the rest.

use pft::record::Outcome;

use crate::judge::evidence::{MapEvidence, USER_SPACE_END};
use crate::names::{Access, Cause};

/// Pages that the kernel keeps free below a stack.
const GUARD_GAP_PAGES: u64 = 256;

/// What an entry without completion comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A row of class `failed`.
    Failed(Cause),
    /// The thread was still waiting at its end or at the end of the recording.
    InFlight,
    /// Nothing can be said.
    Unresolved,
}

/// What decides on an entry without completion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub outcome: Option<Outcome>,
    pub kernel_mode: bool,
    pub addr: u64,
    pub access: Access,
    pub map: Option<MapEvidence>,
    /// Whether all mappings of the process are known, so that a missing one is evidence.
    pub map_is_complete: bool,
    /// The stack above the address, if that is the next mapping.
    pub stack_above: Option<StackAbove>,
    /// It is in the guard below a stack that the thread used.
    pub in_guard: bool,
}

/// A stack as seen from a lower address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StackAbove {
    pub start: u64,
    pub end: u64,
    /// How far the kernel lets it grow, if known.
    pub limit_bytes: Option<u64>,
    pub page_size_bytes: u64,
}

/// Judges an entry without completion.
pub(crate) fn judge(entry: &Entry) -> Verdict {
    let outside = !entry.kernel_mode && entry.addr >= USER_SPACE_END;
    let forbidden = outside
        || entry.map_is_complete
            && entry.addr < USER_SPACE_END
            && !entry.map.is_some_and(|map| map.allows(entry.access));
    let failed = match entry.outcome {
        // The kernel said so, whatever the map says: it may be out of date.
        Some(Outcome::Signalled) => true,
        Some(Outcome::Abandoned | Outcome::ThreadExited) => forbidden,
        _ => false,
    };
    match entry.outcome {
        _ if failed && entry.kernel_mode => Verdict::Failed(Cause::Efault),
        _ if failed => {
            let below = entry.stack_above.is_some_and(|stack| stack.overflows_at(entry.addr));
            let overflow = below || entry.in_guard;
            Verdict::Failed(if overflow { Cause::StackOverflow } else { Cause::Invalid })
        }
        Some(Outcome::ThreadExited | Outcome::InFlight) => Verdict::InFlight,
        _ => Verdict::Unresolved,
    }
}

impl StackAbove {
    /// Whether an access to `addr`, which no mapping allows, was meant for this stack: inside the
    /// guard gap below it, or not farther below its limit than the limit itself.
    fn overflows_at(&self, addr: u64) -> bool {
        let gap_bytes = GUARD_GAP_PAGES.saturating_mul(self.page_size_bytes);
        let below_top = self.end.saturating_sub(addr);
        let past_limit = self
            .limit_bytes
            .is_some_and(|limit| below_top > limit && below_top <= limit.saturating_mul(2));
        addr < self.start && (self.start - addr <= gap_bytes || past_limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::vma::Backing;

    fn entry(outcome: Outcome, kernel_mode: bool, prot: Option<u32>) -> Entry {
        let map = prot.map(|prot| MapEvidence {
            backing: Backing::Anon,
            shared: false,
            prot,
            seen_from_start: true,
            may_be_new: false,
        });
        Entry {
            outcome: Some(outcome),
            kernel_mode,
            addr: 0x10_0000,
            access: Access::Write,
            map,
            map_is_complete: true,
            stack_above: None,
            in_guard: false,
        }
    }

    #[test]
    fn an_access_fails_where_no_mapping_allows_it() {
        use Outcome::{Abandoned, InFlight, Signalled, ThreadExited, Unknown};
        let failed = Verdict::Failed;
        let cases = [
            (Abandoned, false, None, failed(Cause::Invalid)),
            (Abandoned, false, Some(1), failed(Cause::Invalid)),
            (Abandoned, false, Some(3), Verdict::Unresolved),
            (Abandoned, true, None, failed(Cause::Efault)),
            (Abandoned, true, Some(1), failed(Cause::Efault)),
            (Abandoned, true, Some(3), Verdict::Unresolved),
            (ThreadExited, false, None, failed(Cause::Invalid)),
            (ThreadExited, false, Some(3), Verdict::InFlight),
            (ThreadExited, true, None, failed(Cause::Efault)),
            (ThreadExited, true, Some(3), Verdict::InFlight),
            (Signalled, false, None, failed(Cause::Invalid)),
            (Signalled, false, Some(3), failed(Cause::Invalid)),
            (InFlight, false, None, Verdict::InFlight),
            (Unknown, false, None, Verdict::Unresolved),
        ];
        for (outcome, kernel_mode, prot, expected) in cases {
            let verdict = judge(&entry(outcome, kernel_mode, prot));
            assert_eq!(verdict, expected, "{outcome:?} {kernel_mode} {prot:?}");
        }
    }

    #[test]
    fn a_missing_mapping_proves_nothing_where_the_map_is_incomplete() {
        let base = entry(Outcome::Abandoned, false, None);
        let unsure = Entry { map_is_complete: false, ..base };
        assert_eq!(judge(&unsure), Verdict::Unresolved);
        let kernel_address = Entry { addr: 0xffff_8000_0000_0000, ..unsure };
        assert_eq!(judge(&kernel_address), Verdict::Failed(Cause::Invalid));
        // A bad pointer into the kernel is refused before any fault: this one was the kernel's own.
        let in_kernel = Entry { kernel_mode: true, map_is_complete: true, ..kernel_address };
        assert_eq!(judge(&in_kernel), Verdict::Unresolved);
    }

    #[test]
    fn a_stack_overflows_just_below_it_or_past_its_limit() {
        let stack = StackAbove {
            start: 0x7fff_0000_0000,
            end: 0x7fff_0080_0000,
            limit_bytes: Some(0x80_0000),
            page_size_bytes: 4096,
        };
        assert!(stack.overflows_at(stack.start - 1));
        assert!(stack.overflows_at(stack.start - 0x10_0000));
        let small = StackAbove { start: stack.end - 0x1000, ..stack };
        assert!(!small.overflows_at(stack.end - 0x70_0000), "the kernel would have grown it");
        assert!(small.overflows_at(stack.end - 0x90_0000));
        assert!(!small.overflows_at(stack.end - 0x101_0000));
        let unlimited = StackAbove { limit_bytes: None, ..small };
        assert!(!unlimited.overflows_at(stack.end - 0x90_0000));
        let base = entry(Outcome::ThreadExited, false, None);
        let overflow = Entry { addr: stack.start - 8, stack_above: Some(stack), ..base };
        assert_eq!(judge(&overflow), Verdict::Failed(Cause::StackOverflow));
        let guard = Entry { in_guard: true, ..entry(Outcome::Signalled, false, Some(0)) };
        assert_eq!(judge(&guard), Verdict::Failed(Cause::StackOverflow));
        // The kernel was asked to read there: that is no use of the stack.
        let asked = Entry { kernel_mode: true, ..guard };
        assert_eq!(judge(&asked), Verdict::Failed(Cause::Efault));
    }
}
