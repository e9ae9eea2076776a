//! Columns of which long stretches have one value.

use std::fmt;
use std::iter::repeat_n;
use std::ops::{Index, IndexMut, Range};
use std::slice;

/// Values that can be looked at a range at a time.
pub trait Values<T> {
    /// The values of these rows, stretch by stretch.
    ///
    /// # Panics
    /// Where there are fewer.
    fn runs(&self, rows: Range<usize>) -> impl Iterator<Item = Run<'_, T>>
    where
        T: 'static;

    /// The same one by one.
    ///
    /// # Panics
    /// Where there are fewer.
    fn range(&self, rows: Range<usize>) -> impl Iterator<Item = &T>
    where
        T: 'static,
    {
        let left = rows.len();
        Rows { each: [].iter(), same: None, runs: self.runs(rows), left }
    }

    /// The value of these rows, if there are rows and all have the same, as far as is known without looking at each.
    ///
    /// # Panics
    /// Where there are fewer.
    fn only_in(&self, rows: Range<usize>) -> Option<&T>
    where
        T: PartialEq + 'static,
    {
        let mut values = self.runs(rows).map(|run| match run {
            Run::Same(value, _) => Some(value),
            Run::Each(_) => None,
        });
        let first = values.next()??;
        values.all(|value| value == Some(first)).then_some(first)
    }
}

/// Rows of a column one by one.
struct Rows<'a, T, R> {
    /// What is left of a run.
    each: slice::Iter<'a, T>,
    same: Option<(&'a T, usize)>,
    /// Those behind it.
    runs: R,
    left: usize,
}

impl<'a, T, R: Iterator<Item = Run<'a, T>>> Iterator for Rows<'a, T, R> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(value) = self.each.next() {
                self.left -= 1;
                return Some(value);
            }
            if let Some((value, rows)) = &mut self.same
                && *rows > 0
            {
                *rows -= 1;
                self.left -= 1;
                return Some(value);
            }
            match self.runs.next()? {
                Run::Same(value, rows) => self.same = Some((value, rows)),
                Run::Each(values) => self.each = values.iter(),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }

    fn fold<B, F: FnMut(B, &'a T) -> B>(self, init: B, mut f: F) -> B {
        let rest = self.each.fold(init, &mut f);
        let same = self.same.into_iter().flat_map(|(value, rows)| repeat_n(value, rows));
        let rest = same.fold(rest, &mut f);
        self.runs.fold(rest, |sum, run| match run {
            Run::Same(value, rows) => repeat_n(value, rows).fold(sum, &mut f),
            Run::Each(values) => values.iter().fold(sum, &mut f),
        })
    }
}

