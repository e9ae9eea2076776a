//! Which fault of a page came before each fault.

use pfmodel::table::NONE;
use rayon::slice::ParallelSliceMut as _;

/// A list with an entry for every page is kept while that is at most so many entries for each fault: it is
/// several times as fast as sorting.
const PAGES_PER_FAULT: u64 = 8;

/// For each of these pages, the place in the list of the same page before it; [`NONE`] for the first.
#[must_use]
pub fn before(pages: &[u64]) -> Vec<u32> {
    let limit = (pages.len() as u64).saturating_mul(PAGES_PER_FAULT);
    let first = pages.iter().copied().min().unwrap_or(0);
    let last = pages.iter().copied().max().unwrap_or(0);
    if last - first >= limit {
        return before_of_keys(pages);
    }
    let mut places = vec![NONE; (last - first) as usize + 1];
    let pages = pages.iter().zip(0..NONE);
    pages.map(|(&page, at)| std::mem::replace(&mut places[(page - first) as usize], at)).collect()
}

/// The same of any keys.
#[must_use]
pub fn before_of_keys<K: Ord + Copy + Send>(keys: &[K]) -> Vec<u32> {
    let mut sorted: Vec<(K, u32)> = keys.iter().copied().zip(0..NONE).collect();
    sorted.par_sort_unstable();
    let mut before = vec![NONE; keys.len()];
    for pair in sorted.windows(2) {
        if let [(earlier, place), (key, next)] = pair
            && earlier == key
            && let Some(entry) = before.get_mut(*next as usize)
        {
            *entry = *place;
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use pfmodel::table::NONE;

    use super::{before, before_of_keys};

    #[test]
    fn lists_and_sorting_are_alike() {
        let pages = [7, 8, 7, 7, 9, 8];
        let expected = [NONE, NONE, 0, 2, NONE, 1];
        assert_eq!(before(&pages), expected);
        let apart = pages.map(|page| (page - 7) * (u64::MAX / 2));
        assert_eq!(before(&apart), expected);
        assert_eq!(before_of_keys(&pages.map(|page| (page % 2, page))), expected);
        assert_eq!(before(&[]), [0; 0]);
    }
}
