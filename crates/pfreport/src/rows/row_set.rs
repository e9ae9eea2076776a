//! Some rows of the fault table.

use std::ops::{Index, Range};

use pfmodel::column::{Run, Values};

/// Fewer rows of a column are looked at one by one: to ask for a stretch of it takes as long as some ten rows.
pub const SHORT: usize = 8;

/// Rows in order, as runs of neighbours. What faults have in common they have in long runs, mostly: a summary of ten
/// million faults takes a seventh less time, and a quarter less memory, than with a number for each row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowSet {
    /// First rows and those behind the last. No run touches the next.
    runs: Vec<(u32, u32)>,
    rows: usize,
}

impl RowSet {
    /// The first so many rows.
    #[must_use]
    pub fn all(rows: usize) -> Self {
        let mut all = Self::default();
        all.push(0..rows);
        all
    }

    /// Adds rows that follow each other and are behind all others.
    pub fn push(&mut self, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        self.rows += rows.len();
        let (start, end) = (rows.start as u32, rows.end as u32);
        match self.runs.last_mut() {
            Some((_, last)) if *last == start => *last = end,
            _ => self.runs.push((start, end)),
        }
    }

    /// The rows of several sets that have none in common.
    #[must_use]
    pub fn joined<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut runs: Vec<(u32, u32)> =
            sets.into_iter().flat_map(|set| set.runs.iter().copied()).collect();
        runs.sort_unstable();
        let mut joined = Self::default();
        runs.into_iter().for_each(|(start, end)| joined.push(start as usize..end as usize));
        joined
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Run by run.
    pub fn runs(&self) -> impl Iterator<Item = Range<usize>> + Clone + '_ {
        self.runs.iter().map(|&(start, end)| start as usize..end as usize)
    }

    /// Row by row.
    pub fn iter(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.runs().flatten()
    }

    /// The first row.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        self.runs.first().map(|run| run.0 as usize)
    }

    /// The last row.
    #[must_use]
    pub fn last(&self) -> Option<usize> {
        self.runs.last().map(|run| run.1 as usize - 1)
    }

    /// Those with a value that is wanted.
    ///
    /// # Panics
    /// If the column has fewer rows.
    #[must_use]
    pub fn with<T: Copy + 'static>(
        &self,
        column: &(impl Values<T> + Index<usize, Output = T>),
        is_wanted: impl Fn(&T) -> bool,
    ) -> Self {
        let mut wanted = Self::default();
        for Range { mut start, end } in self.runs() {
            if end - start < SHORT {
                let rows = (start..end).filter(|&row| is_wanted(&column[row]));
                rows.for_each(|row| wanted.push(row..row + 1));
                continue;
            }
            for run in column.runs(start..end) {
                let rows = start..start + run.len();
                start = rows.end;
                match run {
                    Run::Same(value, _) if is_wanted(value) => wanted.push(rows),
                    Run::Same(..) => {}
                    Run::Each(values) => {
                        let rows = rows.zip(values).filter(|(_, value)| is_wanted(value));
                        rows.for_each(|(row, _)| wanted.push(row..row + 1));
                    }
                }
            }
        }
        wanted
    }

    /// Some of the rows.
    #[must_use]
    pub fn filter(&self, is_wanted: impl Fn(usize) -> bool) -> Self {
        self.iter().filter(|&row| is_wanted(row)).collect()
    }
}

/// Of rows in order.
impl FromIterator<usize> for RowSet {
    fn from_iter<I: IntoIterator<Item = usize>>(rows: I) -> Self {
        let mut set = Self::default();
        rows.into_iter().for_each(|row| set.push(row..row + 1));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::iter::repeat_n;

    use pfmodel::column::Column;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::{any, prop_assert_eq};
    use proptest::proptest;

    use super::RowSet;

    proptest! {
        #[test]
        fn a_set_has_the_rows_that_were_put_into_it(rows in btree_set(0..40_usize, 0..30)) {
            let set: RowSet = rows.iter().copied().collect();
            prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), rows.clone());
            prop_assert_eq!((set.len(), set.is_empty()), (rows.len(), rows.is_empty()));
            prop_assert_eq!((set.first(), set.last()), (rows.first().copied(), rows.last().copied()));
            let runs: Vec<_> = set.runs().collect();
            prop_assert_eq!(runs.iter().map(ExactSizeIterator::len).sum::<usize>(), rows.len());
            prop_assert_eq!(runs.windows(2).filter(|runs| runs[0].end >= runs[1].start).count(), 0);
            let even = rows.iter().copied().filter(|row| row % 2 == 0);
            prop_assert_eq!(set.filter(|row| row % 2 == 0), even.collect());
        }

        #[test]
        fn rows_are_chosen_by_value(
            runs in vec((0..3_u8, 1..9_000_usize), 0..6), cut in (0..20_000_usize, 0..20_000_usize),
        ) {
            let values: Vec<u8> = runs.iter().flat_map(|&(of, rows)| repeat_n(of, rows)).collect();
            let column = Column::from(values.clone());
            let within = RowSet::all(values.len()).filter(|row| row < cut.0 || row > cut.1);
            let expected = within.filter(|row| values[row] == 1);
            prop_assert_eq!(within.with(&column, |&value| value == 1), expected.clone());
            prop_assert_eq!(within.with(&values, |&value| value == 1), expected);
        }

        #[test]
        fn sets_are_joined_in_order(of in vec(any::<Option<bool>>(), 0..40)) {
            let rows = |wanted: &[Option<bool>]| -> RowSet {
                let chosen = of.iter().enumerate().filter(|(_, of)| wanted.contains(of));
                chosen.map(|(row, _)| row).collect()
            };
            let [yes, no] = [true, false].map(|of| rows(&[Some(of)]));
            prop_assert_eq!(RowSet::joined([&yes, &no]), rows(&[Some(true), Some(false)]));
        }
    }
}
