//! Which fault of a place was the last on each page.

use std::collections::HashMap;

use pfmodel::table::NONE;

/// A list with an entry for every page of the place is kept while that is at most so many entries for
/// each fault: it is several times as fast as hashing.
const PAGES_PER_FAULT: u64 = 8;

/// Entries that any place may have.
const PAGES_MIN: u64 = 1 << 12;

/// The last row of each page.
#[derive(Debug)]
pub enum LastRows {
    /// By page from the first one of the place.
    Dense(Vec<u32>),
    /// Of the pages that faulted only.
    Sparse(HashMap<u64, u32>),
}

impl LastRows {
    /// For a place of so many pages with so many faults.
    pub fn new(pages: u64, faults: usize) -> Self {
        let limit = (faults as u64).saturating_mul(PAGES_PER_FAULT).max(PAGES_MIN);
        match usize::try_from(pages) {
            Ok(length) if pages <= limit => Self::Dense(vec![NONE; length]),
            _ => Self::Sparse(HashMap::new()),
        }
    }

    /// Puts the row of a page, and returns the one before. Pages outside the place have none.
    pub fn replace(&mut self, page: u64, row: u32) -> Option<u32> {
        match self {
            Self::Dense(rows) => {
                let entry = usize::try_from(page).ok().and_then(|page| rows.get_mut(page))?;
                Some(std::mem::replace(entry, row)).filter(|&before| before != NONE)
            }
            Self::Sparse(rows) => rows.insert(page, row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LastRows;

    #[test]
    fn small_and_vast_places_are_alike() {
        for pages in [100, 1 << 52] {
            let mut rows = LastRows::new(pages, 10);
            assert_eq!(rows.replace(7, 1), None);
            assert_eq!(rows.replace(8, 2), None);
            assert_eq!(rows.replace(7, 3), Some(1));
            assert_eq!(rows.replace(7, 4), Some(3));
        }
    }
}