/// Values of rows that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run<'a, T> {
    /// One for so many rows.
    Same(&'a T, usize),
    /// One for each row.
    Each(&'a [T]),
}

impl<'a, T> Run<'a, T> {
    /// Number of rows.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::Same(_, rows) => rows,
            Self::Each(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Gives each value, with the number of rows that have it one after the other, as far as that is known.
    pub fn tally(self, mut take: impl FnMut(&T, u64)) {
        match self {
            Self::Same(value, rows) => take(value, rows as u64),
            Self::Each(values) => values.iter().for_each(|value| take(value, 1)),
        }
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = &'a T> {
        let (same, each) = match self {
            Self::Same(value, rows) => (Some((value, rows)), &[][..]),
            Self::Each(values) => (None, values),
        };
        each.iter().chain(same.into_iter().flat_map(|(value, rows)| repeat_n(value, rows)))
    }
}

impl<T> Values<T> for Vec<T> {
    fn runs(&self, rows: Range<usize>) -> impl Iterator<Item = Run<'_, T>>
    where
        T: 'static,
    {
        std::iter::once(Run::Each(&self[rows]))
    }
}

/// Rows of a chunk.
const CHUNK_ROWS: usize = 1 << 12;

/// So many rows cut where chunks end: in each piece, a column may be one value.
pub fn pieces(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let cut = move |start| start..rows.min(piece_at(start).end);
    (0..rows).step_by(CHUNK_ROWS).map(cut)
}

/// The piece of all rows in which a row is, as if there were no end.
#[must_use]
pub const fn piece_at(row: usize) -> Range<usize> {
    let start = row - row % CHUNK_ROWS;
    start..start.saturating_add(CHUNK_ROWS)
}

/// A column in chunks, each of which takes no memory for its rows as long as all of them have one value. Faults come in
/// stretches of one process, mapping, cause and instruction, so that a report on one thread takes a third of the memory, and
/// of the time that the system needs to provide it.
#[derive(Clone)]
pub struct Column<T> {
    len: usize,
    /// All but the last have [`CHUNK_ROWS`].
    chunks: Vec<Chunk<T>>,
}

#[derive(Clone)]
struct Chunk<T> {
    /// Of all rows, if not each has its own.
    same: T,
    /// Of each row; empty as long as all are the same.
    each: Vec<T>,
}

impl<T> Chunk<T> {
    const fn new(same: T) -> Self {
        Self { same, each: Vec::new() }
    }
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { len: 0, chunks: Vec::new() }
    }
}

impl<T: Copy + PartialEq> Chunk<T> {
    /// A value for each of so many rows, which are all that there are.
    fn spread(&mut self, rows: usize) -> &mut Vec<T> {
        if self.each.is_empty() {
            self.each.reserve_exact(CHUNK_ROWS);
            self.each.resize(rows, self.same);
        }
        &mut self.each
    }

    /// The value of all rows.
    fn only(&self) -> Option<T> {
        self.each.is_empty().then_some(self.same)
    }
}

impl<T: Copy + PartialEq> Column<T> {
    /// So many rows with the same value.
    #[must_use]
    pub fn all(value: T, rows: usize) -> Self {
        Self { len: rows, chunks: vec![Chunk::new(value); rows.div_ceil(CHUNK_ROWS)] }
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
        let chunk = self.chunks.get(row / CHUNK_ROWS)?;
        if chunk.each.is_empty() { Some(&chunk.same) } else { chunk.each.get(row % CHUNK_ROWS) }
    }

    /// The value of all rows, if there are rows and all have the same, as far as is known without looking at each.
    #[must_use]
    pub fn only(&self) -> Option<T> {
        let first = self.chunks.first()?.only()?;
        self.chunks.iter().all(|chunk| chunk.only() == Some(first)).then_some(first)
    }

    /// All values in order.
    pub fn iter(&self) -> impl Iterator<Item = &T>
    where
        T: 'static,
    {
        self.range(0..self.len)
    }

    /// The same as a vector.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T>
    where
        T: 'static,
    {
        self.iter().copied().collect()
    }

    /// Adds a row.
    pub fn push(&mut self, value: T) {
        self.extend(&[value], |&value| value);
    }

    /// Adds the values that `value` finds in some rows.
    pub fn extend<R>(&mut self, mut rows: &[R], value: impl Fn(&R) -> T) {
        while let Some(first) = rows.first() {
            let filled = self.fill_chunk(value(first));
            let (now, later) = rows.split_at(rows.len().min(CHUNK_ROWS - filled));
            if let Some(chunk) = self.chunks.last_mut() {
                match chunk.only() {
                    Some(same) if now.iter().all(|row| value(row) == same) => {}
                    _ => chunk.spread(filled).extend(now.iter().map(&value)),
                }
            }
            self.len += now.len();
            rows = later;
        }
    }

    /// The same for so many rows, of which a single one stands for all.
    pub(crate) fn extend_to<R>(&mut self, rows: &[R], number: usize, value: impl Fn(&R) -> T) {
        match rows {
            [all] => self.extend_same(value(all), number),
            _ => self.extend(rows, value),
        }
    }

    /// Adds one value so many times.
    pub(crate) fn extend_same(&mut self, value: T, mut rows: usize) {
        while rows > 0 {
            let filled = self.fill_chunk(value);
            let now = rows.min(CHUNK_ROWS - filled);
            if let Some(chunk) = self.chunks.last_mut() {
                match chunk.only() {
                    Some(same) if same == value => {}
                    _ => chunk.spread(filled).resize(filled + now, value),
                }
            }
            self.len += now;
            rows -= now;
        }
    }

    /// Rows of the last chunk, which has room for more: a new one begins with this value.
    fn fill_chunk(&mut self, first: T) -> usize {
        let filled = self.len % CHUNK_ROWS;
        if filled == 0 {
            self.chunks.push(Chunk::new(first));
        }
        filled
    }

    fn extend_run(&mut self, run: Run<'_, T>) {
        match run {
            Run::Same(&value, rows) => self.extend_same(value, rows),
            Run::Each(values) => self.extend(values, |&value| value),
        }
    }

    /// Adds the rows of another one.
    pub fn append(&mut self, later: &mut Self)
    where
        T: 'static,
    {
        let mut later = std::mem::take(later);
        if self.len.is_multiple_of(CHUNK_ROWS) {
            self.len += later.len;
            self.chunks.append(&mut later.chunks);
        } else {
            later.runs(0..later.len).for_each(|run| self.extend_run(run));
        }
    }

    /// Changes values: equal ones alike.
    pub fn change(&mut self, mut change: impl FnMut(&mut T)) {
        for chunk in &mut self.chunks {
            change(&mut chunk.same);
            chunk.each.iter_mut().for_each(&mut change);
        }
    }

    /// Gives all rows the same value.
    pub fn fill(&mut self, value: T) {
        *self = Self::all(value, self.len);
    }

    /// Keeps the rows that `mask` is true for; those behind its end go.
    pub(crate) fn retain(&mut self, mask: &[bool])
    where
        T: 'static,
    {
        let mut kept = Self::default();
        let mut values = Vec::with_capacity(CHUNK_ROWS);
        let mut mask = mask;
        for run in self.runs(0..self.len.min(mask.len())) {
            match run {
                Run::Same(&value, rows) => {
                    let (now, later) = mask.split_at(rows);
                    kept.extend_same(value, now.iter().filter(|&&is_kept| is_kept).count());
                    mask = later;
                }
                Run::Each(each) => {
                    let (now, later) = mask.split_at(each.len());
                    values.clear();
                    let of_row = |(&value, &is_kept): (&T, &bool)| is_kept.then_some(value);
                    values.extend(each.iter().zip(now).filter_map(of_row));
                    kept.extend(&values, |&value| value);
                    mask = later;
                }
            }
        }
        *self = kept;
    }
}

impl<T> Index<usize> for Column<T> {
    type Output = T;

    #[inline]
    fn index(&self, row: usize) -> &T {
        assert!(row < self.len, "row {row} of {}", self.len);
        let chunk = &self.chunks[row / CHUNK_ROWS];
        if chunk.each.is_empty() { &chunk.same } else { &chunk.each[row % CHUNK_ROWS] }
    }
}

impl<T: Copy + PartialEq> IndexMut<usize> for Column<T> {
    fn index_mut(&mut self, row: usize) -> &mut T {
        assert!(row < self.len, "row {row} of {}", self.len);
        let number = row / CHUNK_ROWS;
        let rows = CHUNK_ROWS.min(self.len - number * CHUNK_ROWS);
        &mut self.chunks[number].spread(rows)[row % CHUNK_ROWS]
    }
}

impl<T> Values<T> for Column<T> {
    fn runs(&self, rows: Range<usize>) -> impl Iterator<Item = Run<'_, T>>
    where
        T: 'static,
    {
        assert!(rows.end <= self.len, "rows to {} of {}", rows.end, self.len);
        let first = rows.start / CHUNK_ROWS;
        let chunks = self.chunks.get(first..rows.end.div_ceil(CHUNK_ROWS)).unwrap_or_default();
        chunks.iter().zip(first..).map(move |(chunk, number)| {
            let start = number * CHUNK_ROWS;
            let own = rows.start.max(start) - start..rows.end.min(start + CHUNK_ROWS) - start;
            match chunk.each.is_empty() {
                true => Run::Same(&chunk.same, own.len()),
                false => Run::Each(&chunk.each[own]),
            }
        })
    }
}

impl<T: Copy + PartialEq> From<Vec<T>> for Column<T> {
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
mod tests;
