//! Columns of which all values may be the same.

use std::collections::TryReserveError;
use std::fmt;
use std::ops::{Index, IndexMut, Range};

/// Values that can be looked at a range at a time.
pub trait Values<T> {
    /// The values of these rows.
    ///
    /// # Panics
    /// Where there are fewer.
    fn range(&self, rows: Range<usize>) -> impl Iterator<Item = &T>
    where
        T: 'static;
}

impl<T> Values<T> for Vec<T> {
    fn range(&self, rows: Range<usize>) -> impl Iterator<Item = &T>
    where
        T: 'static,
    {
        self[rows].iter()
    }
}

/// A column that is one value as long as all rows have the same: no page size, name of a thread or call chain takes memory
/// in a trace that has only one of them. That is a sixth of the memory of a report on one thread.
#[derive(Clone, Default)]
pub struct Column<T> {
    len: usize,
    /// Of all rows, if there are any and not each has its own.
    same: T,
    /// Of each row; empty as long as all are the same.
    each: Vec<T>,
    /// Room for so many is to be made once they are not.
    expected: usize,
}

impl<T: Copy + PartialEq> Column<T> {
    /// So many rows with the same value.
    #[must_use]
    pub fn all(value: T, rows: usize) -> Self {
        Self { len: rows, same: value, each: Vec::new(), expected: 0 }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a row.
    #[must_use]
    #[inline]
    pub fn get(&self, row: usize) -> Option<&T> {
        if row >= self.len {
            return None;
        }
        if self.each.is_empty() { Some(&self.same) } else { self.each.get(row) }
    }

    /// The value of all rows, if there are rows and all have the same, as far as is known without looking at each.
    #[must_use]
    pub fn only(&self) -> Option<T> {
        (self.len > 0 && self.each.is_empty()).then_some(self.same)
    }

    /// All values in order.
    pub fn iter(&self) -> impl Iterator<Item = &T>
    where
        T: 'static,
    {
        self.range(0..self.len)
    }

    /// Adds a row.
    pub fn push(&mut self, value: T) {
        self.extend(&[value], |&value| value);
    }

    /// Adds the values that `value` finds in some rows.
    pub fn extend<R>(&mut self, rows: &[R], value: impl Fn(&R) -> T) {
        let Some(first) = rows.first().map(&value) else { return };
        if self.each.is_empty() {
            let same = if self.len == 0 { first } else { self.same };
            if rows.iter().all(|row| value(row) == same) {
                (self.same, self.len) = (same, self.len + rows.len());
                return;
            }
            self.spread();
        }
        self.each.extend(rows.iter().map(value));
        self.len = self.each.len();
    }

    /// Adds the rows of another one.
    pub fn append(&mut self, later: &mut Self)
    where
        T: Default,
    {
        let later = std::mem::take(later);
        if self.len == 0 {
            *self = later;
            return;
        }
        match later.only() {
            Some(value) if self.only() == Some(value) => self.len += later.len,
            _ if later.len > 0 => {
                self.spread();
                let values = (0..later.len).filter_map(|row| later.get(row));
                self.each.extend(values);
                self.len = self.each.len();
            }
            _ => {}
        }
    }

    /// Changes values: equal ones alike.
    pub fn change(&mut self, change: impl Fn(&mut T)) {
        change(&mut self.same);
        self.each.iter_mut().for_each(change);
    }

    /// Gives all rows the same value.
    pub fn fill(&mut self, value: T) {
        (self.same, self.each) = (value, Vec::new());
    }

    /// Keeps the rows that `mask` is true for; those behind its end go.
    pub(crate) fn retain(&mut self, mask: &[bool]) {
        let kept = |&&kept: &&bool| kept;
        if self.each.is_empty() {
            self.len = mask.iter().take(self.len).filter(kept).count();
            return;
        }
        let mut mask = mask.iter();
        self.each.retain(|_| mask.next().is_some_and(|&kept| kept));
        self.len = self.each.len();
    }

    /// So many rows are to be expected.
    pub(crate) fn expect(&mut self, rows: usize) {
        self.expected = rows;
    }

    /// Gives each row a value of its own.
    fn spread(&mut self) {
        if self.each.is_empty() {
            // Where there is no room for all at once, it is made as rows come.
            let _: Result<(), TryReserveError> =
                self.each.try_reserve_exact(self.expected.max(self.len));
            self.each.resize(self.len, self.same);
        }
    }
}

impl<T> Index<usize> for Column<T> {
    type Output = T;

