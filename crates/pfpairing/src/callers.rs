//! Chains of callers as the kernel writes them: addresses, with a marker before those of each context.

use crate::row::ChainSpan;

/// `PERF_CONTEXT_KERNEL` and `PERF_CONTEXT_USER` of `linux/perf_event.h`; no marker is below `PERF_CONTEXT_MAX`.
const KERNEL: u64 = (-128_i64).cast_unsigned();
const USER: u64 = (-512_i64).cast_unsigned();
const MAX: u64 = (-4095_i64).cast_unsigned();

/// Whether an entry of a chain is a marker.
#[must_use]
#[inline]
pub const fn is_marker(entry: u64) -> bool {
    entry >= MAX
}

/// Appends the callers of a chain, its words as in the sample, to those of other chains. It is cut where
/// it has the `most` callers that the kernel takes.
#[inline]
pub fn append_callers(chain: &[u8], most: u16, callers: &mut Vec<u64>) -> ChainSpan {
    let start = callers.len();
    let mut span = ChainSpan::default();
    let mut context = 0;
    for word in chain.chunks_exact(8) {
        let entry = word.try_into().map_or(0, u64::from_ne_bytes);
        match context {
            _ if is_marker(entry) => context = entry,
            // The kernel's own come first.
            KERNEL if span.user == 0 => {
                span.kernel += 1;
                callers.push(entry);
            }
            USER => {
                span.user += 1;
                callers.push(entry);
            }
            // Of a virtual machine, which is not what is recorded.
            _ => {}
        }
    }
    match u32::try_from(start) {
        Ok(start) => {
            span.start = start;
            span.cut = span.kernel + span.user >= most;
            span
        }
        Err(_) => {
            callers.truncate(start);
            ChainSpan::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `PERF_CONTEXT_HV` and `PERF_CONTEXT_GUEST_KERNEL`.
    const HYPERVISOR: u64 = (-32_i64).cast_unsigned();
    const GUEST_KERNEL: u64 = (-2176_i64).cast_unsigned();

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn markers_tell_kernel_from_user_space() {
        let mut callers = vec![9];
        let span = append_callers(&words(&[KERNEL, 1, 2, USER, 3, 4, 5]), 127, &mut callers);
        assert_eq!(span, ChainSpan { start: 1, kernel: 2, user: 3, cut: false });
        let span = append_callers(&words(&[USER, 6]), 127, &mut callers);
        assert_eq!(span, ChainSpan { start: 6, kernel: 0, user: 1, cut: false });
        assert_eq!(callers, [9, 1, 2, 3, 4, 5, 6]);
        assert!(append_callers(&[], 127, &mut callers).is_empty());
    }

    #[test]
    fn a_chain_with_all_that_the_kernel_takes_is_cut() {
        let mut callers = Vec::new();
        let chain = words(&[KERNEL, 1, 2, USER, 3]);
        assert!(append_callers(&chain, 3, &mut callers).cut);
        assert!(!append_callers(&chain, 4, &mut callers).cut);
    }

    #[test]
    fn other_contexts_are_left_out() {
        let mut callers = Vec::new();
        let chain = words(&[7, GUEST_KERNEL, 1, KERNEL, 2, HYPERVISOR, 3]);
        let span = append_callers(&chain, 127, &mut callers);
        assert_eq!((span.kernel, span.user, callers), (1, 0, vec![2]));
    }
}
