//! Why an access failed, in words.

use pfmodel::names::{Access, Class};
use pfmodel::table::{Analysis, FaultTable, Mapping};

/// The reasons, in the order of [`reason`]'s numbers.
pub const REASONS: [&str; 5] = [
    "no mapping",
    "not readable",
    "not writable",
    "not executable",
    // The mapping allows the access: SIGBUS, of which other reasons (a failed device) are rare.
    "behind the end of the file",
];

/// `PROT_WRITE` and `PROT_EXEC`.
const WRITE: u32 = 2;
const EXEC: u32 = 4;

/// The number of the reason why the access of a row failed; `None` if it did not.
#[must_use]
pub fn reason(faults: &FaultTable, mappings: &[Mapping], row: usize) -> Option<u32> {
    if *faults.class.get(row)? != Class::Failed {
        return None;
    }
    let mapping = faults.mapping.get(row).and_then(|&mapping| mappings.get(mapping as usize));
    let Some(mapping) = mapping else {
        return Some(0);
    };
    let access = faults.access.get(row).copied().unwrap_or(Access::Unknown);
    Some(match access {
        _ if mapping.prot == 0 => 1,
        Access::Write if mapping.prot & WRITE == 0 => 2,
        Access::Exec if mapping.prot & EXEC == 0 => 3,
        _ => 4,
    })
}

/// Counts the accesses that failed by the number of their [`reason`].
pub fn count(analysis: &Analysis, counts: &mut [u64; REASONS.len()]) {
    for row in 0..analysis.faults.len() {
        let reason = reason(&analysis.faults, &analysis.mappings, row);
        if let Some(count) = reason.and_then(|reason| counts.get_mut(reason as usize)) {
            *count += 1;
        }
    }
}

/// The reasons that there are and how often, the commonest first: `3 not writable`.
#[must_use]
pub fn commonest_first(counts: [u64; REASONS.len()]) -> Vec<(u64, &'static str)> {
    let mut counts: Vec<_> = counts.into_iter().zip(REASONS).filter(|&(n, _)| n > 0).collect();
    counts.sort_by_key(|&(n, _)| std::cmp::Reverse(n));
    counts
}
