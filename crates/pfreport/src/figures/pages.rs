//! Pages that faults hit, and numbers for them.

use std::collections::HashMap;
use std::ops::Range;

use pfmodel::column::Values as _;
use pfmodel::table::Analysis;

/// A key per fault that is equal for two faults exactly when they hit the same page of the same
/// process. A page is as large as what the fault installed, the base page where that is unknown.
#[must_use]
pub fn keys(analysis: &Analysis, base_page_bytes: u32) -> Vec<u64> {
    let faults = &analysis.faults;
    let base = base_bytes(base_page_bytes);
    let addresses = addresses(analysis, base_page_bytes, 0..faults.len());
    let pages = faults.proc.iter().copied().zip(addresses);

    // Page addresses are canonical: the bits above the 57th repeat it. What is left of the bits holds
    // the process, in all but enormous traces.
    const ADDRESS_BITS: u32 = 57;
    let page_bits = ADDRESS_BITS - base.trailing_zeros().min(ADDRESS_BITS - 1);
    let packs = u64::try_from(analysis.processes.len()).is_ok_and(|n| n <= 1 << (64 - page_bits));
    let canonical = |addr: u64| {
        let spare = 64 - ADDRESS_BITS;
        (addr << spare).cast_signed() >> spare == addr.cast_signed()
    };
    if packs && faults.addr.iter().all(|&addr| canonical(addr)) {
        let page_mask = (1 << page_bits) - 1;
        pages
            .map(|(proc, page)| {
                (u64::from(proc) << page_bits) | ((page >> base.trailing_zeros()) & page_mask)
            })
            .collect()
    } else {
        let mut numbers = HashMap::new();
        pages
            .map(|page| {
                let next = numbers.len() as u64;
                *numbers.entry(page).or_insert(next)
            })
            .collect()
    }
}

/// The base page, a power of two whatever the trace says.
#[must_use]
pub fn base_bytes(base_page_bytes: u32) -> u64 {
    u64::from(base_page_bytes.max(1)).next_power_of_two()
}

/// The first address of the page that each of some faults hit, as large as for [`keys`].
pub fn addresses(
    analysis: &Analysis,
    base_page_bytes: u32,
    rows: Range<usize>,
) -> impl Iterator<Item = u64> + '_ {
    let base = base_bytes(base_page_bytes);
    let faults = &analysis.faults;
    let sizes = faults.page_size_bytes.range(rows.clone());
    let rows = faults.addr[rows].iter().zip(sizes);
    rows.map(move |(&addr, &size)| {
        let size = if size.is_power_of_two() { size } else { base };
        addr & !(size - 1)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::keys;
    use crate::made_up;

    fn distinct(rows: &[(u32, u64, u64)]) -> usize {
        let mut analysis = made_up::empty().analysis;
        for &(proc, addr, size) in rows {
            made_up::push(
                &mut analysis,
                made_up::Row { proc, addr, size, ..made_up::Row::default() },
            );
        }
        keys(&analysis, 4_096).into_iter().collect::<HashSet<_>>().len()
    }

    #[test]
    fn bytes_of_a_page_are_one_page() {
        assert_eq!(distinct(&[(0, 0x1000, 4_096), (0, 0x1fff, 4_096), (0, 0x2000, 4_096)]), 2);
        assert_eq!(distinct(&[(0, 0x1000, 0), (0, 0x1fff, 0)]), 1);
        assert_eq!(distinct(&[(0, 0x20_0000, 2 << 20), (0, 0x3f_ffff, 2 << 20)]), 1);
    }

    #[test]
    fn processes_do_not_share_pages() {
        assert_eq!(distinct(&[(0, 0x1000, 4_096), (1, 0x1000, 4_096)]), 2);
    }

    #[test]
    fn addresses_of_the_upper_half_and_wild_ones_stay_apart() {
        let upper = 0xffff_ffff_ff60_0000;
        assert_eq!(distinct(&[(0, upper, 4_096), (0, upper & ((1 << 56) - 1), 4_096)]), 2);
        let wild = 0x4141_4141_4141_4141;
        assert_eq!(distinct(&[(0, wild, 0), (0, wild + 1, 0), (0, wild ^ (1 << 62), 0)]), 2);
    }
}