    #[inline]
    fn index(&self, row: usize) -> &T {
        assert!(row < self.len, "row {row} of {}", self.len);
        if self.each.is_empty() { &self.same } else { &self.each[row] }
    }
}

impl<T: Copy + PartialEq> IndexMut<usize> for Column<T> {
    fn index_mut(&mut self, row: usize) -> &mut T {
        self.spread();
        &mut self.each[row]
    }
}

impl<T> Values<T> for Column<T> {
    fn range(&self, rows: Range<usize>) -> impl Iterator<Item = &T>
    where
        T: 'static,
    {
        assert!(rows.end <= self.len, "rows to {} of {}", rows.end, self.len);
        let own = if self.each.is_empty() { &[][..] } else { &self.each[rows.clone()] };
        let same = if self.each.is_empty() { rows.len() } else { 0 };
        own.iter().chain(std::iter::repeat_n(&self.same, same))
    }
}

impl<T: Copy + PartialEq> From<Vec<T>> for Column<T>
where
    T: Default,
{
    fn from(values: Vec<T>) -> Self {
        let mut column = Self::default();
        column.extend(&values, |&value| value);
        column
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Column<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.range(0..self.len)).finish()
    }
}

impl<T: PartialEq + 'static> PartialEq<[T]> for Column<T> {
    fn eq(&self, other: &[T]) -> bool {
        self.range(0..self.len).eq(other)
    }
}

impl<T: PartialEq + 'static, const N: usize> PartialEq<[T; N]> for Column<T> {
    fn eq(&self, other: &[T; N]) -> bool {
        *self == other[..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, prop_oneof};
    use proptest::{prop_assert_eq, proptest};

    use super::{Column, Values as _};

    fn of(values: &[u32]) -> Column<u32> {
        Column::from(values.to_vec())
    }

    fn values() -> impl Strategy<Value = Vec<u32>> {
        prop_oneof![vec(7..8_u32, 0..9), vec(0..3_u32, 0..9)]
    }

    #[test]
    fn equal_values_take_no_memory() {
        let mut column = of(&[4; 5]);
        assert_eq!((column.only(), column.each.capacity()), (Some(4), 0));
        column.append(&mut of(&[4, 4]));
        assert_eq!((column.only(), column.len()), (Some(4), 7));
        column.push(5);
        assert_eq!((column.only(), column.len(), column[6], column[7]), (None, 8, 4, 5));
        column.fill(1);
        assert_eq!((column.only(), column.len()), (Some(1), 8));
        assert_eq!(Column::<u32>::default().only(), None);
    }

    proptest! {
        #[test]
        fn a_column_is_a_vector(
            first in values(), chunks in vec(values(), 0..4), later in values(), mask in vec(0..2_u8, 0..40),
        ) {
            let (mut column, mut expected) = (of(&first), first);
            for chunk in &chunks {
                column.extend(chunk, |&value| value);
                expected.extend(chunk);
            }
            let mut later_column = of(&later);
            column.append(&mut later_column);
            prop_assert_eq!(later_column.len(), 0);
            expected.extend(&later);
            prop_assert_eq!(column.iter().copied().collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(format!("{column:?}"), format!("{expected:?}"));
            for row in 0..=expected.len() {
                prop_assert_eq!(column.get(row), expected.get(row));
                let range: Vec<u32> = column.range(row / 2..row).copied().collect();
                prop_assert_eq!(&range, &expected[row / 2..row]);
            }
            column.change(|value| *value += 1);
            expected.iter_mut().for_each(|value| *value += 1);
            let mask: Vec<bool> = mask.into_iter().map(|bit| bit == 1).collect();
            column.retain(&mask);
            let mut kept = mask.iter();
            expected.retain(|_| kept.next().is_some_and(|&kept| kept));
            prop_assert_eq!(column.iter().copied().collect::<Vec<_>>(), expected.clone());
            if !expected.is_empty() {
                (column[0], expected[0]) = (99, 99);
            }
            prop_assert_eq!(column.iter().copied().collect::<Vec<_>>(), expected);
        }
    }
}
